"""How often one address may ask, and one record be guessed at (R10).

An attempt at number and name, or at match mode, counts by its address and at its record; one that is right is given
back, so that only wrong ones add up. A record at which too many were wrong is not locked: every network elsewhere keeps
three wrong attempts of its own at it, and with them the right answer. Each row of a list is such an attempt; only the
rates of a minute are not for lists, whose work is counted as files.

Look-ups by token are counted in this process (they are many, and guessing 128 bits is hopeless). Guesses — number and
name, match mode, a holder's code — and files are counted in the database, so that every process and machine shares one
count, on SQLite and PostgreSQL alike; there, addresses, numbers and persons are keyed digests only. Not here: who the
address is (the number of trusted proxies is set in `app`).
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Final

from limits import RateLimitItem, parse_many

from certsvc.credential.number import NO_NUMBER, fold_number
from certsvc.errors import Unavailable
from certsvc.services.operation import limit_counts
from certsvc.store import Database
from certsvc.web.requests import network_of

_MOST: Final = 1_000_000
_HOUR: Final = 3600


class Kind(StrEnum):
    PAGE = "page"
    GUESS = "guess"
    RECORD = "record"
    OWN = "own"  # at a record, from one network
    FILE = "file"
    SIGN_IN = "sign_in"
    PERSON = "person"
    APPLY = "apply"


@dataclass(frozen=True, slots=True)
class Allowance:
    """The rates of each kind, in the notation of the `limits` library, such as "20/minute;200/day"."""

    page: str
    guess: str
    record: str
    file: str
    sign_in: str = "30/minute;500/day"
    person: str = "10/hour;30/day"
    own: str = "3/hour;9/day"
    apply: str = "5/hour;10/day"


def record_asked(number: str) -> str:
    """What a guess at this number is counted by: the record, else the text as typed, so that two slips of the pen of
    two people are not one record asked about twice."""
    wanted = fold_number(number)
    return wanted if wanted != NO_NUMBER else f"typed\0{number[:60]}"


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
            # A million at most: anyone who has that many addresses is not held by a limit for each.
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

    def allow_guess(self, address: str, about: str, *, by_address: bool = True) -> bool:
        """Count an attempt at a record; False once this address, or this record, was guessed at too often.

        `about` is the record; `by_address` is off where a key answers for the address.
        """
        windows = self._guess(address, about, by_address=by_address)
        return self._told(limit_counts.count(self._database, windows), by_address=by_address)

    def give_back(self, address: str, about: str, *, by_address: bool = True) -> None:
        """Take back an attempt that `allow_guess` counted: it was right. In an outage it stays counted."""
        with suppress(Unavailable):
            limit_counts.give_back(self._database, self._guess(address, about, by_address=by_address))

    def allow_guesses(self, address: str, rows: Sequence[tuple[str, bool]], *, by_address: bool = True) -> list[bool]:
        """Whether the answer to each row of a list may be told: `rows` are the record and whether the row is right.

        In order, as if they came one by one: what is wrong counts, and past the last attempt nothing is told, right or
        wrong. Answers are found before they are counted, so many lists at once gain an address no more rows than it has
        requests at work.
        """
        asked = [self._guess(address, about, by_address=by_address) for about, _ in rows]
        seen = limit_counts.seen_in(self._database, (window for windows in asked for window in windows))
        wrong = [window for windows, (_, right) in zip(asked, rows, strict=True) if not right for window in windows]
        counted = iter(limit_counts.count(self._database, wrong) if wrong else ())
        allowed = []
        for windows, (_, right) in zip(asked, rows, strict=True):
            if right:
                counts = [seen[window] + 1 for window in windows]
            else:
                counts = list(islice(counted, len(windows)))
                seen.update(zip(windows, counts, strict=True))
            allowed.append(self._told(counts, by_address=by_address, listed=True))
        return allowed

    def is_spent(self, address: str) -> bool:
        """Whether an address has no attempt left for rows of a list; counts nothing."""
        windows = self._windows(Kind.GUESS, address)
        seen = limit_counts.seen_in(self._database, windows)
        return not self._within(Kind.GUESS, iter([seen[window] + 1 for window in windows]), listed=True)

    def _guess(self, address: str, about: str, *, by_address: bool) -> list[limit_counts.Window]:
        """The windows of one attempt: of its address, of its record, and of its network's own attempts at that."""
        return [
            *(self._windows(Kind.GUESS, address) if by_address else ()),
            *self._windows(Kind.RECORD, about),
            *self._windows(Kind.OWN, f"{network_of(address)}\0{about}"),
        ]

    def _told(self, counts: Sequence[int], *, by_address: bool, listed: bool = False) -> bool:
        """Whether an attempt is within the rates; `counts` are those of `_guess`."""
        left = iter(counts)
        spent = not by_address or self._within(Kind.GUESS, left, listed=listed)
        # Each takes its counts, whatever the other says.
        record, own = self._within(Kind.RECORD, left), self._within(Kind.OWN, left)
        if not spent:
            self._refused(Kind.GUESS.value)
        elif not (record or own):
            self._refused(Kind.RECORD.value)
        return spent and (record or own)

    def _within(self, kind: Kind, counts: Iterator[int], *, listed: bool = False) -> bool:
        rates = self._rates[kind]
        longest = max(rate.get_expiry() for rate in rates)
        pairs = list(zip(rates, islice(counts, len(rates)), strict=True))
        return all(
            seen <= rate.amount for rate, seen in pairs if not listed or rate.get_expiry() >= min(_HOUR, longest)
        )

    def _windows(self, kind: Kind, subject: str) -> list[limit_counts.Window]:
        message = f"{kind.value}\0{subject}".encode("utf-8", "replace")
        digest = hmac.digest(self._key, message, hashlib.sha256).hex()[:32]
        moment = int(self._now().timestamp())
        windows = []
        for rate in self._rates[kind]:
            seconds = rate.get_expiry()
            windows.append(limit_counts.Window(f"{kind.value}:{seconds}:{digest}", moment // seconds, seconds))
        return windows
