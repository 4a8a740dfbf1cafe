"""The server's connections: uvicorn's, with scans answered while their request is being read.

An ASGI application costs a scan a task, a queue and three messages, more than all the rest of it but the signature. So
a scan that need not wait is written out as soon as its head is complete, with nothing handed from one to another; all
else, and every scan that must wait or that stands behind another request, takes uvicorn's own way to `asgi`. llhttp
reads the requests either way. Here too: what a connection may take its time over, which uvicorn leaves open.
Source: RFC 9112. Not here: what is answered (`asgi.at_once`), one process beside another (`workers`).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

from uvicorn import Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from certsvc.web.asgi import SCANNED, AsgiSite, as_environ
from certsvc.web.public.record import Ask

if TYPE_CHECKING:
    import asyncio

    from certsvc.web.answers import Answer

HEAD_SECONDS: Final = 10.0  # half a request holds a connection, and the server's stop
IDLE_SECONDS: Final = 75.0  # longer than a proxy keeps a connection, so that it is the one to close it
LARGEST_HEAD: Final = 64 * 1024  # also of trailers, of a chunk's extension: of all that is no body
MOST_CONNECTIONS: Final = 1000  # what has said nothing yet is closed within HEAD_SECONDS
_MOST_HEADS: Final = 200


class ScanProtocol(HttpToolsProtocol):
    """One connection. Attributes without a leading underscore are uvicorn's own."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._site = cast(AsgiSite, self.config.loaded_app)
        self._is_answered = False
        self._is_whole = True  # the request read last, with its body
        # Since when a head is awaited, or a connection idle after an answer of ours; None at any other time.
        self._head_since: float | None = None
        self._idle_since: float | None = None
        self._over_since: float | None = None  # a request goes on that is answered
        # How often the reading came on, and how much was read since that is neither a head complete nor a body.
        self._steps = 0
        self._loose_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_since = self.loop.time()
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        self._idle_since = None
        steps = self._steps
        super().data_received(data)
        self._loose_bytes = self._loose_bytes + len(data) if self._steps == steps else 0
        if self._loose_bytes > LARGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._steps += 1
        self._is_answered = self._is_whole = False
        self._head_since, self._over_since = self.loop.time(), None

    def on_headers_complete(self) -> None:
        self._steps += 1
        self._head_since = None
        if self.transport.is_closing():  # behind a request that was the connection's last
            self._is_answered = True
            return
        is_free = self.cycle is None or self.cycle.response_complete
        if not (self.url[:3] in SCANNED and is_free and not self.flow.write_paused and self._answer_at_once()):
            super().on_headers_complete()
        self.headers = []  # trailers are no part of the head: RFC 9110, 6.5.1

    def on_body(self, body: bytes) -> None:
        self._steps += 1
        if not self._is_answered:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._steps += 1
        self._is_whole = True
        if not self._is_answered:
            super().on_message_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: who asks for another protocol is answered in this one, and our log is not theirs to fill."""

    def end_if_overdue(self, now: float) -> None:
        """Close a connection that keeps us waiting, or goes on with a body that was answered before its end."""
        late = self._head_since is not None and now - self._head_since > HEAD_SECONDS
        idle = self._idle_since is not None and now - self._idle_since > IDLE_SECONDS
        answered = self._is_answered or (self.cycle is not None and self.cycle.response_complete)
        if self._head_since is None and answered and not self._is_whole and self._over_since is None:
            self._over_since = now  # who is still sending may yet read the answer
        over = not self._is_whole and self._over_since is not None and now - self._over_since > HEAD_SECONDS
        if (late or idle or over) and not self.transport.is_closing():
            self.transport.close()

    def _answer_at_once(self) -> bool:
        parser = self.parser
        path, _, query = self.url.partition(b"?")
        if parser.get_http_version() != "1.1" or b"%" in path or not self.url.isascii():
            return False
        environ = as_environ(
            parser.get_method().decode(), path.decode(), query, self.client[0] if self.client else "", self.headers
        )
        answer = self._site.at_once(environ)
        if answer is None:
            return False
        if isinstance(answer, Ask):  # counted already, and must wait
            self.scope["state"]["ask"] = answer
            return False
        self._is_answered = True
        self.transport.write(self._written(answer))
        if parser.should_keep_alive():
            self._idle_since = self.loop.time()
        else:
            self.transport.close()
        return True

    def _written(self, answer: Answer) -> bytes:
        key = answer.status, answer.media_type, answer.headers
        head = self._site.heads.get(key)
        if head is None:
            head = _head_of(answer, self._site.shared_headers)
            if len(self._site.heads) < _MOST_HEADS:
                self._site.heads[key] = head
        return b"%b%bcontent-length: %d\r\n\r\n%b" % (head, self._dated(), len(answer.body), answer.body)

    def _dated(self) -> bytes:
        """The server's own headers, which uvicorn makes again each second."""
        made = self.server_state.default_headers
        if self._site.dated[0] is not made:
            self._site.dated = made, b"".join(b"%b: %b\r\n" % pair for pair in made)
        return self._site.dated[1]


class ScanServer(Server):
    """uvicorn's server, which looks after its connections once a second."""

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            for connection in tuple(self.server_state.connections):
                if isinstance(connection, ScanProtocol):
                    connection.end_if_overdue(connection.loop.time())
        return await super().on_tick(counter)


def _head_of(answer: Answer, shared: list[tuple[bytes, bytes]]) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}".encode()]
    own = [(b"content-type", answer.media_type.encode()), *_encoded(answer)]
    lines += [name + b": " + value for name, value in (*own, *shared)]
    return b"\r\n".join(lines) + b"\r\n"


def _encoded(answer: Answer) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
