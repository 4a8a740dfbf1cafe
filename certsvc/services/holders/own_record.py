"""What a holder sees, and may do: their own record whole, their PDFs, share links, a reissue of their paper (R8, R10).

Whose a certificate is: the person of its newest version, or the person whose paper it replaced. Who holds the newest
version sees every version of the number; who is on an older one alone (a document that was mistaken for another's) sees
none. Whatever is not the holder's own is `NotFound`, in the same words as what is not there at all.
Not here: who the holder is (`sign_in`), results and decisions (`enrolments`), the values (`shown`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from certsvc.credential.compact import qr_text
from certsvc.credential.number import normalise_number
from certsvc.errors import NotFound, Unavailable
from certsvc.person.identity import IdentityDocument, mask_id_number
from certsvc.rendering.picture import first_page
from certsvc.services.certificates import give_out, reissue
from certsvc.services.certificates.reissue_request import Request, RequestState
from certsvc.services.context import Services
from certsvc.services.holders import share_links
from certsvc.services.holders.enrolments import enrolments_of
from certsvc.services.holders.known import Known, find
from certsvc.services.holders.share_links import NOTHING_MORE, Share, Shows
from certsvc.services.holders.shown import (
    AttemptView,
    CertificateView,
    EnrolmentView,
    HolderView,
    PaperView,
    PendingView,
    ReissueView,
    SubjectView,
)
from certsvc.services.holders.sign_in import BY_HOLDER, Holder
from certsvc.services.operation import scan_counts
from certsvc.services.records.versions import newest_version
from certsvc.services.trail import note
from certsvc.services.verification.public_record import electronic_record, paper_record
from certsvc.store import ISSUED, CertificateRecord, PaperCertificateRecord, ReissueRequestRecord, ShareLinkRecord

__all__ = [
    "AttemptView",
    "CertificateView",
    "Download",
    "EnrolmentView",
    "HolderView",
    "PaperView",
    "PendingView",
    "ReissueView",
    "SubjectView",
    "apply_for_reissue",
    "create_share",
    "credential_of",
    "pdf_of",
    "picture_of",
    "qr_text_of",
    "view",
    "withdraw_share",
]

_NOT_IN_FILE_NAMES: Final = re.compile(r'[\x00-\x1f/\\:*?"<>|]')


@dataclass(frozen=True, slots=True)
class Download:
    """A file to keep, and what it is called."""

    content: bytes
    name: str


def view(services: Services, holder: Holder) -> HolderView:
    """The holder's record as of today. Raises `NotFound` where the person is there no more, `Unavailable`."""
    today = services.today()
    with services.database.reading() as session:
        known = _known(session, holder)
        owned = _owned(session, known)
        enrolments = () if known.person is None else enrolments_of(session, known.person.id, today)
        papers = tuple(_paper(services, session, row) for row in sorted(known.papers, key=lambda one: one.number))
        reissues = tuple(_reissue(session, row) for row in _requests(session, holder.id_lookup))
        records = [(row, electronic_record(services, session, row)) for row in owned]
    scans = scan_counts.of_certificates(services.database, {row.number for row in owned})
    certificates = []
    for row, record in records:
        newest = row is next(one for one in owned if one.number == row.number)
        certificates.append(
            CertificateView(
                number=row.number,
                version=row.version,
                token=row.token,
                newest=newest,
                status=record.state,
                status_on=record.changed_on,
                reason=record.reason,
                name=row.holder_name,
                occupation_zh=record.occupation_zh,
                occupation_en=record.occupation_en,
                level=record.level,
                level_name_zh=record.level_zh,
                level_name_en=record.level_en,
                issuer_zh=record.issuer_zh,
                issuer_en=record.issuer_en,
                sample=record.sample,
                issued_on=row.issued_on,
                reissued_on=row.reissued_on,
                valid_until=row.valid_until,
                pdf_ready=_is_drawn(services, row),
                superseded_by=_number_version(record.successor_number, record.successor_version),
                scans=tuple(scans.get(row.number, ())) if newest else (),
                shares=tuple(share_links.list_links(services, row.token)),
            )
        )
    return HolderView(
        name=known.name,
        id_type_zh=known.id_type.zh,
        id_type_en=known.id_type.en,
        id_number_masked=mask_id_number(_id_number(services, known)),
        enrolments=enrolments,
        certificates=tuple(certificates),
        papers=papers,
        reissues=reissues,
    )


