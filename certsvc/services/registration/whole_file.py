"""A roster that was reviewed elsewhere, approved whole by one act of a second person (R1.6).

Its registrations are drafts until then, and count nowhere. The request is sealed with the file's digest, the drafts,
and a digest of what they say: a draft that was changed by hand since is not approved. Turned down, the drafts are taken
out again, with the persons that came in by them alone. Not here: reading the file (`import_roster`), the review of
single registrations (`review`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from certsvc.rules.registration_review import RegistrationState
from certsvc.services import trail
from certsvc.services.context import Services
from certsvc.services.notices.kinds import NoticeKind
from certsvc.services.notices.tell import tell_enrolled
from certsvc.services.records.approvals import ApprovalState, Asked, ask, changed_since, decide, waiting
from certsvc.store import CertificateRecord, EnrolmentRecord, PersonRecord

KIND: Final = "candidates.import"
_CHUNK: Final = 500
_SAID: Final = (
    EnrolmentRecord.id,
    EnrolmentRecord.scheme_id,
    EnrolmentRecord.registered_on,
    EnrolmentRecord.institution,
    EnrolmentRecord.health_declared,
    EnrolmentRecord.batch,
    EnrolmentRecord.photo_sha256,
    EnrolmentRecord.recorded_by,
    PersonRecord.id_type,
    PersonRecord.id_lookup,
    PersonRecord.sealed,
    PersonRecord.name,
    PersonRecord.sex,
)


@dataclass(frozen=True, slots=True)
class ApprovedFile:
    """How many registrations count from now on."""

    approval_id: int
    file: str
    registrations: int

    def as_json(self) -> dict[str, object]:
        return {
            "approval": self.approval_id,
            "state": "approved",
            "file": self.file,
            "registrations": self.registrations,
        }


def ask_for(services: Services, session: Session, path: Path, enrolment_ids: Sequence[int], *, by: str) -> int:
    """Ask for the drafts that a file has just made, in the transaction of its import; the request's id."""
    content = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "count": str(len(enrolment_ids)),
        "enrolments": " ".join(map(str, enrolment_ids)),
        "digest": _digest(session, enrolment_ids),
    }
    reason = "已在别处审核的名册 a roster reviewed elsewhere"
    return ask(services, session, KIND, path.name[-200:], content, reason=reason, by=by).id


def approve(services: Services, approval_id: int, *, by: str) -> ApprovedFile:
    """From now on the registrations of the file count.

    Raises `NotFound`, and `Refused` where `by` imported it, or where a draft is not as it was.
    """
    with services.database.writing() as session:
        row, asked = waiting(services, session, approval_id, by)
        ids = _drafts(asked)
        if _digest(session, ids) != asked.content["digest"]:
            raise changed_since(approval_id, "名册中的报名", "registrations of the file")
        for some in _lots(ids):
            approved = update(EnrolmentRecord).where(EnrolmentRecord.id.in_(some))
            session.execute(approved.values(review_state=RegistrationState.APPROVED.value))
        decide(services, session, row, ApprovalState.APPROVED, by=by)
        tell_enrolled(services, session, NoticeKind.REGISTERED, ((one, "") for one in ids))
        _note(services, session, asked, by, "candidates.approve")
        return ApprovedFile(approval_id, asked.object_key, len(ids))


def take_back(services: Services, session: Session, asked: Asked, *, by: str) -> None:
    """Take out what a file that is turned down had entered, in the transaction of the decision."""
    for some in _lots(_drafts(asked)):
        drafts = select(EnrolmentRecord.person_id).where(
            EnrolmentRecord.id.in_(some), EnrolmentRecord.review_state == RegistrationState.DRAFT.value
        )
        persons = list(session.scalars(drafts))
        session.execute(
            delete(EnrolmentRecord).where(
                EnrolmentRecord.id.in_(some), EnrolmentRecord.review_state == RegistrationState.DRAFT.value
            )
        )
        session.execute(
            delete(PersonRecord).where(
                PersonRecord.id.in_(persons),
                ~exists().where(EnrolmentRecord.person_id == PersonRecord.id),
                ~exists().where(CertificateRecord.person_id == PersonRecord.id),
            )
        )
    _note(services, session, asked, by, "candidates.take_back")


def _drafts(asked: Asked) -> list[int]:
    return [int(one) for one in (asked.content["enrolments"] or "").split()]


def _digest(session: Session, ids: Sequence[int]) -> str:
    """SHA-256 over what the drafts and their persons say, as they rest; anything but a draft changes it."""
    digest = hashlib.sha256()
    for some in _lots(sorted(ids)):
        query = (
            select(*_SAID)
            .join(PersonRecord, PersonRecord.id == EnrolmentRecord.person_id)
            .where(EnrolmentRecord.id.in_(some), EnrolmentRecord.review_state == RegistrationState.DRAFT.value)
            .order_by(EnrolmentRecord.id)
        )
        for said in session.execute(query):
            digest.update(repr(tuple(said)).encode() + b"\n")
    return digest.hexdigest()


def _lots(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))


def _note(services: Services, session: Session, asked: Asked, by: str, action: str) -> None:
    trail.note(
        session,
        at=services.now(),
        by=by,
        action=action,
        object_kind="file",
        object_key=asked.object_key,
        approval=asked.id,
        count=asked.content["count"],
    )
