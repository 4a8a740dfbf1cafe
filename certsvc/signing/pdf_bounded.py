"""Examining a stranger's PDF in a process of its own, under limits of time, memory and files.

`pdf_examination` lets no PDF parser near unproven bytes; this is the second wall, for a fault in what does read them
(DER, X.509). The child gets roots and file on standard input and answers JSON on standard output.
"""

from __future__ import annotations

import base64
import binascii
import json
import resource
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import BinaryIO

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certsvc.credential.verdict import Check
from certsvc.signing.pdf import LARGEST_BYTES
from certsvc.signing.pdf_examination import PdfExamination, examine_pdf

_FRAME = struct.Struct(">QQQ")


def examine_pdf_bounded(
    data: bytes,
    trust_roots: Sequence[x509.Certificate],
    *,
    now: datetime | None = None,
    stamp_roots: Sequence[x509.Certificate] = (),
    seconds: int = 10,
    memory_mb: int = 1024,
) -> PdfExamination:
    """As `examine_pdf`, in a child of at most `seconds` and `memory_mb`; a child that dies gives a failed check."""
    if len(data) > LARGEST_BYTES:
        return examine_pdf(data, trust_roots, now=now, stamp_roots=stamp_roots)
    roots, stamps = (
        b"".join(root.public_bytes(Encoding.PEM) for root in pinned) for pinned in (trust_roots, stamp_roots)
    )
    settings = json.dumps(
        {
            "now": _text(now),
            "seconds": seconds,
            "memory_mb": memory_mb,
            "stamp_roots": stamps.decode(),
        }
    ).encode()
    try:
        child = subprocess.run(  # our own interpreter and module, no shell
            # -P: the folder one stands in, perhaps that of downloads, is no place to take Python modules from.
            [sys.executable, "-P", "-m", "certsvc.signing.pdf_bounded"],
            input=_frame(data, roots, settings),
            capture_output=True,
            timeout=seconds + 5,
            check=False,
        )
        if child.returncode == 0:
            return _decode(child.stdout)
    except (subprocess.TimeoutExpired, OSError, ValueError, KeyError, binascii.Error):
        pass
    zh, en = "文件在限定的时间和内存内无法检查", "the file could not be examined within its limits of time and memory"
    return PdfExamination((Check("pdf-limits", False, zh, en),))


def _frame(data: bytes, roots: bytes, settings: bytes) -> bytes:
    return _FRAME.pack(len(settings), len(roots), len(data)) + settings + roots + data


def _encode(found: PdfExamination) -> bytes:
    return json.dumps(
        {
            "checks": [[check.name, check.ok, check.detail_zh, check.detail_en] for check in found.checks],
            "attachments": {name: base64.b64encode(content).decode() for name, content in found.attachments.items()},
            "qr_text": found.qr_text,
            "signer": found.signer_kid,
            "signed_at": _text(found.signed_at),
            "stamped_at": _text(found.stamped_at),
            "archived_at": [_text(at) for at in found.archived_at],
            "proven_until": _text(found.proven_until),
        }
    ).encode()


def _decode(answer: bytes) -> PdfExamination:
    tree = json.loads(answer)
    return PdfExamination(
        tuple(Check(*check) for check in tree["checks"]),
        {name: base64.b64decode(content, validate=True) for name, content in tree["attachments"].items()},
        tree["qr_text"],
        tree["signer"],
        _moment(tree["signed_at"]),
        _moment(tree["stamped_at"]),
        tuple(datetime.fromisoformat(at) for at in tree["archived_at"]),
        _moment(tree["proven_until"]),
    )


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def answer(source: BinaryIO, limit: Callable[[int, tuple[int, int]], None] = resource.setrlimit) -> bytes:
    """The child's work: read the frame, take the limits, examine; the answer as JSON."""
    lengths = _FRAME.unpack(source.read(_FRAME.size))
    settings, roots, data = (source.read(length) for length in lengths)
    wanted = json.loads(settings)
    limit(resource.RLIMIT_CPU, (wanted["seconds"], wanted["seconds"]))
    limit(resource.RLIMIT_AS, (wanted["memory_mb"] * 2**20,) * 2)
    limit(resource.RLIMIT_FSIZE, (0, 0))
    stamps = wanted.get("stamp_roots", "").encode()
    trusted, stampers = (x509.load_pem_x509_certificates(pem) if pem else [] for pem in (roots, stamps))
    return _encode(examine_pdf(data, trusted, now=_moment(wanted["now"]), stamp_roots=stampers))


if __name__ == "__main__":
    sys.stdout.buffer.write(answer(sys.stdin.buffer))
