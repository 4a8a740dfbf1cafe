"""What an unsealed PDF holds is found wherever a program may have put it; nothing hostile raises."""

from __future__ import annotations

import io
import random

import pikepdf
import pytest

from certsvc.rendering.press import Attachment, open_press
from certsvc.signing import pdf_within
from certsvc.signing.pdf import seal
from certsvc.signing.pdf_bounded import examine_and_look, examine_pdf_bounded
from certsvc.signing.pdf_within import Within, look_within, names_of_roots
from tests.builders import damage
from tests.rendering.faces import face
from tests.signing.seals import SIGNED_AT, make_seal

OURS = make_seal(depth=3)
ROOTS = OURS.chain[-1:]
FILES = [Attachment("credential.json", "application/ld+json", b'{"credential":1}', "Source")]
SEALED = seal(open_press().press(face(), FILES), OURS, signed_at=SIGNED_AT)
LINK = face().qr_text


def test_attachments_links_and_protection_are_found_in_a_rewritten_file() -> None:
    packed = damage.rewritten(SEALED, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    found = look_within(packed, ROOTS)
    assert (found.opened, found.locked, found.protected) == (True, False, False)
    assert found.attachments == (("credential.json", FILES[0].content),)
    assert found.texts == (LINK,)
    protected = look_within(damage.rewritten(SEALED, encryption=pikepdf.Encryption(owner="a", user="")), ROOTS)
    assert protected.protected
    assert protected.attachments == found.attachments


def test_a_password_to_open_locks_it() -> None:
    locked = damage.rewritten(SEALED, encryption=pikepdf.Encryption(owner="a", user="b"))
    assert look_within(locked, ROOTS) == Within(locked=True)


def test_a_file_pinned_to_a_page_is_an_attachment() -> None:
    with pikepdf.open(io.BytesIO(damage.drawn_page("x"))) as pdf:
        stream = pdf.make_stream(b"pinned")
        spec = pdf.make_indirect(
            pikepdf.Dictionary(Type=pikepdf.Name.Filespec, F="a.json", EF=pikepdf.Dictionary(F=stream))
        )
        note = pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.FileAttachment, FS=spec)
        broken = pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.FileAttachment)
        pdf.pages[0].Annots = pikepdf.Array([broken, pdf.make_indirect(note)])
        assert look_within(damage.saved(pdf), ROOTS).attachments == (("a.json", b"pinned"),)


def test_our_own_displaced_seal_is_nobody_and_a_strangers_has_his_name() -> None:
    assert look_within(damage.rewritten(SEALED), ROOTS).signers == ()
    assert look_within(damage.sealed_by(damage.drawn_page("x"), "Employer Ltd"), ROOTS).signers == ("Employer Ltd",)
    # The same seal to who has pinned another root.
    assert look_within(damage.rewritten(SEALED), make_seal().chain[-1:]).signers


def test_what_cannot_be_opened_gives_the_addresses_in_its_bytes() -> None:
    torn = b"%PDF-1.7\njunk " + LINK.encode() + b" junk"
    assert look_within(torn, ROOTS) == Within(texts=(LINK,))


def test_no_more_is_taken_out_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_within, "LARGEST_ATTACHMENT", 5)
    assert look_within(damage.rewritten(SEALED), ROOTS).attachments == ()


def test_nothing_hostile_raises() -> None:
    rewritten = damage.rewritten(SEALED)
    for seed in range(60):
        chance = random.Random(seed)
        torn = bytearray(rewritten)
        for _ in range(chance.randrange(1, 200)):
            torn[chance.randrange(len(torn))] = chance.randrange(256)
        look_within(bytes(torn), ROOTS)


def test_the_child_looks_only_where_no_seal_speaks_and_its_answer_comes_back_whole() -> None:
    rewritten = damage.rewritten(SEALED)
    assert examine_pdf_bounded(rewritten, ROOTS) == examine_and_look(rewritten, ROOTS)
    assert examine_and_look(rewritten, ROOTS).within is not None
    assert examine_and_look(SEALED[:-50], ROOTS).within is not None
    for seen in (SEALED, SEALED + b"\n", damage.flipped(SEALED)):
        assert examine_and_look(seen, ROOTS).within is None


def test_the_part_that_is_whole_is_named_by_its_place() -> None:
    for before, behind in ((b"", b""), (b"", b"\n"), (b"\n\n", b""), (b"x" * 1000, b"y" * 9)):
        found = examine_and_look(before + SEALED + behind, ROOTS)
        assert found.sealed == (len(before), len(before) + len(SEALED))
        assert found.ok is (not before and not behind)
        assert found.credential == FILES[0].content
    assert examine_and_look(b"x" * 1025 + SEALED, ROOTS).sealed is None


def test_roots_are_named_as_organisations_and_in_common() -> None:
    assert names_of_roots(ROOTS)
    assert names_of_roots([]) == frozenset()
