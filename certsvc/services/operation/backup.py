"""Back up and restore: every table of record in one consistent state, and every file it names; no keys (SECURITY.md).

The archive is a tar of JSON lines (one packed file a table), photos and PDFs, with a manifest of hashes: it restores
onto either engine, from any earlier version. Or the photos and PDFs lie beside the archive, in a folder that many
archives share, by their hashes: then only those that are new are copied, and a run that was stopped goes on from there.
Without the keys nothing in it opens that rests sealed in a table; but the PDFs bear identity numbers on their faces, so
it is to be kept like the PDF folder. Files never change once they are named in the database, so copying them after the
tables is consistent. Restoring writes only where there is nothing yet.

The manifest bears a proof made with the personal-data key (HMAC-SHA-256 under a key derived by HKDF): who only has the
backup can change nothing in it. One without proof, of an earlier version or for a keystore that lacks the key, is
restored where that is said on purpose.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import hmac
import json
import os
import re
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import orjson
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Table, func, inspect, select
from sqlalchemy.orm import Session

from certsvc.errors import FileRefused, KeyMissing, Refused
from certsvc.files.folder import sync_folder
from certsvc.files.leftovers import working_file
from certsvc.files.private import make_private, mode_in
from certsvc.services.context import Services
from certsvc.signing.keys import Purpose
from certsvc.store import CertificateRecord, EnrolmentRecord, kept_tables, rows
from certsvc.store.migrate import head, require_head, revision, revisions, upgrade

FORMAT = "certsvc backup 2"
_FORMATS = ("certsvc backup 1", FORMAT)  # the first packed nothing, and had no files beside it
FILES = "files"
MANIFEST = "manifest.json"
PROOF = "manifest.proof.json"
_MEMBER = re.compile(r"(tables/[a-z_]+\.jsonl(\.gz)?|photos/[0-9a-f]{64}\.jpg|pdf/[A-Za-z0-9-]{1,64}-v[0-9]{1,4}\.pdf)")
_DIGEST = re.compile("[0-9a-f]{64}")
_COPY_BYTES = 1 << 20
_PACKING = 1  # most of a row is signatures and sealed parts: packing harder costs much and gives little
_TOLD_EVERY = 1000
_OURS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})  # the backup's own disk, not a file that is gone

Progress = Callable[[str, int, int], None]
"""Called with the step ("rows" or "files"), how many are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class BackupReport:
    rows: int
    files: int
    missing: tuple[str, ...]  # files the database names that are gone or changed


def back_up(
    services: Services, target: Path, *, progress: Progress = lambda _step, _done, _total: None
) -> BackupReport:
    """Write the archive, whole or not at all. Raises `Refused` where `target` exists."""
    return _back_up(services, target, None, progress)


def back_up_into(
    services: Services, folder: Path, *, progress: Progress = lambda _step, _done, _total: None
) -> tuple[Path, BackupReport]:
    """Write an archive of the tables into `folder`, and beside it the photos and PDFs that no backup in it has yet.

    The archive and what it has in the report; a file that is in the folder already and is gone from the home is told as
    missing all the same.
    """
    target = folder / f"backup-{services.now():%Y%m%dT%H%M%SZ}.tar"
    return target, _back_up(services, target, folder / FILES, progress)


def _back_up(services: Services, target: Path, store: Path | None, progress: Progress) -> BackupReport:
    require_head(services.database)
    if target.exists():
        raise Refused("备份文件已存在，不覆盖", "the backup file exists; it is not overwritten", where=str(target))
    make_private(target.parent)
    with working_file(target.parent, ".backup-") as (temporary, descriptor):
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                report = _Writer(services, archive, store, progress).write()
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, target)  # unlike a rename, this fails where somebody was faster
    sync_folder(target.parent)
    return report


def restore(services: Services, source: Path, *, unproven: bool = False) -> BackupReport:
    """Restore an archive into an empty database and home, after checking every hash in it.

    Raises `Refused` where anything is there already, `FileRefused` for an archive that is not whole or whose proof
    does not hold; with `unproven` it may have none that the keys here can check.
    """
    folders = services.folders
    folders.create()
    if revision(services.database) is not None:
        raise Refused("数据库不是空的，不覆盖", "the database is not empty; nothing is overwritten")
    if any(folder.is_dir() and any(folder.iterdir()) for folder in (folders.photos, folders.pdf)):
        raise Refused("照片或 PDF 文件夹不是空的，不覆盖", "photos or PDFs are there; nothing is overwritten")
    try:
        with tarfile.open(source, mode="r:") as archive:
            return _Reader(services, archive, source.parent / FILES, unproven=unproven).restore()
    except (tarfile.TarError, OSError, ValueError, KeyError) as error:
        raise FileRefused(f"备份文件损坏：{error}", f"the backup is damaged: {error}", where=str(source)) from error


