"""An enrolment's state, from the courses of its two subjects.

Day by day: what happens on one day counts together, and what is closed at a day's end stays closed.
Source: R3.8, R4.2, R4.3, R5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from certsvc.person.words import Worded
from certsvc.rules.course import Course, Standing
from certsvc.rules.enrolment import Attempt, AttemptKind, Outcome
from certsvc.rules.terms import BothFailed, Scheme, Subject


class EnrolmentState(Worded):
    IN_PROGRESS = "in_progress", "进行中", "in progress"
    PASSED = "passed", "通过", "passed"
    RETAKE_OPEN = "retake_open", "可补考", "retake open"
    FAILED = "failed", "未通过", "failed"
    FORFEITED = "forfeited", "逾期放弃", "forfeited"
    VOID = "void", "作废", "void"

    @property
    def lost(self) -> bool:
        """Closed without a pass: only a new registration helps (R3.4, R4.2)."""
        return self in _LOST

    @property
    def closed(self) -> bool:
        """Nothing more is to come of it, so the person may register again (R1.5)."""
        return self.lost or self is EnrolmentState.PASSED


_LOST = frozenset({EnrolmentState.FAILED, EnrolmentState.FORFEITED, EnrolmentState.VOID})


@dataclass(slots=True)
class Progress:
    """The two courses, and the state in which the enrolment was lost on an earlier day, if it was.

    `uncounted` is the course of a subject that was first sat when the other had closed the enrolment already (R3.8).
    """

    scheme: Scheme
    theory: Course
    practical: Course
    lost: EnrolmentState | None = None
    day: date | None = None
    uncounted: dict[Subject, Course] = field(default_factory=dict)

    @classmethod
    def begin(cls, scheme: Scheme) -> Progress:
        subjects = scheme.subjects
        return cls(
            scheme,
            Course(Subject.THEORY, subjects[Subject.THEORY]),
            Course(Subject.PRACTICAL, subjects[Subject.PRACTICAL]),
        )

    def course(self, subject: Subject) -> Course:
        return self.theory if subject is Subject.THEORY else self.practical

    def reach(self, day: date) -> None:
        """Close the books on the days before this one. Days are reached in order."""
        if day != self.day:
            self.day = day
            self.lost = self._lost_by(day)

    def course_of(self, attempt: Attempt) -> Course:
        """The course that the attempt belongs to: its subject's, or by R3.8 the one that does not count.

        A first attempt opens the latter, and the on-site retake of its day is part of that sitting (R3.2).
        """
        subject = attempt.subject
        course = self.course(subject)
        if self.lost is None or course.first is not None or attempt.outcome is Outcome.VOID:
            return course
        if attempt.kind is AttemptKind.FIRST:
            return self.uncounted.setdefault(subject, Course(subject, course.rules, counted=False))
        return self.uncounted.get(subject, course) if attempt.kind is AttemptKind.ONSITE_RETAKE else course

    def take(self, attempt: Attempt) -> None:
        self.course_of(attempt).take(attempt, self.scheme)

    def state(self, on: date) -> EnrolmentState:
        """The state at the end of a day (R4.3, R5)."""
        if self.theory.passed and self.practical.passed:
            return EnrolmentState.PASSED
        lost = self._lost_by(on)
        if lost is not None:
            return lost
        if self.theory.standing is Standing.NOT_SAT or self.practical.standing is Standing.NOT_SAT:
            return EnrolmentState.IN_PROGRESS
        return EnrolmentState.RETAKE_OPEN

    def _lost_by(self, on: date) -> EnrolmentState | None:
        """Void, failed or forfeited, in this order where more than one holds (R4.2; R5: failed beats forfeited)."""
        if self.lost is not None:
            return self.lost
        if self.missed_both:
            return EnrolmentState.VOID
        if self.theory.exhausted or self.practical.exhausted or self.both_failed_closes:
            return EnrolmentState.FAILED
        if self.theory.overdue(on) or self.practical.overdue(on):
            return EnrolmentState.FORFEITED
        return None

    @property
    def missed_both(self) -> bool:
        """R4.2: both first attempts were absences, and neither subject has been passed meanwhile."""
        theory, practical = self.theory, self.practical
        return theory.missed_first and practical.missed_first and not theory.passed and not practical.passed

    @property
    def both_failed_closes(self) -> bool:
        """The scheme's switch of R4.3: failed in both subjects at the first go is failed for good."""
        return self.scheme.retake.both_failed is BothFailed.FAILED and all(
            course.standing is Standing.FAILED and not course.missed_first for course in (self.theory, self.practical)
        )
