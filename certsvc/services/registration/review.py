"""Review registrations: record what the candidate confirmed, approve, return, reject (R1.6).

What may follow what, and who may do it, is `rules.registration_review`'s. Several are decided together or not at all.
The audit trail gets the deed and the registration's id; remarks, times and places stay with the steps. Not here: how a
registration comes in (`register`), whether it counts (`records.reviews`), what a reviewer sees of it (`review_list`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import NotFound, RegistrationRefused
from certsvc.rules.registration_review import Confirmation, FaceCheck, Move, RegistrationState, ReviewStep, take
from certsvc.services import trail
from certsvc.services.context import Services
from certsvc.services.notices.kinds import NoticeKind
from certsvc.services.notices.tell import tell_enrolled
from certsvc.services.records.due import mark_due
from certsvc.services.records.reviews import review_on_record, row_of, steps_of
from certsvc.services.registration.review_list import Registration, registrations
from certsvc.store import EnrolmentRecord, ReviewStepRecord

_CHUNK = 500
_TOLD: Final = MappingProxyType(
    {
        Move.APPROVE: NoticeKind.APPROVED,
        Move.RETURN: NoticeKind.RETURNED,
        Move.REJECT: NoticeKind.REJECTED,
    }
)


def confirm(
    services: Services, enrolment_id: int, *, by: str, face: FaceCheck, place: str, checked_at: datetime | None = None
) -> Registration:
    """Record that the candidate confirmed photo, identity and data, and the face check, made now or at `checked_at`.

    Raises `NotFound`, `RegistrationRefused`.
    """
    now = services.now()
    step = ReviewStep(Move.CONFIRM, by, now, confirmation=Confirmation(face, checked_at or now, place.strip()))
    return _taken(services, [enrolment_id], step)[0]


def approve(services: Services, enrolment_ids: Sequence[int], *, by: str) -> list[Registration]:
    """From now on they count. Raises `NotFound`, `RegistrationRefused`."""
    return _taken(services, enrolment_ids, ReviewStep(Move.APPROVE, by, services.now()))


def return_(services: Services, enrolment_ids: Sequence[int], *, by: str, missing: str) -> list[Registration]:
    """Give them back, saying what is missing. Raises `NotFound`, `RegistrationRefused`."""
    return _taken(services, enrolment_ids, ReviewStep(Move.RETURN, by, services.now(), missing.strip()))


def reject(services: Services, enrolment_ids: Sequence[int], *, by: str, reason: str) -> list[Registration]:
    """Close them, saying why. Raises `NotFound`, `RegistrationRefused`."""
    return _taken(services, enrolment_ids, ReviewStep(Move.REJECT, by, services.now(), reason.strip()))


def _taken(services: Services, enrolment_ids: Sequence[int], step: ReviewStep) -> list[Registration]:
    """Take the step with each, in one transaction."""
    ids = list(dict.fromkeys(enrolment_ids))
    shown: list[Registration] = []
    with services.database.writing() as session:
        for start in range(0, len(ids), _CHUNK):
            chunk = ids[start : start + _CHUNK]
            query = select(EnrolmentRecord).where(EnrolmentRecord.id.in_(chunk))
            enrolments = {one.id: one for one in session.scalars(query)}
            steps = steps_of(session, chunk)
            taken = []
            for one in chunk:
                if one not in enrolments:
                    raise NotFound("没有该报名", "there is no such registration", rule="R1.6", where=str(one))
                taken.append(_take(session, enrolments[one], step, steps.get(one, ())))
            session.flush()
            if step.move in _TOLD:
                abouts = [(row.enrolment_id, str(row.id)) for row in taken]
                tell_enrolled(services, session, _TOLD[step.move], abouts)
            shown += registrations(services, session, chunk)
    return shown


def _take(
    session: Session, enrolment: EnrolmentRecord, step: ReviewStep, before: Sequence[ReviewStepRecord]
) -> ReviewStepRecord:
    try:
        review = take(review_on_record(enrolment, before), step)
    except RegistrationRefused as refused:
        refused.where = str(enrolment.id)
        raise
    enrolment.review_state = review.state.value
    row = row_of(enrolment.id, step)
    session.add(row)
    if review.state is RegistrationState.APPROVED:
        mark_due(session, [enrolment.id])
    trail.note(
        session,
        at=step.at,
        by=step.by,
        action=f"registration.{step.move.value}",
        object_kind="enrolment",
        object_key=str(enrolment.id),
        **({} if step.confirmation is None else {"face": step.confirmation.face.value}),
    )
    return row
