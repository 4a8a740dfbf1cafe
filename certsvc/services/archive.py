"""Raise PDFs that have no time stamp from PAdES B-B to B-T: those issued while the authority was down, or before there
was one.

The queue is the register itself: every newest file at B-B. A stamped file has a hash of its own, recorded before it is
put in place; the earlier bytes stay on record and stay genuine. Stopped anywhere, the next run goes on: a file in place
whose hash is recorded but not the newest is made the newest. What was signed never changes.
Not here: the stamp itself (`signing.stamp_authority`), levels above B-T.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from certsvc.errors import Refused, SealRefused, Unavailable
from certsvc.services import audit
from certsvc.services.context import Services
from certsvc.services.photos import sync_folder
from certsvc.services.render_certificate import file_record, write_beside
from certsvc.signing.pdf import Level, add_stamp
from certsvc.store import CertificateRecord, PdfFileRecord

_AT_ONCE = 50

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class ArchiveReport:
    """How many files were raised, and how many could not be: no room left for a stamp, lost, or still waiting."""

    raised: int = 0
    no_room: int = 0
    lost: int = 0
    waiting: int = 0
    fault: Unavailable | None = None

    def as_json(self) -> dict[str, object]:
        fault = None if self.fault is None else {"zh": self.fault.zh, "en": self.fault.en}
        return {
            "raised": self.raised,
            "no_room": self.no_room,
            "lost": self.lost,
            "waiting": self.waiting,
            "fault": fault,
        }


@dataclass(frozen=True, slots=True)
class _Stamped:
    """A file raised; `beside` is where it waits, None where it is in its place already."""

    certificate_id: int
    old: str
    new: str
    place: Path
    beside: Path | None


_NEWEST = (CertificateRecord, CertificateRecord.pdf_sha256 == PdfFileRecord.sha256)
_UNSTAMPED = PdfFileRecord.level == Level.SEALED.value


def count_unstamped(services: Services) -> int:
    """How many newest files are at B-B."""
    with services.database.reading() as session:
        query = select(func.count()).select_from(PdfFileRecord).join(*_NEWEST).where(_UNSTAMPED)
        return session.scalar(query) or 0


def archive(services: Services, *, by: str, progress: Progress = lambda _done, _total: None) -> ArchiveReport:
    """Stamp every file that has no stamp; an authority that is down ends the run, and the rest waits.

    Raises `Refused` where no authority is configured. For whoever holds the home's lock (`jobs.one_at_a_time`).
    """
    if services.stamps is None:
        raise Refused("未配置时间戳服务", "no time-stamp authority is configured", where="CERTSVC_TSA_URL")
    report = ArchiveReport()
    with services.database.reading() as session:
        ids = _unstamped(session)
    for start in range(0, len(ids), _AT_ONCE):
        stamped: list[_Stamped] = []
        for certificate_id in ids[start : start + _AT_ONCE]:
            try:
                stamped.append(_stamp(services, certificate_id))
            except SealRefused:
                report.no_room += 1
            except FileNotFoundError:
                report.lost += 1
            except Unavailable as error:
                report.fault = error
                break
        _put_in_place(services, stamped, by)
        report.raised += len(stamped)
        progress(report.raised, len(ids))
        if report.fault is not None:
            break
    report.waiting = len(ids) - report.raised - report.no_room - report.lost
    return report


def _unstamped(session: Session) -> list[int]:
    query = select(CertificateRecord.id).select_from(PdfFileRecord).join(*_NEWEST).where(_UNSTAMPED)
    return list(session.scalars(query.order_by(CertificateRecord.id)))


def _stamp(services: Services, certificate_id: int) -> _Stamped:
    """Raises `Unavailable`, `SealRefused` without room, and FileNotFoundError for a file that is not as recorded."""
    assert services.stamps is not None
    with services.database.reading() as session:
        row = session.get_one(CertificateRecord, certificate_id)
        files = select(PdfFileRecord).where(PdfFileRecord.certificate_id == certificate_id)
        known = {record.sha256: record.level for record in session.scalars(files)}
    assert row.pdf_sha256 is not None
    place = services.folders.certificate_pdf(row.number, row.version)
    content = place.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if known.get(digest) == Level.STAMPED.value:
        return _Stamped(row.id, row.pdf_sha256, digest, place, None)
    if digest != row.pdf_sha256:
        raise FileNotFoundError(place.name)
    stamped = add_stamp(content, services.stamps.stamp)
    beside = write_beside(services, row.id, stamped)
    return _Stamped(row.id, digest, hashlib.sha256(stamped).hexdigest(), place, beside)


def _put_in_place(services: Services, stamped: list[_Stamped], by: str) -> None:
    if not stamped:
        return
    # First the hashes, so that no moment finds a file in place that the register does not know.
    with services.database.writing() as session:
        for one in stamped:
            if one.beside is not None:
                session.add(file_record(services, one.certificate_id, one.new, Level.STAMPED))
    for one in stamped:
        if one.beside is not None:
            one.beside.replace(one.place)
    sync_folder(services.folders.pdf)
    with services.database.writing() as session:
        for one in stamped:
            session.execute(
                update(CertificateRecord)
                .where(CertificateRecord.id == one.certificate_id, CertificateRecord.pdf_sha256 == one.old)
                .values(pdf_sha256=one.new)
            )
        audit.note(
            session,
            at=services.now(),
            by=by,
            action="certificate.archive",
            object_kind="certificate",
            object_key=str(stamped[0].certificate_id),
            count=len(stamped),
            level=Level.STAMPED.value,
        )
