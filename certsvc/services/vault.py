"""Personal data at rest: sealed with AES-256-GCM, found again by a keyed HMAC, never by a plain hash (R10).

Each sealed text is bound to its row (as additional data), so that one moved to another row does not open.
Not here: where the keys come from (`signing.keystore`), and which rows hold what (`store`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from certsvc.errors import KeyMissing
from certsvc.person.identity import IdentityDocument
from certsvc.signing.keystore import Keystore, Purpose

NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a row stores: the ciphertext, nonce first, and the identifier of the key it was sealed with."""

    content: bytes
    kid: str


class Vault:
    """Seals and opens; keeps the keys it has read, so that 100,000 rows do not read them again."""

    def __init__(self, keystore: Keystore) -> None:
        self._keystore = keystore
        self._ciphers: dict[str, AESGCM] = {}
        self._sealing_kid: str | None = None
        self._lookup_key: bytes | None = None

    def lookup(self, identity: IdentityDocument) -> bytes:
        """The 32 bytes under which the holder of this document is found."""
        return self._keyed(f"{identity.type.value}\0{identity.number}")

    def prove(self, purpose: str, text: str) -> str:
        """What shows later that this was written here, in hex; a `purpose` is no kind of document."""
        return self._keyed(f"{purpose}\0{text}").hex()

    def _keyed(self, message: str) -> bytes:
        if self._lookup_key is None:
            self._lookup_key = self._keystore.secret(Purpose.LOOKUP)
        return hmac.digest(self._lookup_key, message.encode(), hashlib.sha256)

    def seal_bytes(self, content: bytes, bound_to: bytes) -> Sealed:
        """The same for what is no text, such as a picture."""
        kid = self._active_kid()
        nonce = os.urandom(NONCE_BYTES)
        return Sealed(nonce + self._cipher(kid).encrypt(nonce, content, bound_to), kid)

    def open_bytes(self, content: bytes, kid: str, bound_to: bytes) -> bytes:
        """The inverse of `seal_bytes`. Raises `KeyMissing` where the key, the row or a single bit is another."""
        try:
            return self._cipher(kid).decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], bound_to)
        except InvalidTag as error:
            raise KeyMissing(
                f"个人信息无法解密（密钥 {kid}）", f"personal data does not open with key {kid}", where="vault"
            ) from error

    def seal(self, personal: Mapping[str, str | None], bound_to: bytes) -> Sealed:
        """Seal under the active personal-data key, for the row that `bound_to` names."""
        return self.seal_bytes(json.dumps(dict(personal), ensure_ascii=False, sort_keys=True).encode(), bound_to)

    def open(self, content: bytes, kid: str, bound_to: bytes) -> dict[str, str | None]:
        """The inverse of `seal`. Raises `KeyMissing` where the key, the row or a single bit is another."""
        opened: dict[str, str | None] = json.loads(self.open_bytes(content, kid, bound_to))
        return opened

    def _active_kid(self) -> str:
        if self._sealing_kid is None:
            self._sealing_kid = self._keystore.active(Purpose.PERSONAL_DATA).kid
        return self._sealing_kid

    def _cipher(self, kid: str) -> AESGCM:
        if kid not in self._ciphers:
            self._ciphers[kid] = AESGCM(self._keystore.secret(Purpose.PERSONAL_DATA, kid))
        return self._ciphers[kid]
