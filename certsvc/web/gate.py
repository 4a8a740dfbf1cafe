"""The gate for strangers' bytes: how large what may be, and whose upload is worked on now.

Reading what strangers send costs memory and time, whatever it is. So it is counted first (`limits`), it has a size by
its kind (`most_bytes`), and few uploads are worked on at once: the others wait in turn, address by address, so that
fifty from one place hold up one from another by one turn, not by fifty. Where too many wait, an upload is told to come
again, which says nothing about any certificate. Not here: the processes in which the bytes are read (`bounded`), and
taking a body in (`intake`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from certsvc.errors import Refused

LARGEST_FILE: Final = 10 * 1024 * 1024
LARGEST_JSON: Final = 1024 * 1024
_LARGEST_FORM: Final = 64 * 1024  # fields alone; the longest is a name

_AT_ONCE: Final = 2  # an upload in work may hold some 60 MB, and has a child of its own
_WAITING: Final = 40  # each holds a thread and its body on disk; the site has 64 threads
_WAITING_OF_ONE: Final = 12
_PATIENCE_SECONDS: Final = 60.0


class Busy(Refused):
    """Too many uploads are waiting; this one was not looked at."""

    code = "busy"

    def __init__(self) -> None:
        super().__init__(
            "现在上传的人很多，没有轮到，文件未查验；请一分钟后再试",
            "too many uploads are waiting, and this one was not looked at; try again in a minute",
        )


def most_bytes(content_type: str, largest: int) -> int:
    """How long a body of this media type may be; `largest` is what one with several files may have."""
    media = content_type.partition(";")[0].strip().lower()
    if media == "multipart/form-data":
        return largest
    if media == "application/x-www-form-urlencoded":
        return _LARGEST_FORM
    return min(largest, LARGEST_JSON if media.endswith("json") or not media else LARGEST_FILE)


class Gate:
    """`at_once` uploads are worked on, `waiting` wait for so long, of one address at most `waiting_of_one`."""

    def __init__(
        self,
        *,
        at_once: int = _AT_ONCE,
        waiting: int = _WAITING,
        waiting_of_one: int = _WAITING_OF_ONE,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        self._free = at_once
        self._most_waiting, self._most_of_one = waiting, waiting_of_one
        self._patience = patience_seconds
        self._lock = threading.Lock()
        # By address, the address whose turn is next first; each of those who wait is woken by an event of its own.
        self._queues: OrderedDict[str, deque[threading.Event]] = OrderedDict()

    @contextmanager
    def turn(self, address: str) -> Iterator[None]:
        """Wait for a turn, and have it within; raises `Busy` where there is none to be had in time."""
        mine = self._ask(address)
        if mine is not None and not mine.wait(self._patience) and not self._give_up(address, mine):
            raise Busy
        try:
            yield
        finally:
            self._pass_on()

    def _ask(self, address: str) -> threading.Event | None:
        """None for a turn at once, else what to wait for."""
        with self._lock:
            if self._free and not self._queues:
                self._free -= 1
                return None
            queue = self._queues.get(address, deque())
            if len(queue) >= self._most_of_one or sum(map(len, self._queues.values())) >= self._most_waiting:
                raise Busy
            mine = threading.Event()
            queue.append(mine)
            self._queues[address] = queue
            return mine

    def _give_up(self, address: str, mine: threading.Event) -> bool:
        """Leave the queue; True where the turn came just now after all."""
        with self._lock:
            if mine.is_set():
                return True
            queue = self._queues[address]
            queue.remove(mine)
            if not queue:
                del self._queues[address]
            return False

    def _pass_on(self) -> None:
        with self._lock:
            if not self._queues:
                self._free += 1
                return
            address, queue = next(iter(self._queues.items()))
            queue.popleft().set()
            if queue:
                self._queues.move_to_end(address)
            else:
                del self._queues[address]
