"""The telephone that opens a person's record (R10): what a reviewed roster said, or what was changed since.

A change is a request that a second person approved, and counts from the moment it is due (`holders.contact`); what was
written into its row by hand does not open, and counts for nothing. Reads only: the site asks here too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import Refused
from certsvc.rules.four_eyes import is_second_person
from certsvc.services.records.approvals import ApprovalState, opened
from certsvc.services.records.erased import now_under
from certsvc.services.vault import Vault
from certsvc.store import (
    ApprovalRecord,
    HomeApplicationRecord,
    PaperCertificateRecord,
    PersonRecord,
    ReissueRequestRecord,
)

KIND: Final = "person.contact"
PAPER_KIND: Final = "paper.contact"
"""The same of one who had paper alone; its object is the paper."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where someone can be told something; None for what is not on record."""

    phone: str | None = field(default=None, repr=False)
    mail: str | None = field(default=None, repr=False)


def reach_of(vault: Vault, session: Session, lookup: bytes, now: datetime) -> Reach:
    """Where the holder of a document is reached, also under one that was corrected since. Raises `KeyMissing`."""
    person = session.scalar(select(PersonRecord).where(PersonRecord.id_lookup == lookup))
    person = person or now_under(session, [lookup]).get(lookup)
    if person is None:
        papers = select(PaperCertificateRecord).where(PaperCertificateRecord.id_lookup == lookup)
        return Reach(phone_of_papers(vault, session, session.scalars(papers).all(), now))
    personal = vault.open(person.sealed, person.sealed_kid, person.id_lookup)
    return Reach(changed_phone(vault, session, person, now) or personal["phone"], personal.get("email"))


def phone_of(vault: Vault, session: Session, person: PersonRecord, now: datetime) -> str | None:
    """The telephone on record at that moment. Raises `KeyMissing`."""
    changed = changed_phone(vault, session, person, now)
    return changed or vault.open(person.sealed, person.sealed_kid, person.id_lookup)["phone"]


def changed_phone(vault: Vault, session: Session, person: PersonRecord, now: datetime) -> str | None:
    """The newest telephone that took the place of the roster's; None where none did."""
    return _newest(vault, session, KIND, [person.id], now)


def phone_of_papers(
    vault: Vault, session: Session, papers: Iterable[PaperCertificateRecord], now: datetime
) -> str | None:
    """The telephone of one who had paper alone: no roster names one, so only what two people agreed to."""
    return _newest(vault, session, PAPER_KIND, [paper.id for paper in papers], now)


def _newest(vault: Vault, session: Session, kind: str, ids: Iterable[int], now: datetime) -> str | None:
    query = select(ApprovalRecord).where(
        ApprovalRecord.kind == kind,
        ApprovalRecord.object_key.in_([str(one) for one in ids]),
        ApprovalRecord.state == ApprovalState.APPROVED,
        ApprovalRecord.due_at <= now,
    )
    for row in session.scalars(query.order_by(ApprovalRecord.due_at.desc(), ApprovalRecord.id.desc())):
        try:
            asked = opened(vault, row)
        except Refused:
            continue
        is_due = asked.due_at is not None and asked.due_at <= now
        if is_due and is_second_person(asked.decided_by, asked.asked_by):
            return asked.content["phone"]
    return None


def persons_changed(session: Session) -> frozenset[int]:
    """The persons for whom a change was approved, due or not."""
    query = select(ApprovalRecord.object_key).where(
        ApprovalRecord.kind == KIND, ApprovalRecord.state == ApprovalState.APPROVED
    )
    return frozenset(int(key) for key in session.scalars(query))


def sealed_with(request: ReissueRequestRecord) -> bytes:
    """What the sealed part of an application from home is bound to."""
    return b"certsvc home application v1\0" + request.id_lookup


def phone_of_application(vault: Vault, session: Session, request: ReissueRequestRecord) -> str | None:
    """The telephone that an application from home named; None for one that came to the counter, and once it is gone.

    Raises `KeyMissing`."""
    row = session.scalar(select(HomeApplicationRecord).where(HomeApplicationRecord.request_id == request.id))
    return None if row is None else vault.open(row.sealed, row.sealed_kid, sealed_with(request))["phone"]
