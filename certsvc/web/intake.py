"""A request's body, taken in whole before a thread is given to it: within a size, a pace and a number of places.

So a slow sender holds no thread, only one of the places for large bodies, and only for so long. All bodies that
are held at once have a size together, since a server's temporary folder may well be memory. Not here: how large which
body may be (`gate`), what it may hold (the views).
"""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import IO, Any, Final, TypeAlias

from certsvc.errors import Refused
from certsvc.web.gate import Busy, most_bytes

Scope: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]

_SMALL: Final = 64 * 1024  # a form; whatever is larger, or does not say, needs a place
_PLACES: Final = 64
_STALL_SECONDS: Final = 20.0  # without one more byte
_LARGE_SECONDS: Final = 600.0
_IN_MEMORY: Final = 64 * 1024
_MOST_HELD: Final = 256 * 1024 * 1024
_ROOM_SECONDS: Final = 20.0
_PIECE: Final = 256 * 1024


class TooSlow(Refused):
    """The body did not come in time."""

    code = "request-timeout"

    def __init__(self) -> None:
        super().__init__("上传太慢，已中断，请重试", "the upload was too slow and was ended; try again")


class BrokenOff(Refused):
    """The body ended before its end, or its pieces have no length that can be read."""

    code = "bad-request"

    def __init__(self) -> None:
        super().__init__("请求不完整，请重试", "the request broke off; try again")


class Room:
    """Room for so many bytes of bodies, in one event loop."""

    def __init__(self, most: int) -> None:
        self._most, self._held = most, 0
        self._freed = asyncio.Condition()

    async def take(self, size: int) -> None:
        """Wait for room; raises `Busy` where there is none in time."""
        if self._held + size > self._most:
            try:
                async with asyncio.timeout(_ROOM_SECONDS), self._freed:
                    await self._freed.wait_for(lambda: self._held + size <= self._most)
            except TimeoutError as error:
                raise Busy from error
        self._held += size

    async def give_back(self, size: int) -> None:
        self._held -= size
        async with self._freed:
            self._freed.notify_all()


class Intake:
    """`max_bytes` is the most that any body may have; most kinds may have less (`gate`)."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._places = asyncio.Semaphore(_PLACES)
        self._room = Room(_MOST_HELD)

    @asynccontextmanager
    async def taken_in(self, scope: Scope, receive: Receive) -> AsyncIterator[Receive]:
        """What gives the body again, and `scope` with its true length.

        One larger than may be is not taken in: its length says so, and Flask refuses it in its own words. Raises
        `Busy`, `TooSlow`, and `BrokenOff`, which mostly no one is there to hear.
        """
        length, most = _length(scope), most_bytes(_content_type(scope), self._max_bytes)
        if length is not None and not 0 < length <= most:
            yield receive_nothing
            return
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as body:
            try:
                if length is not None and length <= _SMALL:
                    await self._fill(body, receive, most)
                else:
                    await self._fill_in_place(body, receive, most)
                size = body.tell()
                scope["headers"] = _measured(scope["headers"], size)
                body.seek(0)
                yield _giving(body, size)
            finally:
                body.seek(0, io.SEEK_END)
                await self._room.give_back(body.tell())

    async def _fill_in_place(self, body: IO[bytes], receive: Receive, most: int) -> None:
        async with self._places:
            try:
                async with asyncio.timeout(_LARGE_SECONDS):
                    await self._fill(body, receive, most)
            except TimeoutError as error:
                raise TooSlow from error

    async def _fill(self, body: IO[bytes], receive: Receive, most: int) -> None:
        """More than the most is not kept, but for the byte that is too many."""
        while True:
            try:
                async with asyncio.timeout(_STALL_SECONDS):
                    message = await receive()
            except TimeoutError as error:
                raise TooSlow from error
            if message["type"] == "http.disconnect":
                raise BrokenOff
            piece = message.get("body", b"")[: most + 1 - body.tell()]
            await self._room.take(len(piece))
            body.write(piece)
            if not message.get("more_body", False) or body.tell() > most:
                return


async def receive_nothing() -> dict[str, Any]:
    """The whole of an empty body."""
    return {"type": "http.request", "body": b"", "more_body": False}


def _length(scope: Scope) -> int | None:
    """The length a request says its body has, 0 for no body; None where it does not say."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            return int(value) if value.isdigit() else None
    return 0


def _content_type(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"content-type"), "")


def _measured(headers: list[tuple[bytes, bytes]], size: int) -> list[tuple[bytes, bytes]]:
    kept = [pair for pair in headers if pair[0] not in {b"content-length", b"transfer-encoding"}]
    return [*kept, (b"content-length", str(size).encode())]


def _giving(body: IO[bytes], size: int) -> Receive:
    async def give() -> dict[str, Any]:
        piece = body.read(_PIECE)
        return {"type": "http.request", "body": piece, "more_body": body.tell() < size}

    return give
