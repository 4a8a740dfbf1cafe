"""What a key is here: its purpose, its state, its public record, and the one thing a private key can be asked to do.

Keys are apart by purpose, so that one of them stolen fakes none of the others (design.md, decision 8). Not here: where
keys rest (`keyfiles`, `pkcs11_keys`) and how they come and go (`keystore`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from nacl import bindings as sodium
from nacl.exceptions import BadSignatureError

from certsvc.signing import gm

KID_BYTES: Final = 4


class Purpose(StrEnum):
    CREDENTIAL = "credential"
    PDF_SEAL = "pdf-seal"
    STATUS_LIST = "status-list"
    LOG_CHECKPOINT = "log-checkpoint"
    LOOKUP = "lookup"
    PERSONAL_DATA = "personal-data"
    SESSION = "session"
    GM = "gm"


class Algorithm(StrEnum):
    ED25519 = "Ed25519"
    P256 = "P-256"  # ECDSA with SHA-256
    SM2 = "SM2"  # with SM3
    SECRET = "secret"  # noqa: S105 - a kind of key, not one: 32 bytes for HMAC-SHA-256 or AES-256


ALGORITHM_OF: Final = {
    Purpose.CREDENTIAL: Algorithm.ED25519,
    Purpose.PDF_SEAL: Algorithm.P256,  # pdfsig knows no Ed25519 in a PDF (measured.md)
    Purpose.STATUS_LIST: Algorithm.ED25519,
    Purpose.LOG_CHECKPOINT: Algorithm.ED25519,
    Purpose.LOOKUP: Algorithm.SECRET,
    Purpose.PERSONAL_DATA: Algorithm.SECRET,
    Purpose.SESSION: Algorithm.SECRET,
    Purpose.GM: Algorithm.SM2,
}
OPTIONAL_PURPOSES: Final = frozenset({Purpose.GM})
"""Made when asked for, never by `certsvc init`."""
SIGNING_PURPOSES: Final = frozenset(
    purpose for purpose, algorithm in ALGORITHM_OF.items() if algorithm is not Algorithm.SECRET
)


class KeyState(StrEnum):
    PENDING = "pending"  # made, waiting for its certificate chain
    ACTIVE = "active"
    RETIRED = "retired"  # signs no more; what it signed stays good
    DISTRUSTED = "distrusted"  # stolen: good only for what was logged before an index


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """The public record of one key, kept for good. `public` is empty for secrets; `uri` says where the private part is.

    `public` is 32 bytes for Ed25519, the 65-byte uncompressed point for P-256 and SM2. Times are aware, UTC.
    """

    kid: str
    purpose: Purpose
    algorithm: Algorithm
    state: KeyState
    created_at: datetime
    public: bytes
    uri: str
    retired_at: datetime | None = None
    distrusted_from: int | None = None
    development: bool = False


class Signer(Protocol):
    """A private key at work. `sign` gives 64 bytes for Ed25519, DER of r and s for P-256 (SHA-256) and SM2 (SM3)."""

    @property
    def kid(self) -> str: ...

    @property
    def algorithm(self) -> Algorithm: ...

    @property
    def public_bytes(self) -> bytes: ...

    def sign(self, message: bytes) -> bytes: ...


def kid_of(public: bytes) -> str:
    """The key identifier: the first 4 bytes of SHA-256 of the public key in hexadecimal; so short for the QR's sake."""
    return hashlib.sha256(public).digest()[:KID_BYTES].hex()


def vouches(key: KeyRecord, log_index: int | None) -> bool:
    """Whether a key may vouch for what the log proves at this index; None where it proves nothing."""
    return key.distrusted_from is None or (log_index is not None and log_index < key.distrusted_from)


def distrust_said(key: KeyRecord) -> tuple[str, str]:
    """The finding that a key does not vouch, in Chinese and English."""
    return (
        f"签名密钥 {key.kid} 自日志序号 {key.distrusted_from} 起不再可信，且无更早的日志证明",
        f"key {key.kid} is distrusted from log index {key.distrusted_from} and no earlier index is proven",
    )


def acceptable_public_key(algorithm: Algorithm, public: bytes) -> bool:
    """Whether a public key may be pinned: for Ed25519 canonical, of the prime-order group, not of small order."""
    if algorithm is Algorithm.ED25519:
        # A small-order key has signatures that hold for almost any message (RFC 8032 leaves the check to us).
        return len(public) == 32 and bool(sodium.crypto_core_ed25519_is_valid_point(public))
    if algorithm is Algorithm.P256:
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        except ValueError:
            return False
        return len(public) == 65
    return algorithm is Algorithm.SM2 and gm.on_curve(public)


def verify(algorithm: Algorithm, public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature holds; never raises on bad input.

    Ed25519 by libsodium, which refuses S above the order, small-order points and encodings that are not canonical, in
    half the time of OpenSSL, which does not refuse them. P-256: strict DER, SHA-256.
    """
    try:
        if algorithm is Algorithm.ED25519:
            if len(signature) != 64 or len(public) != 32:
                return False
            sodium.crypto_sign_open(signature + message, public)
        elif algorithm is Algorithm.P256:
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        else:
            return algorithm is Algorithm.SM2 and gm.verify(public, signature, message)
    except (BadSignatureError, InvalidSignature, ValueError):
        return False
    return True
