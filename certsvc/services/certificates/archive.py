"""Bring PDFs to the PAdES level they are to have, and keep them there: from B-B to B-T (a time stamp), from there to
B-LTA (revocation data and a document time stamp), and once more before that stamp's own certificates end (a renewal).

The queue is the register itself: every newest file below the level asked for, and every one at B-LTA whose proof ends
soon. A file that came further has a hash of its own, recorded before it is put in place; the earlier bytes stay on
record and stay genuine. Stopped anywhere, the next run goes on: a file in place whose hash is recorded later than the
newest is made the newest. What was signed never changes. A file is only ever recorded at a level that was proven of its
bytes, and never at a lower one than before.
Not here: what happens to the bytes, and where lists come from (`archive_steps`); the stamp itself
(`signing.stamp_authority`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from certsvc.errors import ListMissing, Refused, SealRefused, Unavailable
from certsvc.files.folder import sync_folder
from certsvc.services import trail
from certsvc.services.certificates.archive_steps import Further, Ways
from certsvc.services.context import Services
from certsvc.services.issuing.render import file_record, write_beside
from certsvc.signing.pdf import Level
from certsvc.store import CertificateRecord, PdfFileRecord

_AT_ONCE = 50
_ORDER = (Level.SEALED, Level.STAMPED, Level.ARCHIVED)
_NEWEST = (CertificateRecord, CertificateRecord.pdf_sha256 == PdfFileRecord.sha256)

Progress = Callable[[int, int], None]
Way = Callable[[bytes], Further]


@dataclass(slots=True)
class ArchiveReport:
    """How many files came to the level asked for, how many at B-LTA were renewed, and how many could not: refused (no
    room left for a stamp, or a certificate or list that rules it out), without a revocation list, lost, or still
    waiting. `fault` is the first."""

    level: Level = Level.STAMPED
    raised: int = 0
    renewed: int = 0
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
            "renewed": self.renewed,
            "no_room": self.no_room,
            "no_list": self.no_list,
            "lost": self.lost,
            "waiting": self.waiting,
            "fault": fault,
        }


@dataclass(frozen=True, slots=True)
class _Moved:
    """A file that came further; `beside` is where it waits, None where it is in its place already. One that was not due
    after all keeps its hash."""

    certificate_id: int
    old: str
    new: str
    place: Path
    beside: Path | None
    level: Level
    proven_until: datetime | None


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
    renew_all: bool = False,
    progress: Progress = lambda _done, _total: None,
) -> ArchiveReport:
    """Raise every file below `level` (by default the configured one), B-B to B-T first; at B-LTA renew those due within
    `services.renew_days`, or all.

    An authority that is down ends the run, and the rest waits. A file without revocation lists stays as it is and waits
    too. Raises `Refused` where no authority is configured. For the holder of the home's lock (`jobs.one_at_a_time`).
    """
    if services.stamps is None:
        raise Refused("未配置时间戳服务", "no time-stamp authority is configured", where="CERTSVC_TSA_URL")
    wanted = Level(services.pdf_level) if level is None else level
    ways, run = Ways(services, services.stamps), _Run(services, by, progress, ArchiveReport(wanted))
    due_by = None if renew_all else services.now() + timedelta(days=services.renew_days)
    # Known before anything is archived: what is archived now is not renewed in the same run.
    due = _ids(services, _due(due_by)) if wanted is Level.ARCHIVED else []
    for target, way in ((Level.STAMPED, ways.stamp), (Level.ARCHIVED, ways.archive))[: _ORDER.index(wanted)]:
        raised, _ = run.take(_ids(services, _one_below(target)), way, "certificate.archive")
        run.report.raised = raised if target is wanted else 0
    settled, run.report.renewed = run.take(due, partial(ways.renew, due_by=due_by), "certificate.renew")
    open_ones = count_below(services, wanted) + len(due) - settled
    run.report.waiting = open_ones - run.report.no_room - run.report.lost
    return run.report


def _ids(services: Services, condition: ColumnElement[bool]) -> list[int]:
    """The certificates whose newest file is so, those whose proof ends first before the others."""
    query = select(CertificateRecord.id).select_from(PdfFileRecord).join(*_NEWEST).where(condition)
    with services.database.reading() as session:
        return list(session.scalars(query.order_by(PdfFileRecord.proven_until, CertificateRecord.id)))


def _one_below(level: Level) -> ColumnElement[bool]:
    return PdfFileRecord.level == _below(level)[-1]


def _due(due_by: datetime | None) -> ColumnElement[bool]:
    """At B-LTA, and proven no longer than that, or for a time not on record; None: however long."""
    archived = PdfFileRecord.level == Level.ARCHIVED.value
    if due_by is None:
        return archived
    return and_(archived, or_(PdfFileRecord.proven_until.is_(None), PdfFileRecord.proven_until <= due_by))


@dataclass(slots=True)
class _Run:
    """One run over the queue; nothing more is asked of an authority that was down."""

    services: Services
    by: str
    progress: Progress
    report: ArchiveReport
    down: bool = False

    def take(self, ids: Sequence[int], way: Way, action: str) -> tuple[int, int]:
        """Every one of these files, as far as it goes: how many are settled, and how many of these were changed."""
        settled = changed = 0
        for start in range(0, len(ids), _AT_ONCE):
            if self.down:
                break
            moved = self._try(ids[start : start + _AT_ONCE], way)
            news = [one for one in moved if one.new != one.old]
            _put_in_place(self.services, news, self.by, action)
            _note_ends(self.services, [one for one in moved if one.new == one.old])
            settled, changed = settled + len(moved), changed + len(news)
            self.progress(settled, len(ids))
        return settled, changed

    def _try(self, ids: Sequence[int], way: Way) -> list[_Moved]:
        moved: list[_Moved] = []
        for certificate_id in ids:
            try:
                moved.append(_move(self.services, certificate_id, way))
            except ListMissing as error:
                self.report.no_list += 1
                self._fault(error)
            except SealRefused as error:
                self.report.no_room += 1
                self._fault(error)
            except FileNotFoundError:
                self.report.lost += 1
            except Unavailable as error:
                self.report.fault, self.down = error, True
                break
        return moved

    def _fault(self, error: SealRefused | Unavailable) -> None:
        self.report.fault = self.report.fault or error


def _move(services: Services, certificate_id: int, way: Way) -> _Moved:
    """Raises `Unavailable`, `SealRefused`, and FileNotFoundError for a file that is not as recorded."""
    with services.database.reading() as session:
        row = session.get_one(CertificateRecord, certificate_id)
        files = select(PdfFileRecord).where(PdfFileRecord.certificate_id == certificate_id)
        known = {record.sha256: record for record in session.scalars(files)}
        session.expunge_all()
    assert row.pdf_sha256 is not None
    place = services.folders.certificate_pdf(row.number, row.version)
    content = place.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != row.pdf_sha256:
        found = known.get(digest)
        if found is None or _age(found) < _age(known[row.pdf_sha256]):
            raise FileNotFoundError(place.name)
        return _Moved(row.id, row.pdf_sha256, digest, place, None, Level(found.level), found.proven_until)
    further = way(content)
    if further.content is content:
        return _Moved(row.id, digest, digest, place, None, further.level, further.proven_until)
    beside = write_beside(services, row.id, further.content)
    new = hashlib.sha256(further.content).hexdigest()
    return _Moved(row.id, digest, new, place, beside, further.level, further.proven_until)


def _age(record: PdfFileRecord) -> tuple[int, datetime]:
    """Which of two recorded files came later."""
    return _ORDER.index(Level(record.level)), record.recorded_at


def _put_in_place(services: Services, moved: Sequence[_Moved], by: str, action: str) -> None:
    if not moved:
        return
    # First the hashes, so that no moment finds a file in place that the register does not know.
    with services.database.writing() as session:
        for one in moved:
            if one.beside is not None:
                record = file_record(services, one.certificate_id, one.new, one.level)
                record.proven_until = one.proven_until
                session.add(record)
    for one in moved:
        if one.beside is not None:
            one.beside.replace(one.place)
    sync_folder(services.folders.pdf)
    with services.database.writing() as session:
        for one in moved:
            session.execute(
                update(CertificateRecord)
                .where(CertificateRecord.id == one.certificate_id, CertificateRecord.pdf_sha256 == one.old)
                .values(pdf_sha256=one.new)
            )
        trail.note(
            session,
            at=services.now(),
            by=by,
            action=action,
            object_kind="certificate",
            object_key=str(moved[0].certificate_id),
            count=len(moved),
            level=moved[0].level.value,
        )


def _note_ends(services: Services, kept: Sequence[_Moved]) -> None:
    """Files recorded before ends were, and not due: now on record."""
    if not kept:
        return
    with services.database.writing() as session:
        for one in kept:
            ends = update(PdfFileRecord).where(PdfFileRecord.sha256 == one.old).values(proven_until=one.proven_until)
            session.execute(ends)
