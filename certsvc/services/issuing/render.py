"""Step 7 of the issuing cycle: draw the PDF, seal it, put it in place, record its hash. Once recorded it is frozen.

Drawing (`draw`) writes a file beside the final one and may run in any number of workers; adopting (`adopt`) moves it
into place and records its hash in one transaction, and the first to record wins. Stopped between the two, nothing was
published and it is drawn again. Source: R7.2, R8.5 (the same bytes every time); docs/issuing.md.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self, cast

from sqlalchemy import Table, select, update
from sqlalchemy.orm import Session

from certsvc.credential.commitment import digest_multibase
from certsvc.credential.compact import qr_text
from certsvc.credential.document import CertificateClaims
from certsvc.errors import NotFound, SealRefused, Unavailable
from certsvc.files.folder import sync_files, sync_folder
from certsvc.files.private import mode_in
from certsvc.rendering.archive import Attachment
from certsvc.rendering.face import face_of
from certsvc.rules.terms import Scheme
from certsvc.services.context import Services
from certsvc.services.log.clock import require_no_leap
from certsvc.services.log.receipts import Receipts
from certsvc.services.records.photos import kept_photo, signed_photo
from certsvc.services.records.schemes import scheme_of
from certsvc.services.records.signed import check_scheme, signed_version
from certsvc.signing.pdf import Level, add_stamp, seal
from certsvc.signing.pdf_examination import RECEIPT
from certsvc.store import ISSUED, CertificateRecord, PdfFileRecord
from certsvc.store.bulk import insert_rows

TEMPORARY = ".drawn-"
DRAWN_AT_ONCE = 32
"""Certificates a task at most: few enough to share out, many enough that asking and syncing cost little each."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sealed PDF waiting beside its place."""

    certificate_id: int
    path: Path
    sha256: str
    level: Level


def waiting(session: Session) -> list[int]:
    """The issued certificates without a PDF, oldest first."""
    query = select(CertificateRecord.id).where(
        CertificateRecord.stage == ISSUED,
        CertificateRecord.pdf_sha256.is_(None),
        CertificateRecord.erased_on.is_(None),
    )
    return list(session.scalars(query.order_by(CertificateRecord.id)))


def draw(services: Services, certificate_ids: Sequence[int], receipts: Receipts | None = None) -> list[Drawn]:
    """Draw and seal certificates into temporary files, in order. `receipts` is kept by one who draws again and again.

    Raises `MissingGlyph`, `KeyMissing`, `SealRefused`, `ClockLeapt`; files made before are left for `clear_leftovers`.
    """
    with services.database.reading() as session:
        require_no_leap(services, session)
        planned = _plan(session, certificate_ids, receipts or Receipts(services))
    with Beside(services) as beside:
        return [_write(beside, one.row, *_sealed(services, one)) for one in planned]


@dataclass(frozen=True, slots=True)
class _Planned:
    """What one certificate is drawn from."""

    row: CertificateRecord
    receipt: bytes
    scheme: Scheme


def _plan(session: Session, certificate_ids: Sequence[int], receipts: Receipts) -> list[_Planned]:
    query = select(CertificateRecord).where(
        CertificateRecord.id.in_(certificate_ids), CertificateRecord.stage == ISSUED
    )
    found = {row.id: row for row in session.scalars(query)}
    if len(found) != len(set(certificate_ids)):
        raise NotFound("没有这张已签发的证书", "there is no such issued certificate")
    schemes = {
        scheme_id: scheme_of(session, scheme_id)
        for scheme_id in {row.scheme_id for row in found.values()}
        if scheme_id is not None
    }
    rows = [found[certificate_id] for certificate_id in certificate_ids]
    proofs = receipts.of_all(session, rows)
    planned = []
    for row, receipt in zip(rows, proofs, strict=True):
        assert row.scheme_id is not None
        planned.append(_Planned(row, receipt, schemes[row.scheme_id]))
    return planned


def adopt(services: Services, drawn: Sequence[Drawn]) -> int:
    """Put the files in place and record their hashes; answers how many were the first of their certificate."""
    if not drawn:
        return 0
    adopted = 0
    with services.database.writing() as session:
        # The writing lock is held: what is without a PDF here stays so until this commits.
        query = select(CertificateRecord.id, CertificateRecord.number, CertificateRecord.version).where(
            CertificateRecord.id.in_([one.certificate_id for one in drawn]),
            CertificateRecord.pdf_sha256.is_(None),
            CertificateRecord.erased_on.is_(None),
        )
        places = {
            certificate_id: services.folders.certificate_pdf(number, version)
            for certificate_id, number, version in session.execute(query)
        }
        first = {one.certificate_id: one for one in reversed(drawn) if one.certificate_id in places}
        if first:
            recorded = [{"id": certificate_id, "pdf_sha256": one.sha256} for certificate_id, one in first.items()]
            session.execute(update(CertificateRecord), recorded)
        recorded_at = services.now()
        files = [_file_row(one, recorded_at) for one in first.values()]
        insert_rows(session, cast(Table, PdfFileRecord.__table__), files)
        for one in drawn:
            place = places.pop(one.certificate_id, None)
            if place is None:
                one.path.unlink(missing_ok=True)
                continue
            # Moved before the commit: a file without its hash is drawn again, a hash without its file is a loss.
            one.path.replace(place)
            adopted += 1
        sync_folder(services.folders.pdf)
    return adopted


