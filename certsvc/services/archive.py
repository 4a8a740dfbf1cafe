"""Raise PDFs to a higher PAdES level: from B-B to B-T (a time stamp), from there to B-LTA (revocation data and a
document time stamp).

The queue is the register itself: every newest file below the level asked for. A raised file has a hash of its own,
recorded before it is put in place; the earlier bytes stay on record and stay genuine. Stopped anywhere, the next run
goes on: a file in place whose hash is recorded but not the newest is made the newest. What was signed never changes.
A file is only ever recorded at a level that was proven of its bytes.
Not here: the stamp itself (`signing.stamp_authority`), what B-LTA asks for (`signing.pdf_archive`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from certsvc.errors import ListMissing, Refused, SealRefused, Unavailable
from certsvc.services import audit
from certsvc.services.context import Services
from certsvc.services.photos import sync_folder
from certsvc.services.render_certificate import file_record, write_beside
from certsvc.signing.pdf import Level, add_stamp
from certsvc.signing.pdf_archive import add_archive
from certsvc.signing.stamp_authority import StampAuthority
from certsvc.store import CertificateRecord, PdfFileRecord

_AT_ONCE = 50
_ORDER = (Level.SEALED, Level.STAMPED, Level.ARCHIVED)

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class ArchiveReport:
    """How many files came to the level asked for, and how many could not: refused (no room left for a stamp, or a
    certificate or list that rules it out), without a revocation list, lost, or still waiting. `fault` is the first."""

    level: Level = Level.STAMPED
    raised: int = 0
    no_room: int = 0
    no_list: int = 0
    lost: int = 0
    waiting: int = 0
    fault: SealRefused | Unavailable | None = None

    def as_json(self) -> dict[str, object]:
        fault = None if self.fault is None else {"zh": self.fault.zh, "en": self.fault.en}
        return {
            "level": self.level.value,
            "raised": self.raised,
            "no_room": self.no_room,
            "no_list": self.no_list,
            "lost": self.lost,
            "waiting": self.waiting,
            "fault": fault,
        }


@dataclass(frozen=True, slots=True)
class _Raised:
    """A file raised; `beside` is where it waits, None where it is in its place already."""

    certificate_id: int
    old: str
    new: str
    place: Path
    beside: Path | None


_NEWEST = (CertificateRecord, CertificateRecord.pdf_sha256 == PdfFileRecord.sha256)


def count_below(services: Services, level: Level) -> int:
    """How many newest files are below a level."""
    with services.database.reading() as session:
        below = PdfFileRecord.level.in_(_below(level))
        return session.scalar(select(func.count()).select_from(PdfFileRecord).join(*_NEWEST).where(below)) or 0


def _below(level: Level) -> list[str]:
    return [lower.value for lower in _ORDER[: _ORDER.index(level)]]


def archive(
    services: Services,
    *,
    by: str,
    level: Level | None = None,
    progress: Progress = lambda _done, _total: None,
) -> ArchiveReport:
    """Raise every file below `level` (by default the configured one), B-B to B-T first.

    An authority that is down ends the run, and the rest waits. A file without revocation lists stays as it is and waits
    too. Raises `Refused` where no authority is configured. For whoever holds the home's lock (`jobs.one_at_a_time`).
    """
    if services.stamps is None:
        raise Refused("未配置时间戳服务", "no time-stamp authority is configured", where="CERTSVC_TSA_URL")
    wanted = Level(services.pdf_level) if level is None else level
    report = ArchiveReport(wanted)
    for step in _ORDER[1 : _ORDER.index(wanted) + 1]:
        report.raised = 0
        if not isinstance(report.fault, Unavailable) or isinstance(report.fault, ListMissing):
            _raise_all(services, _Way(services, services.stamps, step), by, report, progress)
    report.waiting = count_below(services, wanted) - report.no_room - report.lost
    return report


@dataclass(slots=True)
class _Way:
    """How files come to one level; lists that were fetched are kept for the run, and so is a failure to."""

    services: Services
    stamps: StampAuthority
    level: Level
    _fetched: dict[bytes, list[bytes] | ListMissing] = field(default_factory=dict)

    def raised(self, content: bytes) -> bytes:
        """Raises `Unavailable`, `ListMissing` and `SealRefused`."""
        if self.level is Level.STAMPED:
            return add_stamp(content, self.stamps.stamp)
        return add_archive(
            content,
            roots=self.services.trust.certificates(),
            stamp_roots=self.services.stamp_roots,
            lists=self._lists,
            stamper=self.stamps.stamp,
            now=self.services.now(),
        )

    def _lists(self, certificate: x509.Certificate) -> Iterable[bytes]:
        """Those imported (`key crl`) where one is by its issuer; else those that the certificate names."""
        kept = [content for _, content in self.services.keystore.revocation_lists()]
        ours = [content for content in kept if x509.load_der_x509_crl(content).issuer == certificate.issuer]
        return ours or self._fetch(certificate)

    def _fetch(self, certificate: x509.Certificate) -> list[bytes]:
        key = certificate.public_bytes(Encoding.DER)
        if key not in self._fetched:
            try:
                self._fetched[key] = self.stamps.revocation_lists(certificate)
            except ListMissing as error:
                self._fetched[key] = error
        found = self._fetched[key]
        if isinstance(found, ListMissing):
            raise found
        return found


def _raise_all(services: Services, way: _Way, by: str, report: ArchiveReport, progress: Progress) -> None:
    """Every file that is one level below."""
    with services.database.reading() as session:
        ids = _one_below(session, way.level)
    for start in range(0, len(ids), _AT_ONCE):
        raised: list[_Raised] = []
        down = False
        for certificate_id in ids[start : start + _AT_ONCE]:
            try:
                raised.append(_raise(services, certificate_id, way))
            except ListMissing as error:
                report.no_list += 1
                report.fault = report.fault or error
            except SealRefused as error:
                report.no_room += 1
                report.fault = report.fault or (error if way.level is Level.ARCHIVED else None)
            except FileNotFoundError:
                report.lost += 1
            except Unavailable as error:
                report.fault, down = error, True
                break
        _put_in_place(services, raised, way.level, by)
        report.raised += len(raised)
        progress(report.raised, len(ids))
        if down:
            break


def _one_below(session: Session, level: Level) -> list[int]:
    below = PdfFileRecord.level == _below(level)[-1]
    query = select(CertificateRecord.id).select_from(PdfFileRecord).join(*_NEWEST).where(below)
    return list(session.scalars(query.order_by(CertificateRecord.id)))


def _raise(services: Services, certificate_id: int, way: _Way) -> _Raised:
    """Raises `Unavailable`, `SealRefused`, and FileNotFoundError for a file that is not as recorded."""
    with services.database.reading() as session:
        row = session.get_one(CertificateRecord, certificate_id)
        files = select(PdfFileRecord).where(PdfFileRecord.certificate_id == certificate_id)
        known = {record.sha256: record.level for record in session.scalars(files)}
    assert row.pdf_sha256 is not None
    place = services.folders.certificate_pdf(row.number, row.version)
    content = place.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if known.get(digest) == way.level.value:
        return _Raised(row.id, row.pdf_sha256, digest, place, None)
    if digest != row.pdf_sha256:
        raise FileNotFoundError(place.name)
    higher = way.raised(content)
    beside = write_beside(services, row.id, higher)
    return _Raised(row.id, digest, hashlib.sha256(higher).hexdigest(), place, beside)


def _put_in_place(services: Services, raised: list[_Raised], level: Level, by: str) -> None:
    if not raised:
        return
    # First the hashes, so that no moment finds a file in place that the register does not know.
    with services.database.writing() as session:
        for one in raised:
            if one.beside is not None:
                session.add(file_record(services, one.certificate_id, one.new, level))
    for one in raised:
        if one.beside is not None:
            one.beside.replace(one.place)
    sync_folder(services.folders.pdf)
    with services.database.writing() as session:
        for one in raised:
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
            object_key=str(raised[0].certificate_id),
            count=len(raised),
            level=level.value,
        )
