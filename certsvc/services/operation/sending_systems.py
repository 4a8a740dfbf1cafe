"""Systems that send results by a signed call: registered by their public key, revoked, never deleted (RFC 9421).

The key pair is made by the system; only its public half comes here. A nonce is taken once in the time that a signature
lives. Not here: that two let a system in (`callers_by_two`), what a call must sign (`signing.http_signature`), what
becomes of it (`examination.deliver`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from certsvc.errors import Conflict, NotFound, Refused, SignatureRefused
from certsvc.rules.terms import Subject
from certsvc.services import trail
from certsvc.services.context import Services
from certsvc.services.records.approvals import require_development
from certsvc.signing.http_signature import WINDOW
from certsvc.store import SeenNonceRecord, SendingSystemRecord

_LONGEST_NAME: Final = 80
_LONGEST_STATION: Final = 100
_LONGEST_NONCE: Final = 100
_SHORTEST_NONCE: Final = 16


@dataclass(frozen=True, slots=True)
class SendingSystem:
    """A system that may send results of these subjects; with a station, only of its sittings."""

    id: int
    name: str
    key_id: str
    public_key: bytes
    subjects: tuple[Subject, ...]
    station: str | None
    created_at: datetime
    revoked_at: datetime | None

    def as_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "name": self.name,
            "key_id": self.key_id,
            "subjects": [subject.value for subject in self.subjects],
            "station": self.station,
            "created_at": self.created_at.isoformat(),
            "revoked": self.revoked_at is not None,
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """A system that shall be let in: `public_key` is raw, `subjects` are words of the register in their order."""

    name: str
    public_key: bytes
    subjects: tuple[str, ...]
    station: str | None

    @property
    def key_id(self) -> str:
        """The keyid that its calls name (RFC 9421, 2.3)."""
        return hashlib.sha256(self.public_key).hexdigest()[:32]


def wanted(name: str, pem: bytes, subjects: Iterable[Subject], *, station: str | None) -> Wanted:
    """What is asked for, by an Ed25519 public key (PEM). Raises `Refused`."""
    name, station = name.strip(), station.strip() if station else None
    words = tuple(sorted({subject.value for subject in subjects}))
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable() or not words:
        raise Refused("须有一行名称和至少一个科目", "a name of one line and a subject are needed", where="name")
    if station is not None and not 0 < len(station) <= _LONGEST_STATION:
        raise Refused(f"鉴定站至多 {_LONGEST_STATION} 字", f"at most {_LONGEST_STATION} characters", where="station")
    return Wanted(name, _public(pem), words, station)


def check_new(session: Session, asked: Wanted) -> None:
    """Raises `Conflict` for a name or key on record."""
    same = (SendingSystemRecord.public_key == asked.public_key) | (SendingSystemRecord.name == asked.name)
    if session.scalar(select(SendingSystemRecord.id).where(same)) is not None:
        raise Conflict("名称或公钥已登记", "that name or key is on record already", where=asked.name)


def add(services: Services, session: Session, asked: Wanted, *, by: str, **by_two: str | int) -> SendingSystem:
    """Let it in, on record of the trail; `by_two` says who approved. Raises `Conflict`."""
    check_new(session, asked)
    row = SendingSystemRecord(
        name=asked.name,
        key_id=asked.key_id,
        public_key=asked.public_key,
        subjects=" ".join(asked.subjects),
        station=asked.station,
        created_at=services.now(),
        created_by=by,
    )
    session.add(row)
    session.flush()
    trail.note(
        session,
        at=services.now(),
        by=by,
        action="sending-system.register",
        object_kind="sending-system",
        object_key=asked.name,
        key_id=row.key_id,
        subjects=list(asked.subjects),
        station=asked.station,
        **by_two,
    )
    return _system(row)


def register(
    services: Services, name: str, pem: bytes, subjects: Iterable[Subject], *, station: str | None, by: str
) -> SendingSystem:
    """Let a system in, by one person; with real keys it takes two (`callers_by_two`). Raises `Refused`, `Conflict`."""
    asked = wanted(name, pem, subjects, station=station)
    with services.database.writing("sending-systems") as session:
        require_development(services)
        return add(services, session, asked, by=by)


def revoke(services: Services, system_id: int, *, by: str) -> SendingSystem:
    """Take its key out of use from now on. Again: changes nothing. Raises `NotFound`."""
    with services.database.writing("sending-systems") as session:
        row = session.get(SendingSystemRecord, system_id)
        if row is None:
            raise NotFound(f"没有发送系统 {system_id}", f"there is no sending system {system_id}")
        if row.revoked_at is None:
            row.revoked_at, row.revoked_by = services.now(), by
            trail.note(
                session,
                at=services.now(),
                by=by,
                action="sending-system.revoke",
                object_kind="sending-system",
                object_key=row.name,
            )
        return _system(row)


def list_systems(services: Services) -> list[SendingSystem]:
    """Every system, oldest first."""
    with services.database.reading() as session:
        return [_system(row) for row in session.scalars(select(SendingSystemRecord).order_by(SendingSystemRecord.id))]


def known(services: Services, key_id: str) -> SendingSystem:
    """The system of a key. Raises `SignatureRefused` for one that is unknown or revoked."""
    with services.database.reading() as session:
        row = session.scalar(select(SendingSystemRecord).where(SendingSystemRecord.key_id == key_id[:64]))
        if row is None:
            raise SignatureRefused("未登记的密钥 keyid", "no system is registered with this keyid", where="keyid")
        if row.revoked_at is not None:
            raise SignatureRefused("该密钥已撤销", "the key of this system was revoked", where="keyid")
        return _system(row)


def take_nonce(services: Services, system: SendingSystem, nonce: str) -> None:
    """Use a nonce up. Raises `SignatureRefused` for one that was seen, or is too short or long."""
    if not _SHORTEST_NONCE <= len(nonce) <= _LONGEST_NONCE:
        raise SignatureRefused(
            f"nonce 须为 {_SHORTEST_NONCE} 至 {_LONGEST_NONCE} 个字符",
            f"a nonce has {_SHORTEST_NONCE} to {_LONGEST_NONCE} characters",
            where="nonce",
        )
    now = services.now()
    with services.database.writing("nonces") as session:
        session.execute(delete(SeenNonceRecord).where(SeenNonceRecord.expires_at < now))
        if session.get(SeenNonceRecord, (system.id, nonce)) is not None:
            raise SignatureRefused(
                "重放：该 nonce 已用过，请重新签名", "replay: the nonce was used before; sign again", where="nonce"
            )
        # As long as a signature of any time within the window could come again.
        session.add(SeenNonceRecord(system_id=system.id, nonce=nonce, expires_at=now + 3 * WINDOW))


def _public(pem: bytes) -> bytes:
    try:
        key = load_pem_public_key(pem)
    except ValueError as error:
        raise Refused("不是 PEM 公钥", "this is no public key in PEM", where="key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise Refused("公钥须为 Ed25519", "the public key must be of Ed25519", where="key")
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _system(row: SendingSystemRecord) -> SendingSystem:
    return SendingSystem(
        row.id,
        row.name,
        row.key_id,
        row.public_key,
        tuple(Subject.of(one) for one in row.subjects.split()),
        row.station,
        row.created_at,
        row.revoked_at,
    )
