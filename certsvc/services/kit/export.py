"""The survival kit: one folder of static files that outlives this service, its database and its company.

Keys, status lists and log as they are published; each certificate and its PDF sealed under its own token, so that
anyone who scans the QR opens it and no one else learns anything; the register and the photos sealed under the
personal-data key, so that it can be rebuilt. Any web server serves it, with a page of its own that answers scans
(`page`); `certsvc verify --offline --trust FOLDER` needs nothing more either. Files that did not change are left
alone, so a copy can be kept by rsync.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import select

from certsvc.errors import MalformedCredential
from certsvc.files.folder import write_if_changed
from certsvc.files.private import OWNER, make_private, mode_in, write_private
from certsvc.services.context import Services
from certsvc.services.kit.hosting import write_hosting
from certsvc.services.kit.page import write_page
from certsvc.services.kit.parts import CREDENTIALS, PDFS, KitCredential, open_part, path_of, seal_part
from certsvc.services.kit.register import (
    REGISTER,
    open_photo,
    rebuild_register,
    seal_photo,
    write_register,
)
from certsvc.services.log.receipts import Receipts
from certsvc.services.publishing.static import publish_static
from certsvc.services.records.signed import signed_version
from certsvc.store import ISSUED, CertificateRecord

PHOTOS: Final = "photos"
README: Final = "README.txt"
_CHUNK: Final = 500
_README_TEXT: Final = """\
电子证书存档包 / Survival kit of electronic certificates

用本文件夹即可离线查验证书，无需发证服务在线：
With this folder a certificate verifies with no service of the issuer's running:

    pip install certsvc
    certsvc verify --offline --trust THIS_FOLDER certificate.pdf
    certsvc verify --offline --trust THIS_FOLDER "HTTPS://HOST/V/TOKEN#PAYLOAD"

或用浏览器：在本文件夹运行 python3 hosting/serve.py，打开 http://127.0.0.1:8000/
or in a browser: run that here and open the page. To answer scans, serve the folder at the issuer's domain, with
404.html for unknown addresses: hosting/README.txt says how for nginx, Caddy, Apache, GitHub Pages, Netlify, S3 …

index.html, 404.html, v/, kit/   离线查验页面 / the verifier page, for any static web server
hosting/, .htaccess, _redirects  各种网页服务器的配置 / what web servers need to be told
trust.json, .well-known/    发证机构的公钥 / the issuer's public keys
seal/                       印章证书链 / certificate chains of the PDF seal
status/                     状态列表（W3C Bitstring Status List） / status lists
log/                        公开日志（C2SP tlog-tiles, RFC 6962） / the transparency log
credentials/, pdf/          以二维码令牌加密的证书 / certificates, each sealed under the token in its QR
register.sealed, photos/    加密的登记册，可用密钥重建 / the register, sealed; `certsvc rebuild` with the keystore
"""


@dataclass(frozen=True, slots=True)
class KitReport:
    """What the kit holds, and how many of its files were written now."""

    folder: Path
    certificates: int
    pdfs: int
    register_rows: int
    files_written: int

    def as_json(self) -> dict[str, object]:
        return {
            "folder": str(self.folder),
            "certificates": self.certificates,
            "pdfs": self.pdfs,
            "register_rows": self.register_rows,
            "files_written": self.files_written,
        }


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What came back from a kit."""

    rows: int
    pdfs: int
    photos: int

    def as_json(self) -> dict[str, object]:
        return {"rows": self.rows, "pdfs": self.pdfs, "photos": self.photos}


def export_kit(services: Services, folder: Path) -> KitReport:
    """Write or update the kit in `folder`; what was erased since is taken out of it.

    Raises `LogMismatch`, `ClockWentBack`, `KeyMissing`,
    `DocumentRefused`."""
    make_private(folder)  # the operator opens it to a web server on purpose
    written = publish_static(services, folder).files_written
    certificates = pdfs = 0
    receipts = Receipts(services)
    with services.database.reading() as session:
        query = select(CertificateRecord).where(CertificateRecord.stage == ISSUED).order_by(CertificateRecord.id)
        for row in session.scalars(query.execution_options(yield_per=_CHUNK)):
            if row.erased_on is not None:
                for kind in (CREDENTIALS, PDFS):
                    (folder / path_of(kind, row.token)).unlink(missing_ok=True)
                continue
            signed = signed_version(services, row)
            part = KitCredential(signed.credential, signed.code, receipts.of(session, row)).as_json()
            written += _write_part(folder, CREDENTIALS, row.token, part)
            certificates += 1
            if (pdf := _pdf(services, row)) is not None:
                written += _write_part(folder, PDFS, row.token, pdf)
                pdfs += 1
        written += _write_photos(services, folder)
        rows = write_register(services, session, folder / REGISTER)
    written += write_if_changed(folder / README, _README_TEXT.encode())
    written += write_page(folder) + write_hosting(folder)
    return KitReport(folder, certificates, pdfs, rows, written + 1)


def rebuild(services: Services, folder: Path) -> RebuildReport:
    """Fill a fresh home (`certsvc init` with the same keystore) from a kit. Raises `Refused`, `FileRefused`."""
    services.folders.create()
    with services.database.writing() as session:
        rows = rebuild_register(services, session, folder / REGISTER)
        pdfs = 0
        for row in session.scalars(select(CertificateRecord).where(CertificateRecord.pdf_sha256.is_not(None))):
            pdfs += _restore_pdf(services, row, folder)
    photos = 0
    for path in sorted((folder / PHOTOS).glob("*.bin")):
        portrait = open_photo(services, path.stem, path.read_bytes())
        write_private(services.folders.photo(path.stem), portrait, mode=mode_in(services.folders.photos))
        photos += 1
    return RebuildReport(rows, pdfs, photos)


def _write_part(folder: Path, kind: str, token: str, content: bytes) -> bool:
    return write_if_changed(folder / path_of(kind, token), seal_part(kind, token, content))


def _pdf(services: Services, row: CertificateRecord) -> bytes | None:
    """The frozen PDF, where it is there and still the one on record."""
    try:
        content = services.folders.certificate_pdf(row.number, row.version).read_bytes()
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == row.pdf_sha256 else None


def _restore_pdf(services: Services, row: CertificateRecord, folder: Path) -> bool:
    try:
        content = open_part(PDFS, row.token, (folder / path_of(PDFS, row.token)).read_bytes())
    except (OSError, MalformedCredential):
        return False
    if hashlib.sha256(content).hexdigest() != row.pdf_sha256:
        return False
    place = services.folders.certificate_pdf(row.number, row.version)
    write_private(place, content, mode=mode_in(services.folders.pdf))
    return True


def _write_photos(services: Services, folder: Path) -> int:
    make_private(folder / PHOTOS)
    kept = {path.stem for path in services.folders.photos.glob("*.jpg")}
    for path in (folder / PHOTOS).glob("*.bin"):
        if path.stem not in kept:  # its person's data were erased since
            path.unlink(missing_ok=True)
    return sum(
        write_if_changed(
            folder / PHOTOS / f"{path.stem}.bin", seal_photo(services, path.stem, path.read_bytes()), mode=OWNER
        )
        for path in sorted(services.folders.photos.glob("*.jpg"))
    )
