"""Edited, mixed, swapped, foreign: one specimen for each attack, and never valid (docs/verification.md)."""

from __future__ import annotations

import json
from pathlib import Path

import pikepdf
import pytest

from certsvc.credential.canonical import canonical_bytes
from certsvc.credential.verdict import Verdict
from tests.builders.installation import Installation
from tests.builders.verifying import FIRST, code, credential, numbers, offline, online


def tampered_pdfs(pdf: bytes, other: bytes) -> dict[str, bytes]:
    middle = len(pdf) // 2
    start = pdf.index(b"/Contents<") + 10
    return {
        "an appended byte": pdf + b"\n",
        "an appended space": pdf + b" ",
        "a byte in front": b" " + pdf,
        "a flipped byte in the middle": pdf[:middle] + bytes([pdf[middle] ^ 1]) + pdf[middle + 1 :],
        "a flipped byte in the header": b"%PDF-1.6" + pdf[8:],
        "a flipped byte in the signature": pdf[: start + 20] + b"f" + pdf[start + 21 :]
        if pdf[start + 20 : start + 21] != b"f"
        else pdf[: start + 20] + b"0" + pdf[start + 21 :],
        "a cut end": pdf[:-20],
        "an overlay": pdf
        + b"\n1 0 obj\n<</Type/Catalog>>\nendobj\nxref\n0 0\ntrailer\n<</Size 1/Prev 0>>\nstartxref\n0\n%%EOF\n",
        "two files in one": pdf + other,
        "only the beginning": pdf[:1000],
    }


@pytest.mark.parametrize("fault", list(tampered_pdfs(b"/Contents<" + b"0" * 2000, b"")))
def test_a_tampered_pdf_is_forged_online_and_offline(shared: Installation, fault: str) -> None:
    first, second = numbers(shared)
    specimen = tampered_pdfs(shared.pdf(first), shared.pdf(second))[fault]
    assert online(shared, specimen).verdict is Verdict.FORGED
    assert offline(shared, specimen).verdict is Verdict.FORGED


def test_every_hundredth_byte_flipped_is_never_valid(shared: Installation) -> None:
    pdf = shared.pdf(numbers(shared)[0])
    for place in range(0, len(pdf), 997):
        specimen = bytearray(pdf)
        specimen[place] ^= 0x10
        assert offline(shared, bytes(specimen)).verdict is not Verdict.VALID, place


def test_a_swapped_attachment_is_forged(shared: Installation, tmp_path: Path) -> None:
    first, second = numbers(shared)
    path = tmp_path / "swapped.pdf"
    path.write_bytes(shared.pdf(first))
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        pdf.attachments["credential.json"] = pikepdf.AttachedFileSpec(pdf, credential(shared, second))
        pdf.save(path)
    assert online(shared, path.read_bytes()).verdict is Verdict.FORGED


def test_a_code_put_together_from_two_certificates_is_forged(shared: Installation) -> None:
    first, second = (code(shared, number) for number in numbers(shared)[:2])
    address, signed = first.partition("#")[0], second.partition("#")[2]
    assert online(shared, f"{address}#{signed}").verdict is Verdict.FORGED


def test_a_foreign_signer_is_forged(shared: Installation, own: Installation) -> None:
    (issued,) = own.issue(FIRST)
    for content in (own.pdf(issued.number), credential(own, issued.number), code(own, issued.number)):
        assert online(shared, content).verdict is Verdict.FORGED
        assert offline(shared, content).verdict is Verdict.FORGED


def test_an_edited_credential_is_forged(shared: Installation) -> None:
    number = numbers(shared)[0]
    genuine = credential(shared, number)
    document = json.loads(genuine)
    document["credentialSubject"]["name"] = "李四"
    specimens = {
        "another name": canonical_bytes(document),
        "an appended byte": genuine + b"\n",
        "another layout": json.dumps(json.loads(genuine), indent=1, ensure_ascii=False).encode(),
        "a proof left out": canonical_bytes({**json.loads(genuine), "proof": json.loads(genuine)["proof"][:1]}),
        "no proof": canonical_bytes({name: member for name, member in json.loads(genuine).items() if name != "proof"}),
        "a member twice": genuine[:-1] + b',"name":"x"}',
    }
    for fault, specimen in specimens.items():
        assert online(shared, specimen).verdict is Verdict.FORGED, fault
        assert offline(shared, specimen).verdict is Verdict.FORGED, fault


def test_a_code_of_another_certificate_or_site_is_forged(shared: Installation) -> None:
    first, second = numbers(shared)
    mixed = code(shared, first).partition("#")[0] + "#" + code(shared, second).partition("#")[2]
    elsewhere = code(shared, first).replace("CERTSVC.EXAMPLE", "CERTSVC.EXAMPLE.EVIL.TEST")
    payload = code(shared, first).partition("#")[2]
    changed = code(shared, first).replace(payload, payload[:60] + ("A" if payload[60] != "A" else "B") + payload[61:])
    assert online(shared, mixed).verdict is not Verdict.VALID
    for specimen in (elsewhere, changed):
        assert online(shared, specimen).verdict is not Verdict.VALID
        assert offline(shared, specimen).verdict is not Verdict.VALID
    assert online(shared, elsewhere).verdict is Verdict.FORGED
