"""Tampering: every attack of the issue ends in a failed check, named; nothing hostile raises."""

from __future__ import annotations

import io
import random
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pikepdf
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from certsvc.rendering.press import Attachment, open_press
from certsvc.signing.pdf import LARGEST_BYTES, seal
from certsvc.signing.pdf_bounded import BOUNDS, _decode, examine_in_child, examine_pdf_bounded
from certsvc.signing.pdf_examination import examine_pdf
from tests.rendering.faces import face
from tests.signing.seals import SIGNED_AT, make_seal

OURS = make_seal(depth=3)
ROOTS = OURS.chain[-1:]
FILES = [
    Attachment("credential.json", "application/ld+json", b'{"credential":1}', "Source"),
    Attachment("opening.json", "application/json", b'{"salt":1}', "Supplement"),
]
PRESS = open_press()
SEALED = seal(PRESS.press(face(), FILES), OURS, signed_at=SIGNED_AT)
CONTENTS = SEALED.index(b"/Contents<") + len(b"/Contents<")
CONTENTS_END = SEALED.index(b">", CONTENTS)


def verdict(pdf: bytes) -> tuple[bool, str]:
    found = examine_pdf(pdf, ROOTS)
    if found.sealed is None:
        assert found.credential is None
        assert found.qr_text is None
    return found.ok, found.checks[-1].name


def test_a_sealed_certificate_passes_and_gives_what_it_carries() -> None:
    found = examine_pdf(SEALED, ROOTS, now=SIGNED_AT + timedelta(days=1))
    assert found.ok
    assert found.credential == FILES[0].content
    assert found.opening == FILES[1].content
    assert found.qr_text == face().qr_text
    assert found.signed_at == SIGNED_AT
    assert [check.ok for check in found.checks] == [True] * 9


@pytest.mark.parametrize("tail", [b"\n", b"\0", b" ", b"%%EOF\n", b"x" * 1000])
def test_an_appended_byte_is_seen(tail: bytes) -> None:
    assert verdict(SEALED + tail) == (False, "pdf-coverage")


def test_a_file_cut_short_is_seen() -> None:
    assert verdict(SEALED[:-1]) == (False, "pdf-coverage")
    assert verdict(SEALED[: CONTENTS + 100])[0] is False


def test_every_flipped_bit_of_the_signatures_place_is_seen() -> None:
    # The first kilobytes hold the CMS; of the zeros behind it a sample, and the last.
    used = len(SEALED[CONTENTS:CONTENTS_END].rstrip(b"0"))
    places = [
        *range(CONTENTS - 2, CONTENTS + used + 8, 7),
        *range(CONTENTS + used, CONTENTS_END, 997),
        CONTENTS_END - 1,
    ]
    for at in places:
        for bit in range(8):
            changed = bytearray(SEALED)
            changed[at] ^= 1 << bit
            assert not examine_pdf(bytes(changed), ROOTS).ok, (at, bit)


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_any_changed_byte_is_seen(at: int, mask: int) -> None:
    changed = bytearray(SEALED)
    changed[at] ^= mask
    assert not examine_pdf(bytes(changed), ROOTS).ok


def test_hexadecimal_in_capitals_or_spaced_is_not_ours() -> None:
    for change in (bytes.upper, lambda text: text[:-2] + b"  "):
        text = SEALED[CONTENTS:CONTENTS_END]
        assert not examine_pdf(SEALED[:CONTENTS] + change(text) + SEALED[CONTENTS_END:], ROOTS).ok


