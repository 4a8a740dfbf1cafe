"""Give out a certificate: its PDF (the same bytes every time, R8.5), its signed JSON, its receipt in the log.

Not here: drawing (`issuing.render`), lists of certificates (`listing`).
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from certsvc.errors import Unavailable
from certsvc.files.leftovers import working_file
from certsvc.files.private import make_private
from certsvc.services.context import Services
from certsvc.services.issuing.render import render
from certsvc.services.log import read as log_read
from certsvc.services.log.proven import receipt_of
from certsvc.services.log.publish import publish_log
from certsvc.services.records.versions import newest_version, require_not_erased, unknown_number, versions_of
from certsvc.store import CertificateRecord, PdfFileRecord
from certsvc.transparency.receipt import Receipt

_CHUNK = 1000


def credential_of(services: Services, number: str, version: int | None = None) -> bytes:
    """The signed JSON of a certificate, verbatim: the newest version by default. Raises `NotFound`, and `Refused`
    for an erased one."""
    row = _issued(services, number, version)
    assert row.credential is not None
    return row.credential


def prove(services: Services, number: str) -> Receipt:
    """The receipt of the newest version under a number, under a checkpoint signed now. Raises `NotFound`.

    It is to be kept with the certificate and needs no network and no register to check. The opening in it says which
    credential the leaf is about, so it goes to the holder and to no one else.
    """
    published = publish_log(services, services.folders.published / "log")
    with services.database.reading() as session:
        row = newest_version(session, number)
        require_not_erased(row)
        assert row.leaf_index is not None
        content = log_read.leaf_content(session, row.leaf_index)
        return receipt_of(services, row, content, published=published, read_hash=log_read.hash_reader(session))


def pdf_of(services: Services, number: str, version: int | None = None) -> bytes:
    """The PDF of a certificate, checked against its recorded hash; drawn first where it was not yet.

    Raises `NotFound`, and `Unavailable` where the file is lost or changed: its hash is on record, so it is restored
    from the backup and never drawn again.
    """
    row = _issued(services, number, version)
    if row.pdf_sha256 is None:
        render(services, [row.id])
        row = _issued(services, number, row.version)
    try:
        content = services.folders.certificate_pdf(row.number, row.version).read_bytes()
    except OSError as error:
        raise _lost(row) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != row.pdf_sha256 and not _on_record(services, row, digest):
        raise _lost(row)
    return content


def _on_record(services: Services, row: CertificateRecord, digest: str) -> bool:
    """Whether this is another recorded file of the certificate: `archive` was stopped halfway, or is at work."""
    with services.database.reading() as session:
        record = session.get(PdfFileRecord, digest)
        return record is not None and record.certificate_id == row.id


def write_pdf(services: Services, number: str, target: Path, version: int | None = None) -> None:
    """Write the PDF to a file for its owner alone, whole or not at all: it bears the identity number."""
    content = pdf_of(services, number, version)
    make_private(target.parent)
    with working_file(target.parent, ".certsvc-") as (temporary, descriptor):
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
        temporary.replace(target)


def _issued(services: Services, number: str, version: int | None) -> CertificateRecord:
    with services.database.reading() as session:
        versions = versions_of(session, number)
    for row in reversed(versions):
        if version is None or row.version == version:
            require_not_erased(row)
            return row
    raise unknown_number(number)


def _lost(row: CertificateRecord) -> Unavailable:
    return Unavailable(
        "PDF 文件缺失或与登记的哈希不符，请从备份恢复",
        "the PDF is gone or differs from its recorded hash; restore it from the backup",
        where=f"{row.number}-v{row.version}",
    )
