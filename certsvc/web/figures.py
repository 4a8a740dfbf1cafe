"""What a process counts while it answers, added to the database every few seconds (`scan_counts`, `answer_counts`).

Scans by day, certificate and coarse origin, for the holder; answers by way and state, refusals by limit, and times by
way, for the operator. An origin is a country, or country and province, as a trusted proxy names it (ISO 3166, such as
"CN-63"); without such a proxy it is "-". No address is kept. What was not yet added when the process dies is lost:
these are statistics.
"""

from __future__ import annotations

import re
import threading
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable
from datetime import date
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from certsvc.errors import CertsvcError
from certsvc.services.operation import answer_counts, scan_counts
from certsvc.services.operation.answer_counts import Figure
from certsvc.store import Database

SCAN: Final = "scan"
ANSWERS: Final = "answers"  # by way and state
LIMITED: Final = "limited"  # by kind of limit
CONTRADICTED: Final = "contradicted"  # rows that said otherwise than the log, and were not believed
SECONDS: Final = "seconds"  # by way, and by the bucket's upper bound
MICROSECONDS: Final = "microseconds"  # by way: all together
BUCKETS: Final = (0.005, 0.025, 0.1, 0.5, 2.5)
OVER: Final = "+Inf"
_BOUNDS: Final = (*map(str, BUCKETS), OVER)
# For the times that are counted: by the first characters of an address, or the whole.
_WAYS: Final = {
    "/v/": SCAN,
    "/my": "holder",
    "/s/": "holder",
    "/ap": "api",
    "/verify": "page",
    "/verify/number": "number",
    "/verify/file": "file",
    "/verify/list": "list",
}
_ORIGIN = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_FLUSH_SECONDS: Final = 5.0
_LARGEST: Final = 10_000


def way_of(path: str) -> str:
    """The way an address is asked by, as times are counted."""
    return _WAYS.get(path[:3].lower()) or _WAYS.get(path) or "other"


class Figures:
    def __init__(self, database: Database, today: Callable[[], date]) -> None:
        self._database = database
        self._today = today
        # As they come, and added up when they are written: a scan has no time for more.
        self._new_scans: deque[tuple[str, str, str]] = deque()
        self._new_times: deque[tuple[str, float]] = deque()
        self._scans: Counter[scan_counts.Place] = Counter()
        self._figures: Counter[Figure] = Counter()
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def scanned(self, state: str, number: str, origin: str) -> None:
        """Count one scan of a certificate in this state; costs no database access."""
        self._new_scans.append((state, number, origin))
        if self._timer is None:
            self._start()

    def answered(self, way: str, state: str, times: int = 1) -> None:
        """Count answers with this state, `way` being how they were asked for."""
        self._count(Figure(ANSWERS, way, state), times)

    def limited(self, kind: str) -> None:
        """Count one refusal for having asked too often."""
        self._count(Figure(LIMITED, kind))

    def contradicted(self) -> None:
        """Count one answer withheld, since its row contradicts the log."""
        self._count(Figure(CONTRADICTED, "register"))

    def took(self, way: str, seconds: float) -> None:
        """Count one answer by how long it took."""
        self._new_times.append((way, seconds))
        if self._timer is None:
            self._start()

    def flush(self) -> None:
        """Add what was counted to the database; kept for the next time where it cannot be reached."""
        with self._lock:
            self._add_up()
            scans, self._scans = self._scans, Counter()
            figures, self._figures = self._figures, Counter()
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        try:
            if scans:
                scan_counts.add(self._database, scans)
                scans = Counter()
            if figures:
                answer_counts.add(self._database, figures)
        except (CertsvcError, SQLAlchemyError):  # such as a table this account may not write
            with self._lock:
                self._scans.update(scans)
                self._figures.update(figures)

    def _add_up(self) -> None:
        # One by one off their fronts, since others go on appending.
        new_scans = [self._new_scans.popleft() for _ in range(len(self._new_scans))]
        new_times = [self._new_times.popleft() for _ in range(len(self._new_times))]
        today = self._today()
        for (number, origin), times in Counter((number, origin) for _, number, origin in new_scans).items():
            if len(self._scans) < _LARGEST:
                self._scans[scan_counts.Place(today, number, origin if _ORIGIN.fullmatch(origin) else "-")] += times
        for state, times in Counter(state for state, _, _ in new_scans).items():
            self._figures[Figure(ANSWERS, SCAN, state)] += times
        buckets = Counter((way, bisect_left(BUCKETS, seconds)) for way, seconds in new_times)
        for (way, bucket), times in buckets.items():
            self._figures[Figure(SECONDS, way, _BOUNDS[bucket])] += times
        for way in {way for way, _ in buckets}:
            spent = sum(int(seconds * 1e6) for one, seconds in new_times if one == way)
            self._figures[Figure(MICROSECONDS, way)] += spent

    def _count(self, figure: Figure, times: int = 1) -> None:
        with self._lock:
            self._figures[figure] += times
        if self._timer is None:
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(_FLUSH_SECONDS, self.flush)
                self._timer.daemon = True
                self._timer.start()
