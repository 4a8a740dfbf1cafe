"""Sign one approved batch: what the signer does in place of believing the one who asks (docs/issuing.md, "The signer").

It is told a batch's number and nothing else. Everything it signs it reads from the register itself, and before the
first signature it asks of the whole batch:

S1 approval   another person than the one who asked for the batch has approved it; with real keys, the sealed approval
              of these two names each enrolment and the date
S2 earned     each enrolment was approved (R1.6) and has passed on the date of issue, decided here again by the rules
S3 document   the reserved document is, word for word, what the register gives for that enrolment, number and date
S4 evidence   the document commits to these very results and this very approval
S5 once       it is the enrolment's first, or the one before it was taken away by a correction of results (R2.6)

Then steps 3 to 6 of the cycle, in one transaction. One certificate that fails a check stops its batch. What a process
can do that writes results and approvals into the database is in SECURITY.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import BatchRefused, NotFound
from certsvc.rules.four_eyes import is_second_person
from certsvc.services import trail
from certsvc.services.context import Services
from certsvc.services.issuing.approved import require_approved
from certsvc.services.issuing.issue import issue_leaf
from certsvc.services.issuing.plan import completed_sessions, persons_of, survey
from certsvc.services.issuing.reserved import check_registered
from certsvc.services.issuing.sign import sign_reserved
from certsvc.services.notices.kinds import NoticeKind
from certsvc.services.notices.tell import tell_certificates
from certsvc.services.operation.own_keys import require_own_keys
from certsvc.services.records.attempts import taken_back
from certsvc.services.records.decisions import enrolments_on_record
from certsvc.store import RESERVED, CertificateRecord, IssueBatchRecord

SIGNER = "signer"


def sign_approved(services: Services, batch_id: int) -> int:
    """Sign what is reserved of a batch; how many. Raises `NotFound`, `BatchRefused`, and what signing raises."""
    require_own_keys(services)  # a process that runs for months: its keys may have been changed under it
    with services.database.reading() as session:
        batch = session.get(IssueBatchRecord, batch_id)
        if batch is None:
            raise NotFound("没有该批次", "there is no such batch", where=str(batch_id))
        passed = survey(services, batch.on).passed
    with services.database.writing() as session:
        batch = session.get_one(IssueBatchRecord, batch_id)
        _check_approval(batch)
        query = select(CertificateRecord).where(
            CertificateRecord.batch_id == batch_id,
            CertificateRecord.stage == RESERVED,
            CertificateRecord.enrolment_id.is_not(None),
        )
        rows = list(session.scalars(query.order_by(CertificateRecord.id)))
        if not rows:
            return 0
        require_approved(services, session, rows)
        on_record = enrolments_on_record(session, [row.enrolment_id for row in rows if row.enrolment_id is not None])
        persons = persons_of(session, [one.enrolment for one in on_record.values()])
        for row in rows:
            assert row.enrolment_id is not None
            one = on_record[row.enrolment_id]
            check_registered(services, batch, row, one, persons[one.enrolment.person_id])
        _check_once(session, rows)
        sign_reserved(services, session, rows, partial(issue_leaf, completed_sessions(session, rows)), passed=passed)
        tell_certificates(services, session, NoticeKind.ISSUED, rows)
        trail.note(
            session,
            at=services.now(),
            by=SIGNER,
            action="certificate.issue",
            object_kind="batch",
            object_key=str(batch_id),
            count=len(rows),
            first=rows[0].number,
            last=rows[-1].number,
        )
        return len(rows)


def _check_once(session: Session, rows: Sequence[CertificateRecord]) -> None:
    # S5: no one who writes rows gives one enrolment two certificates.
    later = [row for row in rows if row.version > 1]
    back = taken_back(session) if later else frozenset()
    for row in later:
        query = select(CertificateRecord.id).where(
            CertificateRecord.enrolment_id == row.enrolment_id, CertificateRecord.version == row.version - 1
        )
        if session.scalar(query) not in back:
            raise BatchRefused("该报名已有证书", "the enrolment has a certificate already", where=row.number)


def _check_approval(batch: IssueBatchRecord) -> None:
    # S1: one person alone, or no one, gets nothing signed.
    if not is_second_person(batch.approved_by, batch.by):
        raise BatchRefused(
            "该批次未经第二人批准", "the batch has not been approved by a second person", where=f"batch {batch.id}"
        )
