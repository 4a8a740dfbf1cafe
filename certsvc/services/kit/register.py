"""The register in the survival kit: every row of every table that is a record, sealed (personal data), and read back.

A header line (JSON: format, key id, salt, database revision), then chunks of AES-256-GCM; each chunk's number and
whether it is the last are authenticated, so that none can be cut off, swapped or repeated. Inside: gzip of one JSON
line for each row. Rebuilding needs the keystore as well, which is backed up elsewhere: the kit alone tells no one.
"""

from __future__ import annotations

import gzip
import hmac
import io
import json
import os
import struct
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Table, func, select
from sqlalchemy.orm import Session

from certsvc.errors import FileRefused, Refused
from certsvc.services.context import Services
from certsvc.signing.keys import Purpose
from certsvc.store import kept_tables, rows
from certsvc.store.migrate import begin_again, bring, head, revisions

REGISTER: Final = "register.sealed"
_FORMAT: Final = 1
_CHUNK: Final = 1024 * 1024
_LENGTH: Final = struct.Struct(">I")


def write_register(services: Services, session: Session, path: Path) -> int:
    """Write every row to `path` (in place of an older one); how many rows."""
    kid = services.keystore.active_kid(Purpose.PERSONAL_DATA)
    salt = os.urandom(32)
    header = json.dumps({"format": _FORMAT, "kid": kid, "salt": salt.hex(), "revision": head()}).encode() + b"\n"
    cipher = _cipher(services, kid, salt)
    temporary = path.with_suffix(".new")
    count = 0
    with temporary.open("wb") as file:
        file.write(header)
        sink = _SealedWriter(file, cipher, header)
        with gzip.GzipFile(fileobj=sink, mode="wb", mtime=0) as packed:
            for table in kept_tables():
                for row in rows.dump(session, table):
                    line = json.dumps([table.name, row], ensure_ascii=False, separators=(",", ":"))
                    packed.write(line.encode() + b"\n")
                    count += 1
        sink.finish()
        file.flush()
        os.fsync(file.fileno())
    temporary.chmod(0o644)
    temporary.replace(path)
    return count


def rebuild_register(services: Services, session: Session, path: Path) -> int:
    """Fill an empty database from `path`; how many rows. Raises `Refused` where it is not empty, `FileRefused`.

    The rows of an older kit go into tables of its own age, and are brought up to date as an older database is.
    """
    tables = {table.name: table for table in kept_tables()}
    made_at, lines = _read_lines(services, path)
    for table in tables.values():
        _require_empty(session, table)
    if made_at != head():
        begin_again(session.connection(), made_at)
    count = 0
    try:
        for name, of_table in groupby(map(json.loads, lines), key=itemgetter(0)):
            count += rows.load(session, tables[name], (values for _, values in of_table))
    except (KeyError, ValueError, TypeError) as error:
        raise _damaged(path) from error
    if made_at != head():
        bring(session.connection(), head())
    return count


def _require_empty(session: Session, table: Table) -> None:
    # `init` has put the shipped schemes and a line of the audit trail there; they come back from the kit.
    if table.name in {"scheme", "audit_event"}:
        session.execute(table.delete())
    elif session.scalar(select(func.count()).select_from(table)):
        raise Refused(
            "数据库不是空的，不能重建", "the database is not empty; rebuild into a fresh one", where=table.name
        )


def _cipher(services: Services, kid: str, salt: bytes) -> AESGCM:
    secret = services.keystore.secret(Purpose.PERSONAL_DATA, kid)
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"certsvc kit register v1").derive(secret))


def seal_photo(services: Services, sha256: str, content: bytes) -> bytes:
    """A stored photo for the kit: key id, nonce, AES-256-GCM. The same photo gives the same bytes."""
    kid = services.keystore.active_kid(Purpose.PERSONAL_DATA)
    key = _photo_key(services, kid)
    nonce = hmac.digest(key, content, "sha256")[:12]
    return bytes.fromhex(kid) + nonce + AESGCM(key).encrypt(nonce, content, sha256.encode())


