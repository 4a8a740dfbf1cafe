"""How often one address may ask, and one record be asked about (R10).

Look-ups by token are counted in this process (they are many, and guessing 128 bits is hopeless). Guesses — number and
name, match mode, a holder's code — and files are counted in the database, so that every process and machine shares one
count, on SQLite and PostgreSQL alike; there, addresses, numbers and persons are keyed digests only. Not here: who the
address is (the number of trusted proxies is set in `app`).
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from limits import RateLimitItem, parse_many

from certsvc.services.operation import limit_counts
from certsvc.services.verification import look_up
from certsvc.store import Database

_MOST: Final = 1_000_000


class Kind(StrEnum):
    PAGE = "page"
    GUESS = "guess"
    RECORD = "record"
    FILE = "file"
    SIGN_IN = "sign_in"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Allowance:
    """The rates of each kind, in the notation of the `limits` library, such as "20/minute;200/day"."""

    page: str
    guess: str
    record: str
    file: str
    sign_in: str = "30/minute;500/day"
    person: str = "10/hour;30/day"


def record_asked(number: str) -> str:
    """What a guess at this number is counted by: the record, else the text as typed, so that two slips of the pen of
    two people are not one record asked about twice."""
    wanted = look_up.normalise_number(number)
    return wanted if wanted != look_up.normalise_number("") else f"typed\0{number[:60]}"


class _Here:
    """Attempts counted in this process by fixed windows. The counts of a window go with it, all at once: the library's
    storage looks at each of them a hundred times a second, which took 86 % of a core at 200,000 addresses."""

    def __init__(self) -> None:
        self._windows: dict[int, tuple[int, dict[str, int]]] = {}
        self._lock = threading.Lock()

    def count(self, subject: str, seconds: int, moment: int) -> int:
        """Count one attempt in the window of so many seconds at a Unix time; answers how many it has seen."""
        index = moment // seconds
        with self._lock:
            window = self._windows.get(seconds)
            # A million at most: whoever has that many addresses is not held by a limit for each.
            if window is None or window[0] != index or len(window[1]) >= _MOST:
                window = self._windows[seconds] = index, {}
            seen = window[1].get(subject, 0) + 1
            window[1][subject] = seen
            return seen


class Limits:
    """`refused` is told the kind of each attempt that is not allowed."""

    def __init__(
        self,
        database: Database,
        key: bytes,
        allowance: Allowance,
        now: Callable[[], datetime],
        refused: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._refused = refused
        self._key = key
        self._now = now
        self._here = _Here()
        self._rates: dict[Kind, Sequence[RateLimitItem]] = {
            kind: parse_many(getattr(allowance, kind.value)) for kind in Kind
        }
        self._page_rates = [(rate.get_expiry(), rate.amount) for rate in self._rates[Kind.PAGE]]

    def allow(self, kind: Kind, subject: str) -> bool:
        """Count one attempt by (or at) `subject`; False once any rate of the kind is used up."""
        if kind is Kind.PAGE:
            return self.allow_page(subject)
        return self.allow_each(kind, [subject])[0]

    def allow_page(self, subject: str) -> bool:
        """`allow` for look-ups by token, which are many."""
        moment, allowed = int(self._now().timestamp()), True
        for seconds, amount in self._page_rates:  # every rate counts, also past a failed one
            allowed &= self._here.count(subject, seconds, moment) <= amount
        if not allowed:
            self._refused(Kind.PAGE.value)
        return allowed

    def allow_each(self, kind: Kind, subjects: Sequence[str]) -> list[bool]:
        """As `allow` for each of the subjects, in order and in one transaction: a list asks about many records."""
        windows = [window for subject in subjects for window in self._windows(kind, subject)]
        counts = limit_counts.count(self._database, windows) if windows else []
        rates = self._rates[kind]
        by_subject = (counts[i : i + len(rates)] for i in range(0, len(counts), len(rates)))
        allowed = [all(seen <= rate.amount for seen, rate in zip(each, rates, strict=True)) for each in by_subject]
        for _ in range(allowed.count(False)):
            self._refused(kind.value)
        return allowed

    def _windows(self, kind: Kind, subject: str) -> list[limit_counts.Window]:
        message = f"{kind.value}\0{subject}".encode("utf-8", "replace")
        digest = hmac.digest(self._key, message, hashlib.sha256).hex()[:32]
        moment = int(self._now().timestamp())
        windows = []
        for rate in self._rates[kind]:
            seconds = rate.get_expiry()
            windows.append(limit_counts.Window(f"{kind.value}:{seconds}:{digest}", moment // seconds, seconds))
        return windows
