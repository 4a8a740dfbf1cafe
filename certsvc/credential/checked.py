"""The only thing that can be signed: a document that passed every check, once (design.md, decision 5).

Lint first, then sign (boulder's way): after `check` nothing can change what will be signed, and a second signature on
the same ticket is a fault of ours. Not here: the signing (`signing.proofs`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

from certsvc.credential.document import CertificateClaims, read_exactly
from certsvc.errors import AlreadySigned, DocumentRefused, InvalidName, MalformedCredential, MissingGlyph
from certsvc.person.name import check_name

LARGEST_DOCUMENT_BYTES: Final = 32 * 1024
_TICKET = object()


class CheckedDocument:
    """A document fit to be signed, with its canonical bytes; made by `check` alone, good for one signature."""

    __slots__ = ("_taken", "canonical", "claims", "document")

    def __init__(
        self, ticket: object, document: dict[str, object], canonical: bytes, claims: CertificateClaims
    ) -> None:
        if ticket is not _TICKET:
            raise TypeError("a CheckedDocument is made by credential.checked.check alone")
        self.document = document
        self.canonical = canonical
        self.claims = claims
        self._taken = False

    @property
    def digest8(self) -> bytes:
        """What the QR carries of this document: the first 8 bytes of SHA-256 over its canonical form."""
        return digest8(self.canonical)

    def take(self) -> bytes:
        """The canonical bytes, for the one signature; a second call raises `AlreadySigned`."""
        if self._taken:
            raise AlreadySigned("同一文档不得签两次", "this checked document has been signed already")
        self._taken = True
        return self.canonical


def digest8(canonical: bytes) -> bytes:
    """The first 8 bytes of SHA-256 over an unsigned document's canonical form: binds the QR to the credential."""
    return hashlib.sha256(canonical).digest()[:8]


def check(document: dict[str, object], *, drawable: Callable[[str], Sequence[str]] | None) -> CheckedDocument:
    """Checks an intended document: the format, the holder's name (R9), its size, and that every character can be drawn.

    `drawable` gives the characters of a text that the certificate's fonts lack; None where no face will be drawn.
    Raises `DocumentRefused`, and its `MissingGlyph` naming the characters.
    """
    try:
        claims, composed, canonical = read_exactly(document)
        check_name(claims.holder_name)
    except (MalformedCredential, InvalidName) as error:
        raise DocumentRefused(error.zh, error.en, rule=error.rule, where=error.where) from error
    if len(canonical) > LARGEST_DOCUMENT_BYTES:
        raise DocumentRefused(
            f"文档超过 {LARGEST_DOCUMENT_BYTES} 字节", f"the document exceeds {LARGEST_DOCUMENT_BYTES} bytes"
        )
    if drawable is not None:
        _check_drawable(claims, drawable)
    # Composed again: what the caller does to its own document afterwards changes nothing here.
    return CheckedDocument(_TICKET, composed, canonical, claims)


def _check_drawable(claims: CertificateClaims, drawable: Callable[[str], Sequence[str]]) -> None:
    for text in (
        claims.holder_name,
        claims.occupation_zh,
        claims.occupation_en,
        claims.direction or "",
        claims.level_zh,
        claims.level_en,
        claims.title_zh,
        claims.title_en,
        claims.statement_zh,
        claims.statement_en,
        claims.issuer.name_zh,
        claims.issuer.name_en,
    ):
        missing = drawable(text)
        if missing:
            shown = "、".join(f"{character} (U+{ord(character):04X})" for character in missing)
            raise MissingGlyph(
                f"字体缺少 {shown}，该证书不予签发",
                f"the fonts lack {shown}; this certificate is not issued",
                rule="R9",
            )
