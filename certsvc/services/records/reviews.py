"""The review of a registration between the store and the rules: steps to rows and back, and whether it counts (R1.6).

Where there are no steps and the enrolment is approved, it came in by a roster that was reviewed before. Otherwise the
steps must lead to the state that the row bears: a row that somebody raised to approved by hand does not count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import RegistrationRefused
from certsvc.rules.four_eyes import hand
from certsvc.rules.registration_review import (
    Confirmation,
    FaceCheck,
    Move,
    RegistrationState,
    Review,
    ReviewStep,
    review_of,
)
from certsvc.store import EnrolmentRecord, ReviewStepRecord

Steps = Mapping[int, Sequence[ReviewStepRecord]]


def steps_of(session: Session, enrolment_ids: Sequence[int]) -> Steps:
    """The steps on record of each enrolment (at most some hundred ids), oldest first; none where it has none."""
    found: defaultdict[int, list[ReviewStepRecord]] = defaultdict(list)
    query = select(ReviewStepRecord).where(ReviewStepRecord.enrolment_id.in_(enrolment_ids))
    for row in session.scalars(query.order_by(ReviewStepRecord.id)):
        found[row.enrolment_id].append(row)
    return found


def review_on_record(enrolment: EnrolmentRecord, steps: Sequence[ReviewStepRecord]) -> Review:
    """Where the registration stands. Raises `RegistrationRefused` where its state is not what its steps lead to."""
    if not steps and enrolment.review_state == RegistrationState.APPROVED:
        return Review(RegistrationState.APPROVED, frozenset({hand(enrolment.recorded_by)}))
    review = review_of(map(step_of, steps), enrolment.recorded_by)
    if review.state != enrolment.review_state:
        raise RegistrationRefused(
            f"报名状态“{enrolment.review_state}”与审核记录“{review.state.value}”不符",
            f"it is marked {enrolment.review_state}, and the steps on record lead to {review.state.value}",
            rule="R1.6",
            where=str(enrolment.id),
        )
    return review


def counts(enrolment: EnrolmentRecord, steps: Sequence[ReviewStepRecord]) -> bool:
    """Whether the enrolment is approved, by its row and by every step that led there."""
    if enrolment.review_state != RegistrationState.APPROVED:
        return False
    try:
        review_on_record(enrolment, steps)
    except RegistrationRefused:
        return False
    return True


def step_of(row: ReviewStepRecord) -> ReviewStep:
    """The value a row holds."""
    confirmation = None
    if row.face is not None and row.checked_at is not None:
        confirmation = Confirmation(FaceCheck.of(row.face), row.checked_at, row.place or "")
    return ReviewStep(Move.of(row.move), row.by, row.at, row.remark, row.changed, confirmation)


def row_of(enrolment_id: int, step: ReviewStep) -> ReviewStepRecord:
    """The row that holds a value."""
    confirmation = step.confirmation
    return ReviewStepRecord(
        enrolment_id=enrolment_id,
        move=step.move.value,
        at=step.at,
        by=step.by,
        remark=step.remark,
        changed=step.changed,
        face=None if confirmation is None else confirmation.face.value,
        checked_at=None if confirmation is None else confirmation.checked_at,
        place=None if confirmation is None else confirmation.place,
    )
