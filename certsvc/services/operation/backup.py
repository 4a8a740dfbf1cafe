"""Back up and restore: every table of record in one consistent state, and every file it names; no keys (SECURITY.md).

The archive is a tar of JSON lines (one file a table), photos and PDFs, with a manifest of hashes: it restores onto
either engine, from any earlier version. Without the keys nothing in it opens that rests sealed in a table; but the PDFs
bear identity numbers on their faces, so it is to be kept like the PDF folder. Files never change once they are named in
the database, so copying them after the tables is consistent. Restoring writes only where there is nothing yet.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Table, inspect, select
from sqlalchemy.orm import Session

from certsvc.errors import FileRefused, Refused
from certsvc.services.context import Services
from certsvc.store import CertificateRecord, EnrolmentRecord, kept_tables, rows
from certsvc.store.migrate import head, require_head, revision, revisions, upgrade

FORMAT = "certsvc backup 1"
MANIFEST = "manifest.json"
_MEMBER = re.compile(r"(tables/[a-z_]+\.jsonl|photos/[0-9a-f]{64}\.jpg|pdf/[A-Za-z0-9-]{1,64}-v[0-9]{1,4}\.pdf)")
_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class BackupReport:
    rows: int
    files: int
    missing: tuple[str, ...]  # files the database names that are gone or changed


def back_up(services: Services, target: Path) -> BackupReport:
    """Write the archive, whole or not at all. Raises `Refused` where `target` exists."""
    require_head(services.database)
    if target.exists():
        raise Refused("备份文件已存在，不覆盖", "the backup file exists; it is not overwritten", where=str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".backup-", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                report = _Writer(services, archive).write()
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, target)  # unlike a rename, this fails where somebody was faster
    finally:
        temporary.unlink(missing_ok=True)
    return report


def restore(services: Services, source: Path) -> BackupReport:
    """Restore an archive into an empty database and home, after checking every hash in it.

    Raises `Refused` where anything is there already, `FileRefused` for an archive that is not whole.
    """
    folders = services.folders
    folders.create()
    if revision(services.database) is not None:
        raise Refused("数据库不是空的，不覆盖", "the database is not empty; nothing is overwritten")
    if any(folder.is_dir() and any(folder.iterdir()) for folder in (folders.photos, folders.pdf)):
        raise Refused("照片或 PDF 文件夹不是空的，不覆盖", "photos or PDFs are there; nothing is overwritten")
    try:
        with tarfile.open(source, mode="r:") as archive:
            return _Reader(services, archive).restore()
    except (tarfile.TarError, OSError, ValueError, KeyError) as error:
        raise FileRefused(f"备份文件损坏：{error}", f"the backup is damaged: {error}", where=str(source)) from error


class _Writer:
    def __init__(self, services: Services, archive: tarfile.TarFile) -> None:
        self._services = services
        self._archive = archive
        self._hashes: dict[str, str] = {}
        self._missing: list[str] = []

    def write(self) -> BackupReport:
        saved = 0
        with self._services.database.reading() as session:
            for table in kept_tables():
                saved += self._add_table(session, table)
            self._add_files(session)
        manifest = {
            "format": FORMAT,
            "revision": head(),
            "made_at": self._services.now().isoformat(),
            "rows": saved,
            "missing": self._missing,
            "sha256": self._hashes,
        }
        content = json.dumps(manifest, indent=1).encode()
        with tempfile.TemporaryFile() as file:
            file.write(content)
            self._add(MANIFEST, file)
        return BackupReport(
            saved, sum(1 for name in self._hashes if not name.startswith("tables/")), tuple(self._missing)
        )

    def _add_table(self, session: Session, table: Table) -> int:
        count = 0
        with tempfile.TemporaryFile() as file:
            for row in rows.dump(session, table):
                file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
                count += 1
            self._hashes[f"tables/{table.name}.jsonl"] = self._add(f"tables/{table.name}.jsonl", file)
        return count

    def _add_files(self, session: Session) -> None:
        folders = self._services.folders
        photos = select(EnrolmentRecord.photo_sha256).where(EnrolmentRecord.photo_sha256.is_not(None)).distinct()
        for digest in session.scalars(photos):
            assert digest is not None
            self._add_file(f"photos/{digest}.jpg", folders.photo(digest), digest)
        pdfs = select(CertificateRecord.number, CertificateRecord.version, CertificateRecord.pdf_sha256)
        for number, version, digest in session.execute(pdfs.where(CertificateRecord.pdf_sha256.is_not(None))):
            assert digest is not None
            self._add_file(f"pdf/{number}-v{version}.pdf", folders.certificate_pdf(number, version), digest)

    def _add_file(self, name: str, path: Path, digest: str) -> None:
        try:
            with path.open("rb") as file:
                whole = _digest(file) == digest
                if whole:
                    self._hashes[name] = self._add(name, file)
        except OSError:
            whole = False
        if not whole:
            self._missing.append(name)

    def _add(self, name: str, file: IO[bytes]) -> str:
        member = tarfile.TarInfo(name)
        member.size = file.seek(0, os.SEEK_END)
        member.mode = 0o600
        file.seek(0)
        digest = _digest(file)
        file.seek(0)
        self._archive.addfile(member, file)
        return digest


class _Reader:
    def __init__(self, services: Services, archive: tarfile.TarFile) -> None:
        self._services = services
        self._archive = archive
        self._manifest = self._read_manifest()

    def restore(self) -> BackupReport:
        for name, digest in self._manifest["sha256"].items():
            if not _MEMBER.fullmatch(name) or self._hash(name) != digest:
                raise ValueError(f"{name} is not what the manifest says")
        # An older backup's rows go into tables of its own shape, and are brought up to date as any older database is.
        upgrade(self._services.database, to=self._manifest["revision"])
        restored = files = 0
        with self._services.database.writing() as session:
            there = inspect(session.connection()).get_table_names()
            for table in kept_tables():
                if table.name in there:
                    lines = self._open(f"tables/{table.name}.jsonl")
                    restored += rows.load(session, table, map(json.loads, lines))
            for name in self._manifest["sha256"]:
                if not name.startswith("tables/"):
                    self._restore_file(name)
                    files += 1
        upgrade(self._services.database)
        return BackupReport(restored, files, tuple(self._manifest["missing"]))

    def _read_manifest(self) -> dict[str, Any]:
        manifest = json.loads(self._open(MANIFEST).read())
        if manifest.get("format") != FORMAT:
            raise ValueError("not a backup of certsvc")
        if manifest["revision"] not in revisions():
            raise ValueError(f"made at revision {manifest['revision']} by a newer program; this one is at {head()}")
        assert isinstance(manifest, dict)
        return manifest

    def _open(self, name: str) -> IO[bytes]:
        file = self._archive.extractfile(name)
        if file is None:
            raise ValueError(f"{name} is not a file")
        return file

    def _hash(self, name: str) -> str:
        return _digest(self._open(name))

    def _restore_file(self, name: str) -> None:
        target = self._services.folders.home / name
        with target.open("xb") as file:
            for block in iter(_block_reader(self._open(name)), b""):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    for block in iter(_block_reader(file), b""):
        digest.update(block)
    return digest.hexdigest()


def _block_reader(file: IO[bytes]) -> Callable[[], bytes]:
    return lambda: file.read(_COPY_BYTES)