def overlay(pdf: bytes) -> bytes:
    """Another page content, added the way PDF allows: an incremental update."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Rotate"] = writer.root["/Pages"]["/Count"]
    writer.update_container(page)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_an_incremental_overlay_is_seen() -> None:
    changed = overlay(SEALED)
    assert changed.startswith(SEALED)
    assert verdict(changed) == (False, "pdf-coverage")


def test_an_overlay_whose_ranges_are_stretched_over_it_is_seen() -> None:
    changed = overlay(SEALED)
    old = re.search(rb"/ByteRange\[0 \d{10} (\d{10}) (\d{10})\]", changed)
    assert old is not None
    rest = b"%010d" % (len(changed) - int(old[1]))
    stretched = changed[: old.start(2)] + rest + changed[old.end(2) :]
    assert verdict(stretched)[0] is False


def test_a_rewritten_file_is_seen() -> None:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(SEALED)) as pdf:
        pdf.save(out)
    assert verdict(out.getvalue()) == (False, "pdf-form")


def test_a_swapped_attachment_is_seen() -> None:
    other = [Attachment("credential.json", "application/ld+json", b'{"credential":2}', "Source"), FILES[1]]
    theirs = PRESS.press(face(), other)
    start = theirs.index(b"/Contents<") + len(b"/Contents<")
    grafted = SEALED[:CONTENTS_END] + theirs[start + CONTENTS_END - CONTENTS :]
    old = re.search(rb"/ByteRange\[0 \d{10} (\d{10}) (\d{10})\]", grafted)
    assert old is not None
    fitted = grafted[: old.start(2)] + b"%010d" % (len(grafted) - int(old[1])) + grafted[old.end(2) :]
    assert verdict(fitted) == (False, "pdf-digest")


def test_a_foreign_signer_is_not_trusted_even_under_the_same_names() -> None:
    assert verdict(seal(PRESS.press(face(), FILES), make_seal(depth=3), signed_at=SIGNED_AT)) == (False, "pdf-signer")
    assert examine_pdf(SEALED, []).checks[-1].name == "pdf-signer"


def test_a_seal_grafted_from_another_certificate_is_seen() -> None:
    other = seal(PRESS.press(face("李娜"), FILES), OURS, signed_at=SIGNED_AT)
    start = other.index(b"/Contents<") + len(b"/Contents<")
    grafted = SEALED[:CONTENTS] + other[start : start + CONTENTS_END - CONTENTS] + SEALED[CONTENTS_END:]
    assert verdict(grafted) == (False, "pdf-digest")


@pytest.mark.parametrize("at", [datetime(2023, 12, 31, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)])
def test_a_seal_outside_its_certificates_validity_is_not_trusted(at: datetime) -> None:
    assert verdict(seal(PRESS.press(face(), FILES), OURS, signed_at=at)) == (False, "pdf-signer")


def test_a_seal_dated_in_the_future_is_not_trusted() -> None:
    found = examine_pdf(SEALED, ROOTS, now=SIGNED_AT - timedelta(hours=1))
    assert found.checks[-1].name == "pdf-signer"
    assert "future" in found.checks[-1].detail_en


@pytest.mark.parametrize(("signs", "why"), [(True, "authority's certificate"), (False, "signing documents")])
def test_an_authoritys_own_key_is_not_a_seal(signs: bool, why: str) -> None:
    authority = make_seal(leaf_ca=True, leaf_signs=signs)
    found = examine_pdf(seal(PRESS.press(face(), FILES), authority, signed_at=SIGNED_AT), authority.chain[-1:])
    assert why in found.checks[-1].detail_en


def test_an_intermediate_that_is_no_authority_is_refused() -> None:
    weak = make_seal(depth=3, middle_ca=False)
    found = examine_pdf(seal(PRESS.press(face(), FILES), weak, signed_at=SIGNED_AT), weak.chain[-1:])
    assert "not an authority" in found.checks[-1].detail_en


def test_an_unknown_attachment_is_refused_though_sealed() -> None:
    more = [*FILES, Attachment("setup.exe", "application/octet-stream", b"MZ", "Unspecified")]
    assert verdict(seal(PRESS.press(face(), more), OURS, signed_at=SIGNED_AT)) == (False, "pdf-contents")


def test_a_sealed_file_that_is_no_certificate_is_refused() -> None:
    pressed = PRESS.press(face(), FILES)
    broken = pressed.replace(b"/SigFlags 3", b"/SigFlogs 3").replace(
        b"/Perms<</DocMDP 1 0 R>>", b"/Perms<</DocMDQ 1 0 R>>"
    )
    assert verdict(seal(broken, OURS, signed_at=SIGNED_AT)) == (False, "pdf-contents")
    torn = pressed.replace(b"/Type/Catalog", b"/Type/Cat[log")
    assert verdict(seal(torn, OURS, signed_at=SIGNED_AT)) == (False, "pdf-contents")


def test_an_unsealed_page_is_not_a_certificate() -> None:
    assert verdict(PRESS.press(face(), FILES)) == (False, "pdf-coverage")


def test_a_file_too_large_is_not_read() -> None:
    assert verdict(b"%PDF-1.7\n" + bytes(LARGEST_BYTES)) == (False, "pdf-size")


HOSTILE: list[Callable[[], bytes]] = [
    lambda: b"",
    lambda: b"%PDF-1.7\n",
    lambda: SEALED[:CONTENTS] + b"0" * (CONTENTS_END - CONTENTS) + SEALED[CONTENTS_END:],
    lambda: SEALED[:CONTENTS] + b"3084ffffffff" + SEALED[CONTENTS + 12 :],
    lambda: SEALED[:CONTENTS] + b"3080" + SEALED[CONTENTS + 4 :],
    lambda: SEALED.replace(b"/M(D:2025", b"/M(D:0000"),
    lambda: SEALED.replace(b"/P 1/V", b"/P 3/V"),
    lambda: b"[" * 1_000_000,
    lambda: random.Random(1).randbytes(100_000),
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_input_gives_a_failed_check_and_never_raises(number: int) -> None:
    assert not examine_pdf(HOSTILE[number](), ROOTS).ok


@given(st.binary(max_size=600))
def test_any_signature_bytes_give_a_failed_check(junk: bytes) -> None:
    text = junk.hex().encode()
    changed = SEALED[:CONTENTS] + text + SEALED[CONTENTS + len(text) :]
    assert examine_pdf(changed, ROOTS).ok is (changed == SEALED)


def test_the_bounded_examination_gives_the_same_answers() -> None:
    now = SIGNED_AT + timedelta(days=1)
    assert examine_pdf_bounded(SEALED, ROOTS, now=now) == examine_pdf(SEALED, ROOTS, now=now)
    assert examine_pdf_bounded(SEALED + b"x", ROOTS) == examine_pdf(SEALED + b"x", ROOTS)
    assert examine_pdf_bounded(SEALED, []).checks[-1].name == "pdf-signer"
    assert examine_pdf_bounded(bytes(LARGEST_BYTES + 1), ROOTS).checks[-1].name == "pdf-size"


def test_the_childs_answer_comes_back_whole() -> None:
    said = io.BytesIO()
    settings = {"now": SIGNED_AT.isoformat(), "roots": ROOTS[0].public_bytes(Encoding.PEM).decode(), "stamp_roots": ""}
    examine_in_child(settings, SEALED, said.write)
    assert _decode(said.getvalue()) == examine_pdf(SEALED, ROOTS)


def test_a_child_that_never_ends_gives_a_failed_check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slow = tmp_path / "python"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))
    assert examine_pdf_bounded(SEALED, ROOTS, bounds=replace(BOUNDS, seconds=0)).checks[-1].name == "pdf-limits"


def test_no_module_is_taken_from_the_folder_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anyone who puts a file into a folder of downloads could put a `resource.py` beside it, which says "valid"."""
    (tmp_path / "resource.py").write_text("raise SystemExit('planted')")
    monkeypatch.chdir(tmp_path)
    assert examine_pdf_bounded(SEALED, ROOTS).ok


