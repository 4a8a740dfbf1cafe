"""One list of what waits for a second person; approving carries it out, rejecting says why (R1.6, R8.4a, R10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from certsvc.errors import Conflict, Refused
from certsvc.rules.four_eyes import is_second_person
from certsvc.services.certificates import change_by_two, correct
from certsvc.services.certificates.change_status import StatusChange
from certsvc.services.certificates.correct import Corrected
from certsvc.services.context import Services
from certsvc.services.holders import contact
from certsvc.services.holders.contact import ContactChange
from certsvc.services.records.approvals import (
    CORRECTION,
    ApprovalState,
    decide,
    digest_of,
    found,
    opened,
    waiting,
    why,
)
from certsvc.services.records.contacts import KIND as CONTACT
from certsvc.store import ApprovalRecord

Outcome: TypeAlias = Corrected | ContactChange | StatusChange
"""What a deed answers once it is carried out."""


class Deed(Protocol):
    """What a second person carries out, whole or not at all."""

    def __call__(self, services: Services, approval_id: int, /, *, by: str) -> Outcome: ...


_DEEDS: Final[Mapping[str, Deed]] = {
    CORRECTION: correct.approve,
    CONTACT: contact.approve,
    **dict.fromkeys(change_by_two.KINDS, change_by_two.approve),
}
_TOLD: Final = ("name", "id_number", "id_type", "phone", "was", "was_id_number", "was_status", "code")


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
    digest: str | None = None  # of what is asked for (`records.approvals.digest_of`); None where it was changed by hand

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
            "digest": self.digest,
        }


def list_approvals(
    services: Services,
    state: ApprovalState | None = ApprovalState.WAITING,
    *,
    after: int = 0,
    most: int | None = None,
) -> list[Approval]:
    """The requests in one state (all of them for None) whose ids come after one, oldest first, `most` of them."""
    query = select(ApprovalRecord).where(ApprovalRecord.id > after).order_by(ApprovalRecord.id).limit(most)
    if state is not None:
        query = query.where(ApprovalRecord.state == state)
    with services.database.reading() as session:
        return [_shown(services, row) for row in session.scalars(query)]


def count_for(services: Services, name: str) -> tuple[int, int]:
    """How many requests wait for `name` to decide, and how many of their own wait for another."""
    query = select(ApprovalRecord.asked_by, func.count()).where(ApprovalRecord.state == ApprovalState.WAITING)
    with services.database.reading() as session:
        waiting = session.execute(query.group_by(ApprovalRecord.asked_by)).all()
    others = sum(count for asked_by, count in waiting if is_second_person(name, asked_by))
    return others, sum(count for asked_by, count in waiting if not is_second_person(name, asked_by))


def show(services: Services, approval_id: int) -> Approval:
    """One request. Raises `NotFound`."""
    with services.database.reading() as session:
        return _shown(services, found(session, approval_id))


def approve(services: Services, approval_id: int, *, by: str, digest: str | None = None) -> Outcome:
    """Carry it out. `digest`, where given, is of what the one who approves has seen.

    Raises `NotFound`, `Refused` where `by` asked for it, `Conflict` where it is not what was seen, and whatever refuses
    the deed itself.
    """
    seen = show(services, approval_id)
    if digest is not None and digest != seen.digest:
        raise Conflict(
            "内容与您看到的不一致，请重新打开再决定",
            "this is not what you have seen; open it again and decide",
            where=str(approval_id),
        )
    kind = seen.kind
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
    reason, wants, fault, digest = "", {}, None, None
    try:
        asked = opened(services.vault, row)
        digest = digest_of(row, asked)
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
        digest=digest,
    )
