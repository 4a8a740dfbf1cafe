"""Ways to break one proof before anything is made, each by a name: the suite must then go red (`test_sabotage.py`).

By hand: `CERTSVC_SABOTAGE=cose make conformance`. Most of them keep our own code at one with itself (it would verify
what it signs): it is the independent program that must notice.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import cbor2

from certsvc.credential import status_list
from certsvc.services.issuing import render as render_certificate
from certsvc.signing import cose, keys, pdf_examination, proofs
from certsvc.transparency import tree

_ORDER = 2**252 + 27742317777372353535851937790883648493


def _jcs() -> None:
    """The signature is over the document's hash before the options': the wrong way round."""
    original = proofs._sign_jcs

    class Reversing:
        def __init__(self, signer: Any) -> None:
            self.algorithm, self._signer = signer.algorithm, signer

        def sign(self, message: bytes) -> bytes:
            return bytes(self._signer.sign(message[32:] + message[:32]))

    proofs._sign_jcs = lambda canonical, document, signer, method, time: original(  # type: ignore[assignment]
        canonical, document, Reversing(signer), method, time
    )
    # Our own check takes it too, or nothing would be drawn for others to find at fault.
    checked = proofs.verify
    proofs.verify = lambda algorithm, public, signature, message: (
        checked(algorithm, public, signature, message)
        or checked(algorithm, public, signature, message[32:] + message[:32])
    )


def _rdfc() -> None:
    """The last statement is left out of what is signed."""
    original = proofs.canonical_quads
    proofs.canonical_quads = lambda document: b"".join(original(document).splitlines(keepends=True)[:-1])


def _status() -> None:
    """Bits are counted from the wrong end of each byte."""
    original = status_list.StatusList.of.__func__  # type: ignore[attr-defined]
    status_list.StatusList.of = classmethod(  # type: ignore[assignment]
        lambda cls, indexes, length=status_list.MIN_LENGTH: original(cls, [index ^ 7 for index in indexes], length)
    )


def _cose() -> None:
    """The signed structure begins with another word than RFC 9052's."""
    cose._to_be_signed = lambda protected, payload: cbor2.dumps(["Signature", protected, b"", payload])


def _log() -> None:
    """Inner nodes are hashed under another prefix than RFC 6962's."""
    original = tree.node_hash
    tree.node_hash = lambda left, right: original(right, left)


def _sealing(change: Callable[[bytes], bytes], after: Callable[[bytes], bytes] = lambda pdf: pdf) -> Callable[[], None]:
    def apply() -> None:
        original = render_certificate.seal
        render_certificate.seal = lambda pdf, *rest, **named: after(original(change(pdf), *rest, **named))

    return apply


def _flip_last_stream(pdf: bytes) -> bytes:
    at = pdf.rindex(b"endstream") - 20
    return pdf[:at] + bytes([pdf[at] ^ 1]) + pdf[at + 1 :]


def _wrong_startxref(pdf: bytes) -> bytes:
    return re.sub(rb"startxref\n(\d+)", lambda found: b"startxref\n%d" % (int(found[1]) - 1), pdf)


def _twins() -> None:
    """Ed25519 signatures with S above the group's order are taken."""
    original = keys.verify

    def verify(algorithm: keys.Algorithm, public: bytes, signature: bytes, message: bytes) -> bool:
        if len(signature) == 64:
            signature = signature[:32] + (int.from_bytes(signature[32:], "little") % _ORDER).to_bytes(32, "little")
        return original(algorithm, public, signature, message)

    keys.verify = proofs.verify = cose.verify = verify  # type: ignore[attr-defined]


def _any_signature() -> None:
    """Every signature holds."""
    proofs.verify = lambda *arguments: True  # type: ignore[attr-defined]


def _undigested() -> None:
    """What the seal's digest says is not compared with the file."""
    original = pdf_examination._Steps.check

    def check(self: Any, name: str, passed: bool, said: tuple[str, str], fault: tuple[str, str]) -> None:
        original(self, name, passed or name == "pdf-digest", said, fault)

    pdf_examination._Steps.check = check  # type: ignore[method-assign]


SABOTAGES: dict[str, Callable[[], None]] = {
    "jcs": _jcs,
    "rdfc": _rdfc,
    "status": _status,
    "cose": _cose,
    "log": _log,
    "seal": _sealing(lambda pdf: pdf, after=_flip_last_stream),
    "scope": _sealing(lambda pdf: pdf, after=lambda pdf: pdf + b"% more\n"),
    "archive": _sealing(lambda pdf: pdf.replace(b"GTS_PDFA1", b"GTS_PDFX1")),
    "startxref": _sealing(_wrong_startxref),
    "twins": _twins,
    "any signature": _any_signature,
    "undigested": _undigested,
}


def apply(name: str | None) -> None:
    """Breaks what the name says; nothing for None."""
    if name is not None:
        SABOTAGES[name]()
