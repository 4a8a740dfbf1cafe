"""Declare a signing key stolen, from a log index on (docs/keys.md, "A stolen key").

What the log proves below that index stays good; what the key signed and the log shows later, or not at all, is not. An
index beyond the log's end is refused: it would vouch in advance for whatever the thief gets logged next.
Not here: proving an index (`log.proven`), signing the rest again (`resign`).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from certsvc.credential.status import Status
from certsvc.errors import KeyRefused
from certsvc.services import trail
from certsvc.services.context import Services
from certsvc.services.log.append import frontier
from certsvc.signing.keys import KeyRecord, Purpose
from certsvc.store import ISSUED, CertificateRecord


@dataclass(frozen=True, slots=True)
class Distrusted:
    """The key as it stands now, and how many certificates in force it leaves to be signed again."""

    record: KeyRecord
    to_resign: int


def distrust(services: Services, kid: str, from_index: int, *, by: str) -> Distrusted:
    """Distrust a key. Raises `KeyMissing`, and `KeyRefused` for an index beyond the log or a later one than before."""
    with services.database.writing() as session:
        size = frontier(session).size
        if from_index > size:
            raise KeyRefused(
                f"日志只有 {size} 叶，起点不能在其后",
                f"the log has {size} leaves; distrust cannot begin beyond it",
                where=kid,
            )
        record = services.keystore.distrust(kid, from_index)
        query = select(CertificateRecord.credential).where(
            CertificateRecord.stage == ISSUED,
            CertificateRecord.leaf_index >= from_index,
            CertificateRecord.status.in_((Status.VALID.value, Status.SUSPENDED.value)),
        )
        named = services.trust.verification_method(kid).encode()
        to_resign = 0
        if record.purpose is Purpose.CREDENTIAL:
            to_resign = sum(credential is not None and named in credential for credential in session.scalars(query))
        trail.note(
            session,
            at=services.now(),
            by=by,
            action="key.distrust",
            object_kind="key",
            object_key=kid,
            purpose=record.purpose.value,
            from_index=from_index,
            to_resign=to_resign,
        )
    return Distrusted(record, to_resign)
