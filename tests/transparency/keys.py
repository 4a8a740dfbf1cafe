"""Keys for tests, always the same: seeds are 32 times one byte, so no one takes them for real ones."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from certsvc.transparency.note import Algorithm, VerifierKey

ORIGIN = "certs.example/log"
WITNESS = "witness.example/w1"
OTHER_WITNESS = "witness.example/w2"


def private(seed: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def key(seed: int, name: str = ORIGIN, algorithm: Algorithm = Algorithm.ED25519) -> VerifierKey:
    return VerifierKey(name, algorithm, private(seed).public_key().public_bytes_raw())


def signer(seed: int) -> Callable[[bytes], bytes]:
    return private(seed).sign


LOG_KEY, LOG_SIGN = key(1), signer(1)
WITNESS_KEY, WITNESS_SIGN = key(2, WITNESS, Algorithm.COSIGNATURE), signer(2)