def render(services: Services, certificate_ids: Iterable[int]) -> int:
    """Draw and adopt some at a time, in this process."""
    return sum(adopt(services, drawn) for drawn in draw_some(services, list(certificate_ids)))


def draw_some(services: Services, certificate_ids: Sequence[int]) -> Iterator[list[Drawn]]:
    """Draw in this process, a list at a time, in order; raises as `draw`."""
    receipts = Receipts(services)
    for start in range(0, len(certificate_ids), DRAWN_AT_ONCE):
        yield draw(services, certificate_ids[start : start + DRAWN_AT_ONCE], receipts)


def clear_leftovers(services: Services) -> None:
    """Remove what runs that were stopped left beside the PDFs. Only for the one who holds the folder's lock."""
    for path in services.folders.pdf.glob(f"{TEMPORARY}*"):
        path.unlink(missing_ok=True)


def _sealed(services: Services, planned: _Planned) -> tuple[bytes, Level]:
    # The seal vouches for the face: it shows what was signed, and not the row beside it.
    signed = signed_version(services, planned.row)
    claims, kept = signed.claims, signed.kept
    check_scheme(signed, planned.scheme)
    face = face_of(
        claims,
        id_number=kept.id_number,
        portrait=_portrait(services, claims),
        qr_text=qr_text(services.base_url, claims.token, signed.code),
        mask_id=planned.scheme.certificate.mask_id_number,
        layout=services.layout,
    )
    attachments = (
        Attachment("credential.json", "application/vc", signed.credential, "Source"),
        Attachment("opening.json", "application/json", kept.opening(claims).as_json(), "Supplement"),
        Attachment(RECEIPT, "text/plain", planned.receipt, "Supplement"),
    )
    pdf = services.press.press(face, attachments)
    sealed = seal(pdf, services.pdf_seal, signed_at=services.now())
    if services.stamps is None:
        return sealed, Level.SEALED
    try:
        return add_stamp(sealed, services.stamps.stamp), Level.STAMPED
    except (Unavailable, SealRefused):
        # Issued at the lower level, and said to be: what has no stamp waits for `archive`.
        return sealed, Level.SEALED


def _portrait(services: Services, claims: CertificateClaims) -> bytes | None:
    """The portrait that was signed, and no other; raises `Unavailable` where the file kept is not that."""
    if claims.portrait_digest is None:
        return None
    try:
        portrait = kept_photo(services.folders, signed_photo(claims.portrait_digest))
    except OSError:
        portrait = None
    if portrait is None or digest_multibase(portrait) != claims.portrait_digest:
        raise Unavailable(
            "照片文件缺失或与所签不符，请从备份恢复",
            "the photo is gone or is not the one that was signed; restore it from the backup",
            rule="R7.2",
            where=claims.number,
        )
    return portrait


def _write(beside: Beside, row: CertificateRecord, content: bytes, level: Level) -> Drawn:
    return Drawn(row.id, beside.write(row.id, content), hashlib.sha256(content).hexdigest(), level)


class Beside:
    """PDFs written beside their places, whole; all of them are synced where the block ends well, and only then may
    any be recorded."""

    def __init__(self, services: Services) -> None:
        services.folders.create()
        self._folder = services.folders.pdf
        self._mode = mode_in(self._folder)
        self._open: list[int] = []

    def __enter__(self) -> Self:
        return self

    def write(self, certificate_id: int, content: bytes) -> Path:
        """Where it was written."""
        prefix = f"{TEMPORARY}{certificate_id}-"
        descriptor, name = tempfile.mkstemp(prefix=prefix, suffix=".pdf", dir=self._folder)
        self._open.append(descriptor)
        os.fchmod(descriptor, self._mode)
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
        return Path(name)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                sync_files(self._open)
        finally:
            for descriptor in self._open:
                os.close(descriptor)


def write_beside(services: Services, certificate_id: int, content: bytes) -> Path:
    """A PDF written, whole and synced, beside its place."""
    with Beside(services) as beside:
        return beside.write(certificate_id, content)


def _file_row(drawn: Drawn, recorded_at: datetime) -> dict[str, object]:
    return {
        "sha256": drawn.sha256,
        "certificate_id": drawn.certificate_id,
        "level": drawn.level.value,
        "recorded_at": recorded_at,
    }


def file_record(services: Services, certificate_id: int, sha256: str, level: Level) -> PdfFileRecord:
    """A row of the register of files."""
    return PdfFileRecord(sha256=sha256, certificate_id=certificate_id, level=level.value, recorded_at=services.now())
