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


def flipped(pdf: bytes, place: int) -> bytes:
    return pdf[:place] + bytes([pdf[place] ^ 1]) + pdf[place + 1 :]


def changed_under_the_seal(pdf: bytes, other: bytes) -> dict[str, bytes]:
    """What only somebody does who changes a file in its place: no program that saves a PDF leaves our form standing."""
    contents = pdf.index(b"/Contents<") + 10
    theirs = other.index(b"/Contents<") + 10
    end = pdf.index(b">", contents)
    return {
        "a flipped byte in the middle": flipped(pdf, len(pdf) // 2),
        "another digit in the signature": pdf[: contents + 20]
        + (b"0" if pdf[contents + 20 : contents + 21] == b"f" else b"f")
        + pdf[contents + 21 :],
        "a flipped byte at the end": flipped(pdf, len(pdf) - 8),
        "another's seal": pdf[:contents] + other[theirs : theirs + end - contents] + pdf[end:],
        "a flipped byte, and something added": flipped(pdf, len(pdf) // 2) + b"\n",
        "a flipped byte, and something before": b"\n" + flipped(pdf, len(pdf) // 2),
        "no seal": pdf[:contents] + b"0" * (end - contents) + pdf[end:],
    }


@pytest.mark.parametrize("fault", list(changed_under_the_seal(b"/Contents<" + b"0" * 2000 + b">", b"/Contents<0>")))
def test_a_pdf_changed_under_its_seal_is_forged_online_and_offline(shared: Installation, fault: str) -> None:
    first, second = numbers(shared)
    specimen = changed_under_the_seal(shared.pdf(first), shared.pdf(second))[fault]
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
        "another name in another layout": json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n",
        "an appended letter": genuine + b"x",
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
