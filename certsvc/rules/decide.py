"""The decision on an enrolment: its state, each subject's standing and open free retake, and the reasons (R5).

A function of its arguments alone. Attempts dated after `on` have not happened yet; those that may not be recorded
(admission) have no effect and are named among the reasons. Not here: the sentences themselves (reasons).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from certsvc.rules.admission import replay
from certsvc.rules.course import Course, Standing
from certsvc.rules.enrolment import Attempt, Enrolment
from certsvc.rules.progress import EnrolmentState, Progress
from certsvc.rules.reasons import Reason, reasons_for
from certsvc.rules.terms import Scheme, Subject

__all__ = [
    "Decision",
    "EnrolmentState",
    "FreeRetake",
    "Reason",
    "Standing",
    "SubjectDecision",
    "decide",
]


@dataclass(frozen=True, slots=True)
class FreeRetake:
    """The entitlement of R3.1, R3.2 or R4.1. Deadline (inclusive) and fee (yuan) are there exactly when it is open."""

    open: bool
    deadline: date | None = None
    fee: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SubjectDecision:
    """`score` is the one that stands for the subject (R3.5); None where it was never scored."""

    standing: Standing
    score: Decimal | None
    free_retake: FreeRetake


@dataclass(frozen=True, slots=True)
class Decision:
    """`completed_on` is the day of the completing sitting, there exactly when the state is passed."""

    state: EnrolmentState
    subjects: Mapping[Subject, SubjectDecision]
    reasons: tuple[Reason, ...]
    completed_on: date | None = None


NO_RETAKE = FreeRetake(open=False)


def decide(enrolment: Enrolment, attempts: Iterable[Attempt], scheme: Scheme, on: date) -> Decision:
    """The enrolment as it stands at the end of the day `on`, whatever the order of the attempts."""
    progress, refused = replay(enrolment, [attempt for attempt in attempts if attempt.sat_on <= on], scheme)
    state = progress.state(on)
    return Decision(
        state,
        {
            Subject.THEORY: _subject_decision(progress.theory, state, scheme),
            Subject.PRACTICAL: _subject_decision(progress.practical, state, scheme),
        },
        reasons_for(progress, refused, state, on),
        _completed_on(progress) if state is EnrolmentState.PASSED else None,
    )


def _subject_decision(course: Course, state: EnrolmentState, scheme: Scheme) -> SubjectDecision:
    if state.lost:
        # R3.6: a pass lapses with its enrolment; R5: a closed enrolment has no retake open.
        standing = Standing.LAPSED if course.passed else course.standing
        return SubjectDecision(standing, course.score, NO_RETAKE)
    if not course.retake_left:
        return SubjectDecision(course.standing, course.score, NO_RETAKE)
    return SubjectDecision(course.standing, course.score, FreeRetake(True, course.deadline, scheme.fees.free_retake))


def _completed_on(progress: Progress) -> date:
    theory, practical = progress.theory.passed_on, progress.practical.passed_on
    assert theory is not None
    assert practical is not None
    return max(theory, practical)
