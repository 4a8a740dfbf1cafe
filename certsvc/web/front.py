"""Before Flask, for any WSGI server: scans are answered here (`scans`), all else goes on, and every answer is timed."""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import TYPE_CHECKING

from certsvc.web.figures import way_of
from certsvc.web.public.record import Ask, refuse_scan
from certsvc.web.scans import Scans

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from certsvc.web.answers import Answer


class Front:
    """A WSGI application before another."""

    def __init__(self, behind: WSGIApplication, scans: Scans) -> None:
        self._behind = behind
        self._scans = scans

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = perf_counter()
        try:
            answer = self._answer(environ)
            if answer is None:
                return self._behind(environ, start_response)
            start_response(answer.status_line, [*answer.own_headers, *self._scans.shared_headers])
            return (answer.body,)
        finally:
            # A list's time ends with its first row.
            self._scans.site.figures.took(way_of(environ.get("PATH_INFO", "")), perf_counter() - began)

    def _answer(self, environ: WSGIEnvironment) -> Answer | None:
        """The answer to a scan; None for anything else, and on a fault, which Flask meets again and answers as all."""
        try:
            ask: Ask | None = self._scans.asked(environ)
            if ask is None:
                return None
            return refuse_scan(self._scans.site, ask) or self._scans.answer_in_turn(ask)
        except Exception:
            return None
