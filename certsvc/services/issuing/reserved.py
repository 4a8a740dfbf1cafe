"""Whether a reserved document is the one that was reserved, before it is signed (step 3; docs/issuing.md).

Between reserving and signing it rests in a row. Its digest is sealed beside it, so that another one put in its place is
not signed. One that an earlier program reserved has no digest: it is signed only where it is, word for word, what the
register gives today (S2 to S4 of `sign_approved`, which asks the same of every one). Not here: signing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from certsvc.credential.canonical import load_strict
from certsvc.credential.document import read_claims
from certsvc.errors import BatchRefused, DocumentRefused
from certsvc.services.context import Services
from certsvc.services.issuing.intended import Allotted, claims_of
from certsvc.services.issuing.plan import intended_of, persons_of
from certsvc.services.records.decisions import EnrolmentOnRecord, enrolments_on_record
from certsvc.services.records.secrets import open_secrets
from certsvc.store import CertificateRecord, IssueBatchRecord, PersonRecord


def check_reserved(services: Services, session: Session, rows: Sequence[CertificateRecord]) -> None:
    """Raises `DocumentRefused` for a document that was changed since, `BatchRefused` for one that the register does not
    give."""
    unknown = []
    for row in rows:
        kept = open_secrets(services.vault, row)
        if kept.document_sha256 is None:
            unknown.append(row)
        elif not kept.reserved(row.document):
            raise changed(row)
    if unknown:
        _check_all(services, session, unknown)


def changed(row: CertificateRecord) -> DocumentRefused:
    """What to raise for a row whose document is not the one that was reserved."""
    return DocumentRefused(
        "已登记的待签文档被改动", "the document recorded for signing was changed", where=f"{row.number}-v{row.version}"
    )


def check_registered(
    services: Services,
    batch: IssueBatchRecord,
    row: CertificateRecord,
    on_record: EnrolmentOnRecord,
    person: PersonRecord,
) -> None:
    """S2 to S4 of one row of a batch; raises `BatchRefused`."""
    # S2: the rules have the last word, not the one who reserved.
    if not on_record.approved:
        raise _refused(row, "报名未经审核通过（R1.6）", "the registration was not approved (R1.6)")
    decision = on_record.passed(batch.on)
    if decision is None:
        raise _refused(row, "未通过考试", "has not passed")
    # S3: word for word what the register gives today; one who can write rows chooses none of its words.
    claims, kept = read_claims(load_strict(row.document)), open_secrets(services.vault, row)
    intended = intended_of(services, on_record, person, batch=batch, decision=decision, version=row.version)
    allotted = Allotted(row.number, row.token, row.status_list, row.status_index)
    due = claims_of(services, intended, allotted, kept)
    if kept.id_number != intended.identity.number or replace(due, evidence_commitment=None) != replace(
        claims, evidence_commitment=None
    ):
        raise _refused(row, "待签文档与登记不符", "the reserved document is not what the register says")
    # S4: what the approver saw is what the certificate rests on.
    if due.evidence_commitment != claims.evidence_commitment:
        raise _refused(row, "成绩或批准与登记时不同", "results or approval have changed since it was reserved")


def _check_all(services: Services, session: Session, rows: Sequence[CertificateRecord]) -> None:
    on_record = enrolments_on_record(session, [row.enrolment_id for row in rows if row.enrolment_id is not None])
    persons = persons_of(session, [one.enrolment for one in on_record.values()])
    for row in rows:
        batch = None if row.batch_id is None else session.get(IssueBatchRecord, row.batch_id)
        one = on_record.get(row.enrolment_id or 0)
        if batch is None or one is None:
            raise changed(row)
        check_registered(services, batch, row, one, persons[one.enrolment.person_id])


def _refused(row: CertificateRecord, zh: str, en: str) -> BatchRefused:
    return BatchRefused(zh, en, where=f"{row.number} (batch {row.batch_id})")
