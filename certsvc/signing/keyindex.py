"""`keys.json`: the public history of a key folder, read strictly and written whole.

It holds no secret. Not here: the operations (`keystore`).
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from certsvc.errors import KeyRefused
from certsvc.signing.keyfiles import write_atomically
from certsvc.signing.keys import Algorithm, KeyRecord, KeyState, Purpose

_NAME: Final = "keys.json"
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class KeyIndex:
    """The records, oldest first, and the issuer named when development keys were made."""

    records: tuple[KeyRecord, ...] = ()
    issuer: tuple[str, str] | None = None

    @classmethod
    def read(cls, folder: Path) -> KeyIndex:
        """The index of a folder, empty where there is none; raises `KeyRefused` for a damaged one."""
        path = folder / _NAME
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise KeyRefused("密钥目录不可读", "the key folder cannot be read", where=path.name) from error
        try:
            return cls._from_members(json.loads(content))
        except (ValueError, KeyError, TypeError) as error:
            raise KeyRefused("密钥登记文件损坏", "the key index is damaged", where=path.name) from error

    @classmethod
    def _from_members(cls, members: Mapping[str, Any]) -> KeyIndex:
        if members["format"] != _FORMAT:
            raise ValueError("an unknown format")
        issuer = members["issuer"]
        return cls(
            records=tuple(read_record(record) for record in members["keys"]),
            issuer=None if issuer is None else (str(issuer["host"]), str(issuer["name"])),
        )

    def write(self, folder: Path) -> None:
        """Puts the index in place, atomically."""
        issuer = None if self.issuer is None else {"host": self.issuer[0], "name": self.issuer[1]}
        members = {"format": _FORMAT, "issuer": issuer, "keys": [write_record(record) for record in self.records]}
        write_atomically(folder / _NAME, json.dumps(members, ensure_ascii=False, indent=1).encode() + b"\n")

    def with_issuer(self, host: str, name: str) -> KeyIndex:
        return replace(self, issuer=(host, name))

    def with_record(self, record: KeyRecord) -> KeyIndex:
        """The index with this record in place of the one of the same kid, or at the end."""
        if all(other.kid != record.kid for other in self.records):
            return replace(self, records=(*self.records, record))
        return replace(self, records=tuple(record if other.kid == record.kid else other for other in self.records))


def stamp(folder: Path) -> tuple[int, int, int] | None:
    """What changes whenever a folder's index is written; None where there is none."""
    try:
        status = os.stat(f"{folder}/{_NAME}")  # noqa: PTH116 - with every scan; a Path costs as much again
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def write_record(record: KeyRecord) -> dict[str, object]:
    """The JSON members of a record."""
    return {
        "kid": record.kid,
        "purpose": record.purpose.value,
        "algorithm": record.algorithm.value,
        "state": record.state.value,
        "created_at": record.created_at.isoformat(),
        "retired_at": None if record.retired_at is None else record.retired_at.isoformat(),
        "distrusted_from": record.distrusted_from,
        "development": record.development,
        "public": base64.b64encode(record.public).decode(),
        "uri": record.uri,
        "check": record.check,
    }


def read_record(members: Mapping[str, object]) -> KeyRecord:
    """The inverse of `write_record`; raises ValueError, KeyError or TypeError."""
    distrusted_from, development, retired_at = (
        members["distrusted_from"],
        members["development"],
        members["retired_at"],
    )
    if not isinstance(development, bool) or not (distrusted_from is None or type(distrusted_from) is int):
        raise TypeError("a member of another type")
    return KeyRecord(
        kid=bytes.fromhex(str(members["kid"])).hex(),
        purpose=Purpose(str(members["purpose"])),
        algorithm=Algorithm(str(members["algorithm"])),
        state=KeyState(str(members["state"])),
        created_at=_time(str(members["created_at"])),
        retired_at=None if retired_at is None else _time(str(retired_at)),
        distrusted_from=distrusted_from,
        development=development,
        public=_decode(str(members["public"])),
        uri=str(members["uri"]),
        check=_check(members.get("check")),
    )


def _check(value: object) -> str | None:
    return None if value is None else bytes.fromhex(str(value)).hex()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time without its zone")
    return time