class _Writer:
    def __init__(self, services: Services, archive: tarfile.TarFile, store: Path | None, progress: Progress) -> None:
        self._services = services
        self._archive = archive
        self._store = store
        self._progress = progress
        self._hashes: dict[str, str] = {}
        self._missing: list[str] = []
        self._gone: list[str] = []  # in the backup, and no longer in the home

    def write(self) -> BackupReport:
        # The register is read in one go, and no longer than that: on SQLite who reads holds up who writes.
        with tempfile.TemporaryFile() as named:
            with self._services.database.reading() as session:
                saved = self._add_tables(session)
                count = _name_files(session, named)
            named.seek(0)
            for done, line in enumerate(named):
                self._progress("files", done, count)
                name, digest = json.loads(line)
                self._add_file(name, self._services.folders.home / name, digest)
            self._progress("files", count, count)
        manifest = {
            "format": FORMAT,
            "revision": head(),
            "made_at": self._services.now().isoformat(),
            "rows": saved,
            "missing": self._missing,
            "sha256": self._hashes,
        }
        content = json.dumps(manifest, indent=1).encode()
        members = {MANIFEST: content}
        if self._services.keystore.records():  # without any, nothing personal is on record yet
            kid = self._services.keystore.active_kid(Purpose.PERSONAL_DATA)
            proof = {"kid": kid, "hmac-sha256": _proof(self._services, kid, content)}
            members[PROOF] = json.dumps(proof).encode()
        for name, member in members.items():
            with tempfile.TemporaryFile() as file:
                file.write(member)
                self._add(name, file)
        files = sum(1 for name in self._hashes if not name.startswith("tables/"))
        return BackupReport(saved, files, (*self._missing, *self._gone))

    def _add_tables(self, session: Session) -> int:
        tables = kept_tables()
        total = sum(session.scalar(select(func.count()).select_from(table)) or 0 for table in tables)
        saved = 0
        for table in tables:
            saved += self._add_table(session, table, saved, total)
        self._progress("rows", total, total)
        return saved

    def _add_table(self, session: Session, table: Table, before: int, total: int) -> int:
        count = 0
        with tempfile.TemporaryFile() as file:
            with gzip.GzipFile(fileobj=file, mode="wb", mtime=0, compresslevel=_PACKING) as packed:
                for row in rows.dump(session, table):
                    packed.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
                    count += 1
                    if count % _TOLD_EVERY == 0:
                        self._progress("rows", before + count, total)
            name = f"tables/{table.name}.jsonl.gz"
            self._hashes[name] = self._add(name, file)
        return count

    def _add_file(self, name: str, path: Path, digest: str) -> None:
        try:
            if self._store is None:
                whole = self._add_whole(name, path, digest)
            else:
                whole = self._keep_beside(self._store / digest[:2] / digest, name, path, digest)
        except OSError as error:
            if error.errno in _OURS:
                raise
            whole = False
        if whole:
            self._hashes[name] = digest
        else:
            self._missing.append(name)

    def _add_whole(self, name: str, path: Path, digest: str) -> bool:
        with path.open("rb") as file:
            return _digest(file) == digest and self._add(name, file) == digest

    def _keep_beside(self, kept: Path, name: str, path: Path, digest: str) -> bool:
        if kept.exists():
            if not path.exists():
                self._gone.append(name)
            return True
        make_private(kept.parent)
        with path.open("rb") as file, working_file(kept.parent, ".backup-") as (temporary, descriptor):
            copied = hashlib.sha256()
            with os.fdopen(descriptor, "wb", closefd=False) as target:
                for block in iter(_block_reader(file), b""):
                    copied.update(block)
                    target.write(block)
                target.flush()
                os.fsync(descriptor)
            if copied.hexdigest() != digest:
                return False
            temporary.replace(kept)
        sync_folder(kept.parent)
        return True

    def _add(self, name: str, file: IO[bytes]) -> str:
        member = tarfile.TarInfo(name)
        member.size = file.seek(0, os.SEEK_END)
        member.mode = 0o600
        file.seek(0)
        digest = _digest(file)
        file.seek(0)
        self._archive.addfile(member, file)
        return digest


