"""Salted commitments: the holder can show what a credential says about them, and no one can guess it (R10).

An identity number has few enough possibilities to try them all, so a plain hash of one gives it away. A commitment is
HMAC-SHA-256 under a random salt of 32 bytes that only the holder and the issuer keep; without the salt it says nothing.
Not here: making the salt (services draw it), storing it (encrypted, in the store).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from certsvc.credential.canonical import canonical_bytes, load_strict
from certsvc.errors import MalformedCredential
from certsvc.person.identity import IdType

SALT_BYTES: Final = 32
_LARGEST_OPENING = 1024
_SHA256_MULTIHASH: Final = b"\x12\x20"


def multibase_u(content: bytes) -> str:
    """Multibase base64url without padding: "u" and the characters."""
    return "u" + base64.urlsafe_b64encode(content).decode().rstrip("=")


def decode_multibase_u(text: str) -> bytes:
    """The bytes of a "u…" text in its one canonical spelling; else `MalformedCredential`."""
    try:
        content = base64.urlsafe_b64decode(text[1:] + "=" * (-len(text[1:]) % 4)) if text.isascii() else b""
    except (binascii.Error, ValueError) as error:
        raise MalformedCredential("不是 base64url", "not base64url") from error
    if multibase_u(content) != text:
        raise MalformedCredential("base64url 写法不规范", "not base64url in its canonical spelling")
    return content


def digest_multibase(content: bytes) -> str:
    """The SHA-256 multihash of some bytes as multibase "u…" (`digestMultibase` of VC Data Integrity 2.6)."""
    return multibase_u(_SHA256_MULTIHASH + hashlib.sha256(content).digest())


def sha256_of(digest: str) -> str:
    """The SHA-256, in hexadecimal, that a `digest_multibase` of ours carries."""
    return decode_multibase_u(digest)[len(_SHA256_MULTIHASH) :].hex()


def commit(salt: bytes, *parts: str) -> str:
    """ "u" + base64url(HMAC-SHA-256(salt, parts)), each part preceded by its length so that no two lists collide."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes, not {len(salt)}")
    message = b"".join(len(part).to_bytes(4, "big") + part for part in (text.encode() for text in parts))
    return multibase_u(hmac.digest(salt, message, "sha256"))


def opens(commitment: str, salt: bytes, *parts: str) -> bool:
    """Whether the salt and the parts are what the commitment was made of; False also for a salt of another length."""
    return len(salt) == SALT_BYTES and hmac.compare_digest(commit(salt, *parts).encode(), commitment.encode())


def commit_identity(salt: bytes, id_type: IdType, id_number: str) -> str:
    """The commitment that a credential carries in place of the identity number."""
    return commit(salt, "identity", id_type.value, id_number)


@dataclass(frozen=True, slots=True)
class Opening:
    """What the holder keeps to show that a credential is about them: attached to their PDF, never published."""

    salt: bytes
    id_type: IdType
    id_number: str

    def opens(self, commitment: str) -> bool:
        """Whether this opening belongs to the credential with that identity commitment."""
        return opens(commitment, self.salt, "identity", self.id_type.value, self.id_number)

    def as_json(self) -> bytes:
        """Canonical JSON with idNumber, idType and salt ("u…")."""
        return canonical_bytes(
            {"idNumber": self.id_number, "idType": self.id_type.value, "salt": multibase_u(self.salt)}
        )


def read_opening(content: bytes) -> Opening:
    """The inverse of `Opening.as_json`; raises `MalformedCredential`."""
    members = load_strict(content[: _LARGEST_OPENING + 1])
    if len(content) > _LARGEST_OPENING or not isinstance(members, dict):
        raise MalformedCredential("身份承诺的开启文件不合格", "not an opening of an identity commitment")
    number, id_type, salt = members.get("idNumber"), members.get("idType"), members.get("salt")
    if set(members) != {"idNumber", "idType", "salt"} or not (
        isinstance(number, str) and isinstance(id_type, str) and isinstance(salt, str)
    ):
        raise MalformedCredential("身份承诺的开启文件不合格", "not an opening of an identity commitment")
    kind = IdType.known(id_type)
    if kind is None:
        raise MalformedCredential(f"未知证件类型 {id_type}", f"unknown type of identity document {id_type}")
    return Opening(decode_multibase_u(salt), kind, number)
