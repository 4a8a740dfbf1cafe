"""What a candidate sees of each registration: by published results alone, with the decision and its reasons (R5, R6).

A result counts as published from its day on. Of what is not published nothing shows but that a subject was sat on a
day, and when its scores are expected: the kind of a go would tell that an earlier one failed. While a result is
pending, the enrolment stands as on the day of its latest sitting: a deadline past since may have been met by it.
Of a registration that is not approved the review is shown, and what is missing or why it was rejected (R1.6).
Not here: the decision itself (`rules.decide`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.rules.calendar import expected_certificate, expected_scores
from certsvc.rules.decide import SubjectDecision
from certsvc.rules.enrolment import Attempt, AttemptKind
from certsvc.rules.registration_review import Move, RegistrationState
from certsvc.rules.result_correction import CorrectionReason
from certsvc.rules.terms import Scheme, Subject
from certsvc.services.context import SHANGHAI
from certsvc.services.holders.shown import (
    AttemptView,
    CorrectionView,
    EnrolmentView,
    PendingView,
    ReviewView,
    SubjectView,
)
from certsvc.services.records.attempts import (
    CorrectedAttempt,
    RecordedAttempt,
    attempt_of,
    decision_on,
    effective_of,
    taken_back,
)
from certsvc.services.records.reviews import step_of, steps_of
from certsvc.services.records.schemes import scheme_of
from certsvc.store import ISSUED, CertificateRecord, EnrolmentRecord

_KINDS = tuple(AttemptKind)


def enrolments_of(session: Session, person_id: int, today: date) -> tuple[EnrolmentView, ...]:
    """Every registration of a person, the newest first."""
    query = select(EnrolmentRecord).where(EnrolmentRecord.person_id == person_id)
    newest_first = query.order_by(EnrolmentRecord.registered_on.desc(), EnrolmentRecord.id.desc())
    return tuple(_enrolment(session, row, today) for row in session.scalars(newest_first))


@dataclass(frozen=True, slots=True)
class _Results:
    published: tuple[Attempt, ...]
    corrections: Mapping[int, tuple[CorrectionView, ...]]  # by the identity of a published attempt
    pending: frozenset[tuple[Subject, date]]

    def as_of(self, today: date) -> date:
        """The day the enrolment is judged on."""
        if not self.pending:
            return today
        days = [on for _, on in self.pending] + [attempt.sat_on for attempt in self.published]
        return min(today, max(days))


def _results(session: Session, enrolment_id: int, today: date) -> _Results:
    rows = effective_of(session, [enrolment_id]).get(enrolment_id, [])
    shown = [row.published_on is not None and row.published_on <= today for row in rows]
    attempts = [attempt_of(row) for row in rows]
    return _Results(
        tuple(attempt for attempt, is_shown in zip(attempts, shown, strict=True) if is_shown),
        {
            id(attempt): _corrections(row)
            for row, attempt, is_shown in zip(rows, attempts, shown, strict=True)
            if is_shown
        },
        frozenset(
            (attempt.subject, attempt.sat_on)
            for attempt, is_shown in zip(attempts, shown, strict=True)
            if not is_shown and attempt.sat_on <= today
        ),
    )


def _corrections(row: RecordedAttempt) -> tuple[CorrectionView, ...]:
    """What a result said that its candidate had seen, before each correction since; the latest first."""
    if not isinstance(row, CorrectedAttempt) or row.published_on is None:
        return ()
    views = []
    said = attempt_of(row.imported)
    for correction in row.corrections:
        on = correction.at.astimezone(SHANGHAI).date()
        reason = CorrectionReason.of(correction.reason_code)
        if on >= row.published_on:
            theirs = reason is not CorrectionReason.WRONG_PERSON
            views.append(
                CorrectionView(
                    on,
                    reason,
                    said.sat_on if theirs else None,
                    said.outcome if theirs else None,
                    said.score if theirs else None,
                )
            )
        said = attempt_of(CorrectedAttempt(row.imported, correction))
    return tuple(reversed(views))


def _enrolment(session: Session, row: EnrolmentRecord, today: date) -> EnrolmentView:
    scheme = scheme_of(session, row.scheme_id)
    results = _results(session, row.id, today)
    as_of = results.as_of(today)
    decision = decision_on(row, results.published, scheme, as_of)
    expected = None
    if decision.completed_on is not None and not _has_certificate(session, row.id):
        expected = expected_certificate(decision.completed_on, scheme)
    return EnrolmentView(
        id=row.id,
        occupation_zh=scheme.occupation.name_zh,
        occupation_en=scheme.occupation.name_en,
        level=scheme.level,
        level_name_zh=scheme.level_name_zh,
        level_name_en=scheme.level_name_en,
        region_zh=scheme.region_zh,
        region_en=scheme.region_en,
        registered_on=row.registered_on,
        institution=row.institution,
        as_of=as_of,
        state=decision.state,
        subjects=tuple(_subject(subject, one, results, scheme) for subject, one in decision.subjects.items()),
        reasons=decision.reasons,
        pending=_pending(results, scheme, today),
        completed_on=decision.completed_on,
        certificate_expected=expected,
        certificate_overdue=expected is not None and today > expected[1],
        review=_review(session, row),
    )


def _review(session: Session, row: EnrolmentRecord) -> ReviewView | None:
    if row.review_state == RegistrationState.APPROVED:
        return None
    steps = [step_of(one) for one in steps_of(session, [row.id]).get(row.id, ())]
    deciding = [step for step in steps if step.move is not Move.CONFIRM]
    confirmed = None
    for step in steps:
        confirmed = step.confirmation or (None if step.changed else confirmed)
    return ReviewView(
        state=RegistrationState.of(row.review_state),
        since=deciding[-1].at.astimezone(SHANGHAI).date() if deciding else None,
        remark=deciding[-1].remark if deciding else None,
        confirmed=confirmed,
    )


def _subject(subject: Subject, one: SubjectDecision, results: _Results, scheme: Scheme) -> SubjectView:
    rules = scheme.subjects[subject]
    mine = [attempt for attempt in results.published if attempt.subject is subject]
    return SubjectView(
        subject=subject,
        standing=one.standing,
        score=one.score,
        pass_mark=rules.pass_mark,
        maximum=rules.maximum,
        retake_open=one.free_retake.open,
        retake_deadline=one.free_retake.deadline,
        retake_fee=one.free_retake.fee,
        attempts=tuple(
            AttemptView(
                attempt.sat_on,
                attempt.kind,
                attempt.outcome,
                attempt.score,
                tuple(
                    (item.zh, item.en, attempt.items[item.code], item.maximum)
                    for item in rules.items
                    if item.code in attempt.items
                ),
                results.corrections.get(id(attempt), ()),
            )
            for attempt in sorted(mine, key=lambda attempt: (attempt.sat_on, _KINDS.index(attempt.kind)))
        ),
    )


def _pending(results: _Results, scheme: Scheme, today: date) -> tuple[PendingView, ...]:
    views = []
    for subject, sat_on in sorted(results.pending, key=lambda one: (one[1], one[0].value)):
        expected_on = expected_scores(sat_on, scheme)
        views.append(PendingView(subject, sat_on, expected_on, today > expected_on))
    return tuple(views)


def _has_certificate(session: Session, enrolment_id: int) -> bool:
    issued = select(CertificateRecord.id).where(
        CertificateRecord.enrolment_id == enrolment_id, CertificateRecord.stage == ISSUED
    )
    # One that a correction took away is no certificate, should the pass be given back (R2.6).
    return not set(session.scalars(issued)) <= taken_back(session, [enrolment_id])
