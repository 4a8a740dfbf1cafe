"""Where a log ends: the last leaf is in its tile, the next in none; the longest head is read, a longer one not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.errors import MalformedLog
from certsvc.transparency.checkpoint import Checkpoint, parse_body
from certsvc.transparency.tiles import ENTRIES, WIDTH, Tile, hash_reader, tile_of, tiles_of_growth
from certsvc.transparency.tree import MAX_SIZE

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
