"""Take a person's data out of the register, within one transaction: rows, and what is sealed in them. Files go after
it (`finish`).

A certificate's row stays with number, status and its place in log and lists; of its face what is not about its holder
is sealed in it (`records.erased`). What was sealed is gone with its only ciphertext: no key opens it again. Not here:
what may go (`scope`), who asked for it (`erase`, `sweep`).
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from certsvc.errors import DocumentRefused
from certsvc.services.context import Services
from certsvc.services.notices.kinds import OF_REGISTRATIONS, OF_SEATS, NoticeKind
from certsvc.services.persons.dossier import Dossier
from certsvc.services.persons.scope import Scope
from certsvc.services.records.approvals import CORRECTION, ApprovalState, empty
from certsvc.services.records.erased import ERASURE, Stub, log_name, seal_stub
from certsvc.services.verification.genuine import genuine_claims
from certsvc.store import (
    ApprovalRecord,
    AttemptRecord,
    Base,
    CertificateRecord,
    EarlierDocumentRecord,
    EnrolmentRecord,
    EvidencePictureRecord,
    HolderCodeRecord,
    HolderSessionRecord,
    HomeApplicationRecord,
    MessageRecord,
    NoticeRecord,
    PaperCertificateRecord,
    PersonRecord,
    ReissueRequestRecord,
    ReviewStepRecord,
    ScoreEntryRecord,
    SeatRecord,
    ShareLinkRecord,
    ShareOpeningRecord,
    ToDecideRecord,
)

_ERASED_CONTACT = {"phone": None, "erased": "yes"}


def take_out(
    services: Services, session: Session, found: Dossier, scope: Scope, *, by: str, apart: ApprovalRecord | None = None
) -> None:
    """`apart` is the request that is just being carried out. Raises `DocumentRefused` for a certificate that is not as
    it was signed: find out first (`log check`)."""
    for row in found.certificates:
        if row.number in scope.numbers and row.erased_on is None:
            _empty_certificate(services, row)
    for change in found.changes:
        if change.certificate_id in {row.id for row in found.certificates if row.number in scope.numbers}:
            change.reason = "—"  # as staff wrote it: it may name someone. The code, which is public, stays.
    for paper in found.papers:
        if paper.id in scope.papers:
            _empty_paper(services, paper)
    session.flush()
    _delete(session, AttemptRecord, AttemptRecord.enrolment_id.in_(scope.enrolments))
    seats = [one.id for one in found.seats if one.enrolment_id in scope.enrolments]
    _delete(session, ScoreEntryRecord, ScoreEntryRecord.seat_id.in_(seats))
    _delete(session, SeatRecord, SeatRecord.id.in_(seats))
    _delete(session, NoticeRecord, NoticeRecord.id.in_(_notices_about(found, scope.enrolments, seats)))
    _delete(session, ToDecideRecord, ToDecideRecord.enrolment_id.in_(scope.enrolments))
    _delete(session, ReviewStepRecord, ReviewStepRecord.enrolment_id.in_(scope.enrolments))
    _delete(session, EnrolmentRecord, EnrolmentRecord.id.in_(scope.enrolments))
    _delete_reissues(session, found, scope)
    for request in _approvals_of(found, scope):
        if request is not apart:
            empty(services, request, _ERASED_CONTACT, by=by)
    if scope.contact:
        _take_out_contact(session, found)
    for person in (found.person, *found.others):
        if person is not None:
            _release(services, session, person, contact=scope.contact)
    session.flush()


def _empty_certificate(services: Services, row: CertificateRecord) -> None:
    genuine = genuine_claims(services, row)
    if genuine is None:
        raise DocumentRefused(
            "登记与所签内容不一致，请先查明（certsvc log check）",
            "the register is not what was signed: find out first (certsvc log check)",
            where=f"{row.number}-v{row.version}",
        )
    claims, today = genuine.claims, services.today()
    stub = Stub(
        erased_on=today.isoformat(),
        number=claims.number,
        version=str(claims.version),
        occupation_code=claims.occupation_code,
        occupation_zh=claims.occupation_zh,
        occupation_en=claims.occupation_en,
        level=str(claims.level),
        level_zh=claims.level_zh,
        level_en=claims.level_en,
        issuer_zh=claims.issuer_zh,
        issuer_en=claims.issuer_en,
        issued_on=claims.issued_on,
        reissued_on=claims.reissued_on,
        valid_until=claims.valid_until,
        sample="yes" if claims.sample else "no",
        status_list=claims.status_list,
        status_index=str(claims.status_index),
        list_name=row.status_list if claims.status_list is None else claims.status_list.rpartition("-")[2],
        commitment=log_name(services.vault, row),
        credential_sha256=str(row.credential_sha256),
        digest8=genuine.digest8.hex(),
    )
    sealed = seal_stub(services.vault, row.token, stub)
    row.sealed, row.sealed_kid = sealed.content, sealed.kid
    row.document, row.credential, row.cose = b"", b"", None
    row.holder_name, row.pdf_sha256, row.erased_on = "", None, today
    row.person_id = row.enrolment_id = None


def _empty_paper(services: Services, paper: PaperCertificateRecord) -> None:
    paper.name, paper.sealed, paper.sealed_kid = "", b"", ""
    paper.id_lookup = secrets.token_bytes(32)  # of no one
    paper.erased_on = services.today()


def _delete_reissues(session: Session, found: Dossier, scope: Scope) -> None:
    kept = {row.id for row in found.certificates if row.number not in scope.numbers}
    kept_papers = {paper.id for paper in found.papers if paper.id not in scope.papers}
    for one in found.reissues:
        if one.certificate_id is not None:
            goes = one.certificate_id not in kept
        else:
            goes = scope.contact if one.paper_id is None else one.paper_id not in kept_papers
        if goes:
            _delete_from_home(session, one.id)
            _delete(session, ReissueRequestRecord, ReissueRequestRecord.id == one.id)


def _delete_from_home(session: Session, request_id: int) -> None:
    application = select(HomeApplicationRecord.id).where(HomeApplicationRecord.request_id == request_id)
    _delete(session, EvidencePictureRecord, EvidencePictureRecord.application_id.in_(application))
    _delete(session, HomeApplicationRecord, HomeApplicationRecord.request_id == request_id)


def _approvals_of(found: Dossier, scope: Scope) -> Iterator[ApprovalRecord]:
    """The requests that go. A correction of a certificate that is kept is part of what it rests on; an erasure that was
    carried out shows which two people had it done, and holds nothing else."""
    for row in found.approvals:
        if row.kind == CORRECTION:
            if row.object_key in scope.numbers:
                yield row
        elif scope.contact and (row.kind != ERASURE or row.state != ApprovalState.APPROVED):
            yield row


def _notices_about(found: Dossier, enrolments: Collection[int], seats: Collection[int]) -> list[int]:
    """Those about registrations that go, or about their seats."""
    gone = dict.fromkeys(OF_REGISTRATIONS, enrolments) | dict.fromkeys(OF_SEATS, seats)
    told = ((one.id, gone.get(NoticeKind.of(one.kind)), one.about.split()[0]) for one in found.notices)
    return [notice_id for notice_id, ids, about in told if ids is not None and int(about) in ids]


def _take_out_contact(session: Session, found: Dossier) -> None:
    links = [one.id for one in found.links]
    _delete(session, ShareOpeningRecord, ShareOpeningRecord.share_link_id.in_(links))
    _delete(session, ShareLinkRecord, ShareLinkRecord.id.in_(links))
    _delete(session, HolderCodeRecord, HolderCodeRecord.id_lookup.in_(found.lookups))
    _delete(session, HolderSessionRecord, HolderSessionRecord.id_lookup.in_(found.lookups))
    _delete(session, MessageRecord, MessageRecord.id_lookup.in_(found.lookups))
    _delete(session, NoticeRecord, NoticeRecord.id_lookup.in_(found.lookups))


def _release(services: Services, session: Session, person: PersonRecord, *, contact: bool) -> None:
    """Delete the entry of a person on whom nothing stands any more; else take the telephone out of it."""
    enrolment, certificate = EnrolmentRecord, CertificateRecord
    stands = session.scalar(select(enrolment.id).where(enrolment.person_id == person.id).limit(1))
    stands = stands or session.scalar(select(certificate.id).where(certificate.person_id == person.id).limit(1))
    if stands is None:
        _delete(session, NoticeRecord, NoticeRecord.id_lookup == person.id_lookup)
        _delete(session, EarlierDocumentRecord, EarlierDocumentRecord.person_id == person.id)
        _delete(session, PersonRecord, PersonRecord.id == person.id)
    elif contact:
        personal = services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
        sealed = services.vault.seal({**personal, "phone": None, "email": None}, person.id_lookup)
        person.sealed, person.sealed_kid = sealed.content, sealed.kid


def _delete(session: Session, kind: type[Base], *conditions: ColumnElement[bool]) -> None:
    session.execute(delete(kind).where(*conditions))
