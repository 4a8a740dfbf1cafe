"""Is this stored credential ours, and does it still say what the register's columns say?

The signed bytes are the truth and the columns an index (ADR 1): an index that disagrees with the bytes is a register
somebody has changed, and what it finds is not shown as genuine. A look-up checks one of the two proofs, over the stored
bytes (`signing.stored`); that binds everything it shows. Nothing is remembered from one look-up to the next. Both
proofs and the strict format are for files brought to be checked, for `log check`, and for a key that is distrusted.
"""

from __future__ import annotations

from hashlib import sha256
from operator import attrgetter
from typing import Final, NamedTuple, TypeAlias, cast

import orjson
from sqlalchemy.orm import object_session

from certsvc.credential.canonical import canonical_bytes
from certsvc.credential.document import CertificateClaims
from certsvc.credential.public_claims import REPEATED, PublicClaims, read_public
from certsvc.credential.status import Status
from certsvc.errors import MalformedCredential
from certsvc.person.name import fold
from certsvc.services.context import Services
from certsvc.services.log.proven import proven_index
from certsvc.signing.proofs import CredentialCheck, verify_credential
from certsvc.signing.stored import SignedPart, StoredProofs
from certsvc.store import CertificateRecord
from certsvc.store.base import folded_number

_STORED: Final = frozenset(status.value for status in Status) - {Status.EXPIRED.value}

REPEATING: Final = PublicClaims._fields[REPEATED]
"""The columns of an issued certificate that repeat what was signed, in the order of `PublicClaims`."""
_DAYS: Final = 3  # the last of them
_repeating: Final = attrgetter(*REPEATING)


Repeated: TypeAlias = tuple[object, ...]


class Genuine(NamedTuple):
    """What a genuine credential says, and what the QR's payload is bound to: eight bytes of its digest."""

    claims: PublicClaims
    digest8: bytes


def genuine_claims(services: Services, row: CertificateRecord) -> Genuine | None:
    """What a row's credential says, where a signature of ours holds and the columns repeat it; None where anything
    disagrees. Raises `Unavailable` where a key is distrusted and no signed head says what the log proves."""
    if not isinstance(row.credential, bytes) or row.credential_sha256 != sha256(row.credential).hexdigest():
        return None
    if row.status not in _STORED:
        return None
    repeated = in_text(_repeating(row))
    found = genuine_by(services.stored_proofs, services.issuer.did, row.credential, repeated)
    return found or _genuine_by_log(services, row, repeated)


def genuine_by(proofs: StoredProofs, issuer: str, credential: object, repeated: Repeated) -> Genuine | None:
    """As `genuine_claims` by the keys that vouch without the log; None as well for what another key signed.
    `repeated` are the columns `REPEATING`.

    The column of the digest, which finds files and is shown nowhere, is not asked: a scan has no time for it.
    """
    if not isinstance(credential, bytes):  # SQLite keeps whatever type a hand-made UPDATE writes
        return None
    signed = proofs.signed_part(credential)
    return None if signed is None else _read(signed, issuer, repeated)


def in_text(repeated: Repeated) -> Repeated:
    """The columns `REPEATING` with their days as ISO text: some drivers give dates."""
    days = (day if day is None else str(day) for day in repeated[-_DAYS:])
    return (*repeated[:-_DAYS], *days)


def check_row(services: Services, row: CertificateRecord) -> CredentialCheck:
    """`verify_credential` for a row's bytes. Only those of a distrusted key ask the log, which then must prove them.

    Raises `Unavailable` where the log is needed and there is no signed head to prove anything by.
    """
    assert row.credential is not None
    trust = services.trust
    found = verify_credential(row.credential, trust)
    if found.ok or all(key.distrusted_from is None for key in trust.keys.values()):
        return found
    index = _proven(services, row)
    return found if index is None else verify_credential(row.credential, trust, log_index=index)


def repeats(row: CertificateRecord, claims: CertificateClaims) -> bool:
    """Whether the row's columns are those of the claims, its digest its bytes', its status one that is stored."""
    return (
        row.credential is not None
        and folds_agree(row)
        and row.status in _STORED
        and row.number == claims.number
        and row.version == claims.version
        and row.token == claims.token
        and row.holder_name == claims.holder_name
        and row.occupation_code == claims.occupation_code
        and row.level == claims.level
        and row.issued_on == claims.issued_on
        and row.reissued_on == claims.reissued_on
        and row.valid_until == claims.valid_until
        and row.credential_sha256 == sha256(row.credential).hexdigest()
    )


def folds_agree(row: CertificateRecord) -> bool:
    """Whether what look-ups find the row by (R9) is its own number and name, folded."""
    return row.number_folded == folded_number(row.number) and row.holder_name_folded == fold(row.holder_name)


def _read(signed: SignedPart, issuer: str, repeated: Repeated) -> Genuine | None:
    try:
        claims = read_public(orjson.loads(signed.document))
    except (MalformedCredential, orjson.JSONDecodeError):
        return None
    says = cast(Repeated, claims[REPEATED])
    return Genuine(claims, signed.digest[:8]) if claims.issuer == issuer and says == repeated else None


def _genuine_by_log(services: Services, row: CertificateRecord, repeated: Repeated) -> Genuine | None:
    """For what only the log vouches for: both proofs, and its place in the log."""
    if all(key.distrusted_from is None for key in services.trust.keys.values()):
        return None
    found = check_row(services, row)
    if not found.ok or found.document is None:
        return None
    document = canonical_bytes(found.document)
    return _read(SignedPart(document, sha256(document).digest()), services.issuer.did, repeated)


def _proven(services: Services, row: CertificateRecord) -> int | None:
    """`proven_index`, by the session that read the row where it is still open: a second one beside it could wait for a
    writer who waits for the first."""
    if (session := object_session(row)) is not None:
        return proven_index(services, session, row)
    with services.database.reading() as own:
        return proven_index(services, own, row)
