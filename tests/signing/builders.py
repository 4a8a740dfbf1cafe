"""Keys, trust bundles and signed credentials for tests; keys come from fixed seeds, so that specimens stay the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from certsvc.credential.canonical import canonical_bytes
from certsvc.credential.checked import check, digest8
from certsvc.credential.compact import compact_claims
from certsvc.credential.document import CertificateClaims, compose, did_web
from certsvc.signing.keys import Algorithm, KeyRecord, KeyState, Purpose, kid_of
from certsvc.signing.proofs import sign_compact, sign_credential
from certsvc.signing.trust import TrustBundle
from tests.credential.builders import BASE_URL

DID = did_web(BASE_URL)
CREATED = datetime(2025, 4, 21, 1, 2, 3, tzinfo=UTC)


class SeedSigner:
    """A signer whose key is a repeated byte."""

    def __init__(self, seed: int) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.public_bytes = self.key.public_key().public_bytes_raw()
        self.kid = kid_of(self.public_bytes)
        self.algorithm = Algorithm.ED25519

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)

    def record(self, purpose: Purpose = Purpose.CREDENTIAL, **changes: Any) -> KeyRecord:
        plain = KeyRecord(
            kid=self.kid,
            purpose=purpose,
            algorithm=self.algorithm,
            state=KeyState.ACTIVE,
            created_at=datetime(2025, 1, 1, tzinfo=UTC),
            public=self.public_bytes,
            uri="",
        )
        return replace(plain, **changes)


ISSUING, STATUS, STRANGER = SeedSigner(1), SeedSigner(2), SeedSigner(3)


def bundle(*records: KeyRecord) -> TrustBundle:
    """A bundle with these keys; by default the issuing key and the status list's."""
    chosen = records or (ISSUING.record(), STATUS.record(Purpose.STATUS_LIST))
    return TrustBundle(DID, {record.kid: record for record in chosen})


def signed(claims: CertificateClaims, signer: SeedSigner = ISSUING, method: str | None = None) -> bytes:
    """The signed credential of these claims."""
    return sign_credential(check(compose(claims), drawable=None), signer, method or f"{DID}#{signer.kid}", CREATED)


def signed_compact(claims: CertificateClaims, signer: SeedSigner = ISSUING) -> bytes:
    """The QR's COSE message of these claims."""
    return sign_compact(compact_claims(claims, digest8(canonical_bytes(compose(claims)))), signer)
