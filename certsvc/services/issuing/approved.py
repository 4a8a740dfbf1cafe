"""Whether what is reserved stands in an approval that two people gave: with real keys nothing else is signed (R1.6).

The approval is sealed (`records.approvals`), so that rows alone make none: it names who asked, who approved, the date
of issue and each enrolment. Not here: asking and approving (`batches`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import BatchRefused, Refused
from certsvc.rules.four_eyes import is_second_person
from certsvc.services.context import Services
from certsvc.services.records.approvals import ApprovalState, Asked, opened
from certsvc.store import ApprovalRecord, CertificateRecord, IssueBatchRecord

KIND: Final = "issue.batch"


def require_approved(services: Services, session: Session, rows: Sequence[CertificateRecord]) -> None:
    """Raises `BatchRefused` for a reserved row that no two people approved, where keys are real."""
    if services.keystore.development:
        return
    for batch_id in {row.batch_id for row in rows}:
        due = {row.enrolment_id for row in rows if row.batch_id == batch_id}
        batch = None if batch_id is None else session.get(IssueBatchRecord, batch_id)
        if batch is None or not _approved(services, session, batch, due):
            raise BatchRefused(
                "该批次未经第二人批准（certsvc approval approve），或批准记录被改动",
                "no second person has approved the batch (certsvc approval approve), or the approval was changed",
                where=f"batch {batch_id}",
            )


def enrolments_of(asked: Asked) -> list[int]:
    """The enrolments that a request for a batch names."""
    return [int(one) for one in (asked.content["enrolments"] or "").split()]


def _approved(services: Services, session: Session, batch: IssueBatchRecord, due: set[int | None]) -> bool:
    query = select(ApprovalRecord).where(
        ApprovalRecord.kind == KIND,
        ApprovalRecord.state == ApprovalState.APPROVED,
        ApprovalRecord.asked_by == batch.by,
        ApprovalRecord.decided_by == batch.approved_by,
    )
    for row in session.scalars(query.order_by(ApprovalRecord.id.desc())):
        try:
            asked = opened(services.vault, row)
        except Refused:
            continue
        by_two = is_second_person(asked.decided_by, asked.asked_by)
        if by_two and asked.content["on"] == batch.on.isoformat() and due <= set(enrolments_of(asked)):
            return True
    return False
