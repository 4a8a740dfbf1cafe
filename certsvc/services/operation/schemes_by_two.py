"""A scheme file that waits for a second person (R0, R1.6): the rules decide who passes, so no one sets them alone.

The text waits whole in the request. Not here: what a scheme may say (`rules.scheme`), storing it (`records.schemes`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from certsvc.errors import Conflict
from certsvc.services import trail
from certsvc.services.context import Services
from certsvc.services.records.approvals import ApprovalState, ask, decide, waiting
from certsvc.services.records.schemes import add, read_scheme_file

KIND: Final = "scheme.add"


@dataclass(frozen=True, slots=True)
class ProposedScheme:
    """A scheme that waits; without a request where it is on record already."""

    approval_id: int | None
    key: str
    version: str

    def as_json(self) -> dict[str, object]:
        state = {} if self.approval_id is None else {"approval": self.approval_id, "state": "waiting"}
        return {"key": self.key, "version": self.version, "new": False, **state}


@dataclass(frozen=True, slots=True)
class AddedScheme:
    """A scheme that is on record from now on."""

    approval_id: int
    key: str
    version: str

    def as_json(self) -> dict[str, object]:
        return {"approval": self.approval_id, "key": self.key, "version": self.version, "new": True}


def propose(services: Services, path: Path, *, by: str) -> ProposedScheme:
    """Ask for the scheme of a file. Raises `InvalidScheme`, `Conflict`."""
    toml = read_scheme_file(path)
    with services.database.writing() as session:
        record, is_new = add(session, toml)
        key, version = record.key, record.version
        session.rollback()
    if not is_new:
        return ProposedScheme(None, key, version)
    content = {"toml": toml, "sha256": hashlib.sha256(toml.encode()).hexdigest(), "file": path.name}
    with services.database.writing() as session:
        asked = ask(services, session, KIND, f"{key} {version}", content, reason="方案 scheme", by=by)
        return ProposedScheme(asked.id, key, version)


def approve(services: Services, approval_id: int, *, by: str) -> AddedScheme:
    """Put it on record. Raises `NotFound`, `Refused` where `by` brought it, `Conflict`."""
    with services.database.writing() as session:
        row, asked = waiting(services, session, approval_id, by)
        record, is_new = add(session, str(asked.content["toml"]))
        if not is_new:
            raise Conflict("该方案已登记", "the scheme is on record already", rule="R0", where=asked.object_key)
        decide(services, session, row, ApprovalState.APPROVED, by=by)
        trail.note(
            session,
            at=services.now(),
            by=asked.asked_by,
            action="scheme.add",
            object_kind="scheme",
            object_key=f"{record.key} {record.version}",
            sha256=record.sha256,
            approved_by=by,
            approval=approval_id,
        )
        return AddedScheme(approval_id, record.key, record.version)