def pdf_of(services: Services, holder: Holder, number: str, version: int) -> Download:
    """The PDF of a certificate of the holder's, the same bytes as ever (R8.5), with a line in the audit trail.

    Raises `NotFound`, and `Unavailable` where it is not drawn yet, or lost.
    """
    row, title = _titled(services, holder, number, version)
    content = _drawn_pdf(services, row)
    _note_download(services, holder, row)
    return Download(content, f"{title}.pdf")


def credential_of(services: Services, holder: Holder, number: str, version: int) -> Download:
    """The signed JSON of a certificate of the holder's, verbatim; in the trail as the PDF is. Raises `NotFound`."""
    row, title = _titled(services, holder, number, version)
    content = give_out.credential_of(services, number, version)
    _note_download(services, holder, row)
    return Download(content, f"{title}.json")


def picture_of(services: Services, holder: Holder, number: str, version: int) -> Download:
    """The certificate's page as JPEG, to look at and to keep on a phone. Raises as `pdf_of`."""
    row, title = _titled(services, holder, number, version)
    return Download(first_page(_drawn_pdf(services, row)), f"{title}.jpg")


def qr_text_of(services: Services, holder: Holder, number: str, version: int) -> str:
    """What the QR of a certificate of the holder's says, as on its face. Raises `NotFound`."""
    with services.database.reading() as session:
        row = _mine(session, holder, number, version)
    assert row.cose is not None
    return qr_text(services.base_url, row.token, row.cose)


def create_share(services: Services, holder: Holder, number: str, days: int, shows: Shows = NOTHING_MORE) -> Share:
    """A link that shows the newest version under this number for some days. Raises `NotFound`, `Refused`."""
    with services.database.reading() as session:
        row = _mine(session, holder, number, None)
    return share_links.create(services, row.token, life=timedelta(days=days), by=BY_HOLDER, shows=shows)


def withdraw_share(services: Services, holder: Holder, share_id: int) -> Share:
    """End a link of the holder's; again, it changes nothing. Raises `NotFound`."""
    with services.database.reading() as session:
        link = session.get(ShareLinkRecord, share_id)
        owned = {row.id: row.token for row in _owned(session, _known(session, holder))}
    token = owned.get(link.certificate_id) if link is not None else None
    if token is None:
        raise NotFound("没有这个分享链接", "there is no such link", rule="R10", where=str(share_id))
    return share_links.withdraw(services, token, share_id, by=BY_HOLDER)


def apply_for_reissue(services: Services, holder: Holder, paper_number: str, reason: str) -> Request:
    """Ask for an electronic certificate in place of lost or damaged paper (R8.2), or be led to the earlier request.

    Raises `NotFound` for paper that is not the holder's, `ReissueRefused`.
    """
    wanted = normalise_number(paper_number)
    with services.database.reading() as session:
        known = _known(session, holder)
    paper = next((row for row in known.papers if row.number == wanted), None)
    if paper is None:
        raise NotFound("没有这张纸质证书", "there is no such paper certificate", rule="R8.2", where=wanted)
    opened = services.vault.open(paper.sealed, paper.sealed_kid, paper.id_lookup)
    identity = IdentityDocument(holder.id_type, opened["id_number"] or "")
    return reissue.apply(services, number=wanted, name=paper.name, identity=identity, reason=reason, by=BY_HOLDER)


def _titled(services: Services, holder: Holder, number: str, version: int) -> tuple[CertificateRecord, str]:
    """The holder's certificate, and what its files are called: 应急救援员证书-姓名-编号. Raises `NotFound`."""
    with services.database.reading() as session:
        row = _mine(session, holder, number, version)
        occupation = electronic_record(services, session, row).occupation_zh
        newest = newest_version(session, number).version
    # A name is of letters, dots and blanks (R9), but what was imported long ago may hold what no file name takes.
    title = _NOT_IN_FILE_NAMES.sub("_", f"{occupation}证书-{row.holder_name}-{number}")
    return row, title if version == newest else f"{title}-v{version}"


def _drawn_pdf(services: Services, row: CertificateRecord) -> bytes:
    if row.pdf_sha256 is None:
        raise Unavailable(
            "证书文件尚未制成，请稍后再来", "the certificate's file is not made yet", rule="R8.5", where=row.number
        )
    return give_out.pdf_of(services, row.number, row.version)


