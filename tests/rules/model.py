"""A second reading of R2.3 to R5, written from the rules' text without looking at the code it is compared with.

Attempts in the order of their days, first before on-site before free retake; what a day brings is judged at its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby

from certsvc.person.age import add_months
from certsvc.rules.enrolment import Attempt
from certsvc.rules.terms import Scheme

ORDER = {"first": 0, "onsite_retake": 1, "free_retake": 2}


@dataclass
class Sat:
    """One subject. `free` is none, open, used or taken (away)."""

    standing: str = "not_sat"
    score: Decimal | None = None
    first_on: date | None = None
    first_outcome: str = ""
    onsite_used: bool = False
    free: str = "none"
    deadline: date = date.max


@dataclass
class Model:
    scheme: Scheme
    registered_on: date
    subjects: dict[str, Sat] = field(default_factory=lambda: {"theory": Sat(), "practical": Sat()})
    closed: str = ""
    refused: list[Attempt] = field(default_factory=list)
    uncounted: list[Attempt] = field(default_factory=list)

    def run(self, attempts: Iterable[Attempt], on: date) -> str:
        """The state at the end of a day."""
        known = sorted(
            (attempt for attempt in attempts if attempt.sat_on <= on),
            key=lambda one: (one.sat_on, ORDER[one.kind.value]),
        )
        for day, sat in groupby(known, key=lambda one: one.sat_on):
            self._pass_deadlines(day)
            for attempt in sat:
                if not self._may(attempt):
                    self.refused.append(attempt)
                elif self._comes_too_late(attempt):
                    self.uncounted.append(attempt)
                else:
                    self._take(attempt)
            self._close()
        self._pass_deadlines(on)
        return self.closed or self._open_state()

    def _open_state(self) -> str:
        standings = {sat.standing for sat in self.subjects.values()}
        if standings == {"passed"}:
            return "passed"
        return "in_progress" if "not_sat" in standings else "retake_open"

    def _pass_deadlines(self, day: date) -> None:
        if not self.closed and any(sat.free == "open" and sat.deadline < day for sat in self.subjects.values()):
            self.closed = "forfeited"

    def _may(self, attempt: Attempt) -> bool:
        sat, kind, today = self.subjects[attempt.subject.value], attempt.kind.value, attempt.sat_on
        if today < self.registered_on:
            return False
        if attempt.outcome.value == "void":
            return True
        if self._comes_too_late(attempt):
            return self._may_uncounted(attempt)
        if self.closed or sat.standing == "passed":
            return False
        if kind == "first":
            return sat.first_on is None
        if kind == "onsite_retake":
            granted = self.scheme.subjects[attempt.subject].onsite_retakes > 0
            return granted and sat.first_on == today and sat.first_outcome == "scored" and not sat.onsite_used
        return sat.free == "open" and today <= sat.deadline and not (sat.onsite_used and sat.first_on == today)

    def _comes_too_late(self, attempt: Attempt) -> bool:
        """R3.8: the enrolment is closed, and by the other subject, since this one was never sat."""
        never_sat = self.subjects[attempt.subject.value].first_on is None
        return bool(self.closed) and never_sat and attempt.outcome.value != "void"

    def _may_uncounted(self, attempt: Attempt) -> bool:
        """One first attempt, and on its day the on-site retake that belongs to it; no free retake."""
        before = [one for one in self.uncounted if one.subject is attempt.subject and one.outcome.value != "excused"]
        rules = self.scheme.subjects[attempt.subject]
        if attempt.kind.value == "first":
            return not before
        if attempt.kind.value == "free_retake" or rules.onsite_retakes == 0 or len(before) != 1:
            return False
        first = before[0]
        return first.sat_on == attempt.sat_on and first.score is not None and first.score < rules.pass_mark

    def _take(self, attempt: Attempt) -> None:
        sat, kind, outcome = self.subjects[attempt.subject.value], attempt.kind.value, attempt.outcome.value
        if outcome in ("void", "excused"):
            return
        passes = attempt.score is not None and attempt.score >= self.scheme.subjects[attempt.subject].pass_mark
        sat.score = sat.score if attempt.score is None else attempt.score
        if kind == "first":
            terms = self.scheme.absence if outcome == "absent" else self.scheme.retake
            sat.first_on, sat.first_outcome, sat.free = attempt.sat_on, outcome, "open"
            sat.deadline = add_months(attempt.sat_on, terms.deadline_months)
            sat.standing = "absent" if outcome == "absent" else "failed"
        elif kind == "onsite_retake":
            sat.onsite_used = True
        else:
            sat.free = "used"
            sat.standing = sat.standing if outcome == "absent" else "failed"
        if outcome == "misconduct":
            sat.standing, sat.free = "failed", "taken"
        if passes:
            sat.standing, sat.free = "passed", "none"

    def _close(self) -> None:
        both = list(self.subjects.values())
        if self.closed:
            return
        if all(sat.first_outcome == "absent" for sat in both) and all(sat.standing != "passed" for sat in both):
            self.closed = "void"
        elif any(sat.free in ("used", "taken") and sat.standing != "passed" for sat in both) or (
            self.scheme.retake.both_failed.value == "failed" and all(sat.standing == "failed" for sat in both)
        ):
            self.closed = "failed"

    def entitlement(self, subject: str) -> tuple[bool, date | None]:
        """Whether a free retake is open, and until when."""
        sat = self.subjects[subject]
        return (True, sat.deadline) if sat.free == "open" and not self.closed else (False, None)

    def standing(self, subject: str) -> str:
        sat = self.subjects[subject]
        return "lapsed" if self.closed and sat.standing == "passed" else sat.standing


def days_about(base: date, months: int) -> list[date]:
    """A base day and the days about the end of a period from it."""
    end = add_months(base, months)
    return [base, base + timedelta(1), end - timedelta(1), end, end + timedelta(1)]
