"""One certificate in the survival kit: readable by anyone who holds its token, and by no one else.

The file's name and its key both come from the token (HKDF-SHA-256, RFC 5869), which only the QR and the signed
credential hold: who scans the code opens the file, who has the whole folder learns nothing but how many there are. The
nonce is derived from the content, so that an unchanged certificate gives an unchanged file.
Not here: writing the folder (`export_kit`), the register's own backup (`kit.register`).
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from certsvc.credential.canonical import canonical_bytes, load_strict
from certsvc.errors import MalformedCredential

CREDENTIALS: Final = "credentials"
PDFS: Final = "pdf"
_NONCE_BYTES: Final = 12
_LARGEST: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class KitCredential:
    """What a token opens: the signed credential, the QR's message, and the log's receipt where there is one."""

    credential: bytes
    cose: bytes
    receipt: bytes | None

    def as_json(self) -> bytes:
        members: dict[str, object] = {
            "format": 1,
            "credential": self.credential.decode(),
            "cose": base64.b64encode(self.cose).decode(),
        }
        if self.receipt is not None:
            members["receipt"] = self.receipt.decode()
        return canonical_bytes(members)


def path_of(kind: str, token: str) -> str:
    """Where a part of this token stands below the kit's folder: `kind` is CREDENTIALS or PDFS."""
    name = _derive(token, f"name {kind}").hex()
    return f"{kind}/{name[:2]}/{name[2:]}.bin"


def seal_part(kind: str, token: str, content: bytes) -> bytes:
    """The file's bytes: nonce, then AES-256-GCM under the token's key for this kind."""
    key = _derive(token, f"key {kind}")
    nonce = hmac.digest(key, content, "sha256")[:_NONCE_BYTES]
    return nonce + AESGCM(key).encrypt(nonce, content, kind.encode())


def open_part(kind: str, token: str, sealed: bytes) -> bytes:
    """The inverse of `seal_part`; raises `MalformedCredential` where the token or a single bit is another."""
    try:
        return AESGCM(_derive(token, f"key {kind}")).decrypt(
            sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], kind.encode()
        )
    except (InvalidTag, ValueError) as error:
        raise MalformedCredential("存档文件无法解密", "the kit's file does not open", where=kind) from error


def read_credential(folder: Path, token: str) -> KitCredential | None:
    """What the kit holds under this token; None where it holds nothing, or nothing that opens."""
    try:
        with (folder / path_of(CREDENTIALS, token)).open("rb") as file:
            members = load_strict(open_part(CREDENTIALS, token, file.read(_LARGEST)))
    except (OSError, MalformedCredential):
        return None
    if not isinstance(members, dict):
        return None
    credential, cose, receipt = members.get("credential"), members.get("cose"), members.get("receipt")
    if not (isinstance(credential, str) and isinstance(cose, str) and isinstance(receipt, str | None)):
        return None
    try:
        code = base64.b64decode(cose, validate=True)
    except binascii.Error:
        return None
    return KitCredential(credential.encode(), code, None if receipt is None else receipt.encode())


def _derive(token: str, purpose: str) -> bytes:
    derivation = HKDF(algorithm=SHA256(), length=32, salt=b"certsvc survival kit v1", info=purpose.encode())
    return derivation.derive(token.encode())
