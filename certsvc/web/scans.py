"""Scans by day, certificate and coarse origin: counted here in memory, added to the database every few seconds.

An origin is a country, or country and province, as a trusted proxy names it (ISO 3166, such as "CN-63"); without such
a proxy it is "-". No address is kept. What was not yet added when the process dies is lost: these are statistics.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Final

from certsvc.errors import CertsvcError
from certsvc.services import scan_counts
from certsvc.store import Database

_ORIGIN = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_FLUSH_SECONDS: Final = 5.0
_LARGEST: Final = 10_000


class Scans:
    def __init__(self, database: Database, today: Callable[[], date]) -> None:
        self._database = database
        self._today = today
        self._counts: Counter[scan_counts.Place] = Counter()
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def count(self, number: str, origin: str) -> None:
        """Count one scan; costs no database access."""
        place = scan_counts.Place(self._today(), number, origin if _ORIGIN.fullmatch(origin) else "-")
        with self._lock:
            if len(self._counts) < _LARGEST:
                self._counts[place] += 1
            if self._timer is None:
                self._timer = threading.Timer(_FLUSH_SECONDS, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Add what was counted to the database; kept for the next time where it cannot be reached."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if not counts:
            return
        try:
            scan_counts.add(self._database, counts)
        except CertsvcError:
            with self._lock:
                self._counts.update(counts)
