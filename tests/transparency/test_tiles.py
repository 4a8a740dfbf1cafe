"""Tiles as c2sp.org/tlog-tiles has them: the published examples, laws of growth, and proofs read from files alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.errors import MalformedLog
from certsvc.transparency.proofs import (
    prove_consistency,
    prove_inclusion,
    range_root,
    verify_consistency,
    verify_inclusion,
)
from certsvc.transparency.tiles import (
    ENTRIES,
    MAX_ENTRY_BYTES,
    WIDTH,
    Tile,
    entry_bundle,
    hash_reader,
    hash_tile,
    parse_path,
    read_entry_bundle,
    read_hash_tile,
    tile_of,
    tiles_of_growth,
)
from certsvc.transparency.tree import MAX_SIZE, Frontier, leaf_hash
from tests.transparency.test_proofs import uniform

sizes = st.integers(0, 70_000)
tiles = st.builds(Tile, st.integers(ENTRIES, 63), st.integers(0, MAX_SIZE), st.integers(1, WIDTH))


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(0, 0), "tile/0/000"),
        (Tile(63, 999, 255), "tile/63/999.p/255"),
        (Tile(1, 1000, 1), "tile/1/x001/000.p/1"),
        (Tile(ENTRIES, 5, 7), "tile/entries/005.p/7"),
    ],
)
def test_paths_are_those_of_the_specification(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert parse_path(path) == tile


@given(tiles)
def test_a_path_reads_back(tile: Tile) -> None:
    assert parse_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "checkpoint",
        "tile/0",
        "tile/00/000",
        "tile/64/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/007",
        "tile/0/000/",
        "tile/0/000\n",
        "tile/data/000",
        "tile/entries/000.p/",
        "/tile/0/000",
        "tile/0/../000",
        "tile/0/٠٠٠",
        "tile/0/" + "x999/" * 7 + "999",
    ],
)
def test_any_other_spelling_of_a_path_is_refused(path: str) -> None:
    with pytest.raises(MalformedLog):
        parse_path(path)


def test_a_tree_of_70000_has_the_tiles_of_the_specification() -> None:
    widths: dict[int, list[int]] = {}
    for tile in tiles_of_growth(0, 70_000):
        widths.setdefault(tile.level, []).append(tile.width)
    hashes_0 = [256] * 273 + [112]
    assert widths == {ENTRIES: hashes_0, 0: hashes_0, 1: [256, 17], 2: [1]}


def test_a_tree_of_256_has_a_full_tile_and_a_partial_one_above() -> None:
    assert list(tiles_of_growth(0, 256)) == [Tile(ENTRIES, 0), Tile(0, 0), Tile(1, 0, 1)]


def test_an_empty_tree_has_no_tiles() -> None:
    assert list(tiles_of_growth(0, 0)) == []


@given(sizes, sizes)
def test_growth_names_exactly_the_tiles_that_are_new(one: int, other: int) -> None:
    old, new = sorted((one, other))
    before, after = set(tiles_of_growth(0, old)), set(tiles_of_growth(0, new))
    grown = list(tiles_of_growth(old, new))
    assert len(grown) == len(set(grown))
    assert set(grown) == after - before


@given(sizes, sizes)
def test_a_full_tile_stays_for_good(one: int, other: int) -> None:
    old, new = sorted((one, other))
    full = {tile for tile in tiles_of_growth(0, old) if tile.width == WIDTH}
    assert full <= set(tiles_of_growth(0, new))


@pytest.mark.parametrize(("old", "new"), [(1, 0), (-1, 0), (0, MAX_SIZE + 1)])
def test_a_log_that_shrinks_has_no_tiles(old: int, new: int) -> None:
    with pytest.raises(MalformedLog):
        next(tiles_of_growth(old, new))


@given(st.integers(1, 1500), st.data())
def test_every_proof_can_be_made_from_the_files_alone(size: int, data: st.DataObject) -> None:
    hashes = [leaf_hash(str(at).encode()) for at in range(size)]
    growth = Frontier().extend(hashes)
    nodes = {(node.level, node.index): node.hash for node in growth.nodes}
    stored = lambda level, index: nodes[level, index]  # noqa: E731
    files = {tile.path: hash_tile(tile, stored) for tile in tiles_of_growth(0, size) if tile.level != ENTRIES}
    read_hash = hash_reader(size, lambda tile: files[tile.path])
    root = growth.frontier.root()
    assert range_root(0, size, read_hash) == root
    index = data.draw(st.integers(0, size - 1))
    verify_inclusion(hashes[index], index, size, prove_inclusion(index, size, read_hash), root)
    old = data.draw(st.integers(0, size))
    old_root = Frontier().extend(hashes[:old]).frontier.root()
    verify_consistency(old, old_root, size, root, prove_consistency(old, size, read_hash))


def test_a_proof_over_ten_million_leaves_opens_few_tiles() -> None:
    size = 10_000_000
    stored, root, _ = uniform(size)
    opened: list[Tile] = []

    def read_tile(tile: Tile) -> bytes:
        opened.append(tile)
        return hash_tile(tile, stored)

    hashes = prove_inclusion(1_234_567, size, hash_reader(size, read_tile))
    verify_inclusion(leaf_hash(b""), 1_234_567, size, hashes, root)
    assert len(opened) == len(set(opened)) <= 5


def test_a_subtree_that_is_not_complete_is_not_read() -> None:
    with pytest.raises(MalformedLog):
        hash_reader(5, lambda tile: bytes(32 * tile.width))(2, 1)
    with pytest.raises(MalformedLog):
        tile_of(0, -1, 5)


@given(st.lists(st.binary(max_size=300), max_size=WIDTH))
def test_an_entry_bundle_reads_back(contents: list[bytes]) -> None:
    assert list(read_entry_bundle(entry_bundle(contents), len(contents))) == contents


def test_an_entry_longer_than_its_length_can_say_is_refused() -> None:
    assert read_entry_bundle(entry_bundle([bytes(MAX_ENTRY_BYTES)]), 1) == (bytes(MAX_ENTRY_BYTES),)
    with pytest.raises(MalformedLog):
        entry_bundle([bytes(MAX_ENTRY_BYTES + 1)])


@pytest.mark.parametrize(
    ("bundle", "width"),
    [
        pytest.param(b"\0\1a", 2, id="one too few"),
        pytest.param(b"\0\1a\0\1b", 1, id="one too many"),
        pytest.param(b"\0\2a", 1, id="cut in the content"),
        pytest.param(b"\0", 1, id="cut in the length"),
        pytest.param(b"", 1, id="nothing"),
        pytest.param(b"\0\1a\0", 1, id="junk after the end"),
    ],
)
def test_a_damaged_entry_bundle_is_refused(bundle: bytes, width: int) -> None:
    with pytest.raises(MalformedLog):
        read_entry_bundle(bundle, width)


def test_a_damaged_hash_tile_is_refused() -> None:
    assert read_hash_tile(bytes(64), 2) == (bytes(32), bytes(32))
    with pytest.raises(MalformedLog):
        read_hash_tile(bytes(63), 2)


def test_a_bundle_of_contents_is_not_a_tile_of_hashes() -> None:
    with pytest.raises(MalformedLog):
        hash_tile(Tile(ENTRIES, 0, 1), uniform(1)[0])
