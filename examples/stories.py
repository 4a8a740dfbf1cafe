"""What can become of an enrolment, as made-up courses: every cell of R4.3, and what may follow it (R2.3, R3, R4).

A story is told in days before the day of decision, so that on that day it stands where `state` says, whatever the
date. Its steps name a subject, a day, the kind of attempt and how it went.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from certsvc.person.age import add_months
from certsvc.rules.enrolment import AttemptKind, Outcome
from certsvc.rules.progress import EnrolmentState
from certsvc.rules.terms import Subject

FIRST, ONSITE, FREE = AttemptKind.FIRST, AttemptKind.ONSITE_RETAKE, AttemptKind.FREE_RETAKE
T, P = Subject.THEORY, Subject.PRACTICAL
LAST_DAY = -1  # the last day of a free retake, one year after the first exam, inclusive (R3.3)
DAYS_BEFORE_FIRST_EXAM = 30


@dataclass(frozen=True, slots=True)
class Step:
    """`after` counts days from the first exam, or is LAST_DAY; `went` is "pass", "fail", a score, or an outcome."""

    subject: Subject
    kind: AttemptKind
    went: str
    after: int = 0

    @property
    def outcome(self) -> Outcome:
        return next((outcome for outcome in Outcome if outcome == self.went), Outcome.SCORED)

    def sat_on(self, first_exam: date) -> date:
        return add_months(first_exam, 12) if self.after == LAST_DAY else first_exam + timedelta(days=self.after)


@dataclass(frozen=True, slots=True)
class Story:
    """`first_exam` counts days back from the decision; `weight` says how common the story is on a roll."""

    title: str
    state: EnrolmentState
    first_exam: int
    steps: tuple[Step, ...]
    weight: int = 1

    def first_exam_on(self, decided_on: date) -> date:
        return decided_on - timedelta(days=self.first_exam)

    def registered_on(self, decided_on: date) -> date:
        return self.first_exam_on(decided_on) - timedelta(days=DAYS_BEFORE_FIRST_EXAM)


def _first(theory: str, practical: str) -> tuple[Step, ...]:
    return Step(T, FIRST, theory), Step(P, FIRST, practical)


_PASSED, _OPEN = EnrolmentState.PASSED, EnrolmentState.RETAKE_OPEN
_FAILED, _FORFEITED = EnrolmentState.FAILED, EnrolmentState.FORFEITED
_IN_PROGRESS, _VOID = EnrolmentState.IN_PROGRESS, EnrolmentState.VOID
_ONSITE_FAILED = Step(P, ONSITE, "fail")

STORIES = (
    # Both passed at the first go.
    Story("both passed", _PASSED, 120, _first("pass", "pass"), weight=60),
    Story("both passed a few days ago", _PASSED, 10, _first("pass", "pass"), weight=6),
    Story("both passed, on two days", _PASSED, 200, (Step(T, FIRST, "pass"), Step(P, FIRST, "pass", 14)), weight=8),
    Story("sixty is enough", _PASSED, 150, _first("60", "60")),
    # The other cells of R4.3, as they stand.
    Story("theory failed", _OPEN, 100, _first("fail", "pass"), weight=4),
    Story("theory failed by a hundredth", _OPEN, 100, _first("59.99", "pass")),
    Story("practical failed, and again on site", _OPEN, 100, (*_first("pass", "fail"), _ONSITE_FAILED), weight=4),
    Story("practical failed, on-site retake declined", _OPEN, 100, _first("pass", "fail")),
    Story("both failed", _OPEN, 90, (*_first("fail", "fail"), _ONSITE_FAILED), weight=2),
    Story("theory missed", _OPEN, 90, _first("absent", "pass"), weight=2),
    Story("practical missed", _OPEN, 90, _first("pass", "absent"), weight=2),
    Story("theory missed, practical failed", _OPEN, 80, (*_first("absent", "fail"), _ONSITE_FAILED)),
    Story("theory failed, practical missed", _OPEN, 80, _first("fail", "absent")),
    Story("both missed", _VOID, 80, _first("absent", "absent"), weight=2),
    Story("practical not yet sat", _IN_PROGRESS, 40, (Step(T, FIRST, "pass"),), weight=2),
    Story("theory not yet sat, practical failed", _IN_PROGRESS, 40, (Step(P, FIRST, "fail"), _ONSITE_FAILED)),
    Story("registered, nothing sat", _IN_PROGRESS, 1, (), weight=2),
    # Retakes met.
    Story("on-site retake passed", _PASSED, 130, (*_first("pass", "fail"), Step(P, ONSITE, "pass")), weight=6),
    Story("theory retake passed", _PASSED, 220, (*_first("fail", "pass"), Step(T, FREE, "pass", 90)), weight=6),
    Story(
        "practical failed twice, retake passed",
        _PASSED,
        260,
        (*_first("pass", "fail"), _ONSITE_FAILED, Step(P, FREE, "pass", 120)),
        weight=4,
    ),
    Story(
        "both failed, both retakes passed",
        _PASSED,
        300,
        (*_first("fail", "fail"), _ONSITE_FAILED, Step(T, FREE, "pass", 100), Step(P, FREE, "pass", 130)),
        weight=2,
    ),
    Story("missed theory made up", _PASSED, 240, (*_first("absent", "pass"), Step(T, FREE, "pass", 60)), weight=2),
    Story("missed practical made up", _PASSED, 240, (*_first("pass", "absent"), Step(P, FREE, "pass", 60)), weight=2),
    Story("retake passed on its last day", _PASSED, 450, (*_first("fail", "pass"), Step(T, FREE, "pass", LAST_DAY))),
    Story("one of two retakes passed", _OPEN, 200, (*_first("fail", "fail"), Step(T, FREE, "pass", 100))),
    # Retakes failed, missed or overdue.
    Story("theory retake failed", _FAILED, 210, (*_first("fail", "pass"), Step(T, FREE, "fail", 95)), weight=2),
    Story(
        "practical retake failed",
        _FAILED,
        210,
        (*_first("pass", "fail"), _ONSITE_FAILED, Step(P, FREE, "fail", 95)),
    ),
    Story("theory retake missed", _FAILED, 210, (*_first("fail", "pass"), Step(T, FREE, "absent", 95))),
    Story("theory retake overdue", _FORFEITED, 420, _first("fail", "pass"), weight=2),
    Story("practical retake overdue", _FORFEITED, 430, (*_first("pass", "fail"), _ONSITE_FAILED)),
    Story("make-up of missed theory overdue", _FORFEITED, 440, _first("absent", "pass")),
    # Excused, void, misconduct.
    Story("excused, then passed", _PASSED, 180, (*_first("excused", "pass"), Step(T, FIRST, "pass", 30))),
    Story("sitting annulled, then passed", _PASSED, 180, (*_first("void", "void"), *(
        Step(subject, FIRST, "pass", 30) for subject in (T, P)
    ))),
    Story("retake excused, then passed", _PASSED, 250, (
        *_first("fail", "pass"), Step(T, FREE, "excused", 60), Step(T, FREE, "pass", 90),
    )),
    Story("excused, not yet sat", _IN_PROGRESS, 60, _first("pass", "excused")),
    Story("sitting annulled, not yet sat again", _IN_PROGRESS, 60, _first("void", "pass")),
    Story("misconduct", _FAILED, 110, _first("misconduct", "pass"), weight=2),
    Story("misconduct in the retake", _FAILED, 210, (*_first("fail", "pass"), Step(T, FREE, "misconduct", 95))),
)  # fmt: skip
