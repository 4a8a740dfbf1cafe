"""Declare a signing key stolen, from a log index on (docs/keys.md, "A stolen key").

What the log proves below that index stays good; what the key signed and the log shows later, or not at all, is not. An
index beyond the log's end is refused: it would vouch in advance for whatever the thief gets logged next.
Not here: proving an index (`log.proven`), signing the rest again (`resign`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from sqlalchemy import select

from certsvc.credential.status import Status
from certsvc.errors import KeyRefused
from certsvc.services.context import Services
from certsvc.services.log.append import frontier
from certsvc.services.operation.own_keys import deed, note_keys
from certsvc.services.records.approvals import require_development
from certsvc.signing.keys import KeyRecord, Purpose
from certsvc.signing.keystore import Announce
from certsvc.store import ISSUED, CertificateRecord

Announced = Callable[[Callable[[], Mapping[str, object]]], Announce]
"""Given what more the trail says of the deed, the notice of it."""


@dataclass(frozen=True, slots=True)
class Distrusted:
    """The key as it stands now, and how many certificates in force it leaves to be signed again."""

    record: KeyRecord
    to_resign: int


def distrust(services: Services, kid: str, from_index: int, *, by: str) -> Distrusted:
    """Distrust a key, with development keys alone; else see `key_work`. Raises as `carry_out`, `Refused`."""
    require_development(services)
    return carry_out(services, kid, from_index, partial(deed, services, "key.distrust", by))


def carry_out(services: Services, kid: str, from_index: int, announced: Announced) -> Distrusted:
    """Distrust a key; who may decide it was asked before.

    Raises `KeyMissing`, and `KeyRefused` for an index beyond the log or a later one than before.
    """
    with services.database.reading() as session:
        size = frontier(session).size
        if from_index > size:
            raise KeyRefused(
                f"日志只有 {size} 叶，起点不能在其后",
                f"the log has {size} leaves; distrust cannot begin beyond it",
                where=kid,
            )
        record = services.keystore.record(kid)
        query = select(CertificateRecord.credential).where(
            CertificateRecord.stage == ISSUED,
            CertificateRecord.leaf_index >= from_index,
            CertificateRecord.status.in_((Status.VALID.value, Status.SUSPENDED.value)),
        )
        named = services.trust.verification_method(kid).encode()
        to_resign = 0
        if record.purpose is Purpose.CREDENTIAL:
            to_resign = sum(credential is not None and named in credential for credential in session.scalars(query))
    announce = announced(lambda: {"from_index": from_index, "to_resign": to_resign})
    done = services.keystore.distrust(kid, from_index, announce)
    note_keys(services)
    return Distrusted(done, to_resign)
