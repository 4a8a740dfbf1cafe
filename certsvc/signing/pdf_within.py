"""What a PDF holds whose seal is not whole: a certificate that another program wrote again, a merge, a portfolio.

Nothing found here is believed: a credential or a code speaks by its own signature, which is checked where it is taken
up (`services.verification.named`). What stands on the pages is not read at all. Any PDF parser may be at fault on a
stranger's file, so this runs only in a child under limits (`pdf_bounded`).
Not here: the part of a file that is sealed (`pdf_examination`), codes that are drawn (`pictures.codes`).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import pikepdf
from asn1crypto import cms
from cryptography import x509

from certsvc.signing.pdf_trust import chain_of, path_of

LARGEST_ATTACHMENT: Final = 20 * 1024 * 1024
_MOST_ATTACHMENTS, _MOST_PAGES, _MOST_TEXTS, _MOST_OBJECTS, _MOST_SIGNATURES = 32, 500, 64, 100_000, 20
_ADDRESS = re.compile(rb"https?://[a-z0-9.:-]{1,259}/v/[a-z2-7]{26}(?![a-z2-7])(?:#[a-z2-7]{1,220})?", re.IGNORECASE)
# Whatever a damaged file makes pikepdf raise; each part is read by itself, so that one says nothing about another.
_FAULTS: Final = (pikepdf.PdfError, AttributeError, KeyError, ValueError, TypeError, RuntimeError, IndexError)


@dataclass(frozen=True, slots=True)
class Within:
    """What was found, unproven. `locked`: a password is asked for; `protected`: it opens, but is guarded against
    changes. `texts` are addresses of a code's form, in links or anywhere in the bytes; `signers` the names that
    signatures of other keys than the pinned ones bear."""

    opened: bool = False
    locked: bool = False
    protected: bool = False
    attachments: tuple[tuple[str, bytes], ...] = ()
    texts: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()


def look_within(data: bytes, trust_roots: Sequence[x509.Certificate]) -> Within:
    """What this file holds; never raises on hostile input."""
    texts = dict.fromkeys(islice((match[0].decode() for match in _ADDRESS.finditer(data)), _MOST_TEXTS))
    try:
        with pikepdf.open(io.BytesIO(data)) as pdf:
            texts |= dict.fromkeys(_links(pdf))
            return Within(
                opened=True,
                protected=pdf.is_encrypted,
                attachments=tuple(_attachments(pdf)),
                texts=tuple(texts)[:_MOST_TEXTS],
                signers=tuple(dict.fromkeys(_foreign_signers(pdf, trust_roots))),
            )
    except pikepdf.PasswordError:
        return Within(locked=True, texts=tuple(texts))
    except _FAULTS:
        return Within(texts=tuple(texts))


def _attachments(pdf: pikepdf.Pdf) -> Iterator[tuple[str, bytes]]:
    """Files attached to the document or pinned to a page, each with the name it bears."""
    room = LARGEST_ATTACHMENT
    for name, stream in islice(_embedded(pdf), _MOST_ATTACHMENTS):
        try:
            content = stream.read_bytes()
        except _FAULTS:
            continue
        room -= len(content)
        if room < 0:
            return
        yield name[:200], content


def _embedded(pdf: pikepdf.Pdf) -> Iterator[tuple[str, Any]]:
    try:
        for name, spec in pdf.attachments.items():
            yield name, spec.get_file().obj
    except _FAULTS:
        pass
    for note in _notes(pdf):
        try:
            if note.get("/Subtype") == "/FileAttachment":
                yield str(note.FS.get("/UF", note.FS.get("/F", ""))), note.FS.EF.F
        except _FAULTS:
            continue


def _links(pdf: pikepdf.Pdf) -> Iterator[str]:
    for note in _notes(pdf):
        try:
            address = str(note.A.URI).encode()
        except _FAULTS:
            continue
        if (match := _ADDRESS.fullmatch(address)) is not None:
            yield match[0].decode()


def _notes(pdf: pikepdf.Pdf) -> Iterator[Any]:
    """The annotations of the first pages."""
    try:
        for page in islice(pdf.pages, _MOST_PAGES):
            yield from islice(page.obj.get("/Annots", ()), 200)
    except _FAULTS:
        return


def _foreign_signers(pdf: pikepdf.Pdf, roots: Sequence[x509.Certificate]) -> Iterator[str]:
    """The names in the certificates of those who signed, but for seals under a pinned root: rewritten, they are of no
    use, and no forgery."""
    signatures = (item for item in islice(pdf.objects, _MOST_OBJECTS) if _is_signature(item))
    for item in islice(signatures, _MOST_SIGNATURES):
        try:
            yield from _names_of(bytes(item.Contents), roots)
        except Exception:  # noqa: S112 - hostile DER: whatever its parsers raise, there is no name in it
            continue


def _is_signature(item: Any) -> bool:
    try:
        return isinstance(item, pikepdf.Dictionary) and "/ByteRange" in item and "/Contents" in item
    except _FAULTS:
        return False


def _names_of(encoded: bytes, roots: Sequence[x509.Certificate]) -> list[str]:
    content = cms.ContentInfo.load(encoded)["content"]
    serial = content["signer_infos"][0]["sid"].chosen["serial_number"].native
    held = [x509.load_der_x509_certificate(entry.chosen.dump()) for entry in content["certificates"]]
    signer = next(entry for entry in held if entry.serial_number == serial)
    try:
        path_of(chain_of(signer, held), roots)
    except ValueError:
        return [str(attribute.value) for attribute in signer.subject]
    return []


def names_of_roots(roots: Sequence[x509.Certificate]) -> frozenset[str]:
    """The names by which pinned authorities go, as organisations and in common."""
    return frozenset(
        str(attribute.value)
        for root in roots
        for attribute in root.subject
        if attribute.oid in {x509.NameOID.ORGANIZATION_NAME, x509.NameOID.COMMON_NAME}
    )
