"""Everything the register holds about one person, by the look-up of the identity document they show (R10).

The document leads to a person, to papers, or both; these to registrations, certificates and all that hangs on them.
A document that was on record until a correction (R8.4) leads no further: it may be another person's, and was perhaps
corrected for that very reason. Not here: files (`export`), what is done with any of it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import ColumnElement, inspect, or_, select
from sqlalchemy.orm import Session

from certsvc.errors import NotFound, Refused
from certsvc.services.records.approvals import CORRECTION
from certsvc.services.records.erased import last_erasure, now_under
from certsvc.store import (
    ApprovalRecord,
    AttemptRecord,
    AuditEventRecord,
    Base,
    CertificateRecord,
    EarlierDocumentRecord,
    EnrolmentRecord,
    ErasureRecord,
    EvidencePictureRecord,
    HolderCodeRecord,
    HolderSessionRecord,
    HomeApplicationRecord,
    KeptCheckRecord,
    MessageRecord,
    NoticeRecord,
    PaperCertificateRecord,
    PdfFileRecord,
    PersonRecord,
    ReissueRequestRecord,
    ResultCorrectionRecord,
    ReviewStepRecord,
    ScanCountRecord,
    ScoreEntryRecord,
    SeatRecord,
    ShareLinkRecord,
    ShareOpeningRecord,
    StatusChangeRecord,
    WithdrawnResultRecord,
)

Row = TypeVar("Row", bound=Base)


@dataclass(frozen=True, slots=True)
class Dossier:
    """One person's rows. `certificates` are every version of each number, the oldest first; `lookups` every keyed
    look-up under which something of theirs stands."""

    lookups: tuple[bytes, ...]
    person: PersonRecord | None
    others: Sequence[PersonRecord]  # entries of theirs under another document, which a correction left behind
    papers: Sequence[PaperCertificateRecord]
    certificates: Sequence[CertificateRecord]
    enrolments: Sequence[EnrolmentRecord]
    earlier: Sequence[EarlierDocumentRecord]
    attempts: Sequence[AttemptRecord]
    corrections: Sequence[ResultCorrectionRecord]
    withdrawn: Sequence[WithdrawnResultRecord]
    seats: Sequence[SeatRecord]
    entries: Sequence[ScoreEntryRecord]
    notices: Sequence[NoticeRecord]
    steps: Sequence[ReviewStepRecord]
    reissues: Sequence[ReissueRequestRecord]
    from_home: Sequence[HomeApplicationRecord]
    pictures: Sequence[EvidencePictureRecord]
    files: Sequence[PdfFileRecord]
    changes: Sequence[StatusChangeRecord]
    links: Sequence[ShareLinkRecord]
    openings: Sequence[ShareOpeningRecord]
    checks: Sequence[KeptCheckRecord]
    scans: Sequence[ScanCountRecord]
    approvals: Sequence[ApprovalRecord]
    codes: Sequence[HolderCodeRecord]
    sessions: Sequence[HolderSessionRecord]
    messages: Sequence[MessageRecord]
    erasures: Sequence[ErasureRecord]
    trail: Sequence[AuditEventRecord]

    @property
    def key(self) -> str:
        """What requests about the person name: the row that they are on record by."""
        return str(self.person.id) if self.person is not None else f"paper {self.papers[0].id}"

    @property
    def name(self) -> str:
        return self.person.name if self.person is not None else self.papers[0].name

    @property
    def numbers(self) -> list[str]:
        """The numbers of the certificates, each once."""
        return list(dict.fromkeys(row.number for row in self.certificates))

    def versions(self, number: str) -> list[CertificateRecord]:
        """Every version under a number, the oldest first."""
        return [row for row in self.certificates if row.number == number]

    @property
    def tombstones(self) -> list[bytes]:
        """Every look-up by which an old roster could bring them back."""
        earlier = (*(one.id_lookup for one in self.earlier), *(one.id_lookup for one in self.others))
        return list(dict.fromkeys((*self.lookups, *earlier)))

    @property
    def put_right(self) -> frozenset[int]:
        """The enrolments of which a result was corrected, annulled or withdrawn (R2.4, R2.7)."""
        sat = {one.id: one.enrolment_id for one in self.attempts}
        return frozenset(
            {sat[one.attempt_id] for one in self.corrections} | {one.enrolment_id for one in self.withdrawn}
        )

    @property
    def photos(self) -> list[str]:
        """The hashes of the portraits, each once."""
        return list(dict.fromkeys(one.photo_sha256 for one in self.enrolments if one.photo_sha256))


def dossier(session: Session, lookup: bytes) -> Dossier:
    """Raises `NotFound` where nothing is on record under the document, and `Refused` where it was corrected since."""
    person = session.scalar(select(PersonRecord).where(PersonRecord.id_lookup == lookup))
    on_paper = _all(session, PaperCertificateRecord, PaperCertificateRecord.id_lookup == lookup)
    certificates = _certificates(session, person, on_paper)
    # Of paper that an electronic certificate replaced, that one's newest version says whose it is.
    paper_ids = {row.paper_id for row in certificates if row.paper_id is not None}
    paper_ids |= {paper.id for paper in on_paper if paper.replaced_by_id is None}
    papers = _all(session, PaperCertificateRecord, PaperCertificateRecord.id.in_(paper_ids))
    if person is None and not papers:
        raise _nothing(session, lookup)
    lookups = tuple(dict.fromkeys((lookup, *(paper.id_lookup for paper in papers if paper.erased_on is None))))
    return _gathered(session, lookups, person, papers=papers, certificates=certificates)


def _nothing(session: Session, lookup: bytes) -> NotFound | Refused:
    if lookup in now_under(session, [lookup]):
        return Refused(
            "该证件号码在登记中已更正，请用更正后的证件号码",
            "this document was corrected on record: use the one that it was corrected to",
            rule="R8.4",
        )
    erasure = last_erasure(session, [lookup]).get(lookup)
    if erasure is not None:
        return NotFound(
            f"该证件的持有人的个人信息已于 {erasure.at:%Y-%m-%d} 抹除",
            f"the data of this document's holder were erased on {erasure.at:%Y-%m-%d}",
            rule="R10",
        )
    return NotFound("登记中没有该证件的持有人", "no one is on record with this document", rule="R10")


def _certificates(
    session: Session, person: PersonRecord | None, papers: Sequence[PaperCertificateRecord]
) -> list[CertificateRecord]:
    """Every version of each number whose newest is this person's, as a holder sees them (`holders.own_record`)."""
    person_id = -1 if person is None else person.id
    paper_ids = {paper.id for paper in papers}
    row = CertificateRecord
    touched = select(row.number).where(or_(row.person_id == person_id, row.paper_id.in_(paper_ids)))
    chains: dict[str, list[CertificateRecord]] = {}
    for one in session.scalars(select(row).where(row.number.in_(touched)).order_by(row.number, row.version)):
        chains.setdefault(one.number, []).append(one)
    return [
        one
        for chain in chains.values()
        for one in chain
        if chain[-1].person_id == person_id or (chain[-1].person_id is None and chain[-1].paper_id in paper_ids)
    ]


