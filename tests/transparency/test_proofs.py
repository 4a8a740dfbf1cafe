"""Proofs against the definition taken literally, and every tampering with them refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from certsvc.errors import ProofRefused
from certsvc.transparency.proofs import (
    prove_consistency,
    prove_inclusion,
    range_root,
    verify_consistency,
    verify_inclusion,
)
from certsvc.transparency.tree import EMPTY_ROOT, MAX_SIZE, Frontier, leaf_hash, node_hash
from tests.transparency import brute
from tests.transparency.test_tree import VECTOR_LEAVES, VECTOR_ROOTS

some_contents = st.lists(st.binary(max_size=8), min_size=1, max_size=48)


def uniform(size: int) -> tuple[Callable[[int, int], bytes], bytes, list[int]]:
    """A real tree of any size whose leaves are all alike: one hash per level. Also counts the reads."""
    levels = [leaf_hash(b"")]
    for _ in range(63):
        levels.append(node_hash(levels[-1], levels[-1]))
    reads = [0]

    def read_hash(level: int, index: int) -> bytes:
        assert (index + 1) << level <= size
        reads[0] += 1
        return levels[level]

    peaks = tuple(levels[level] for level in reversed(range(63)) if size >> level & 1)
    return read_hash, Frontier(size, peaks).root(), reads


# (leaf, size, path) and (old, new, proof) as certificate-transparency publishes them for the eight vector leaves.
INCLUSION_VECTORS = [
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
]
CONSISTENCY_VECTORS = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]


@pytest.mark.parametrize(("index", "size", "published"), INCLUSION_VECTORS)
def test_published_inclusion_proofs_are_ours(index: int, size: int, published: list[str]) -> None:
    hashes = prove_inclusion(index, size, brute.reader(VECTOR_LEAVES[:size]))
    assert [item.hex() for item in hashes] == published
    verify_inclusion(leaf_hash(VECTOR_LEAVES[index]), index, size, hashes, bytes.fromhex(VECTOR_ROOTS[size]))


@pytest.mark.parametrize(("old", "size", "published"), CONSISTENCY_VECTORS)
def test_published_consistency_proofs_are_ours(old: int, size: int, published: list[str]) -> None:
    hashes = prove_consistency(old, size, brute.reader(VECTOR_LEAVES[:size]))
    assert [item.hex() for item in hashes] == published
    verify_consistency(old, bytes.fromhex(VECTOR_ROOTS[old]), size, bytes.fromhex(VECTOR_ROOTS[size]), hashes)


@given(some_contents, st.data())
def test_an_inclusion_proof_is_the_path_of_the_definition(entries: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    hashes = prove_inclusion(index, len(entries), brute.reader(entries))
    assert list(hashes) == brute.path(index, entries)
    verify_inclusion(leaf_hash(entries[index]), index, len(entries), hashes, brute.mth(entries))


@given(some_contents, st.data())
def test_a_consistency_proof_is_the_proof_of_the_definition(entries: list[bytes], data: st.DataObject) -> None:
    old = data.draw(st.integers(1, len(entries)))
    hashes = prove_consistency(old, len(entries), brute.reader(entries))
    assert list(hashes) == brute.proof(old, entries)
    verify_consistency(old, brute.mth(entries[:old]), len(entries), brute.mth(entries), hashes)


@given(some_contents)
def test_every_tree_grows_from_the_empty_one(entries: list[bytes]) -> None:
    assert prove_consistency(0, len(entries), brute.reader(entries)) == ()
    verify_consistency(0, EMPTY_ROOT, len(entries), brute.mth(entries), ())
    verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, ())


@given(some_contents, st.data())
def test_a_leaf_that_is_not_there_is_refused(entries: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    hashes = prove_inclusion(index, len(entries), brute.reader(entries))
    with pytest.raises(ProofRefused):
        verify_inclusion(leaf_hash(entries[index] + b"x"), index, len(entries), hashes, brute.mth(entries))


def _tampered(hashes: tuple[bytes, ...], data: st.DataObject) -> tuple[bytes, ...]:
    kind = data.draw(st.sampled_from(["flip", "drop", "repeat", "short", "add"]))
    if kind == "add":
        return (*hashes, bytes(32))
    assume(hashes)
    at = data.draw(st.integers(0, len(hashes) - 1))
    changed = {
        "flip": (bytes([hashes[at][0] ^ 1]) + hashes[at][1:],),
        "drop": (),
        "repeat": (hashes[at], hashes[at]),
        "short": (hashes[at][:-1],),
    }[kind]
    return hashes[:at] + changed + hashes[at + 1 :]


@given(some_contents, st.data())
def test_a_tampered_inclusion_proof_is_refused(entries: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    hashes = _tampered(prove_inclusion(index, len(entries), brute.reader(entries)), data)
    with pytest.raises(ProofRefused):
        verify_inclusion(leaf_hash(entries[index]), index, len(entries), hashes, brute.mth(entries))


@given(some_contents, st.data())
def test_a_tampered_consistency_proof_is_refused(entries: list[bytes], data: st.DataObject) -> None:
    old = data.draw(st.integers(0, len(entries)))
    hashes = _tampered(prove_consistency(old, len(entries), brute.reader(entries)), data)
    with pytest.raises(ProofRefused):
        verify_consistency(old, brute.mth(entries[:old]), len(entries), brute.mth(entries), hashes)


@given(some_contents, st.data())
def test_a_rewritten_past_is_refused(entries: list[bytes], data: st.DataObject) -> None:
    old = data.draw(st.integers(1, len(entries)))
    changed = data.draw(st.integers(0, old - 1))
    rewritten = [entry + b"x" if at == changed else entry for at, entry in enumerate(entries)]
    hashes = prove_consistency(old, len(entries), brute.reader(rewritten))
    with pytest.raises(ProofRefused):
        verify_consistency(old, brute.mth(entries[:old]), len(entries), brute.mth(rewritten), hashes)
    with pytest.raises(ProofRefused):
        verify_consistency(old, brute.mth(rewritten[:old]), len(entries), brute.mth(entries), hashes)


def test_an_inner_hash_does_not_pass_for_a_leaf_by_a_shorter_proof() -> None:
    read_hash, root, _ = uniform(4)
    with pytest.raises(ProofRefused, match="ends before"):
        verify_inclusion(root, 0, 4, (), root)
    with pytest.raises(ProofRefused, match="ends before"):
        verify_inclusion(read_hash(1, 0), 0, 4, (read_hash(1, 1),), root)


def test_each_root_of_a_consistency_proof_is_checked() -> None:
    read_hash, root, _ = uniform(11)
    old_root = uniform(7)[1]
    hashes = prove_consistency(7, 11, read_hash)
    with pytest.raises(ProofRefused, match="old root"):
        verify_consistency(7, bytes(32), 11, root, hashes)
    with pytest.raises(ProofRefused, match="new root"):
        verify_consistency(7, old_root, 11, bytes(32), hashes)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (5, 5), (-1, 5), (9, 5)])
def test_a_leaf_outside_the_log_has_no_proof(index: int, size: int) -> None:
    read_hash, root, _ = uniform(size)
    with pytest.raises(ProofRefused):
        prove_inclusion(index, size, read_hash)
    with pytest.raises(ProofRefused):
        verify_inclusion(leaf_hash(b""), index, size, (), root)


@pytest.mark.parametrize("old", [-1, 6])
def test_a_log_never_shrinks(old: int) -> None:
    read_hash, root, _ = uniform(5)
    with pytest.raises(ProofRefused):
        prove_consistency(old, 5, read_hash)
    with pytest.raises(ProofRefused):
        verify_consistency(old, root, 5, root, ())


def test_two_roots_for_one_size_are_refused() -> None:
    _, root, _ = uniform(5)
    verify_consistency(5, root, 5, root, ())
    for old, old_root, size, new_root in [
        (5, bytes(32), 5, root),
        (0, bytes(32), 5, root),
        (0, bytes(32), 0, bytes(32)),
        (0, EMPTY_ROOT, 0, bytes(32)),
    ]:
        with pytest.raises(ProofRefused, match="different roots"):
            verify_consistency(old, old_root, size, new_root, ())


def test_a_missing_consistency_proof_is_refused() -> None:
    with pytest.raises(ProofRefused, match="ends before"):
        verify_consistency(3, uniform(3)[1], 5, uniform(5)[1], ())
    with pytest.raises(ProofRefused, match="ends before"):
        verify_consistency(4, uniform(4)[1], 5, uniform(5)[1], ())


def test_a_proof_of_endless_length_or_size_is_refused() -> None:
    with pytest.raises(ProofRefused):
        verify_inclusion(bytes(32), 0, 2**62, (bytes(32),) * 64, bytes(32))
    with pytest.raises(ProofRefused):
        verify_consistency(1, bytes(32), MAX_SIZE + 1, bytes(32), ())


def test_a_damaged_stored_hash_is_refused_before_it_enters_a_proof() -> None:
    with pytest.raises(ProofRefused, match="has 31 bytes"):
        prove_inclusion(0, 2, lambda level, index: bytes(31))


def test_the_root_over_nothing_is_the_empty_root() -> None:
    assert range_root(0, 0, uniform(0)[0]) == EMPTY_ROOT


@given(st.integers(1, 10**7), st.data())
def test_proofs_in_large_logs_are_short_and_read_little(size: int, data: st.DataObject) -> None:
    read_hash, root, reads = uniform(size)
    index = data.draw(st.integers(0, size - 1))
    hashes = prove_inclusion(index, size, read_hash)
    assert len(hashes) <= (size - 1).bit_length()
    verify_inclusion(leaf_hash(b""), index, size, hashes, root)
    old = data.draw(st.integers(0, size))
    _, old_root, _ = uniform(old)
    verify_consistency(old, old_root, size, root, prove_consistency(old, size, read_hash))
    assert reads[0] <= 4 * size.bit_length()
