"""The tree's hashes against RFC 6962's published vectors and against the definition taken literally."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.errors import MalformedLog
from certsvc.transparency.tree import EMPTY_ROOT, MAX_SIZE, Frontier, Node, leaf_hash, node_hash, root
from tests.transparency import brute

# The leaves and roots that every implementation of certificate transparency is tested with.
VECTOR_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
VECTOR_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(9))
def test_the_published_vectors_give_the_published_roots(size: int) -> None:
    assert root(VECTOR_LEAVES[:size]).hex() == VECTOR_ROOTS[size]


def test_the_hashers_vectors_hold() -> None:
    # From certificate-transparency's hasher tests: the empty leaf, "L123456", and the node of "N123" and "N456".
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert node_hash(b"N123", b"N456").hex() == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    assert Frontier().root() == EMPTY_ROOT == hashlib.sha256(b"").digest()


def test_a_leaf_never_passes_as_a_node() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)


@given(brute.contents)
def test_the_edge_gives_the_root_of_the_definition(entries: list[bytes]) -> None:
    assert root(entries) == brute.mth(entries)


@given(brute.contents, st.data())
def test_appending_in_parts_is_appending_at_once(entries: list[bytes], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(entries)))
    hashes = [leaf_hash(entry) for entry in entries]
    first = Frontier().extend(hashes[:cut])
    second = Frontier.from_bytes(first.frontier.to_bytes()).extend(hashes[cut:])
    whole = Frontier().extend(hashes)
    assert second.frontier == whole.frontier
    assert first.nodes + second.nodes == whole.nodes
    one_by_one = first.frontier
    for leaf in hashes[cut:]:
        one_by_one = one_by_one.append(leaf)
    assert one_by_one == whole.frontier


@given(brute.contents)
def test_growth_names_every_complete_subtree_once(entries: list[bytes]) -> None:
    nodes = Frontier().extend(leaf_hash(entry) for entry in entries).nodes
    read_hash = brute.reader(entries)
    assert all(node.hash == read_hash(node.level, node.index) for node in nodes)
    complete = {(level, index) for level in range(8) for index in range(len(entries) >> level)}
    assert {(node.level, node.index) for node in nodes} == complete
    assert len(nodes) == len(complete)


def test_an_append_hashes_no_more_often_than_the_tree_is_high() -> None:
    full = Frontier(2**40 - 1, (bytes(32),) * 40)
    growth = full.extend([leaf_hash(b"x")])
    assert growth.frontier.size == 2**40
    assert len(growth.frontier.peaks) == 1
    assert growth.nodes[-1] == Node(40, 0, growth.frontier.root())
    assert len(growth.nodes) == 41


@given(st.integers(0, MAX_SIZE))
def test_a_stored_edge_reads_back(size: int) -> None:
    edge = Frontier(size, tuple(bytes([n]) * 32 for n in range(size.bit_count())))
    stored = edge.to_bytes()
    assert len(stored) == 8 + 32 * size.bit_count()
    assert Frontier.from_bytes(stored) == edge


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(bytes(7), id="half a size"),
        pytest.param(bytes(8) + bytes(32), id="a peak too many"),
        pytest.param((3).to_bytes(8, "big") + bytes(32), id="a peak too few"),
        pytest.param((1).to_bytes(8, "big") + bytes(31), id="a short peak"),
        pytest.param((1).to_bytes(8, "big") + bytes(33), id="a long peak"),
        pytest.param((2**63).to_bytes(8, "big") + bytes(32), id="a size out of range"),
    ],
)
def test_a_damaged_edge_is_refused(stored: bytes) -> None:
    with pytest.raises(MalformedLog):
        Frontier.from_bytes(stored)


def test_what_is_not_a_leaf_hash_is_not_appended() -> None:
    with pytest.raises(MalformedLog, match="32 bytes"):
        Frontier().append(b"leaf content by mistake")
