"""Private keys in this process's memory, read from the files of a keystore."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certsvc.signing import gm
from certsvc.signing.keyfiles import PrivateKey
from certsvc.signing.keys import Algorithm


class FileSigner:
    """An Ed25519 or P-256 key."""

    def __init__(self, kid: str, algorithm: Algorithm, public_bytes: bytes, key: PrivateKey) -> None:
        self.kid = kid
        self.algorithm = algorithm
        self.public_bytes = public_bytes
        self._key = key

    def sign(self, message: bytes) -> bytes:
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(message)
        return self._key.sign(message, ec.ECDSA(hashes.SHA256()))


class GmSigner:
    """An SM2 key."""

    algorithm = Algorithm.SM2

    def __init__(self, kid: str, public_bytes: bytes, private: bytes) -> None:
        self.kid = kid
        self.public_bytes = public_bytes
        self._private = private

    def sign(self, message: bytes) -> bytes:
        return gm.sign(self._private, self.public_bytes, message)


def public_bytes_of(key: PrivateKey) -> bytes:
    """The 32 bytes of an Ed25519 public key, the 65 of a P-256 point."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.public_key().public_bytes_raw()
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
