"""A seal has one form and one kind of key: what else its own key could make of it, and what other keys could sign."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from certsvc.rendering.press import Attachment, open_press
from certsvc.signing.pdf import PLACE, PdfSeal, cms_of, seal
from certsvc.signing.pdf_cms import SealParts, low_s, read_seal, verify_signature
from certsvc.signing.pdf_examination import PdfExamination, examine_pdf
from tests.rendering.faces import face
from tests.signing.seals import SIGNED_AT, issue, make_seal

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256 (SEC 2, 2.4.2)."""
OURS = make_seal()
FILES = [Attachment("credential.json", "application/ld+json", b"{}", "Source")]
PRESSED = open_press().press(face(), FILES)
SEALED = seal(PRESSED, OURS, signed_at=SIGNED_AT)


def cms(pdf: bytes) -> bytes:
    place = PLACE.match(pdf)
    assert place is not None
    return cms_of(place)


def with_cms(pdf: bytes, encoded: bytes) -> bytes:
    place = PLACE.match(pdf)
    assert place is not None
    start, end = place.span("contents")
    return pdf[:start] + encoded.hex().encode().ljust(end - start, b"0") + pdf[end:]


def test_the_second_signature_that_everybody_can_make_is_refused() -> None:
    """Of (r, s) follows (r, n−s) without any key, and it verifies: the file would have a second accepted form."""
    parts = read_seal(cms(SEALED))
    r, s = decode_dss_signature(parts.signature)
    other = SealParts(parts.chain, parts.digest, encode_dss_signature(r, ORDER - s))
    assert verify_signature(other), "by the curve alone it is as good as ours"
    encoded = OURS.form.encode(parts.digest, other.signature)
    with pytest.raises(ValueError, match="the one form"):
        read_seal(encoded)
    found = examine_pdf(with_cms(SEALED, encoded), OURS.chain[-1:])
    assert (found.ok, found.checks[-1].name) == (False, "pdf-cms")
    assert examine_pdf(with_cms(SEALED, cms(SEALED)), OURS.chain[-1:]).ok


@pytest.mark.parametrize(
    "change",
    [lambda encoded: encoded + b"\0", lambda encoded: encoded[:1] + b"\x84\0\0" + encoded[2:], lambda _: b""],
    ids=["a byte more", "its length in more bytes", "nothing"],
)
def test_nothing_else_in_its_encoding_is_free(change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ValueError, match="form"):
        read_seal(change(cms(SEALED)))


def test_another_value_of_the_signature_does_not_verify() -> None:
    encoded = cms(SEALED)
    assert verify_signature(read_seal(encoded))
    assert not verify_signature(read_seal(encoded[:-1] + bytes([encoded[-1] ^ 1])))


@pytest.mark.parametrize("s", [1, ORDER // 2, ORDER // 2 + 1, ORDER - 1])
def test_the_lower_half_ends_at_half_the_order(s: int) -> None:
    """The order is odd: of each pair one is in the lower half."""
    _, lower = decode_dss_signature(low_s(encode_dss_signature(1, s)))
    assert lower == min(s, ORDER - s)
    assert lower <= ORDER // 2
    assert low_s(low_s(encode_dss_signature(1, s))) == low_s(encode_dss_signature(1, s))


def sealed_by(other: PdfSeal, curve: ec.EllipticCurve) -> bytes:
    """Our file in our form under another's seal: signed over and over until s is one that our form can hold."""
    place = PLACE.match(PRESSED)
    assert place is not None
    start, end = place.start("contents") - 1, place.end("contents") + 1
    pdf = bytearray(SEALED)
    digest = hashlib.sha256(pdf[:start] + pdf[end:]).digest()
    message = other.form.to_sign(digest)
    signature = other.sign(message)
    for _ in range(200):
        _, s = decode_dss_signature(signature)
        if s <= ORDER // 2 and len(signature) != 64:  # 64 bytes would be taken for r‖s
            break
        signature = other.sign(message)
    key = other.chain[0].public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == curve.name
    key.verify(signature, message, ec.ECDSA(SHA256()))  # nothing is wrong with it but the curve
    return with_cms(bytes(pdf), other.form.encode(digest, signature))


def examined(pdf: bytes, roots: tuple[x509.Certificate, ...]) -> PdfExamination:
    return examine_pdf(pdf, roots)


@pytest.mark.parametrize("curve", [ec.SECP256K1(), ec.SECP224R1(), ec.BrainpoolP256R1()], ids=lambda curve: curve.name)
def test_a_signer_with_a_curve_of_its_own_is_refused(curve: ec.EllipticCurve) -> None:
    """Signed correctly under a root that is trusted, in our form, of another kind than a seal may be."""
    other = make_seal(curve=curve)
    found = examined(sealed_by(other, curve), other.chain[-1:])
    assert (found.ok, found.checks[-1].name) == (False, "pdf-signature")


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_a_larger_curves_signature_has_no_place_in_the_form(curve: ec.EllipticCurve) -> None:
    """Its s is larger than half the order of P-256 but once in 2^128."""
    other = make_seal(curve=curve)
    found = examined(sealed_by(other, curve), other.chain[-1:])
    assert (found.ok, found.checks[-1].name) == (False, "pdf-cms")


def test_a_key_that_lies_on_no_curve_is_refused() -> None:
    """What an RSA key signs has no r and s, so the form can only hold another signature beside its certificate."""
    root = ec.generate_private_key(ec.SECP256R1())
    key = rsa.generate_private_key(65537, 2048)
    authority = issue("Example root", "Example root", root.public_key(), root, ca=True)
    leaf = issue("Example seal", "Example root", key.public_key(), root, ca=False)
    other = PdfSeal(lambda message: low_s(root.sign(message, ec.ECDSA(SHA256()))), (leaf, authority))
    digest = read_seal(cms(SEALED)).digest
    encoded = other.form.encode(digest, other.sign(other.form.to_sign(digest)))
    found = examined(with_cms(SEALED, encoded), (authority,))
    assert (found.ok, found.checks[-1].name) == (False, "pdf-signature")


def test_a_seal_by_another_key_than_its_certificates_is_refused() -> None:
    parts = read_seal(cms(SEALED))
    stranger = make_seal()
    signature = low_s(stranger.sign(OURS.form.to_sign(parts.digest)))
    found = examined(with_cms(SEALED, OURS.form.encode(parts.digest, signature)), OURS.chain[-1:])
    assert (found.ok, found.checks[-1].name) == (False, "pdf-signature")
