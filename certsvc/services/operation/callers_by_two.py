"""Programs that call from outside wait for a second person: what sends results decides who passes (R1.6).

Not here: what a sending system or an API key may do, and storing it (`sending_systems`, `api_keys`).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from certsvc.rules.terms import Subject
from certsvc.services.context import Services
from certsvc.services.operation import api_keys, sending_systems
from certsvc.services.operation.api_keys import Scope
from certsvc.services.records.approvals import ApprovalState, Asked, ask, decide, waiting

SYSTEM: Final = "sending-system.register"
API_KEY: Final = "api-key.create"


@dataclass(frozen=True, slots=True)
class ProposedCaller:
    """A program that waits. `key_id` of a sending system; `key` of an API key, seen this once, not good yet."""

    approval_id: int
    name: str
    key_id: str | None = None
    key: str | None = None

    def as_json(self) -> dict[str, object]:
        given = {name: value for name, value in (("key_id", self.key_id), ("key", self.key)) if value is not None}
        return {"approval": self.approval_id, "state": "waiting", "name": self.name, **given}


@dataclass(frozen=True, slots=True)
class AdmittedCaller:
    """A program that may call from now on."""

    approval_id: int
    id: int
    name: str

    def as_json(self) -> dict[str, object]:
        return {"approval": self.approval_id, "id": self.id, "name": self.name}


def propose_system(
    services: Services, name: str, pem: bytes, subjects: Iterable[Subject], *, station: str | None, by: str
) -> ProposedCaller:
    """Ask that a system may send results. Raises `Refused`, `Conflict` for a name or key on record."""
    wanted = sending_systems.wanted(name, pem, subjects, station=station)
    content = {
        "name": wanted.name,
        "public_key": base64.b64encode(wanted.public_key).decode(),
        "kid": wanted.key_id,
        "subjects": " ".join(wanted.subjects),
        "station": wanted.station,
    }
    with services.database.writing() as session:
        sending_systems.check_new(session, wanted)
        row = ask(services, session, SYSTEM, wanted.name, content, reason="报送系统 sending system", by=by)
        return ProposedCaller(row.id, wanted.name, key_id=wanted.key_id)


def propose_key(
    services: Services, label: str, scopes: Iterable[Scope], quota_per_day: int, *, by: str
) -> ProposedCaller:
    """Ask that a new key be good; only its hash waits. Raises `Refused`."""
    key, wanted = api_keys.wanted(label, scopes, quota_per_day)
    content = {
        "name": wanted.label,
        "scopes": " ".join(wanted.scopes),
        "quota": str(wanted.quota_per_day),
        "sha256": wanted.key_sha256.hex(),
    }
    with services.database.writing() as session:
        row = ask(services, session, API_KEY, wanted.label, content, reason="接口密钥 API key", by=by)
        return ProposedCaller(row.id, wanted.label, key=key)


def approve(services: Services, approval_id: int, *, by: str) -> AdmittedCaller:
    """Let it in. Raises `NotFound`, `Refused` where `by` asked for it, `Conflict` where it is on record by now."""
    with services.database.writing() as session:
        row, asked = waiting(services, session, approval_id, by)
        decide(services, session, row, ApprovalState.APPROVED, by=by)
        admitted = _ADMIT[asked.kind](services, session, asked, by)
        return AdmittedCaller(approval_id, admitted, str(asked.content["name"]))


def _admit_system(services: Services, session: Session, asked: Asked, by: str) -> int:
    content = asked.content
    wanted = sending_systems.Wanted(
        str(content["name"]),
        base64.b64decode(str(content["public_key"])),
        tuple(str(content["subjects"]).split()),
        content["station"],
    )
    return sending_systems.add(services, session, wanted, by=asked.asked_by, approved_by=by, approval=asked.id).id


def _admit_key(services: Services, session: Session, asked: Asked, by: str) -> int:
    content = asked.content
    wanted = api_keys.Wanted(
        str(content["name"]),
        tuple(str(content["scopes"]).split()),
        int(str(content["quota"])),
        bytes.fromhex(str(content["sha256"])),
    )
    return api_keys.add(services, session, wanted, by=asked.asked_by, approved_by=by, approval=asked.id)


_ADMIT: Final[Mapping[str, Callable[[Services, Session, Asked, str], int]]] = {
    SYSTEM: _admit_system,
    API_KEY: _admit_key,
}
