"""Passwords of the staff: kept as argon2id hashes alone; those that scrypt hashed before are accepted once more.

Parameters are RFC 9106's second choice (3 passes over 64 MiB), as argon2-cffi has them; two are worked on at once in a
process, whatever many strangers send. Not here: who has which (`accounts`), how often one may try (`web.limits`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from certsvc.errors import Refused

SHORTEST: Final = 12
LONGEST: Final = 256
_HASHER: Final = PasswordHasher()
_AT_ONCE: Final = threading.BoundedSemaphore(2)  # each takes 64 MiB
_SCRYPT: Final = "scrypt$"
# What an unknown name's password is held against, so that the time of an answer does not tell whether it exists.
NO_ONES: Final = "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def check_password(password: str) -> None:
    """Raises `Refused` for one that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Refused(
            f"口令应为 {SHORTEST}–{LONGEST} 个字符",
            f"a password has {SHORTEST} to {LONGEST} characters",
            where="password",
        )


def hash_password(password: str) -> str:
    """The hash in PHC form, "$argon2id$v=19$…"."""
    with _AT_ONCE:
        return _HASHER.hash(password.encode("utf-8", "replace"))


def password_matches(password: str, stored: str) -> bool:
    """Whether the password is the one that was hashed."""
    octets = password.encode("utf-8", "replace")
    with _AT_ONCE:
        if stored.startswith(_SCRYPT):
            return _scrypt_matches(octets, stored)
        try:
            return _HASHER.verify(stored, octets)
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(stored: str) -> bool:
    """Whether the hash is to be made again, from the password that just matched it."""
    return stored.startswith(_SCRYPT) or _HASHER.check_needs_rehash(stored)


def _scrypt_matches(password: bytes, stored: str) -> bool:
    """Of "scrypt$17$8$1$SALT$KEY", salt and key in base64 (RFC 7914)."""
    _, log2_n, r, p, salt, key = stored.split("$")
    n, block = 2 ** int(log2_n), int(r)
    derived = hashlib.scrypt(
        password, salt=base64.b64decode(salt), n=n, r=block, p=int(p), maxmem=256 * block * n, dklen=32
    )
    return hmac.compare_digest(derived, base64.b64decode(key))
