"""What a verification found: a bottom line, and every check that was made (ADR 7).

"Revoked" is an answer here, not an error, and an outage is never "invalid" (R10). Not here: making the checks
(`signing`, `services.verification.verify`), and the sentence shown for each state (`wording`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    VALID = "valid"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    ALTERED = "altered"
    UNCHECKED = "unchecked"
    UNKNOWN = "unknown"
    FORGED = "forged"
    UNAVAILABLE = "unavailable"


class Alteration(StrEnum):
    """How what was brought differs from what was given out, where the verdict is `altered`."""

    ADDED = "added"
    """The sealed part is whole; something stands before or behind it."""
    REWRITTEN = "rewritten"
    """No seal is whole: another program, or a person, wrote the file again."""
    PROTECTED = "protected"
    """Rewritten with a password that guards it against changes."""
    CUT_OFF = "cut-off"
    """The end is missing."""
    CONTAINED = "contained"
    """It came inside something else: a signed mail, a portfolio, an archive."""


class CheckName(StrEnum):
    """The name of every check that an answer can list; docs/verification.md says at which step each is made."""

    FILE_FORM = "file-form"
    FILE_CONTAINER = "file-container"
    FILE_PASSWORD = "file-password"  # noqa: S105 - a name
    PICTURE_CODE = "picture-code"
    PDF_SIZE = "pdf-size"
    PDF_FORM = "pdf-form"
    PDF_COVERAGE = "pdf-coverage"
    PDF_PADDING = "pdf-padding"
    PDF_CMS = "pdf-cms"
    PDF_DIGEST = "pdf-digest"
    PDF_SIGNATURE = "pdf-signature"
    PDF_SIGNER = "pdf-signer"
    PDF_STAMP = "pdf-stamp"
    PDF_CONTENTS = "pdf-contents"
    PDF_ARCHIVE = "pdf-archive"
    PDF_READABLE = "pdf-readable"
    PDF_LIMITS = "pdf-limits"
    PDF_SEAL_TRUST = "pdf-seal-trust"
    PDF_FOREIGN_SEAL = "pdf-foreign-seal"
    LOG_RECEIPT = "log-receipt"
    JSON = "json"
    BYTES = "bytes"
    FORMAT = "format"
    PROOF = "proof"
    PROOF_JCS = "proof-eddsa-jcs-2022"
    PROOF_JCS_KEY = "proof-eddsa-jcs-2022-key"
    PROOF_JCS_TRUST = "proof-eddsa-jcs-2022-trust"
    PROOF_RDFC = "proof-eddsa-rdfc-2022"
    PROOF_RDFC_KEY = "proof-eddsa-rdfc-2022-key"
    PROOF_RDFC_TRUST = "proof-eddsa-rdfc-2022-trust"
    ISSUER = "issuer"
    GM_SIGNATURE = "gm-signature"
    GM_TRUST = "gm-trust"
    QR_FORM = "qr-form"
    QR_HOST = "qr-host"
    QR_MESSAGE = "qr-message"
    QR_KEY = "qr-key"
    QR_SIGNATURE = "qr-signature"
    QR_TRUST = "qr-trust"
    QR_PAYLOAD = "qr-payload"
    QR_ADDRESS = "qr-address"
    PARTS_AGREE = "parts-agree"
    IDENTITY_OPENING = "identity-opening"
    REGISTER_ENTRY = "register-entry"
    FILE_HASH = "file-hash"
    LOG_INCLUSION = "log-inclusion"
    LOG_LATER = "log-later"
    KIT_ENTRY = "kit-entry"
    STATUS = "status"
    VALIDITY = "validity"
    # Of the public page alone, which is asked by token or number, and of files that were not opened.
    REGISTER = "register"
    SIGNATURE = "signature"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `ok` is True, False, or None where it could not be made."""

    name: CheckName
    ok: bool | None
    detail_zh: str
    detail_en: str

    def as_json(self) -> dict[str, object]:
        """The fixed form: name, ok, detail (both languages)."""
        return {"name": self.name.value, "ok": self.ok, "detail": f"{self.detail_zh} / {self.detail_en}"}


@dataclass(frozen=True, slots=True)
class Part:
    """A document that was found in what was brought, and its own answer. `content` are its bytes as they were there."""

    name: str
    verification: Verification
    content: bytes

    @property
    def original(self) -> bytes | None:
        """The certificate as it was given out; None where it is altered throughout, or none."""
        if self.verification.verdict in {Verdict.FORGED, Verdict.UNKNOWN}:
            return None
        return self.verification.original if self.verification.verdict is Verdict.ALTERED else self.content


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer of `certsvc verify`. `certificate` holds what was signed, where something was.

    Where the verdict is `altered`, `alteration` says how, `original` is the part that is as it was given out (None
    where no part is), `certificate` the record that it names, `others` further ones. `parts` are the documents found
    inside, each with its own answer.
    """

    verdict: Verdict
    checks: tuple[Check, ...]
    certificate: Mapping[str, object] | None = None
    alteration: Alteration | None = None
    original: bytes | None = None
    others: tuple[Mapping[str, object], ...] = ()
    parts: tuple[Part, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The fixed form: verdict, checks, certificate; and what is said of something altered."""
        return {
            "verdict": self.verdict.value,
            "checks": [check.as_json() for check in self.checks],
            "certificate": None if self.certificate is None else dict(self.certificate),
            "alteration": None if self.alteration is None else self.alteration.value,
            "original": None if self.original is None else _described(self.original),
            "others": [dict(other) for other in self.others],
            "parts": [{"file": part.name, **part.verification.as_json()} for part in self.parts],
        }


def _described(original: bytes) -> dict[str, object]:
    return {"bytes": len(original), "sha256": hashlib.sha256(original).hexdigest()}
