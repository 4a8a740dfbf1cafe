"""Work on real signing keys by two people: a key rotated, taken out of use, or declared stolen (R1.6; docs/keys.md).

One person asks and another approves; the deed is done by the approver's command, which needs the passphrase. Making the
first key of a purpose is no such work (nothing stands under it yet). Not here: the deeds (`signing.keystore`,
`distrust`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from certsvc.errors import KeyRefused
from certsvc.services.certificates import distrust
from certsvc.services.context import Services
from certsvc.services.operation.own_keys import approved_deed
from certsvc.services.records.approvals import ask, found, opened, waiting, why
from certsvc.signing.keys import KeyRecord, Purpose

KIND: Final = "key.work"


class Work(StrEnum):
    """What is done to a key."""

    ROTATE = "rotate"
    RETIRE = "retire"
    DISTRUST = "distrust"


@dataclass(frozen=True, slots=True)
class ProposedWork:
    """Work that waits for a second person."""

    approval_id: int
    work: Work
    key: str

    def as_json(self) -> dict[str, object]:
        return {"approval": self.approval_id, "state": "waiting", "work": self.work.value, "key": self.key}


@dataclass(frozen=True, slots=True)
class DoneWork:
    """The key as it stands now; `to_resign` certificates in force are to be signed again."""

    record: KeyRecord
    to_resign: int = 0


def propose_rotation(services: Services, purpose: Purpose, *, at: str, reason: str, by: str) -> ProposedWork:
    """Ask for a new key in place of the active one. Raises `KeyMissing`, `Refused`."""
    active = services.keystore.active(purpose)
    return _propose(services, Work.ROTATE, active, {"purpose": purpose.value, "at": at}, reason=reason, by=by)


def propose_retirement(services: Services, kid: str, *, reason: str, by: str) -> ProposedWork:
    """Ask to take a key out of use. Raises `KeyMissing`, `Refused`."""
    return _propose(services, Work.RETIRE, services.keystore.record(kid), {}, reason=reason, by=by)


def propose_distrust(services: Services, kid: str, from_index: int, *, reason: str, by: str) -> ProposedWork:
    """Ask to declare a key stolen. Raises `KeyMissing`, `Refused`."""
    record = services.keystore.record(kid)
    return _propose(services, Work.DISTRUST, record, {"from_index": str(from_index)}, reason=reason, by=by)


def approve(services: Services, approval_id: int, *, by: str) -> DoneWork:
    """Do it. Raises `NotFound`, `Refused` where `by` asked for it, and whatever refuses the deed."""
    with services.database.reading() as session:
        asked = opened(services.vault, found(session, approval_id))
        waiting(services, session, approval_id, by)
    wanted, keystore = asked.content, services.keystore
    work, kid = Work(str(wanted["work"])), asked.object_key
    announced = partial(approved_deed, services, f"key.{work.value}", approval_id, by)
    if work is Work.DISTRUST:
        done = distrust.carry_out(services, kid, int(str(wanted["from_index"])), announced)
        return DoneWork(done.record, done.to_resign)
    if work is Work.RETIRE:
        return DoneWork(keystore.retire(kid, announced()))
    purpose = Purpose(str(wanted["purpose"]))
    if keystore.active(purpose).kid != kid:
        raise KeyRefused("申请后已换过该密钥，请重新申请", "it was rotated since: ask for it again", where=kid)
    return DoneWork(keystore.rotate(purpose, at=str(wanted["at"]), announce=announced()))


def _propose(
    services: Services, work: Work, record: KeyRecord, more: Mapping[str, str | None], *, reason: str, by: str
) -> ProposedWork:
    with services.database.writing() as session:
        content = {"work": work.value, **more}
        asked = ask(services, session, KIND, record.kid, content, reason=why(reason), by=by)
        return ProposedWork(asked.id, work, record.kid)
