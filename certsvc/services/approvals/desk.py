"""One list of what waits for a second person; approving carries it out, rejecting says why (R1.6, R8.4a, R10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import Refused
from certsvc.services.certificates import correct
from certsvc.services.certificates.correct import Corrected
from certsvc.services.context import Services
from certsvc.services.holders import contact
from certsvc.services.holders.contact import ContactChange
from certsvc.services.records.approvals import CORRECTION, ApprovalState, decide, found, opened, waiting, why
from certsvc.services.records.contacts import KIND as CONTACT
from certsvc.services.records.contacts import PAPER_KIND as PAPER_CONTACT
from certsvc.store import ApprovalRecord

Outcome: TypeAlias = Corrected | ContactChange
"""What a deed answers once it is carried out."""


class Deed(Protocol):
    """What a second person carries out, whole or not at all."""

    def __call__(self, services: Services, approval_id: int, /, *, by: str) -> Outcome: ...


_DEEDS: Final[Mapping[str, Deed]] = {
    CORRECTION: correct.approve,
    CONTACT: contact.approve,
    PAPER_CONTACT: contact.approve,
}
_TOLD: Final = ("name", "id_number", "id_type", "phone", "was", "was_id_number")


@dataclass(frozen=True, slots=True)
class Approval:
    """One request as the second person sees it: `wants` is what shall be, by its field, beside what `was`."""

    id: int
    kind: str
    object_key: str
    state: str
    reason: str = field(repr=False)
    asked_by: str
    asked_at: str
    decided_by: str | None
    decided_at: str | None
    due_at: str | None
    note: str | None
    wants: Mapping[str, str] = field(repr=False)
    fault: str | None = None

    def as_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "kind": self.kind,
            "object": self.object_key,
            "state": self.state,
            "reason": self.reason,
            "asked_by": self.asked_by,
            "asked_at": self.asked_at,
            "decided_by": self.decided_by,
            "decided_at": self.decided_at,
            "due_at": self.due_at,
            "note": self.note,
            "wants": dict(self.wants),
            "fault": self.fault,
        }


def list_approvals(services: Services, state: ApprovalState | None = ApprovalState.WAITING) -> list[Approval]:
    """The requests in one state (all of them for None), oldest first."""
    query = select(ApprovalRecord).order_by(ApprovalRecord.id)
    if state is not None:
        query = query.where(ApprovalRecord.state == state)
    with services.database.reading() as session:
        return [_shown(services, row) for row in session.scalars(query)]


def show(services: Services, approval_id: int) -> Approval:
    """One request. Raises `NotFound`."""
    with services.database.reading() as session:
        return _shown(services, found(session, approval_id))


def approve(services: Services, approval_id: int, *, by: str) -> Outcome:
    """Carry it out. Raises `NotFound`, `Refused` where `by` asked for it, and whatever refuses the deed itself."""
    kind = show(services, approval_id).kind
    carry_out = _DEEDS.get(kind)
    if carry_out is None:
        raise Refused("未知的申请类别", "a kind of request that this program does not know", where=kind)
    return carry_out(services, approval_id, by=by)


def reject(services: Services, approval_id: int, *, by: str, reason: str) -> Approval:
    """Turn it down, saying why; a change of telephone also after it was approved, until it counts.

    Raises `NotFound`, `Refused`.
    """
    remark = why(reason)
    with services.database.reading() as session:
        stops = contact.can_be_stopped(found(session, approval_id), services.now())
    if stops:
        contact.stop(services, approval_id, by=by, reason=remark)
        return show(services, approval_id)
    with services.database.writing() as session:
        row = _rejectable(services, session, approval_id, by)
        decide(services, session, row, ApprovalState.REJECTED, by=by, remark=remark)
        return _shown(services, row)


def _rejectable(services: Services, session: Session, approval_id: int, by: str) -> ApprovalRecord:
    """A request that waits: the one who asked may withdraw it, any other may turn it down."""
    row = found(session, approval_id)
    if row.state == ApprovalState.WAITING and row.asked_by == by:
        opened(services.vault, row)
        return row
    return waiting(services, session, approval_id, by)[0]


def _shown(services: Services, row: ApprovalRecord) -> Approval:
    reason, wants, fault = "", {}, None
    try:
        asked = opened(services.vault, row)
        reason = asked.reason
        wants = {name: asked.content[name] or "" for name in _TOLD if asked.content.get(name)}
    except Refused as error:
        fault = str(error)
    return Approval(
        id=row.id,
        kind=row.kind,
        object_key=row.object_key,
        state=row.state,
        reason=reason,
        asked_by=row.asked_by,
        asked_at=row.asked_at.isoformat(),
        decided_by=row.decided_by,
        decided_at=None if row.decided_at is None else row.decided_at.isoformat(),
        due_at=None if row.due_at is None else row.due_at.isoformat(),
        note=row.note,
        wants=wants,
        fault=fault,
    )
