"""A scan before it meets Flask: whether a request is one, what it asks, and its answer, with the same bytes as Flask's.

Most requests of this site are scans; Flask's dispatch would cost as much as the whole answer. Both servers' ways in ask
here (`front` for WSGI, `asgi`). Not here: what is answered (`public.record`), who the address is (the proxy hops are
undone before this).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from werkzeug.sansio.utils import host_is_trusted

from certsvc.web.answers import Answer, content_policy, shared_headers
from certsvc.web.languages import COOKIE, choose_language
from certsvc.web.packed import accepts_gzip
from certsvc.web.public.record import Ask, answer_allowed
from certsvc.web.requests import ORIGIN_VARIABLE, coarse_address, prefers_json
from certsvc.web.site import Site

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_PAGE: Final = "/v/"
_PAGES: Final = frozenset({_PAGE, "/V/"})
_API: Final = "/api/v1/certificates/"
_TOKEN_LENGTH: Final = 26
_PATIENCE_SECONDS: Final = 0.05  # a database that hangs must hold up no one who comes later


class Scans:
    def __init__(self, site: Site, trusted_hosts: Sequence[str]) -> None:
        self.site = site
        self._trusted = list(trusted_hosts)
        self.shared_headers = shared_headers(policy=content_policy(site.pages.style_source), https=site.https)
        self._known_hosts: set[str] = set()
        # A scan gives up the interpreter at each query. Many threads at once hand it round, each waiting for it again,
        # and answer fewer scans a second than one after the other (benchmarks/serve.py).
        self._turn = threading.Lock()

    def asked(self, environ: WSGIEnvironment) -> Ask | None:
        """What a scan asks; None for everything else, and for anything odd, which Flask answers in its own words."""
        if environ["REQUEST_METHOD"] != "GET":
            return None
        path: str = environ.get("PATH_INFO", "")
        if len(path) == len(_PAGE) + _TOKEN_LENGTH and path[:3] in _PAGES:
            token, as_json = path[3:], prefers_json(environ.get("HTTP_ACCEPT", ""))
        elif path.startswith(_API) and "HTTP_AUTHORIZATION" not in environ:
            token, as_json = path[len(_API) :], True
        else:
            return None
        if not (len(token) == _TOKEN_LENGTH and token.isalnum() and self._is_ours(environ.get("HTTP_HOST", ""))):
            return None
        return _ask(environ, token, as_json)

    def answer_in_turn(self, ask: Ask) -> Answer:
        """The answer to a scan that is allowed, waiting for the database as long as it takes."""
        has_turn = self._turn.acquire(timeout=_PATIENCE_SECONDS)
        try:
            return answer_allowed(self.site, ask)
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
