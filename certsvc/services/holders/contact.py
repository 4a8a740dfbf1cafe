"""Change the telephone that opens a holder's record, by an act of its own (R10).

One person asks and another approves, as for a correction; the number on record is told at once, and the new one counts
only after a waiting time, in which staff can stop it at the holder's word. A roster never changes the telephone of a
person on whom another registration or a certificate stands. Not here: which telephone counts (`records.contacts`),
sending (`notices.send`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from certsvc.errors import NotFound, Refused
from certsvc.person.identity import IdentityDocument
from certsvc.roster.candidates import is_phone
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.holders.known import find
from certsvc.services.notices.write import write_notice
from certsvc.services.records.approvals import (
    ApprovalState,
    Asked,
    ask,
    decide,
    found,
    opened,
    require_development,
    waiting,
    why,
)
from certsvc.services.records.contacts import KIND, PAPER_KIND, phone_of, phone_of_papers
from certsvc.store import ApprovalRecord, PaperCertificateRecord, PersonRecord

_KINDS: Final = (KIND, PAPER_KIND)
WAITING_TIME: Final = timedelta(days=3)
"""From the approval on: long enough for a holder who is told to object."""


@dataclass(frozen=True, slots=True)
class ContactChange:
    """A change asked for, or approved: then when it counts, and whether the number on record is told."""

    approval_id: int
    state: str
    due_at: datetime | None = None
    told: bool = False

    def as_json(self) -> dict[str, object]:
        return {
            "approval": self.approval_id,
            "state": self.state,
            "due_at": None if self.due_at is None else self.due_at.isoformat(),
            "old_number_told": self.told,
        }


def propose(services: Services, identity: IdentityDocument, phone: str, *, reason: str, by: str) -> ContactChange:
    """Ask for another telephone. Raises `NotFound`, `Refused`."""
    with services.database.writing() as session:
        return ContactChange(_propose(services, session, identity, phone, reason=reason, by=by).id, "waiting")


def approve(services: Services, approval_id: int, *, by: str) -> ContactChange:
    """Let it count after the waiting time, and tell the number on record. Raises `NotFound`, `Refused`."""
    with services.database.writing() as session:
        row, asked = waiting(services, session, approval_id, by)
        return _approve(services, session, row, asked, by)


def change(
    services: Services, identity: IdentityDocument, phone: str, *, reason: str, by: str, approved_by: str
) -> ContactChange:
    """Both in one act, in a home with development keys; the waiting time stays. Raises what they raise."""
    require_development(services)
    with services.database.writing() as session:
        row = _propose(services, session, identity, phone, reason=reason, by=by)
        row, asked = waiting(services, session, row.id, approved_by)
        return _approve(services, session, row, asked, approved_by)


def stop(services: Services, approval_id: int, *, by: str, reason: str) -> None:
    """Stop one that was approved and does not count yet: any member of staff may. Raises `NotFound`, `Refused`."""
    remark = why(reason)
    with services.database.writing() as session:
        row = found(session, approval_id)
        asked = opened(services.vault, row)
        if row.kind not in _KINDS or asked.due_at is None or asked.due_at <= services.now():
            raise Refused(
                "已经生效，须另行更改", "it counts already: ask for another change", rule="R10", where=str(approval_id)
            )
        decide(services, session, row, ApprovalState.REJECTED, by=by, remark=remark)


def can_be_stopped(row: ApprovalRecord, now: datetime) -> bool:
    """Whether it was approved and does not count yet."""
    return row.kind in _KINDS and row.state == ApprovalState.APPROVED and row.due_at is not None and row.due_at > now


def _propose(
    services: Services, session: Session, identity: IdentityDocument, phone: str, *, reason: str, by: str
) -> ApprovalRecord:
    reason, number = why(reason), phone.strip()
    if not is_phone(number):
        raise Refused("电话号码应为 6–20 位数字", "a telephone number has 6 to 20 digits", rule="R10", where="phone")
    known = find(session, services.vault.lookup(identity))
    if known is None:
        raise NotFound("登记中没有该证件的持有人", "no one is on record with this document", rule="R10")
    if _phone(services, session, known.person, known.papers) == number:
        raise Refused("与登记的电话相同", "it is the telephone on record", rule="R10", where="phone")
    content = {"phone": number, "name": known.name, "id_number": identity.number}
    kind, row_id = (KIND, known.person.id) if known.person is not None else (PAPER_KIND, known.papers[-1].id)
    return ask(services, session, kind, str(row_id), content, reason=reason, by=by)


def _phone(
    services: Services, session: Session, person: PersonRecord | None, papers: Sequence[PaperCertificateRecord]
) -> str | None:
    if person is not None:
        return phone_of(services.vault, session, person, services.now())
    return phone_of_papers(services.vault, session, papers, services.now())


def _approve(services: Services, session: Session, row: ApprovalRecord, asked: Asked, by: str) -> ContactChange:
    now = services.now()
    due_at = now + WAITING_TIME
    whose: PersonRecord | PaperCertificateRecord
    if asked.kind == PAPER_KIND:
        whose = paper = session.get_one(PaperCertificateRecord, int(asked.object_key))
        old = _phone(services, session, None, [paper])
    else:
        whose = person = session.get_one(PersonRecord, int(asked.object_key))
        old = _phone(services, session, person, ())
    decide(services, session, row, ApprovalState.APPROVED, by=by, due_at=due_at)
    if old is None or services.messenger is None:
        return ContactChange(row.id, "approved", due_at, told=False)
    _notice(services, session, whose.id_lookup, old, new=str(asked.content["phone"]), due_at=due_at)
    return ContactChange(row.id, "approved", due_at, told=True)


def _notice(services: Services, session: Session, about: bytes, old: str, *, new: str, due_at: datetime) -> None:
    """The message to the number on record: it is tried until the change counts."""
    tail, day = new[-4:], f"{due_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    text = (
        f"【{services.issuer.name_zh}】您登记的手机号码将于 {day} 改为尾号 {tail}。若非本人要求，请立即与发证机构联系。"
        f" Your number on record changes to one ending in {tail}. If you did not ask for it, tell the issuer at once."
    )
    write_notice(services, session, about=about, to=old, text=text, until=due_at)
