"""Inclusion and consistency proofs: built from stored subtree hashes, checked as RFC 9162 says (2.1.3, 2.1.4).

Decides whether a leaf is in a tree, and whether one tree only grew into another. Not here: where hashes are stored
(`tiles` reads them from files, the store from a table) and whose root is believed (`checkpoint`).

Building reads O(log n) hashes, all of complete subtrees, through a `ReadHash`. Checking needs no storage.
A check that fails raises ProofRefused, so that forgetting to look at an answer cannot pass for "included".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from certsvc.errors import ProofRefused
from certsvc.transparency.tree import EMPTY_ROOT, HASH_BYTES, MAX_SIZE, node_hash

ReadHash = Callable[[int, int], bytes]
"""(level, index) → the 32-byte hash of the complete subtree over leaves [index << level, (index + 1) << level)."""

MAX_HASHES = 63


def prove_inclusion(index: int, size: int, read_hash: ReadHash) -> tuple[bytes, ...]:
    """The hashes that lead from leaf `index` to the root of `size` leaves, the leaf's sibling first."""
    if not 0 <= index < size:
        raise ProofRefused("该叶不在日志范围内", f"no leaf {index} in a log of {size}")
    start, end = 0, size
    hashes: list[bytes] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            hashes.append(range_root(middle, end, read_hash))
            end = middle
        else:
            hashes.append(range_root(start, middle, read_hash))
            start = middle
    return tuple(reversed(hashes))


def prove_consistency(old_size: int, size: int, read_hash: ReadHash) -> tuple[bytes, ...]:
    """The hashes that show a tree of `old_size` leaves to be the beginning of one of `size` leaves.

    Empty where nothing needs showing: from the empty tree, and from a tree to itself.
    """
    if not 0 <= old_size <= size:
        raise ProofRefused("旧日志比新日志大", f"a log of {size} leaves has no earlier state of {old_size}")
    if old_size in {0, size}:
        return ()
    start, end = 0, size
    hashes: list[bytes] = []
    while old_size != end:
        middle = start + _split(end - start)
        if old_size <= middle:
            hashes.append(range_root(middle, end, read_hash))
            end = middle
        else:
            hashes.append(range_root(start, middle, read_hash))
            start = middle
    if start:  # the old tree is not itself a complete subtree on the left edge, so its last part must be given
        hashes.append(range_root(start, end, read_hash))
    return tuple(reversed(hashes))


def range_root(start: int, end: int, read_hash: ReadHash) -> bytes:
    """The root over leaves [start, end), where start is a multiple of the largest power of two that fits within."""
    if start == end:
        return EMPTY_ROOT
    peaks: list[bytes] = []
    while start < end:
        level = (end - start).bit_length() - 1
        peaks.append(_read(read_hash, level, start >> level))
        start += 1 << level
    folded = peaks.pop()
    while peaks:
        folded = node_hash(peaks.pop(), folded)
    return folded


def verify_inclusion(leaf: bytes, index: int, size: int, hashes: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash stands at `index` in the tree of this size and root; else ProofRefused."""
    _check_form(size, hashes)
    if not 0 <= index < size:
        raise ProofRefused("该叶不在日志范围内", f"no leaf {index} in a log of {size}")
    # RFC 9162, 2.1.3.2: fn and sn are the positions of the leaf and of the last leaf, level by level.
    fn, sn, folded = index, size - 1, leaf
    for sibling in hashes:
        if sn == 0:
            raise ProofRefused("存在证明过长", "the inclusion proof has hashes to spare")
        if fn & 1 or fn == sn:
            folded = node_hash(sibling, folded)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            folded = node_hash(folded, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise ProofRefused("存在证明过短", "the inclusion proof ends before the root")
    if folded != root:
        raise ProofRefused("存在证明与日志根不符", "the inclusion proof does not lead to this root")


def verify_consistency(old_size: int, old_root: bytes, size: int, root: bytes, hashes: Sequence[bytes]) -> None:
    """Check that the tree of `size` begins with the tree of `old_size`; else ProofRefused."""
    _check_form(size, hashes)
    if not 0 <= old_size <= size:
        raise ProofRefused("旧日志比新日志大", f"a log of {size} leaves has no earlier state of {old_size}")
    if old_size in {0, size}:
        _verify_without_proof(old_size, old_root, size, root, hashes)
        return
    # RFC 9162, 2.1.4.2: where the old tree is one complete subtree, its root is left out of the proof.
    path = list(hashes) if old_size & (old_size - 1) else [old_root, *hashes]
    if not path:
        raise ProofRefused("一致性证明过短", "the consistency proof ends before the root")
    fn, sn = old_size - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old_folded = folded = path[0]
    for sibling in path[1:]:
        if sn == 0:
            raise ProofRefused("一致性证明过长", "the consistency proof has hashes to spare")
        if fn & 1 or fn == sn:
            old_folded = node_hash(sibling, old_folded)
            folded = node_hash(sibling, folded)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            folded = node_hash(folded, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise ProofRefused("一致性证明过短", "the consistency proof ends before the root")
    if old_folded != old_root:
        raise ProofRefused("一致性证明与旧日志根不符", "the consistency proof does not lead to the old root")
    if folded != root:
        raise ProofRefused("一致性证明与新日志根不符", "the consistency proof does not lead to the new root")


def _verify_without_proof(old_size: int, old_root: bytes, size: int, root: bytes, hashes: Sequence[bytes]) -> None:
    if hashes:
        raise ProofRefused("此处的一致性证明应为空", "this consistency proof must be empty")
    expected = root if old_size else EMPTY_ROOT
    if old_root != expected or (size == 0 and root != EMPTY_ROOT):
        raise ProofRefused("同样大小的日志根不同", "logs of one size have different roots")


def _split(count: int) -> int:
    """The largest power of two smaller than count (RFC 9162, 2.1.1)."""
    return 1 << ((count - 1).bit_length() - 1)


def _read(read_hash: ReadHash, level: int, index: int) -> bytes:
    found = read_hash(level, index)
    if len(found) != HASH_BYTES:
        raise ProofRefused("存储的散列长度不对", f"the stored hash {level}/{index} has {len(found)} bytes")
    return found


def _check_form(size: int, hashes: Sequence[bytes]) -> None:
    if not 0 <= size <= MAX_SIZE:
        raise ProofRefused("日志大小超出范围", f"log size out of range: {size}")
    if len(hashes) > MAX_HASHES or any(len(item) != HASH_BYTES for item in hashes):
        raise ProofRefused("证明的形式不对", f"a proof has at most {MAX_HASHES} hashes of {HASH_BYTES} bytes")
