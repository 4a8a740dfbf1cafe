"""One subject's course through an enrolment: what the attempts so far make of it.

`Course.take` is told only attempts that may be recorded; whether one may is decided in admission.
Source: R2.3, R3.1–R3.5, R4.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from certsvc.person.age import add_months
from certsvc.person.words import Worded
from certsvc.rules.enrolment import Attempt, AttemptKind, Outcome
from certsvc.rules.terms import Scheme, Subject, SubjectRules


class Standing(Worded):
    """Where a subject stands. `lapsed`: it was passed, and its enrolment came to nothing (R3.6)."""

    NOT_SAT = "not_sat", "未考", "not yet sat"
    PASSED = "passed", "合格", "passed"
    FAILED = "failed", "不合格", "failed"
    ABSENT = "absent", "缺考", "absent"
    LAPSED = "lapsed", "合格成绩已失效", "pass lapsed"


@dataclass(slots=True)
class Course:
    """`taken` holds every attempt, those that use nothing up included; `first` and the counts only those that count.

    A course that is not `counted` is that of R3.8: judged like any other, and of no effect on its enrolment.
    """

    subject: Subject
    rules: SubjectRules
    standing: Standing = Standing.NOT_SAT
    score: Decimal | None = None
    first: Attempt | None = None
    deadline: date | None = None
    passed_on: date | None = None
    onsite_used: int = 0
    free_used: int = 0
    barred: bool = False
    counted: bool = True
    taken: list[Attempt] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return self.standing is Standing.PASSED

    @property
    def missed_first(self) -> bool:
        """The first attempt was an absence (R4.1, R4.2)."""
        return self.first is not None and self.first.outcome is Outcome.ABSENT

    @property
    def retake_left(self) -> bool:
        """A free retake is unused and not taken away; its deadline is not looked at (R3.1, R3.2, R4.1)."""
        return (
            self.first is not None
            and self.standing is not Standing.PASSED
            and not self.barred
            and self.free_used < self.rules.free_retakes
        )

    @property
    def exhausted(self) -> bool:
        """Sat, not passed, and nothing is left to pass it with (R3.4)."""
        return self.first is not None and self.standing is not Standing.PASSED and not self.retake_left

    def overdue(self, on: date) -> bool:
        """The free retake is unsat and its deadline lies before the day (R3.3)."""
        return self.retake_left and self.deadline is not None and self.deadline < on

    def take(self, attempt: Attempt, scheme: Scheme) -> None:
        """Let the attempt have its effect. A void or excused one has none (R2.3)."""
        self.taken.append(attempt)
        outcome = attempt.outcome
        if outcome is Outcome.VOID or outcome is Outcome.EXCUSED:
            return
        self._use_up(attempt, scheme)
        if outcome is Outcome.SCORED:
            self._stand_by_score(attempt)
        elif outcome is Outcome.MISCONDUCT:
            self.standing = Standing.FAILED
            self.barred = True
        elif attempt.kind is AttemptKind.FIRST:
            self.standing = Standing.ABSENT
        # An absence from a retake leaves the subject where it stood: the retake is used up, that is all.

    def _use_up(self, attempt: Attempt, scheme: Scheme) -> None:
        if attempt.kind is AttemptKind.FIRST:
            self.first = attempt
            # R3.3 after a failure, R4.1 after an absence; absence and failure share the one allowance.
            terms = scheme.absence if attempt.outcome is Outcome.ABSENT else scheme.retake
            self.deadline = add_months(attempt.sat_on, terms.deadline_months)
        elif attempt.kind is AttemptKind.ONSITE_RETAKE:
            self.onsite_used += 1
        else:
            self.free_used += 1

    def _stand_by_score(self, attempt: Attempt) -> None:
        """The later score stands (R3.5); the pass mark itself passes (R2)."""
        self.score = attempt.score
        if attempt.score is not None and attempt.score >= self.rules.pass_mark:
            self.standing = Standing.PASSED
            self.passed_on = attempt.sat_on
        else:
            self.standing = Standing.FAILED