def _gathered(
    session: Session,
    lookups: tuple[bytes, ...],
    person: PersonRecord | None,
    *,
    papers: Sequence[PaperCertificateRecord],
    certificates: Sequence[CertificateRecord],
) -> Dossier:
    person_id = -1 if person is None else person.id
    numbers = {row.number for row in certificates}
    certificate_ids, paper_ids = {row.id for row in certificates}, {paper.id for paper in papers}
    based_on = {row.enrolment_id for row in certificates if row.enrolment_id is not None}
    enrolments = _all(
        session, EnrolmentRecord, or_(EnrolmentRecord.person_id == person_id, EnrolmentRecord.id.in_(based_on))
    )
    enrolment_ids = {one.id for one in enrolments}
    reissue = ReissueRequestRecord
    reissues = _all(
        session,
        reissue,
        or_(
            reissue.id_lookup.in_(lookups),
            reissue.paper_id.in_(paper_ids),
            reissue.certificate_id.in_(certificate_ids),
        ),
    )
    seats = _all(session, SeatRecord, SeatRecord.enrolment_id.in_(enrolment_ids))
    from_home = _all(session, HomeApplicationRecord, HomeApplicationRecord.request_id.in_({one.id for one in reissues}))
    pictures = EvidencePictureRecord.application_id.in_({one.id for one in from_home})
    links = _all(session, ShareLinkRecord, ShareLinkRecord.certificate_id.in_(certificate_ids))
    sessions = _all(session, HolderSessionRecord, HolderSessionRecord.id_lookup.in_(lookups))
    check = KeptCheckRecord
    return Dossier(
        lookups=lookups,
        person=person,
        others=_all(
            session,
            PersonRecord,
            PersonRecord.id.in_({row.person_id for row in certificates} | {one.person_id for one in enrolments})
            & (PersonRecord.id != person_id),
        ),
        papers=papers,
        certificates=certificates,
        enrolments=enrolments,
        earlier=_all(session, EarlierDocumentRecord, EarlierDocumentRecord.person_id == person_id),
        attempts=_all(session, AttemptRecord, AttemptRecord.enrolment_id.in_(enrolment_ids)),
        corrections=_all(
            session,
            ResultCorrectionRecord,
            ResultCorrectionRecord.attempt_id.in_(
                select(AttemptRecord.id).where(AttemptRecord.enrolment_id.in_(enrolment_ids))
            ),
        ),
        withdrawn=_all(session, WithdrawnResultRecord, WithdrawnResultRecord.enrolment_id.in_(enrolment_ids)),
        seats=seats,
        entries=_all(session, ScoreEntryRecord, ScoreEntryRecord.seat_id.in_({one.id for one in seats})),
        notices=_all(session, NoticeRecord, NoticeRecord.id_lookup.in_(lookups)),
        steps=_all(session, ReviewStepRecord, ReviewStepRecord.enrolment_id.in_(enrolment_ids)),
        reissues=reissues,
        from_home=from_home,
        pictures=_all(session, EvidencePictureRecord, pictures),
        files=list(
            session.scalars(
                select(PdfFileRecord)
                .where(PdfFileRecord.certificate_id.in_(certificate_ids))
                .order_by(PdfFileRecord.recorded_at, PdfFileRecord.sha256)
            )
        ),
        changes=_all(session, StatusChangeRecord, StatusChangeRecord.certificate_id.in_(certificate_ids)),
        links=links,
        openings=_all(session, ShareOpeningRecord, ShareOpeningRecord.share_link_id.in_({one.id for one in links})),
        checks=_all(session, check, or_(check.certificate_id.in_(certificate_ids), check.paper_id.in_(paper_ids))),
        scans=list(
            session.scalars(
                select(ScanCountRecord)
                .where(ScanCountRecord.number.in_(numbers))
                .order_by(ScanCountRecord.on, ScanCountRecord.number, ScanCountRecord.origin)
            )
        ),
        approvals=_approvals(session, person_id, paper_ids, numbers),
        codes=_all(session, HolderCodeRecord, HolderCodeRecord.id_lookup.in_(lookups)),
        sessions=sessions,
        messages=_all(session, MessageRecord, MessageRecord.id_lookup.in_(lookups)),
        erasures=_all(session, ErasureRecord, ErasureRecord.id_lookup.in_(lookups)),
        trail=_trail(
            session,
            {
                "certificate": {f"{row.number}-v{row.version}" for row in certificates} | numbers,
                "enrolment": {str(each) for each in enrolment_ids},
                "reissue": {str(one.id) for one in reissues},
                "share": {str(one.id) for one in links},
                "holder-session": {str(one.id) for one in sessions},
                "person": {str(person_id)},
                "paper": {str(each) for each in paper_ids},
            },
            person_id,
            paper_ids,
            numbers,
        ),
    )


