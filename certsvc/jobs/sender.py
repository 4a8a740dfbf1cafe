"""A thread that sends after pages have been answered; it starts when it is woken, and ends when nothing waits.

Codes and notices have one each, so that no one who signs in waits for a slow mail server. Each process has its own,
made after a fork by the first one that wakes it; that two do not send one message twice is seen to in the database
(`notices.send`, `notices.deliver`). What is left when a process dies is sent by the next one that is woken, or by
`certsvc notices send`. A fault is logged by its kind alone (R10).
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from certsvc.services.holders.codes_by_message import send_due

if TYPE_CHECKING:
    from collections.abc import Callable

    from certsvc.services.context import Services
    from certsvc.services.notices.send import Sending

_log: Final = logging.getLogger("certsvc.messages")
_AFTER_A_FAULT: Final = 10.0
_SHORTEST: Final = 0.2


class Sender:
    """Wakes and ends one thread of this process."""

    def __init__(
        self,
        services: Services,
        send: Callable[[Services], Sending] = send_due,
        name: str = "certsvc-messages",
    ) -> None:
        self._services = services
        self._send = send
        self._name = name
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """There may be something to send; returns at once."""
        with self._lock:
            self._woken.set()
            # After a fork the thread of the parent is there by name alone, and not alive.
            if not self._stopped and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()

    def stop(self, timeout: float = 15.0) -> None:
        """End the thread after the message it is at."""
        with self._lock:
            self._stopped = True
            self._woken.set()
            thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def _work(self) -> None:
        while not self._stopped:
            self._woken.clear()
            pause = self._round()
            if pause is not None:
                self._woken.wait(pause)
            elif self._rests():
                return

    def _rests(self) -> bool:
        with self._lock:
            if self._woken.is_set():
                return False
            self._thread = None
            return True

    def _round(self) -> float | None:
        """One round; the seconds until the next is due, None where nothing waits."""
        try:
            done = self._send(self._services)
        except Exception as error:  # an outage must not end the thread
            _log.error("fault of kind %s while sending", type(error).__name__)
            return _AFTER_A_FAULT
        if done.next_at is None:
            return None
        return max(_SHORTEST, (done.next_at - self._services.now()).total_seconds())
