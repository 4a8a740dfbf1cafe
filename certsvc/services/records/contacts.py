"""The telephone that opens a person's record (R10): what a reviewed roster said, or what was changed since.

A change is a request that a second person approved, and counts from the moment it is due (`holders.contact`); what was
written into its row by hand does not open, and counts for nothing. Reads only: the site asks here too.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import Refused
from certsvc.rules.four_eyes import is_second_person
from certsvc.services.records.approvals import ApprovalState, opened
from certsvc.services.vault import Vault
from certsvc.store import ApprovalRecord, PaperCertificateRecord, PersonRecord

KIND: Final = "person.contact"
PAPER_KIND: Final = "paper.contact"
"""The same of one who had paper alone; its object is the paper."""


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
