"""What was typed at the first step of signing in, carried to the second without resting anywhere (R10).

Name and identity number may stand in no address and no log; here they also stand in no cookie and, readable, in no
page. They go into a hidden field of the second page, sealed (AES-256-GCM) under a key made of the SESSION key and a
random value that a cookie of the same browser holds: the saved page alone, the cookie alone, or the page moved into
somebody else's browser (a forged sign-in) opens nothing. The server keeps nothing, so that asking for a code leaves the
same trace whether or not the person is known. All sealed fields have one length, whatever the name's.
Not here: who the person is, and whether anybody is (`services.holders.sign_in`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from certsvc.person.identity import IdentityDocument, IdType

LIFE: Final = timedelta(minutes=30)
_NONCE_BYTES: Final = 12
_CARRIER_BYTES: Final = 16
# The longest name (100 code points of four octets) and number, with the JSON about them.
_PADDED: Final = 768
_LABEL: Final = b"certsvc holder carried v1\0"


@dataclass(frozen=True, slots=True)
class Claimed:
    """Who somebody says they are; nothing has been looked up."""

    name: str
    identity: IdentityDocument


def new_carrier() -> str:
    """A value for the cookie that binds a sealed field to one browser."""
    return secrets.token_urlsafe(_CARRIER_BYTES)


def seal(key: bytes, carrier: str, claimed: Claimed, now: datetime) -> str:
    """The hidden field's text."""
    content = {
        "name": claimed.name,
        "type": claimed.identity.type.value,
        "number": claimed.identity.number,
        "until": int((now + LIFE).timestamp()),
    }
    plain = json.dumps(content, ensure_ascii=False).encode().ljust(_PADDED)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(_key(key, carrier)).encrypt(nonce, plain, _LABEL)
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(key: bytes, carrier: str | None, field: str, now: datetime) -> Claimed | None:
    """What was sealed, or None alike for another browser's, an old one, and anything not made here."""
    if not carrier:
        return None
    try:
        octets = base64.b64decode(field.encode("ascii"), altchars=b"-_", validate=True)
        plain = AESGCM(_key(key, carrier)).decrypt(octets[:_NONCE_BYTES], octets[_NONCE_BYTES:], _LABEL)
    except (UnicodeEncodeError, binascii.Error, ValueError, InvalidTag):
        return None
    content = json.loads(plain)
    if now.timestamp() >= content["until"]:
        return None
    return Claimed(content["name"], IdentityDocument(IdType.of(content["type"]), content["number"]))


def _key(key: bytes, carrier: str) -> bytes:
    return hmac.digest(key, _LABEL + carrier.encode("utf-8", "replace"), hashlib.sha256)
