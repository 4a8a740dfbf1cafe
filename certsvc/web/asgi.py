"""The site for an ASGI server: scans answered at once on the event loop, all else by the WSGI site in threads.

A scan costs less than handing it to a thread and back, and threads that hand the interpreter round answer half as many
(benchmarks/serve.py); nor do slow uploads and file checks hold scans up, since no scan needs a thread of theirs. A scan
that would have to wait (a server's database, a locked file, a second question) waits in threads of its own, and is
"cannot be checked just now" when that takes too long. Source: ASGI 3.0, PEP 3333. Not here: what a scan is (`scans`),
what is answered (`public.record`), how bodies are taken in (`intake`).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote

from a2wsgi import WSGIMiddleware

from certsvc.errors import Refused
from certsvc.services.verification.scan import Locked, WouldWait
from certsvc.web.figures import way_of
from certsvc.web.gate import Busy
from certsvc.web.intake import BrokenOff, Intake, Receive, Scope, Send, TooSlow
from certsvc.web.languages import choose_language
from certsvc.web.problems import problem_answer, problem_page
from certsvc.web.public.record import Ask, answer_allowed, answer_with, look_at, refuse_scan
from certsvc.web.public.statement import without_record
from certsvc.web.requests import ORIGIN_HEADER, prefers_json

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from certsvc.web.answers import Answer
    from certsvc.web.scans import Scans

_THREADS: Final = 64
_SCAN_THREADS: Final = 16
_SCAN_SECONDS: Final = 10.0
_AGAIN_SECONDS: Final = 0.002
_END_SECONDS: Final = 75.0  # a file check takes at most a minute
_NOBODYS: Final = "a" * 26  # a token of the right form
# The headers that say anything about a scan or a refusal; a browser sends as many again.
_READ: Final = {
    name.encode(): "HTTP_" + name.upper().replace("-", "_")
    for name in (
        *("host", "accept", "accept-encoding", "accept-language", "authorization", "cookie"),
        *("x-forwarded-for", "x-forwarded-proto", ORIGIN_HEADER.lower()),
    )
}
_ASCII: Final = bytes(range(128))
SCANNED: Final = frozenset({b"/v/", b"/V/", b"/ap"})  # how the addresses of scans begin
_SCANNED: Final = frozenset(start.decode() for start in SCANNED)
_ASK: Final = "ask"  # in a scope's state: what `at_once` has counted already


class AsgiSite:
    """An ASGI application before a WSGI one. `way_in` is the way into that with no one behind it: it only changes the
    environ it is given."""

    def __init__(self, behind: WSGIApplication, scans: Scans, way_in: WSGIApplication, max_body_bytes: int) -> None:
        self._behind = WSGIMiddleware(cast(Any, _telling_stderr(behind)), workers=_THREADS)
        self._scans = scans
        self.shared_headers = _encoded(scans.shared_headers)
        self.heads: dict[object, bytes] = {}  # of answers, as `wire` writes them
        self.dated: tuple[object, bytes] = None, b""  # the server's own headers, as `wire` writes them
        self._way_in = way_in
        self._intake = Intake(max_body_bytes)
        self._passed_on = 0
        self._unlocked = asyncio.Lock()
        self._scan_threads = ThreadPoolExecutor(_SCAN_THREADS, thread_name_prefix="scan")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            # To WSGI "X_Forwarded_For" is the name that a proxy's "X-Forwarded-For" has: no one may write it so.
            scope["headers"] = [pair for pair in scope["headers"] if b"_" not in pair[0]]
            answer = await self._scan(scope)
            if answer is None:
                await self._pass_on(scope, receive, send)
            else:
                await self._send(send, answer)

    def at_once(self, environ: WSGIEnvironment) -> Answer | Ask | None:
        """The answer to a scan that need not wait; what it asks where it must wait, counted by then; None for anything
        else, and on a fault, which Flask meets again and answers as all."""
        began = perf_counter()
        try:
            self._way_in(environ, cast(Any, None))
            ask = self._scans.asked(environ)
            if ask is None:
                return None
            site = self._scans.site
            answer = refuse_scan(site, ask) or answer_allowed(site, ask, wait=False)
        except WouldWait as error:
            if ask is not None:
                ask.locked_out = isinstance(error, Locked)
            return ask
        except Exception:
            return None
        site.figures.took(way_of(environ["PATH_INFO"]), perf_counter() - began)
        return answer

    async def _scan(self, scope: Scope) -> Answer | None:
        """The answer to a scan; None for anything else."""
        if scope["path"][:3] not in _SCANNED:
            return None
        began = perf_counter()
        asked: Answer | Ask | None = scope.get("state", {}).pop(_ASK, None) or self.at_once(_environ(scope))
        if not isinstance(asked, Ask):
            return asked
        try:
            answer = await self._wait_for(asked)
        except Exception:
            return None
        self._scans.site.figures.took(way_of(scope["path"]), perf_counter() - began)
        return answer

    async def _wait_for(self, ask: Ask) -> Answer:
        site = self._scans.site
        try:
            async with asyncio.timeout(_SCAN_SECONDS):
                answer = await self._once_unlocked(ask) if ask.locked_out else None
                return answer or await self._in_thread(ask)
        except TimeoutError:
            return answer_with(site, ask, without_record(site, "unavailable", about=ask.token))

    async def _once_unlocked(self, ask: Ask) -> Answer | None:
        """The answer as soon as the file is not locked; None where it would wait for something else then.

        One at a time asks again and again, for all. SQLite's own waiting pauses ever longer, up to a tenth of a second,
        and where many write it misses the gaps between them.
        """
        async with self._unlocked:
            while True:
                try:
                    return answer_allowed(self._scans.site, ask, wait=False)
                except Locked:
                    await asyncio.sleep(_AGAIN_SECONDS)
                except WouldWait:
                    return None

    async def _in_thread(self, ask: Ask) -> Answer:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._scan_threads, self._scans.answer_in_turn, ask)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        # a2wsgi reads ASCII alone; browsers escape all else, not every program does.
        scope["query_string"] = quote(scope["query_string"], safe=_ASCII).encode()
        self._passed_on += 1
        try:
            async with self._intake.taken_in(scope, receive) as body:
                await self._behind(cast(Any, scope), cast(Any, body), cast(Any, send))
        except (Busy, TooSlow, BrokenOff) as error:
            await self._send(send, self._refusal(scope, error))
        finally:
            self._passed_on -= 1

    def _refusal(self, scope: Scope, error: Refused) -> Answer:
        environ = _environ(scope)
        if prefers_json(environ.get("HTTP_ACCEPT", "")) or scope["path"].startswith("/api/"):
            return problem_answer(error)
        # The switch and its cookie are read from what scans are asked with alone; a browser names its language too.
        language = choose_language(switch=None, cookie=None, accept=environ.get("HTTP_ACCEPT_LANGUAGE"))
        return problem_page(self._scans.site, error, language)

    async def _send(self, send: Send, answer: Answer) -> None:
        headers = _encoded(answer.own_headers) + self.shared_headers
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        with suppress(WouldWait):  # connect now, while no one waits
            look_at(self._scans.site, _NOBODYS, wait=False)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        # An answer may be out and its thread still say so to the loop: with none left it would wait for ever.
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                while self._passed_on:
                    await asyncio.sleep(0.02)
        self._scans.site.figures.flush()
        await send({"type": "lifespan.shutdown.complete"})


def _environ(scope: Scope) -> WSGIEnvironment:
    address = scope["client"][0] if scope.get("client") else ""
    return as_environ(scope["method"], scope["path"], scope["query_string"], address, scope["headers"])


def as_environ(
    method: str, path: str, query: bytes, address: str, headers: Iterable[tuple[bytes, bytes]]
) -> WSGIEnvironment:
    """As much of a WSGI environ as tells a scan: a whole one, as made for what is passed on, takes twice the time."""
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query.decode("latin-1"),
        "REMOTE_ADDR": address,
    }
    for name, value in headers:
        variable = _READ.get(name)
        if variable is not None:
            text = value.decode("latin-1")
            environ[variable] = f"{environ[variable]},{text}" if variable in environ else text
    return environ


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _telling_stderr(behind: WSGIApplication) -> WSGIApplication:
    def told(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.errors"] = sys.stderr  # a2wsgi names the standard output, which is for results
        return behind(environ, start_response)

    return told
