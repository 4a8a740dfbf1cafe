"""Schemes in the store (R0): loading the shipped files, adding one, and which one an enrolment is pinned to.

A scheme's text is kept verbatim and parsed again where it is needed. Not here: what its fields mean (`rules.scheme`).
"""

from __future__ import annotations

import hashlib
from datetime import date
from functools import lru_cache
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import Conflict, InvalidScheme, NotFound, RegistrationRefused
from certsvc.resources import schemes_folder
from certsvc.rules.scheme import parse_scheme
from certsvc.rules.terms import Scheme
from certsvc.services import trail
from certsvc.services.context import Services
from certsvc.services.records.approvals import require_development
from certsvc.store import SchemeRecord

DEFAULT_KEY = "emergency-rescuer-5/qinghai-2025"


@lru_cache(maxsize=64)
def parsed(toml: str) -> Scheme:
    """`parse_scheme`, once per text."""
    return parse_scheme(toml)


def load_shipped(session: Session) -> list[SchemeRecord]:
    """Store every shipped scheme that is not there yet; answers the new ones. One that is there stays as it is, also
    where a later program ships the same version with more in it: enrolments are pinned to it."""
    there = set(session.execute(select(SchemeRecord.key, SchemeRecord.version)).all())
    texts = [path.read_text("utf-8") for path in sorted(schemes_folder().rglob("*.toml"))]
    return [add(session, text)[0] for text in texts if (parsed(text).key, parsed(text).version) not in there]


def read_scheme_file(path: Path) -> str:
    """The text of a scheme file; raises `InvalidScheme`."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidScheme(f"无法读取方案文件：{error}", f"the scheme cannot be read: {error}", rule="R0") from error


def add(session: Session, toml: str) -> tuple[SchemeRecord, bool]:
    """Store a scheme; answers whether it is new.

    Raises `InvalidScheme`, and `Conflict` where the same key and version are there with another text: what enrolments
    are pinned to never changes.
    """
    scheme = parsed(toml)
    digest = hashlib.sha256(toml.encode()).hexdigest()
    existing = session.scalar(
        select(SchemeRecord).where(SchemeRecord.key == scheme.key, SchemeRecord.version == scheme.version)
    )
    if existing is not None:
        if existing.sha256 != digest:
            raise Conflict(
                f"方案 {scheme.key} 第 {scheme.version} 版已存在且内容不同，请改用新的版本号",
                f"scheme {scheme.key} version {scheme.version} is there with another text; give it a new version",
                rule="R0",
            )
        return existing, False
    record = SchemeRecord(
        key=scheme.key,
        family=scheme.family,
        version=scheme.version,
        in_force_from=scheme.in_force_from,
        toml=toml,
        sha256=digest,
    )
    session.add(record)
    session.flush()
    return record, True


def add_file(services: Services, path: Path, *, by: str) -> tuple[SchemeRecord, bool]:
    """`add` the scheme of a file, on the record of the audit trail; with real keys a new one takes two people
    (`operation.schemes_by_two`), and is refused here."""
    toml = read_scheme_file(path)
    with services.database.writing() as session:
        record, is_new = add(session, toml)
        if is_new:
            require_development(services)
            trail.note(
                session,
                at=services.now(),
                by=by,
                action="scheme.add",
                object_kind="scheme",
                object_key=f"{record.key} {record.version}",
                sha256=record.sha256,
            )
        return record, is_new


def all_schemes(session: Session) -> list[SchemeRecord]:
    """Every stored scheme, by family and the day it takes effect."""
    query = select(SchemeRecord).order_by(SchemeRecord.family, SchemeRecord.in_force_from, SchemeRecord.id)
    return list(session.scalars(query))


def scheme_of(session: Session, scheme_id: int) -> Scheme:
    """The scheme with that id, parsed."""
    record = session.get_one(SchemeRecord, scheme_id)
    return parsed(record.toml)


def schemes_by_id(session: Session) -> dict[int, Scheme]:
    """Every stored scheme, parsed, by its id: there are few, and a batch asks for them once a row."""
    return {record.id: parsed(record.toml) for record in session.scalars(select(SchemeRecord))}


class Pinning:
    """Which scheme a registration of some day falls under, within the family of one named scheme (R0)."""

    def __init__(self, session: Session, key: str | None = None) -> None:
        self.key = key or DEFAULT_KEY
        named = session.scalars(select(SchemeRecord).where(SchemeRecord.key == self.key)).first()
        if named is None:
            raise NotFound(f"没有方案 {self.key}", f"there is no scheme {self.key}", rule="R0")
        self.newest = named
        query = select(SchemeRecord).where(SchemeRecord.family == named.family)
        self._by_start = sorted(session.scalars(query), key=lambda record: (record.in_force_from, record.id))

    @property
    def any_scheme(self) -> Scheme:
        """One of the family: for what all of them share (occupation, level, region)."""
        return parsed(self.newest.toml)

    @property
    def family(self) -> list[Scheme]:
        """All of them, the first in force first."""
        return [parsed(record.toml) for record in self._by_start]

    def on(self, registered_on: date) -> tuple[int, Scheme]:
        """The scheme in force on the day, with its id; raises `RegistrationRefused` before the first."""
        for record in reversed(self._by_start):
            if record.in_force_from <= registered_on:
                return record.id, parsed(record.toml)
        raise RegistrationRefused(
            f"报名日期早于最早方案的生效日期 {self._by_start[0].in_force_from}",
            f"before the first scheme takes effect on {self._by_start[0].in_force_from}",
            rule="R0",
            where="registered_on",
        )
