"""Where a log ends: the last leaf is in its tile, the next in none; the longest head is read, a longer one not."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.errors import CheckpointRefused, MalformedLog, ProofRefused
from certsvc.transparency import note as notes
from certsvc.transparency import witness
from certsvc.transparency.audit import audit
from certsvc.transparency.checkpoint import Checkpoint, parse_body
from certsvc.transparency.leaf import decode, encode, is_session
from certsvc.transparency.note import Algorithm, Signature, VerifierKey
from certsvc.transparency.proofs import prove_consistency, prove_inclusion, verify_consistency, verify_inclusion
from certsvc.transparency.tiles import ENTRIES, WIDTH, Tile, hash_reader, tile_of, tiles_of_growth
from certsvc.transparency.tree import MAX_SIZE, Frontier, leaf_hash
from certsvc.transparency.tree import root as root_of
from tests.transparency import leaves
from tests.transparency.keys import LOG_KEY, LOG_SIGN, WITNESS_KEY, WITNESS_SIGN

ROOT = bytes(32)


@given(st.integers(1, 10**12), st.sampled_from([ENTRIES, 0, 1, 2, 3]), st.data())
def test_a_tile_holds_the_hash_that_it_is_asked_for(size: int, level: int, data: st.DataObject) -> None:
    count = size >> 8 * max(level, 0)
    if count:
        index = data.draw(st.integers(0, count - 1))
        tile = tile_of(level, index, size)
        assert (tile.level, tile.index) == (level, index // WIDTH)
        assert tile.start <= index < tile.start + tile.width, "the leaf is in it"
        assert tile.start + tile.width <= count, "and nothing that is not there yet"
    for outside in (count, count + 1, -1):
        with pytest.raises(MalformedLog, match=f"no hash {outside} at tile level"):
            tile_of(level, outside, size)


@pytest.mark.parametrize("size", [1, 5, WIDTH - 1, WIDTH, WIDTH + 1, 2 * WIDTH])
def test_the_last_leaf_has_a_tile_and_the_one_after_it_has_none(size: int) -> None:
    for level in (ENTRIES, 0):
        last = tile_of(level, size - 1, size)
        assert last in set(tiles_of_growth(0, size)), "it is among the files that are published"
        assert last.start + last.width == size
        with pytest.raises(MalformedLog):
            tile_of(level, size, size)


def test_a_reader_of_tiles_asks_for_no_file_that_a_log_has_not() -> None:
    with pytest.raises(MalformedLog):
        hash_reader(WIDTH, lambda tile: bytes(32 * tile.width))(0, WIDTH)


@pytest.mark.parametrize(
    ("level", "index", "width", "fits"),
    [
        (ENTRIES, 0, 1, True),
        (ENTRIES - 1, 0, 1, False),
        (63, 0, 1, True),
        (64, 0, 1, False),
        (0, MAX_SIZE, 1, True),
        (0, MAX_SIZE + 1, 1, False),
        (0, -1, 1, False),
        (0, 0, WIDTH, True),
        (0, 0, WIDTH + 1, False),
        (0, 0, 0, False),
    ],
)
def test_a_tile_has_bounds(level: int, index: int, width: int, fits: bool) -> None:
    if fits:
        assert Tile(level, index, width).path
    else:
        with pytest.raises(MalformedLog, match="no such tile"):
            Tile(level, index, width)


@pytest.mark.parametrize(("length", "fits"), [(1, True), (255, True), (256, False), (0, False)])
def test_an_origin_has_at_most_255_characters(length: int, fits: bool) -> None:
    if fits:
        checkpoint = Checkpoint("o" * length, 1, ROOT)
        assert parse_body(checkpoint.body) == checkpoint
    else:
        with pytest.raises(MalformedLog, match="not a log's origin"):
            Checkpoint("o" * length, 1, ROOT)


@pytest.mark.parametrize(("size", "fits"), [(0, True), (MAX_SIZE, True), (MAX_SIZE + 1, False), (-1, False)])
def test_a_head_counts_up_to_the_largest_log(size: int, fits: bool) -> None:
    assert MAX_SIZE == 2**63 - 1
    if fits:
        assert Checkpoint("o", size, ROOT).size == size
    else:
        with pytest.raises(MalformedLog, match="size below"):
            Checkpoint("o", size, ROOT)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_root_has_32_bytes(length: int) -> None:
    with pytest.raises(MalformedLog, match="root of 32 bytes"):
        Checkpoint("o", 1, bytes(length))


# Proofs


@pytest.mark.parametrize("size", [1, 2, 7, 8])
def test_a_proof_with_a_hash_to_spare_is_refused_for_that(size: int) -> None:
    hashes = [leaf_hash(str(at).encode()) for at in range(size)]
    growth = Frontier().extend(hashes)
    nodes = {(node.level, node.index): node.hash for node in growth.nodes}
    root = growth.frontier.root()

    def read(level: int, index: int) -> bytes:
        return nodes[level, index]

    proof = prove_inclusion(0, size, read)
    verify_inclusion(hashes[0], 0, size, proof, root)
    with pytest.raises(ProofRefused, match="the inclusion proof has hashes to spare"):
        verify_inclusion(hashes[0], 0, size, [*proof, ROOT], root)
    if size > 2:
        old = Frontier().extend(hashes[:2]).frontier.root()
        consistency = prove_consistency(2, size, read)
        verify_consistency(2, old, size, root, consistency)
        with pytest.raises(ProofRefused, match="the consistency proof has hashes to spare"):
            verify_consistency(2, old, size, root, [*consistency, ROOT])


@pytest.mark.parametrize(
    ("hashes", "why"),
    [
        ([ROOT] * 64, "at most 63 hashes of 32 bytes"),
        ([bytes(31)], "at most 63 hashes of 32 bytes"),
        ([ROOT, bytes(33)], "at most 63 hashes of 32 bytes"),
        ([ROOT] * 63, "to spare"),
    ],
)
def test_a_proof_has_at_most_63_whole_hashes(hashes: list[bytes], why: str) -> None:
    with pytest.raises(ProofRefused, match=why):
        verify_inclusion(ROOT, 0, 4, hashes, ROOT)
    with pytest.raises(ProofRefused, match=why):
        verify_consistency(2, ROOT, 4, ROOT, hashes)


# Notes


TEXT = "some text\n"
LINE = str(notes.sign(TEXT, LOG_KEY, LOG_SIGN))


@pytest.mark.parametrize(("length", "fits"), [(31, False), (32, True), (33, False)])
def test_a_public_key_has_32_bytes(length: int, fits: bool) -> None:
    if fits:
        assert VerifierKey("a", Algorithm.ED25519, bytes(length)).public == bytes(length)
    else:
        with pytest.raises(MalformedLog, match="has 32 bytes"):
            VerifierKey("a", Algorithm.ED25519, bytes(length))


def test_a_note_may_have_131072_bytes_and_not_one_more() -> None:
    assert notes.MAX_BYTES == 131_072
    rest = f"\n{LINE}".encode()
    longest = b"a" * (notes.MAX_BYTES - len(rest) - 1) + b"\n" + rest
    assert notes.parse(longest).encode() == longest
    with pytest.raises(MalformedLog, match="at most 131072 bytes"):
        notes.parse(b"a" + longest)


@pytest.mark.parametrize("message", [LINE, f"{TEXT}{LINE}", f"{TEXT}\n{LINE}"[:-1], f"{TEXT}\n", "", "\n\n"])
def test_a_note_has_a_blank_line_and_ends_its_last_one(message: str) -> None:
    with pytest.raises(MalformedLog):
        notes.parse(message.encode())
    assert notes.parse(f"{TEXT}\n{LINE}".encode()).text == TEXT


@pytest.mark.parametrize("message", [LINE, f"{TEXT}{LINE}"])
def test_without_a_blank_line_that_is_what_is_said(message: str) -> None:
    with pytest.raises(MalformedLog, match="a note has a blank line"):
        notes.parse(message.encode())


@pytest.mark.parametrize("line", [LINE[:-1], f"{LINE}{LINE}", f"\n{LINE}", ""])
def test_a_signature_is_one_whole_line(line: str) -> None:
    with pytest.raises(MalformedLog, match="a signature is one line"):
        notes.parse_signature(line)
    assert str(notes.parse_signature(LINE)) == LINE


@pytest.mark.parametrize(
    ("time", "fits"), [(0, False), (1, True), (2**63 - 1, True), (2**63, False), (2**64 - 1, False)]
)
def test_a_cosignature_has_a_time_that_can_be(time: int, fits: bool) -> None:
    """Signed properly over a time that no clock shows: the witness's own fault, and refused as such."""
    said = b"cosignature/v1\ntime %d\n" % time + TEXT.encode()
    line = Signature(WITNESS_KEY.name, WITNESS_KEY.key_id, time.to_bytes(8, "big") + WITNESS_SIGN(said))
    note = notes.Note(TEXT, (line,))
    if fits:
        assert [one.time for one in notes.verify(note, [WITNESS_KEY])] == [time]
    else:
        with pytest.raises(CheckpointRefused, match="no possible time"):
            notes.verify(note, [WITNESS_KEY])


