"""One list of what waits for a second person; approving carries it out, rejecting says why (R1.6, R8.4a, R10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, TypeAlias

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from certsvc.errors import Conflict, Refused
from certsvc.rules.four_eyes import is_second_person
from certsvc.services.certificates import change_status, correct, key_work, paper_by_two, resign
from certsvc.services.certificates.change_status import StatusChange
from certsvc.services.certificates.correct import Corrected
from certsvc.services.certificates.key_work import DoneWork
from certsvc.services.certificates.paper_by_two import ImportedPaper
from certsvc.services.certificates.resign import ResignReport
from certsvc.services.context import Services
from certsvc.services.holders import contact
from certsvc.services.holders.contact import ContactChange
from certsvc.services.issuing import approved, batches
from certsvc.services.issuing.batches import ApprovedBatch
from certsvc.services.log import clock
from certsvc.services.log.clock import SetBack
from certsvc.services.operation import callers_by_two, schemes_by_two
from certsvc.services.operation.callers_by_two import AdmittedCaller
from certsvc.services.operation.schemes_by_two import AddedScheme
from certsvc.services.persons import correct as putting_right
from certsvc.services.persons import erase
from certsvc.services.persons.correct import PutRight
from certsvc.services.persons.erase import Erasure
from certsvc.services.records.approvals import (
    CORRECTION,
    RESULTS,
    ApprovalState,
    Asked,
    decide,
    digest_of,
    found,
    opened,
    waiting,
    why,
)
from certsvc.services.records.contacts import KIND as CONTACT
from certsvc.services.records.contacts import PAPER_KIND as PAPER_CONTACT
from certsvc.services.records.erased import ERASURE
from certsvc.services.registration import whole_file
from certsvc.services.registration.whole_file import ApprovedFile
from certsvc.services.results import carry_out
from certsvc.services.results.carry_out import ResultsChanged
from certsvc.services.staff import account_work
from certsvc.services.staff.account_work import DoneAccountWork
from certsvc.store import ApprovalRecord

Outcome: TypeAlias = (
    Corrected
    | ContactChange
    | ResultsChanged
    | PutRight
    | Erasure
    | ApprovedBatch
    | ApprovedFile
    | StatusChange
    | ResignReport
    | DoneWork
    | AddedScheme
    | AdmittedCaller
    | DoneAccountWork
    | ImportedPaper
    | SetBack
)
"""What a deed answers once it is carried out."""


class Deed(Protocol):
    """What a second person carries out, whole or not at all."""

    def __call__(self, services: Services, approval_id: int, /, *, by: str) -> Outcome: ...


class Undoing(Protocol):
    """What becomes of a request that is turned down, in the transaction of the decision."""

    def __call__(self, services: Services, session: Session, asked: Asked, /, *, by: str) -> None: ...


_DEEDS: Final[Mapping[str, Deed]] = {
    CORRECTION: correct.approve,
    CONTACT: contact.approve,
    PAPER_CONTACT: contact.approve,
    **dict.fromkeys(RESULTS.values(), carry_out.approve),
    putting_right.KIND: putting_right.approve,
    ERASURE: erase.approve,
    approved.KIND: batches.approve_batch,
    whole_file.KIND: whole_file.approve,
    change_status.KIND: change_status.approve,
    resign.KIND: resign.approve,
    key_work.KIND: key_work.approve,
    clock.KIND: clock.approve,
    schemes_by_two.KIND: schemes_by_two.approve,
    account_work.KIND: account_work.approve,
    callers_by_two.SYSTEM: callers_by_two.approve,
    callers_by_two.API_KEY: callers_by_two.approve,
    paper_by_two.KIND: paper_by_two.approve,
}
_UNDOINGS: Final[Mapping[str, Undoing]] = {whole_file.KIND: whole_file.take_back}
_TOLD: Final = (
    *("name", "id_number", "id_type", "phone", "birth_date", "sex", "institution", "batch", "registered_on"),
    *("was", "was_id_number", "erases", "keeps", "erased_numbers"),
    *("on", "count", "digest", "sha256", "status", "code"),
    *("role", "of", "os_account", "oidc_subject"),
    *("subjects", "station", "scopes", "quota"),
    *("scheme", "first", "last", "kid", "work", "purpose", "at", "from_index"),
)


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
    results: Mapping[str, object] | None = field(default=None, repr=False)  # of results: each change, and what follows
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
            **({} if self.results is None else {"results": dict(self.results)}),
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
    """One request; of results, with what would follow from it today. Raises `NotFound`."""
    with services.database.reading() as session:
        row = found(session, approval_id)
        shown = _shown(services, row)
        if row.kind not in carry_out.ACTS or shown.fault is not None:
            return shown
        return replace(shown, results=carry_out.shown(services, session, opened(services.vault, row)))


def approve(services: Services, approval_id: int, *, by: str, digest: str | None = None) -> Outcome:
    """Carry it out. `digest`, where given, is of what the one who approves has seen.

    Raises `NotFound`, `Refused` where `by` asked for it, `Conflict` where it is not what was seen, and whatever refuses
    the deed itself.
    """
    with services.database.reading() as session:
        row = found(session, approval_id)
        seen, kind = _shown(services, row).digest, row.kind
    if digest is not None and digest != seen:
        raise Conflict(
            "内容与您看到的不一致，请重新打开再决定",
            "this is not what you have seen; open it again and decide",
            where=str(approval_id),
        )
    deed = _DEEDS.get(kind)
    if deed is None:
        raise Refused("未知的申请类别", "a kind of request that this program does not know", where=kind)
    return deed(services, approval_id, by=by)


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
        undo = _UNDOINGS.get(row.kind)
        if undo is not None:
            undo(services, session, opened(services.vault, row), by=by)
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