def test_a_chain_longer_than_an_authority_allows_is_refused() -> None:
    long = make_seal(depth=4, path_length=0)
    found = examine_pdf(seal(PRESS.press(face(), FILES), long, signed_at=SIGNED_AT), long.chain[-1:])
    assert "longer" in found.checks[-1].detail_en


def test_an_extension_that_must_be_understood_and_is_not_is_refused() -> None:
    odd = make_seal(critical=True)
    found = examine_pdf(seal(PRESS.press(face(), FILES), odd, signed_at=SIGNED_AT), odd.chain[-1:])
    assert "not understood" in found.checks[-1].detail_en


def test_a_seal_that_is_itself_the_pinned_root_passes() -> None:
    alone = make_seal(depth=1)
    assert examine_pdf(seal(PRESS.press(face(), FILES), alone, signed_at=SIGNED_AT), alone.chain).ok


def test_a_child_that_runs_into_its_limits_gives_a_failed_check() -> None:
    heavy = Attachment("credential.json", "application/vc", bytes(16 * 2**20), "Source")
    pdf = seal(PRESS.press(face(), [heavy]), OURS, signed_at=SIGNED_AT)
    assert examine_pdf_bounded(pdf, ROOTS).ok
    found = examine_pdf_bounded(pdf, ROOTS, bounds=replace(BOUNDS, memory_bytes=20 * 2**20))
    # Which check fails depends on where the memory ran out.
    assert not found.ok
    assert found.credential is None
