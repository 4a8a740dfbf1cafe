"""Sealing: what others' verifiers say of our seals, and what is refused before a byte leaves."""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import SignatureCoverageLevel, validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from certsvc.errors import SealRefused
from certsvc.rendering.press import open_press
from certsvc.signing.keystore import Keystore
from certsvc.signing.pdf import PdfSeal, seal
from certsvc.signing.pdf_cms import low_s, read_seal
from certsvc.signing.pdf_examination import examine_pdf
from tests.rendering.faces import face
from tests.rendering.tools import run
from tests.signing.seals import SIGNED_AT, make_seal

PRESSED = open_press().press(face(), [])


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_pdfsig_calls_the_seal_valid_and_the_whole_document_signed(tmp_path: Path, depth: int) -> None:
    file = tmp_path / "sealed.pdf"
    file.write_bytes(seal(PRESSED, make_seal(depth=depth), signed_at=SIGNED_AT))
    said = run("pdfsig", "-nocert", file)
    assert "Signature is Valid" in said
    assert "Total document signed" in said
    assert "ETSI.CAdES.detached" in said
    assert "Signature #2" not in said


def test_pyhanko_finds_a_trusted_certification_that_covers_the_whole_file() -> None:
    ours = make_seal(depth=3)
    root = next(iter(load_certs_from_pemder_data(ours.chain[-1].public_bytes(Encoding.DER))))
    reader = PdfFileReader(io.BytesIO(seal(PRESSED, ours, signed_at=SIGNED_AT)))
    [signature] = reader.embedded_signatures
    context = ValidationContext(trust_roots=[root], moment=SIGNED_AT, allow_fetching=False)
    status = validate_pdf_signature(signature, signer_validation_context=context)
    assert status.bottom_line
    assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    assert status.modification_level is ModificationLevel.NONE
    assert status.docmdp_ok
    assert signature.docmdp_level.value == 1


def test_sealing_changes_nothing_but_the_signatures_own_place() -> None:
    sealed = seal(PRESSED, make_seal(), signed_at=SIGNED_AT)
    assert len(sealed) == len(PRESSED)
    changed = [at for at, (old, new) in enumerate(zip(PRESSED, sealed, strict=True)) if old != new]
    assert changed[-1] < PRESSED.index(b"/Reference[")


def test_a_signature_is_taken_raw_as_well_as_in_der() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    r, s = 5, 7
    assert low_s(r.to_bytes(32, "big") + s.to_bytes(32, "big")) == encode_dss_signature(r, s)
    signature = key.sign(b"message", ec.ECDSA(SHA256()))
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    r, s = decode_dss_signature(signature)
    high = encode_dss_signature(r, order - s)
    assert low_s(high) == low_s(signature)
    key.public_key().verify(low_s(high), b"message", ec.ECDSA(SHA256()))


def test_a_keystores_seal_works_end_to_end(tmp_path: Path) -> None:
    keystore = Keystore.open(tmp_path, None)
    keystore.create_development("certsvc.example", "示例中心")
    ours = PdfSeal.from_keystore(keystore)
    at = (
        ours.chain[0].not_valid_before_utc
        + (ours.chain[0].not_valid_after_utc - ours.chain[0].not_valid_before_utc) / 2
    )
    assert examine_pdf(seal(PRESSED, ours, signed_at=at), ours.chain[-1:]).ok


def test_what_has_no_unused_place_is_refused() -> None:
    ours = make_seal()
    sealed = seal(PRESSED, ours, signed_at=SIGNED_AT)
    preview = open_press().press(face(), [], sealable=False)
    for pdf in (sealed, preview, b"", b"%PDF-1.7\n"):
        with pytest.raises(SealRefused, match="place"):
            seal(pdf, ours, signed_at=SIGNED_AT)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(SealRefused, match="zone"):
        seal(PRESSED, make_seal(), signed_at=datetime(2025, 4, 20))  # noqa: DTZ001


def test_a_faulty_signature_never_leaves() -> None:
    ours = make_seal()
    for sign in (lambda message: make_seal().sign(message), lambda message: b"", lambda message: bytes(64)):
        with pytest.raises(SealRefused, match="verify"):
            seal(PRESSED, PdfSeal(sign, ours.chain), signed_at=SIGNED_AT)


def test_a_key_of_another_kind_is_refused() -> None:
    other = make_seal(curve=ec.SECP384R1())
    with pytest.raises(SealRefused, match="P-256"):
        seal(PRESSED, other, signed_at=SIGNED_AT)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_room_that_is_left_fits_every_seal_under_the_chain_and_more_with_an_authority(depth: int) -> None:
    ours = make_seal(depth=depth)
    room = ours.room(stamped=False) - 2048  # but for the short time stamp that there is room for
    pressed = open_press(room=room).press(face(), [])
    for _ in range(40):  # signatures have 70 to 72 octets
        assert examine_pdf(seal(pressed, ours, signed_at=SIGNED_AT), [ours.chain[-1]]).ok
    assert ours.room(stamped=True) == ours.room(stamped=False) + 8192


def test_a_chain_too_long_for_its_place_is_refused() -> None:
    with pytest.raises(SealRefused, match="too long"):
        seal(PRESSED, make_seal(depth=16), signed_at=SIGNED_AT)


def test_a_cms_has_one_form_only() -> None:
    sealed = seal(PRESSED, make_seal(depth=3), signed_at=SIGNED_AT)
    start = sealed.index(b"/Contents<") + len(b"/Contents<")
    contents = bytes.fromhex(sealed[start : sealed.index(b">", start)].decode())
    encoded = contents[: 4 + int.from_bytes(contents[2:4], "big")]
    parts = read_seal(encoded)
    assert len(parts.chain) == 2, "the root stays out: the verifier has it"
    for at in range(len(encoded)):
        changed = bytearray(encoded)
        changed[at] ^= 1
        try:
            other = read_seal(bytes(changed))
        except ValueError:
            continue
        # What can still be read differs in what is verified next: digest, signature or chain.
        assert other != parts