def test_a_submission_to_a_witness_has_its_length() -> None:
    assert witness.MAX_BYTES == 131_072 + 4096
    with pytest.raises(MalformedLog, match="has an old size"):
        witness.parse_submission(b"x" * witness.MAX_BYTES)
    with pytest.raises(MalformedLog, match="at most 135168 bytes"):
        witness.parse_submission(b"x" * (witness.MAX_BYTES + 1))


# Leaves


def test_a_leaf_has_at_most_1024_bytes() -> None:
    with pytest.raises(MalformedLog, match="at most 1024 bytes"):
        decode(b"x" * 1025)
    with pytest.raises(MalformedLog, match="not a leaf of this log"):
        decode(b"x" * 1024)


def test_a_leaf_with_a_member_of_another_name_is_refused_by_name() -> None:
    content = encode(leaves.issue()).replace(b'"v":1', b'"v":1,"x":1')
    with pytest.raises(MalformedLog, match=r"unknown members \['x'\]"):
        decode(content)


@pytest.mark.parametrize("day", ["5", "null", '"2026-3-24"', '"20260324"', '"2026-W13-2"'])
def test_a_day_is_written_as_one(day: str) -> None:
    content = re.sub(rb'"day":"[0-9-]+"', f'"day":{day}'.encode(), encode(leaves.issue()))
    with pytest.raises(MalformedLog, match="not a day"):
        decode(content)


@pytest.mark.parametrize(("passed", "fits"), [(0, True), (2**31 - 1, True), (2**31, False), (-1, False)])
def test_as_many_pass_as_can_be_counted(passed: int, fits: bool) -> None:
    leaf = leaves.session(passed)
    if fits:
        assert decode(encode(leaf)).passed == passed
    else:
        with pytest.raises(MalformedLog, match="not a count"):
            encode(leaf)


@pytest.mark.parametrize(("length", "fits"), [(96, True), (97, False), (0, False)])
def test_a_sittings_code_has_at_most_96_characters(length: int, fits: bool) -> None:
    assert is_session("a" * length) is fits


def test_after_a_day_went_back_the_latest_seen_is_what_counts() -> None:
    """L3 against each leaf before, not only the last: else every second step back would go unsaid."""
    days = [date(2026, 4, day) for day in (20, 18, 19, 20, 21)]
    told = [
        leaves.session(4, day=days[0]),
        *(leaves.issue(name, day=day) for name, day in zip("abcd", days[1:], strict=True)),
    ]
    contents = [encode(leaf) for leaf in told]
    head = Checkpoint("o", len(contents), root_of(contents))
    assert [problem.index for problem in audit(head, contents).problems if problem.rule == "L3"] == [1, 2]