def _name_files(session: Session, named: IO[bytes]) -> int:
    """Write the name and the digest of every file that the database names, a line each; how many."""
    photos = select(EnrolmentRecord.photo_sha256).where(EnrolmentRecord.photo_sha256.is_not(None)).distinct()
    pdfs = select(CertificateRecord.number, CertificateRecord.version, CertificateRecord.pdf_sha256)
    pdfs = pdfs.where(CertificateRecord.pdf_sha256.is_not(None))
    count = 0
    for digest in session.scalars(photos.execution_options(yield_per=_TOLD_EVERY)):
        named.write(json.dumps([f"photos/{digest}.jpg", digest]).encode() + b"\n")
        count += 1
    for number, version, digest in session.execute(pdfs.execution_options(yield_per=_TOLD_EVERY)):
        named.write(json.dumps([f"pdf/{number}-v{version}.pdf", digest]).encode() + b"\n")
        count += 1
    return count


class _Reader:
    def __init__(self, services: Services, archive: tarfile.TarFile, beside: Path, *, unproven: bool) -> None:
        self._services = services
        self._archive = archive
        self._beside = beside
        self._members = {member.name: member for member in archive}  # one walk, not one for each
        self._unproven = unproven
        self._manifest = self._read_manifest()

    def restore(self) -> BackupReport:
        for name, digest in self._manifest["sha256"].items():
            if not _MEMBER.fullmatch(name) or self._hash(name) != digest:
                raise ValueError(f"{name} is not what the manifest says")
        self._check_proof()
        # An older backup's rows go into tables of its own shape, and are brought up to date as any older database is.
        upgrade(self._services.database, to=self._manifest["revision"])
        restored = files = 0
        with self._services.database.writing() as session:
            there = inspect(session.connection()).get_table_names()
            for table in kept_tables():
                if table.name in there:
                    with self._lines(table.name) as lines:
                        restored += rows.load(session, table, map(json.loads, lines))
            for name in self._manifest["sha256"]:
                if not name.startswith("tables/"):
                    self._restore_file(name)
                    files += 1
        upgrade(self._services.database)
        return BackupReport(restored, files, tuple(self._manifest["missing"]))

    def _read_manifest(self) -> dict[str, Any]:
        manifest = json.loads(self._open(MANIFEST).read())
        if manifest.get("format") not in _FORMATS:
            raise ValueError("not a backup of certsvc")
        if manifest["revision"] not in revisions():
            raise ValueError(f"made at revision {manifest['revision']} by a newer program; this one is at {head()}")
        assert isinstance(manifest, dict)
        return manifest

    def _check_proof(self) -> None:
        """Before anything in the archive is written anywhere."""
        manifest = self._open(MANIFEST).read()
        try:
            said = json.loads(self._open(PROOF).read())
            due = _proof(self._services, str(said["kid"]), manifest)
        except (KeyError, TypeError, KeyMissing) as error:
            if self._unproven:
                return
            raise Refused(
                "本密钥库无法证明该备份未被改动：请放回密钥；若确为早期版本的备份，请加 --unproven",
                "no key here proves that this backup is as it was made: put the keys back; if it is an earlier "
                "version's, restore it with --unproven",
                where=PROOF,
            ) from error
        if not hmac.compare_digest(str(said["hmac-sha256"]), due):
            raise ValueError("its proof does not hold: it was changed after it was made")

    def _lines(self, table: str) -> IO[bytes]:
        name = f"tables/{table}.jsonl"
        if name in self._members:
            return self._open(name)
        return cast("IO[bytes]", gzip.GzipFile(fileobj=self._open(f"{name}.gz")))

    def _open(self, name: str) -> IO[bytes]:
        member = self._members.get(name)
        if member is None and name.startswith(("photos/", "pdf/")):
            return self._open_beside(self._manifest["sha256"][name])
        file = self._archive.extractfile(self._members[name])
        if file is None:
            raise ValueError(f"{name} is not a file")
        return file

    def _open_beside(self, digest: str) -> IO[bytes]:
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"{digest} is no digest")
        return (self._beside / digest[:2] / digest).open("rb")

    def _hash(self, name: str) -> str:
        with self._open(name) as file:
            return _digest(file)

    def _restore_file(self, name: str) -> None:
        target = self._services.folders.home / name
        mode = mode_in(target.parent)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            with self._open(name) as source:
                for block in iter(_block_reader(source), b""):
                    file.write(block)
            file.flush()
            os.fsync(file.fileno())


def _proof(services: Services, kid: str, manifest: bytes) -> str:
    secret = services.keystore.secret(Purpose.PERSONAL_DATA, kid)
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"certsvc backup proof v1").derive(secret)
    return hmac.digest(key, manifest, "sha256").hex()


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    for block in iter(_block_reader(file), b""):
        digest.update(block)
    return digest.hexdigest()


def _block_reader(file: IO[bytes]) -> Callable[[], bytes]:
    return lambda: file.read(_COPY_BYTES)
