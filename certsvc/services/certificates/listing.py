"""The register of certificates as a list: every version with its status, and the paper ones where asked for.

Not here: the files themselves (`give_out`), what the public may see (`verification.look_up`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.credential.number import fold_number
from certsvc.credential.status import Status, effective
from certsvc.person.name import fold
from certsvc.services.context import Services
from certsvc.services.records.versions import unknown_number, versions_of
from certsvc.store import ISSUED, CertificateRecord, PaperCertificateRecord, PdfFileRecord, StatusChangeRecord

_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the register of certificates: the newest version of an electronic one, or a paper one."""

    number: str
    name: str
    status: str
    issued_on: date
    version: int
    token: str | None
    carrier: str
    occupation: str
    level: int
    valid_until: date | None = None
    status_changed_on: date | None = None
    status_reason: str | None = None  # the code that is public
    status_note: str | None = None  # what staff wrote of the last change; told by `show_certificate` alone
    erased_on: date | None = None  # when its holder's data were erased at their wish
    pdf_level: str | None = None  # PAdES: "B-B", "B-T" with a time stamp, "B-LTA"; told by `show_certificate` alone
    pdf_proven_until: date | None = None  # B-LTA: it is to be renewed before; told as the level is

    def as_json(self) -> dict[str, object]:
        return {
            "number": self.number,
            "name": self.name,
            "status": self.status,
            "issued_on": self.issued_on.isoformat(),
            "version": self.version,
            "token": self.token,
            "carrier": self.carrier,
            "valid_until": self.valid_until.isoformat() if self.valid_until else None,
            "status_changed_on": self.status_changed_on.isoformat() if self.status_changed_on else None,
            "status_reason": self.status_reason,
            **({"erased_on": self.erased_on.isoformat()} if self.erased_on else {}),
            **({"status_note": self.status_note} if self.status_note else {}),
            **({"pdf_level": self.pdf_level} if self.pdf_level else {}),
            **({"pdf_proven_until": self.pdf_proven_until.isoformat()} if self.pdf_proven_until else {}),
        }


def list_certificates(services: Services, *, paper: bool = False) -> Iterator[Entry]:
    """The electronic certificates, every version, as they were issued; then the paper register where asked for."""
    today = services.today()
    with services.database.reading() as session:
        query = select(CertificateRecord).where(CertificateRecord.stage == ISSUED).order_by(CertificateRecord.id)
        for row in session.scalars(query.execution_options(yield_per=_CHUNK)):
            yield _entry(row, today)
        if paper:
            papers = select(PaperCertificateRecord).order_by(PaperCertificateRecord.id)
            for record in session.scalars(papers.execution_options(yield_per=_CHUNK)):
                yield _paper_entry(record)


def find_certificates(services: Services, *, number: str = "", name: str = "", most: int = 50) -> list[Entry]:
    """The newest versions under a number or of a name, compared folded (R9), and the paper ones; by number."""
    today = services.today()
    with services.database.reading() as session:
        query = select(CertificateRecord).where(CertificateRecord.stage == ISSUED)
        papers = select(PaperCertificateRecord)
        if number:
            query = query.where(CertificateRecord.number_folded == fold_number(number))
            papers = papers.where(PaperCertificateRecord.number_folded == fold_number(number))
        if name:
            query = query.where(CertificateRecord.holder_name_folded == fold(name))
            papers = papers.where(PaperCertificateRecord.name_folded == fold(name))
        rows = session.scalars(query.order_by(CertificateRecord.number, CertificateRecord.version).limit(most)).all()
        newest = {row.number: _entry(row, today) for row in rows}
        found = [_paper_entry(row) for row in session.scalars(papers.order_by(PaperCertificateRecord.id).limit(most))]
    return [*newest.values(), *(entry for entry in found if entry.number not in newest)]


def show_certificate(services: Services, number: str) -> list[Entry]:
    """Every version under a number, the newest first, then the paper one. Raises `NotFound`."""
    today = services.today()
    with services.database.reading() as session:
        entries = [
            _with_note(session, row, _with_level(session, row, _entry(row, today)))
            for row in reversed(versions_of(session, number))
        ]
        paper = session.scalar(select(PaperCertificateRecord).where(PaperCertificateRecord.number == number))
        if paper is not None:
            entries.append(_paper_entry(paper))
    if not entries:
        raise unknown_number(number)
    return entries


def _with_note(session: Session, row: CertificateRecord, entry: Entry) -> Entry:
    changes = select(StatusChangeRecord.reason).where(StatusChangeRecord.certificate_id == row.id)
    return replace(entry, status_note=session.scalar(changes.order_by(StatusChangeRecord.id.desc()).limit(1)))


def _with_level(session: Session, row: CertificateRecord, entry: Entry) -> Entry:
    record = session.get(PdfFileRecord, row.pdf_sha256) if row.pdf_sha256 is not None else None
    if record is None:
        return entry
    until = record.proven_until
    return replace(entry, pdf_level=record.level, pdf_proven_until=None if until is None else until.date())


def numbers(services: Services) -> list[str]:
    """The number of every electronic certificate that has files, each once, as first issued: erased ones have none."""
    with services.database.reading() as session:
        query = select(CertificateRecord.number).where(
            CertificateRecord.stage == ISSUED, CertificateRecord.erased_on.is_(None)
        )
        query = query.order_by(CertificateRecord.id)
        return list(dict.fromkeys(session.scalars(query)))


def _entry(row: CertificateRecord, today: date) -> Entry:
    return Entry(
        number=row.number,
        name=row.holder_name,
        status=effective(Status(row.status), row.valid_until, today).value,
        issued_on=row.issued_on,
        version=row.version,
        token=row.token,
        carrier=row.carrier,
        occupation=row.occupation_code,
        level=row.level,
        valid_until=row.valid_until,
        status_changed_on=row.status_changed_on,
        status_reason=row.status_reason,
        erased_on=row.erased_on,
    )


def _paper_entry(record: PaperCertificateRecord) -> Entry:
    return Entry(
        number=record.number,
        name=record.name,
        status="valid" if record.replaced_on is None else "superseded",
        issued_on=record.issued_on,
        version=0,
        token=None,
        carrier="paper",
        occupation=record.occupation,
        level=record.level,
        status_changed_on=record.replaced_on,
        status_reason=record.replaced_reason,
        erased_on=record.erased_on,
    )
