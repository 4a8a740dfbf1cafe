"""What the register keeps sealed beside a certificate: the identity number and the salts of its commitments.

With them the holder opens the identity commitment of the credential, and the issuer shows which leaf is whose (R10).
They are bound to the certificate's token: moved to another row they do not open. The digest of the document that was
reserved is with them, so that nothing else is signed in its place by those who can write rows alone.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from typing import Final

from certsvc.credential.commitment import Opening
from certsvc.credential.document import CertificateClaims
from certsvc.errors import KeyMissing
from certsvc.services.vault import Sealed, Vault
from certsvc.store import CertificateRecord

_SALT_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class CertificateSecrets:
    """The identity number in clear, and the salts (32 bytes) of identity, leaf and evidence commitments."""

    id_number: str
    salt: bytes
    leaf_salt: bytes
    evidence_salt: bytes
    document_sha256: str | None = None  # of the reserved document; None where an earlier program reserved it

    @classmethod
    def draw(cls, id_number: str) -> CertificateSecrets:
        """Fresh salts for a new certificate; each commitment has its own, so opening one opens no other."""
        salt, leaf_salt, evidence_salt = (secrets.token_bytes(_SALT_BYTES) for _ in range(3))
        return cls(id_number, salt, leaf_salt, evidence_salt)

    def reserving(self, document: bytes) -> CertificateSecrets:
        """The same, for this document and no other."""
        return replace(self, document_sha256=hashlib.sha256(document).hexdigest())

    def reserved(self, document: bytes) -> bool:
        """Whether these are the bytes that were reserved."""
        return self.document_sha256 == hashlib.sha256(document).hexdigest()

    def opening(self, claims: CertificateClaims) -> Opening:
        """What the holder keeps to show that the credential is about them."""
        return Opening(self.salt, claims.id_type, self.id_number)


def seal_secrets(vault: Vault, token: str, kept: CertificateSecrets) -> Sealed:
    """Seal for the row with this token (columns `sealed`, `sealed_kid`)."""
    return vault.seal(
        {
            "id_number": kept.id_number,
            "salt": kept.salt.hex(),
            "leaf_salt": kept.leaf_salt.hex(),
            "evidence_salt": kept.evidence_salt.hex(),
            "document_sha256": kept.document_sha256,
        },
        token.encode(),
    )


def open_secrets(vault: Vault, row: CertificateRecord) -> CertificateSecrets:
    """The secrets of a row; raises `KeyMissing` where they do not open or are not of their form."""
    opened = vault.open(row.sealed, row.sealed_kid, row.token.encode())
    try:
        return CertificateSecrets(
            id_number=opened["id_number"] or "",
            salt=bytes.fromhex(opened["salt"] or ""),
            leaf_salt=bytes.fromhex(opened["leaf_salt"] or ""),
            evidence_salt=bytes.fromhex(opened["evidence_salt"] or ""),
            document_sha256=opened.get("document_sha256"),
        )
    except (KeyError, ValueError) as error:
        raise KeyMissing("证书的保密内容不完整", "the certificate's sealed part is not whole", where="vault") from error