def open_photo(services: Services, sha256: str, sealed: bytes) -> bytes:
    """The inverse of `seal_photo`; raises `FileRefused`, and `KeyMissing` where the keystore lacks the key."""
    kid, nonce, content = sealed[:4].hex(), sealed[4:16], sealed[16:]
    try:
        return AESGCM(_photo_key(services, kid)).decrypt(nonce, content, sha256.encode())
    except (InvalidTag, ValueError) as error:
        raise _damaged(Path(sha256)) from error


def _photo_key(services: Services, kid: str) -> bytes:
    secret = services.keystore.secret(Purpose.PERSONAL_DATA, kid)
    return HKDF(algorithm=SHA256(), length=32, salt=b"certsvc kit photos v1", info=b"photo").derive(secret)


class _SealedWriter(io.RawIOBase):
    """Seals what is written to it, chunk by chunk."""

    def __init__(self, file: io.BufferedWriter, cipher: AESGCM, header: bytes) -> None:
        super().__init__()
        self._file, self._cipher, self._header = file, cipher, header
        self._number = 0
        self._pending = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._pending += content
        while len(self._pending) > _CHUNK:
            self._seal(bytes(self._pending[:_CHUNK]), last=False)
            del self._pending[:_CHUNK]
        return len(content)

    def finish(self) -> None:
        self._seal(bytes(self._pending), last=True)

    def _seal(self, content: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._number), content, _bound(self._header, self._number, last=last))
        self._file.write(_LENGTH.pack(len(sealed)) + sealed)
        self._number += 1


def _read_lines(services: Services, path: Path) -> tuple[str, Iterator[bytes]]:
    """The database revision the kit was made at, and its lines."""
    with path.open("rb") as file:
        header = file.readline(1000)
    try:
        told = json.loads(header)
        kid, salt, made_at = str(told["kid"]), bytes.fromhex(told["salt"]), str(told["revision"])
        form = told["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path) from error
    if form != _FORMAT:
        raise _damaged(path)
    if made_at not in revisions():
        raise FileRefused(
            f"存档的数据库版本为 {made_at}，程序最新为 {head()}，请用更新的程序",
            f"the kit is of database revision {made_at}, this program knows {head()} at most; use a newer program",
            where=path.name,
        )
    return made_at, _opened_lines(path, header, _cipher(services, kid, salt))


def _opened_lines(path: Path, header: bytes, cipher: AESGCM) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(len(header))
        with gzip.GzipFile(fileobj=io.BufferedReader(_SealedReader(file, cipher, header))) as lines:
            try:
                yield from lines
            except (OSError, EOFError) as error:
                raise _damaged(path) from error


class _SealedReader(io.RawIOBase):
    """Opens chunk by chunk; a chunk that does not open ends it with `FileRefused`."""

    def __init__(self, file: io.BufferedReader, cipher: AESGCM, header: bytes) -> None:
        super().__init__()
        self._file, self._cipher, self._header = file, cipher, header
        self._number = 0
        self._pending = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._pending and not self._ended:
            self._next()
        taken = self._pending[: len(target)]
        target[: len(taken)] = taken
        self._pending = self._pending[len(taken) :]
        return len(taken)

    def _next(self) -> None:
        length = self._file.read(_LENGTH.size)
        size = _LENGTH.unpack(length)[0] if len(length) == _LENGTH.size else 0
        sealed = self._file.read(min(size, _CHUNK + 64))
        for last in (False, True):
            try:
                bound = _bound(self._header, self._number, last=last)
                self._pending = self._cipher.decrypt(_nonce(self._number), sealed, bound)
            except (InvalidTag, ValueError):
                continue
            self._number += 1
            self._ended = last
            return
        raise _damaged(Path(REGISTER))


def _nonce(number: int) -> bytes:
    # The key is new with each export (random salt), so a counter never repeats under one key.
    return number.to_bytes(12, "big")


def _bound(header: bytes, number: int, *, last: bool) -> bytes:
    return header + number.to_bytes(8, "big") + (b"\x01" if last else b"\x00")


def _damaged(path: Path) -> FileRefused:
    return FileRefused(
        "登记册存档损坏或密钥不符", "the register's backup is damaged or the key is another", where=path.name
    )
