"""Examining a stranger's PDF under limits, in a process of its own (`bounded`).

`pdf_examination` lets no PDF parser near unproven bytes; this is the second wall, for a fault in what does read them
(DER, X.509). Where no seal is whole since the file has another form or lacks its end, a parser then looks for what it
holds (`pdf_within`). Roots go in beside the file, the examination comes back as JSON.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certsvc.bounded import Bounds, OutOfBounds, Say, run_bounded
from certsvc.credential.verdict import Check, CheckName
from certsvc.signing.pdf import LARGEST_BYTES
from certsvc.signing.pdf_examination import PdfExamination, examine_pdf
from certsvc.signing.pdf_within import Within, look_within

BOUNDS: Final = Bounds(seconds=10, memory_bytes=192 * 1024 * 1024, answer_bytes=2 * LARGEST_BYTES)


def examine_pdf_bounded(
    data: bytes,
    trust_roots: Sequence[x509.Certificate],
    *,
    now: datetime | None = None,
    stamp_roots: Sequence[x509.Certificate] = (),
    bounds: Bounds = BOUNDS,
) -> PdfExamination:
    """As `examine_and_look`, in a child within `bounds`; a child that dies gives a failed check."""
    if len(data) > LARGEST_BYTES:
        return examine_pdf(data, trust_roots, now=now, stamp_roots=stamp_roots)
    settings = {"now": _text(now), "roots": _pem(trust_roots), "stamp_roots": _pem(stamp_roots)}
    try:
        return _decode(run_bounded(examine_in_child, settings, data, bounds))
    except (OutOfBounds, ValueError, KeyError, binascii.Error):
        zh, en = (
            "文件在限定的时间和内存内无法检查",
            "the file could not be examined within its limits of time and memory",
        )
        return PdfExamination((Check(CheckName.PDF_LIMITS, False, zh, en),))


def examine_and_look(
    data: bytes,
    trust_roots: Sequence[x509.Certificate],
    *,
    now: datetime | None = None,
    stamp_roots: Sequence[x509.Certificate] = (),
) -> PdfExamination:
    """`examine_pdf`, and what is within a file that was not changed under its seal but has none in place."""
    found = examine_pdf(data, trust_roots, now=now, stamp_roots=stamp_roots)
    if found.sealed is None and found.checks[-1].name in {CheckName.PDF_FORM, CheckName.PDF_COVERAGE}:
        return replace(found, within=look_within(data, trust_roots))
    return found


def examine_in_child(settings: dict[str, Any], data: bytes, say: Say) -> None:
    """The child's work: examine under these roots; the answer as JSON."""
    roots, stamps = (_certificates(settings[name]) for name in ("roots", "stamp_roots"))
    say(_encode(examine_and_look(data, roots, now=_moment(settings["now"]), stamp_roots=stamps)))


def _pem(roots: Sequence[x509.Certificate]) -> str:
    return "".join(root.public_bytes(Encoding.PEM).decode() for root in roots)


def _certificates(pem: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem.encode()) if pem else []


def _encode(found: PdfExamination) -> bytes:
    return json.dumps(
        {
            "checks": [[check.name, check.ok, check.detail_zh, check.detail_en] for check in found.checks],
            "sealed": found.sealed,
            "attachments": {name: base64.b64encode(content).decode() for name, content in found.attachments.items()},
            "qr_text": found.qr_text,
            "signer": found.signer_kid,
            "signed_at": _text(found.signed_at),
            "stamped_at": _text(found.stamped_at),
            "archived_at": [_text(at) for at in found.archived_at],
            "proven_until": _text(found.proven_until),
            "within": None if found.within is None else _encode_within(found.within),
        }
    ).encode()


def _decode(answer: bytes) -> PdfExamination:
    tree = json.loads(answer)
    return PdfExamination(
        tuple(Check(CheckName(name), *said) for name, *said in tree["checks"]),
        None if tree["sealed"] is None else (tree["sealed"][0], tree["sealed"][1]),
        {name: base64.b64decode(content, validate=True) for name, content in tree["attachments"].items()},
        tree["qr_text"],
        tree["signer"],
        _moment(tree["signed_at"]),
        _moment(tree["stamped_at"]),
        tuple(datetime.fromisoformat(at) for at in tree["archived_at"]),
        _moment(tree["proven_until"]),
        None if tree["within"] is None else _decode_within(tree["within"]),
    )


def _encode_within(within: Within) -> dict[str, object]:
    attachments = [[name, base64.b64encode(content).decode()] for name, content in within.attachments]
    return asdict(within) | {"attachments": attachments}


def _decode_within(tree: dict[str, Any]) -> Within:
    return Within(
        tree["opened"],
        tree["locked"],
        tree["protected"],
        tuple((name, base64.b64decode(content, validate=True)) for name, content in tree["attachments"]),
        tuple(tree["texts"]),
        tuple(tree["signers"]),
    )


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