def _approvals(
    session: Session, person_id: int, paper_ids: Collection[int], numbers: Collection[str]
) -> list[ApprovalRecord]:
    """The requests about the person (kinds of `person`), and those to correct their certificates."""
    kind, key = ApprovalRecord.kind, ApprovalRecord.object_key
    keys = {str(person_id), *(f"paper {each}" for each in paper_ids)}
    about = (kind.startswith("person.") & key.in_(keys)) | ((kind == CORRECTION) & key.in_(numbers))
    return _all(session, ApprovalRecord, about)


def _trail(
    session: Session,
    objects: dict[str, set[str]],
    person_id: int,
    paper_ids: Collection[int],
    numbers: Collection[str],
) -> list[AuditEventRecord]:
    event = AuditEventRecord
    wanted = [(event.object_kind == kind) & event.object_key.in_(keys) for kind, keys in objects.items() if keys]
    keys = {str(person_id), *(f"paper {each}" for each in paper_ids)}
    wanted.append(event.object_kind.startswith("person.") & event.object_key.in_(keys))
    wanted.append((event.object_kind == CORRECTION) & event.object_key.in_(numbers))
    return _all(session, event, or_(*wanted))


def _all(session: Session, kind: type[Row], condition: ColumnElement[bool]) -> list[Row]:
    """The rows that meet a condition, by id."""
    return list(session.scalars(select(kind).where(condition).order_by(*inspect(kind).primary_key)))
