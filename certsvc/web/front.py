"""The short way in: scans and the API's look-up answered before Flask, with the same function and the same bytes.

Most requests of this site are scans; Flask's dispatch would cost as much as the whole answer. Everything else, and
anything odd about a request, goes on to Flask. Not here: what is answered (`public.record`), who the address is
(the proxy hops are undone before this).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from http.cookies import CookieError, SimpleCookie
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from werkzeug.sansio.utils import host_is_trusted

from certsvc.web.answers import Answer, content_policy, shared_headers
from certsvc.web.figures import SCAN
from certsvc.web.languages import COOKIE, choose_language
from certsvc.web.packed import accepts_gzip
from certsvc.web.public.record import Ask, answer_scan
from certsvc.web.requests import ORIGIN_VARIABLE, coarse_address, prefers_json
from certsvc.web.site import Site

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_PAGE: Final = "/v/"
_API: Final = "/api/v1/certificates/"
_TOKEN_LENGTH: Final = 26
_PATIENCE_SECONDS: Final = 0.05  # a database that hangs must hold up nobody who comes later
# For the times that are counted: by the first characters, or the whole address. A list's time ends with its first row.
_WAYS: Final = {
    _PAGE: SCAN,
    "/my": "holder",
    "/s/": "holder",
    "/ap": "api",
    "/verify": "page",
    "/verify/number": "number",
    "/verify/file": "file",
    "/verify/list": "list",
}


class Front:
    """A WSGI application before another."""

    def __init__(self, behind: WSGIApplication, site: Site, trusted_hosts: Sequence[str]) -> None:
        self._behind = behind
        self._site = site
        self._trusted = list(trusted_hosts)
        self._headers = list(shared_headers(policy=content_policy(site.pages.style_source), https=site.https))
        self._known_hosts: set[str] = set()
        # A scan gives up the interpreter at each query. Many threads at once hand it round, each waiting for it anew,
        # and answer fewer scans a second than one after the other (benchmarks/serve.py).
        self._turn = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = perf_counter()
        path: str = environ.get("PATH_INFO", "")
        try:
            return self._answer(environ, path, start_response)
        finally:
            self._site.figures.took(_way_of(path), perf_counter() - began)

    def _answer(self, environ: WSGIEnvironment, path: str, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "GET":
            if len(path) == len(_PAGE) + _TOKEN_LENGTH and path[:3] in {_PAGE, "/V/"}:
                token, as_json = path[3:], prefers_json(environ.get("HTTP_ACCEPT", ""))
            elif path.startswith(_API) and "HTTP_AUTHORIZATION" not in environ:
                token, as_json = path[len(_API) :], True
            else:
                return self._behind(environ, start_response)
            # Anything but a plain token is for Flask to refuse in its own words, and so is a host that is not ours.
            if token.isalnum() and len(token) == _TOKEN_LENGTH and self._is_ours(environ.get("HTTP_HOST", "")):
                answer = self._scan(environ, token, as_json)
                if answer is not None:
                    return self._send(answer, start_response)
        return self._behind(environ, start_response)

    def _scan(self, environ: WSGIEnvironment, token: str, as_json: bool) -> Answer | None:
        """The answer to a scan; None on a fault, which Flask meets again and answers as it does all."""
        has_turn = self._turn.acquire(timeout=_PATIENCE_SECONDS)
        try:
            return answer_scan(self._site, _ask(environ, token, as_json))
        except Exception:
            return None
        finally:
            if has_turn:
                self._turn.release()

    def _is_ours(self, host: str) -> bool:
        if host in self._known_hosts:
            return True
        if not host_is_trusted(host, self._trusted):
            return False
        if len(self._known_hosts) < 100:
            self._known_hosts.add(host)
        return True

    def _send(self, answer: Answer, start_response: StartResponse) -> Iterable[bytes]:
        headers = [
            ("Content-Type", answer.media_type),
            ("Content-Length", str(len(answer.body))),
            *answer.headers,
            *self._headers,
        ]
        start_response(answer.status_line, headers)
        return (answer.body,)


def _way_of(path: str) -> str:
    return _WAYS.get(path[:3].lower()) or _WAYS.get(path) or "other"


def _ask(environ: dict[str, Any], token: str, as_json: bool) -> Ask:
    query: str = environ.get("QUERY_STRING", "")
    switch = parse_qs(query[:200]).get("lang", [None])[0] if query else None
    cookies: str = environ.get("HTTP_COOKIE", "")
    return Ask(
        token=token,
        language=choose_language(
            switch=switch,
            cookie=_cookie(cookies) if cookies else None,
            accept=environ.get("HTTP_ACCEPT_LANGUAGE"),
        ),
        wants_json=as_json,
        address=coarse_address(environ.get("REMOTE_ADDR", "")),
        origin=environ.get(ORIGIN_VARIABLE, "-"),
        switch=switch,
        packed=accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")),
    )


def _cookie(header: str) -> str | None:
    if COOKIE not in header:
        return None
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return None
    return found.value if found else None
