"""What an archive update adds stands in the file's own table, for readers that know nothing of our form."""

from __future__ import annotations

import io
import re

import pikepdf
import pytest

from certsvc.errors import SealRefused
from certsvc.signing.pdf_update import (
    MOST_UPDATES,
    ROOM,
    draft_update,
    extendable,
    first_revision,
    read_updates,
)
from tests.signing.archives import sealed

SEALED = sealed()
STAMP = b"\x30\x03\x02\x01\x05"
"""Any DER will do: what a token says is not asked here."""


def with_updates(count: int) -> bytes:
    """A sealed file with so many updates, each with a certificate and a list."""
    newest = extendable(SEALED)
    for at in range(count):
        newest = draft_update(newest, [b"certificate %d" % at], [b"list %d" % at]).fill(STAMP)
    return newest.content


def table_of(pdf: bytes) -> dict[int, int]:
    """The newest cross-reference section, read as ISO 32000-1, 7.5.4 says: object number → place."""
    start = int(pdf[pdf.rindex(b"startxref\n") + 10 :].split(b"\n", 1)[0])
    lines = pdf[start : pdf.index(b"trailer", start)].splitlines()
    assert lines.pop(0) == b"xref"
    found: dict[int, int] = {}
    while lines:
        first, count = map(int, lines.pop(0).split())
        for number in range(first, first + count):
            place, generation, kind = lines.pop(0).split()
            assert (generation, kind) == (b"00000", b"n")
            found[number] = int(place)
    return found


@pytest.mark.parametrize("updates", [1, 2])
def test_every_object_of_an_update_is_in_its_table_at_its_place(updates: int) -> None:
    before, pdf = with_updates(updates - 1), with_updates(updates)
    added = {
        int(found[1]): len(before) + found.start(1)
        for found in re.finditer(rb"(?<=\n)(\d+) 0 obj\n", pdf[len(before) :])
    }
    first = re.match(rb"(\d+) 0 obj\n", pdf[len(before) :])
    assert first is not None
    added[int(first[1])] = len(before)
    assert table_of(pdf) == added
    assert b"/DocTimeStamp" in pdf[max(added.values()) :], "the stamp itself stands last"
    assert b"/Size %d/" % (max(added) + 1) in pdf[-200:]


@pytest.mark.parametrize("updates", [1, 2])
def test_another_reader_finds_the_stamps_the_lists_and_the_certificates(updates: int) -> None:
    with pikepdf.open(io.BytesIO(with_updates(updates)), attempt_recovery=False) as pdf:
        fields = list(pdf.Root.AcroForm.Fields)
        assert [str(field.V.Type) for field in fields] == ["/Sig"] + ["/DocTimeStamp"] * updates
        assert [str(field.T) for field in fields[1:]] == ["archive", "archive2"][:updates]
        assert [held.read_bytes() for held in pdf.Root.DSS.Certs] == [b"certificate %d" % at for at in range(updates)]
        assert [held.read_bytes() for held in pdf.Root.DSS.CRLs] == [b"list %d" % at for at in range(updates)]
        assert not pdf.check_pdf_syntax()


def test_each_stamp_is_of_all_that_stands_before_and_with_it() -> None:
    pdf = with_updates(2)
    updates = list(read_updates(pdf, first_revision(pdf)))
    for update in updates:
        whole = update.after.content
        found = list(re.finditer(rb"/ByteRange\[0 (\d{10}) (\d{10}) (\d{10})\]/Contents<", whole))[-1]
        first, second, rest = map(int, found.groups())
        assert (first, second, second + rest) == (found.end() - 1, found.end() + 2 * ROOM + 1, len(whole))
        assert update.covered == whole[:first] + whole[second:]
        assert update.token == STAMP
    assert [update.after.updates for update in updates] == [1, 2]


def test_a_stamp_fills_its_place_and_not_more() -> None:
    draft = draft_update(extendable(SEALED), [], [b"list"])
    assert draft.fill(bytes(ROOM)).content[draft.end - 1 : draft.end] == b">"
    with pytest.raises(SealRefused, match="too long"):
        draft.fill(bytes(ROOM + 1))


def test_a_file_is_read_with_as_many_updates_as_may_be_and_no_more() -> None:
    most = with_updates(MOST_UPDATES)
    assert len(list(read_updates(most, first_revision(most)))) == MOST_UPDATES
    more = with_updates(MOST_UPDATES + 1)
    with pytest.raises(ValueError, match="too many updates"):
        list(read_updates(more, first_revision(more)))


def test_an_update_holds_at_most_so_many_streams() -> None:
    for count, fits in ((24, True), (25, False)):
        pdf = draft_update(extendable(SEALED), [b"x"] * count, []).fill(STAMP).content
        if fits:
            assert len(next(read_updates(pdf, SEALED)).certificates) == count
        else:
            with pytest.raises(ValueError, match="streams"):
                next(read_updates(pdf, SEALED))


def test_an_update_that_drops_what_the_file_holds_is_refused() -> None:
    """An older certificate left out of the store would leave an older stamp without its chain."""
    one = with_updates(1)
    kept = draft_update(extendable(SEALED), [], []).fill(STAMP)
    dropped = draft_update(kept, [], [b"list"]).fill(STAMP).content[len(kept.content) :]
    with pytest.raises(ValueError, match="update"):
        list(read_updates(one + dropped, SEALED))


def test_without_a_token_an_update_is_none() -> None:
    draft = draft_update(extendable(SEALED), [], [b"list"])
    with pytest.raises(ValueError, match="differs"):
        list(read_updates(draft.fill(b"").content, SEALED))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"/Type/Catalog/", b"/Type/Catalug/"),
        (b"/SigFlags 3>>/Perms", b"/SigFlags 1>>/Perms"),
        (b"/Perms<</DocMDP 1 0 R>>", b"/Perms<</DocMDP 2 0 R>>"),
        (b"\nstartxref\n", b"\nstartxrof\n"),
        (b"/Root ", b"/Ruot "),
    ],
)
def test_only_files_of_our_press_are_extended(old: bytes, new: bytes) -> None:
    at = SEALED.rindex(old)
    with pytest.raises(ValueError, match="not of this service's form"):
        extendable(SEALED[:at] + new + SEALED[at + len(old) :])


def test_a_table_that_is_not_where_the_file_says_is_not_of_our_press() -> None:
    at = SEALED.rindex(b"startxref\n") + len(b"startxref\n")
    for place in (b"1", b"9" * 9):
        with pytest.raises(ValueError, match="not of this service's form"):
            extendable(SEALED[:at] + place + SEALED[SEALED.index(b"\n", at) :])


def test_what_follows_a_seal_without_being_an_update_stays_part_of_it() -> None:
    """Such a file is then found not to be covered by its seal; nothing is cut off in silence."""
    assert first_revision(SEALED) is SEALED
    assert first_revision(with_updates(1)) == SEALED
    for tail in (b"\n", b"x", b"%%EOF\n", b"7 0 obj\n<</Length 1>>\n"):
        assert first_revision(SEALED + tail) == SEALED + tail
    for other in (b"", b"%PDF-1.7\n"):
        assert first_revision(other) is other
