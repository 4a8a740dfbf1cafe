"""Step 10: a genuine seal over a file that is not built as one of ours is no certificate."""

from __future__ import annotations

import re

import pytest

from certsvc.rendering.press import Attachment, open_press
from certsvc.signing.pdf import seal
from certsvc.signing.pdf_examination import PdfExamination, examine_pdf
from tests.rendering.faces import face
from tests.signing.seals import SIGNED_AT, make_seal

OURS = make_seal()
FILES = [Attachment("credential.json", "application/ld+json", b"{}", "Source")]
PRESSED = open_press().press(face(), FILES)
NOTES = re.search(rb"/Annots\[(\d+ 0 R) (\d+ 0 R)\]", PRESSED)
assert NOTES is not None
LINK, FIELD = NOTES[1], NOTES[2]
ENTRY = re.compile(rb"(\d{10}) 00000 n \n")


def rebuilt(old: bytes, new: bytes) -> bytes:
    """The pressed file with one piece exchanged and its table put right: what a press of another mind would write."""
    assert PRESSED.count(old) == 1
    at, longer = PRESSED.index(old), len(new) - len(old)
    moved = PRESSED.replace(old, new)
    table = moved.rindex(b"xref\n0 ")

    def move(found: re.Match[bytes]) -> bytes:
        return b"%010d 00000 n \n" % (int(found[1]) + (longer if int(found[1]) > at else 0))

    end = moved.rindex(b"startxref\n")
    return moved[:table] + ENTRY.sub(move, moved[table:end]) + b"startxref\n%d\n%%%%EOF\n" % table


def examined(pressed: bytes) -> PdfExamination:
    return examine_pdf(seal(pressed, OURS, signed_at=SIGNED_AT), OURS.chain[-1:])


def test_a_file_put_together_again_is_accepted() -> None:
    """The ground of the others here: what they are refused for is what they changed."""
    assert examined(rebuilt(b"/SigFlags 3", b"/SigFlags  3")).ok


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"/V 1 0 R", b"/V 3 0 R", "not exactly one certification signature"),
        (b"/Perms<</DocMDP 1 0 R>>", b"/Perms<</DocMDP 3 0 R>>", "not exactly one certification signature"),
        (b"/Fields[%b]" % FIELD, b"/Fields[%b %b]" % (FIELD, FIELD), "not exactly one certification signature"),
        (b"/Fields[%b]" % FIELD, b"/Fields[]", "not exactly one certification signature"),
        (b"/Fields[%b]" % FIELD, b"/Fields[%b]" % LINK, "cannot be read"),
        (b"/AcroForm<<", b"/AcroFurm<<", "cannot be read"),
        (b"/Perms<<", b"/Porms<<", "cannot be read"),
    ],
)
def test_a_file_whose_field_is_not_the_one_signature_is_refused(old: bytes, new: bytes, why: str) -> None:
    """The field names another signature, or two fields one, or the permission hangs on something else."""
    found = examined(rebuilt(old, new))
    assert (found.ok, found.checks[-1].name) == (False, "pdf-contents")
    assert why in found.checks[-1].detail_en
    assert (found.attachments, found.qr_text) == ({}, None)


def test_a_second_page_is_refused() -> None:
    pages = re.search(rb"/Kids\[(\d+ 0 R)\]/Count 1", PRESSED)
    assert pages is not None
    found = examined(rebuilt(pages[0], b"/Kids[%b %b]/Count 2" % (pages[1], pages[1])))
    assert (found.ok, found.checks[-1].detail_en) == (False, "not one page")


@pytest.mark.parametrize("notes", [b"/Annots[%b %b]" % (LINK, LINK), b"/Annots[%b]" % FIELD])
def test_a_page_with_two_links_or_none_tells_no_code(notes: bytes) -> None:
    """Which of two would be the code's is not guessed."""
    assert examined(PRESSED).qr_text == face().qr_text
    found = examined(rebuilt(b"/Annots[%b %b]" % (LINK, FIELD), notes))
    assert (found.ok, found.qr_text) == (True, None)
