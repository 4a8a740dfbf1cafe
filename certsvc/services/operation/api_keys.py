"""API keys: made, shown once, used under a daily quota, revoked, never deleted. Only a hash of a key is kept.

A key is 160 random bits, so a plain SHA-256 of it is no weaker than a slow hash. Not here: that two let a key be good
(`callers_by_two`), which address needs which scope (`web.api`).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, StrEnum

from sqlalchemy import Date, bindparam, select, text
from sqlalchemy.orm import Session

from certsvc.errors import NotFound, Refused
from certsvc.services import trail
from certsvc.services.context import Services, operator
from certsvc.services.records.approvals import require_development
from certsvc.store import ApiKeyRecord, ApiKeyUseRecord

_PREFIX = "csk_"
_COUNT = text(
    # One statement, so that two calls at once cannot both take the last of the quota.
    "insert into api_key_use (api_key_id, used_on, calls) values (:id, :on, :cost) "
    "on conflict (api_key_id, used_on) do update set calls = api_key_use.calls + excluded.calls returning calls"
).bindparams(bindparam("on", type_=Date))


class Scope(StrEnum):
    CERTIFICATES = "certificates"  # by token
    VERIFICATIONS = "verifications"  # number and name, files
    LISTS = "lists"


class Use(Enum):
    ALLOWED = "allowed"
    REJECTED = "rejected"
    USED_UP = "used up"


@dataclass(frozen=True, slots=True)
class KeyUsage:
    id: int
    label: str
    scopes: str
    quota_per_day: int
    created_at: datetime
    revoked_at: datetime | None
    calls: tuple[tuple[date, int], ...]  # newest day first


@dataclass(frozen=True, slots=True)
class Wanted:
    """A key that shall be good: what it may do, and the hash that it is known by."""

    label: str
    scopes: tuple[str, ...]
    quota_per_day: int
    key_sha256: bytes


def wanted(label: str, scopes: Iterable[Scope], quota_per_day: int) -> tuple[str, Wanted]:
    """A new key, seen this once, and what is kept of it; raises `Refused` for an empty label, scope or quota."""
    words = tuple(sorted({Scope(scope).value for scope in scopes}))
    if not label.strip() or len(label) > 100 or not words or quota_per_day < 1:
        raise Refused("须有名称、权限和每日额度", "a label, a scope and a daily quota are needed")
    key = _PREFIX + base64.b32encode(secrets.token_bytes(20)).decode().lower()
    return key, Wanted(label.strip(), words, quota_per_day, _digest(key))


def add(services: Services, session: Session, asked: Wanted, *, by: str, **by_two: str | int) -> int:
    """Make it good from now on, on record of the trail, and answer its id; `by_two` says who approved."""
    record = ApiKeyRecord(
        label=asked.label,
        key_sha256=asked.key_sha256,
        scopes=" ".join(asked.scopes),
        quota_per_day=asked.quota_per_day,
        created_at=services.now(),
        created_by=by,
    )
    session.add(record)
    session.flush()
    _note(session, services, by, "api-key-create", record.id, **by_two)
    return record.id


def create(
    services: Services, label: str, scopes: Iterable[Scope], quota_per_day: int, *, by: str | None = None
) -> str:
    """Make a key by one person and answer it; with real keys it takes two (`callers_by_two`). Raises `Refused`."""
    key, asked = wanted(label, scopes, quota_per_day)
    with services.database.writing("api-keys") as session:
        require_development(services)
        add(services, session, asked, by=by or operator())
    return key


def revoke(services: Services, key_id: int, *, by: str | None = None) -> None:
    """Take a key out of use from now on; raises `NotFound`. Again: changes nothing."""
    with services.database.writing("api-keys") as session:
        record = session.get(ApiKeyRecord, key_id)
        if record is None:
            raise NotFound(f"没有接口密钥 {key_id}", f"there is no API key {key_id}")
        if record.revoked_at is None:
            record.revoked_at = services.now()
            _note(session, services, by or operator(), "api-key-revoke", key_id)


def use(services: Services, key: str, scope: Scope, *, cost: int = 1) -> Use:
    """Count `cost` calls against a key's quota of today. Raises `Unavailable`."""
    with services.database.reading() as session:
        record = session.scalar(select(ApiKeyRecord).where(ApiKeyRecord.key_sha256 == _digest(key)))
        if record is None or record.revoked_at is not None or scope.value not in record.scopes.split():
            return Use.REJECTED
        key_id, quota = record.id, record.quota_per_day
    with services.database.writing("api-keys") as session:
        bound = {"id": key_id, "on": services.today(), "cost": cost}
        calls = int(session.execute(_COUNT, bound).scalar_one())
    return Use.ALLOWED if calls <= quota else Use.USED_UP


def usage(services: Services) -> list[KeyUsage]:
    """Every key with its calls by day, oldest key first."""
    with services.database.reading() as session:
        return [
            KeyUsage(
                record.id,
                record.label,
                record.scopes,
                record.quota_per_day,
                record.created_at,
                record.revoked_at,
                tuple(
                    (row.on, row.calls)
                    for row in session.scalars(
                        select(ApiKeyUseRecord)
                        .where(ApiKeyUseRecord.api_key_id == record.id)
                        .order_by(ApiKeyUseRecord.on.desc())
                    )
                ),
            )
            for record in session.scalars(select(ApiKeyRecord).order_by(ApiKeyRecord.id))
        ]


def _note(session: Session, services: Services, by: str, action: str, key_id: int, **by_two: str | int) -> None:
    trail.note(
        session, at=services.now(), by=by, action=action, object_kind="api-key", object_key=str(key_id), **by_two
    )


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()