def _note_download(services: Services, holder: Holder, row: CertificateRecord) -> None:
    with services.database.writing("holder deeds") as session:
        note(
            session,
            at=services.now(),
            by=BY_HOLDER,
            action="holder.download",
            object_kind="certificate",
            object_key=f"{row.number}-v{row.version}",
            by_session=holder.session_id,
        )


def _known(session: Session, holder: Holder) -> Known:
    known = find(session, holder.id_lookup)
    if known is None:
        raise NotFound("登记中没有该持有人", "the holder is on record no more", rule="R10")
    return known


def _owned(session: Session, known: Known) -> list[CertificateRecord]:
    """Every version of each number whose newest version is this person's; newest number first, newest version first."""
    person_id = -1 if known.person is None else known.person.id
    paper_ids = [paper.id for paper in known.papers]
    touched = select(CertificateRecord.number).where(
        CertificateRecord.stage == ISSUED,
        or_(CertificateRecord.person_id == person_id, CertificateRecord.paper_id.in_(paper_ids)),
    )
    rows = session.scalars(
        select(CertificateRecord).where(CertificateRecord.number.in_(touched), CertificateRecord.stage == ISSUED)
    )
    chains: defaultdict[str, list[CertificateRecord]] = defaultdict(list)
    for row in rows:
        chains[row.number].append(row)
    mine = []
    for chain in chains.values():
        chain.sort(key=lambda row: -row.version)
        if _is_theirs(chain[0], person_id, paper_ids):
            mine.append(chain)
    mine.sort(key=lambda chain: (chain[0].issued_on, chain[0].id), reverse=True)
    return [row for chain in mine for row in chain]


def _is_theirs(newest: CertificateRecord, person_id: int, paper_ids: Sequence[int]) -> bool:
    # Paper says whose the certificate is where no person is on record for it.
    if newest.person_id is not None:
        return newest.person_id == person_id
    return newest.paper_id in paper_ids


def _mine(session: Session, holder: Holder, number: str, version: int | None) -> CertificateRecord:
    """The holder's certificate with this number: that version, or the newest. Raises `NotFound`."""
    for row in _owned(session, _known(session, holder)):
        if row.number == number and version in {None, row.version}:
            return row
    raise NotFound("没有该编号的证书", "there is no certificate with this number", rule="R10", where=number)


def _paper(services: Services, session: Session, row: PaperCertificateRecord) -> PaperView:
    record = paper_record(services, session, row)
    asked = session.scalar(
        select(ReissueRequestRecord.id)
        .where(
            ReissueRequestRecord.number == row.number,
            ReissueRequestRecord.state != RequestState.REJECTED,
            ReissueRequestRecord.is_binding(),
        )
        .limit(1)
    )
    return PaperView(
        number=row.number,
        name=row.name,
        occupation=row.occupation,
        level=row.level,
        level_name_zh=record.level_zh,
        level_name_en=record.level_en,
        issued_on=row.issued_on,
        issuer=row.issuer,
        status=record.state,
        replaced_on=row.replaced_on,
        replaced_reason=row.replaced_reason,
        replaced_by=_number_version(record.successor_number, record.successor_version),
        may_apply=row.replaced_on is None and asked is None,
    )


def _requests(session: Session, lookup: bytes) -> Iterable[ReissueRequestRecord]:
    query = select(ReissueRequestRecord).where(ReissueRequestRecord.id_lookup == lookup)
    return session.scalars(query.order_by(ReissueRequestRecord.id.desc()))


def _reissue(session: Session, row: ReissueRequestRecord) -> ReissueView:
    made = None if row.certificate_id is None else session.get(CertificateRecord, row.certificate_id)
    return ReissueView(
        id=row.id,
        number=row.number,
        reason=row.reason,
        state=row.state,
        applied_at=row.applied_at,
        decided_at=row.decided_at,
        note=row.decision_note,
        version=None if made is None else made.version,
    )


def _id_number(services: Services, known: Known) -> str:
    row = known.person or known.papers[-1]
    return services.vault.open(row.sealed, row.sealed_kid, row.id_lookup)["id_number"] or ""


def _is_drawn(services: Services, row: CertificateRecord) -> bool:
    return row.pdf_sha256 is not None and services.folders.certificate_pdf(row.number, row.version).is_file()


def _number_version(number: str | None, version: int | None) -> tuple[str, int] | None:
    return None if number is None or version is None else (number, version)
