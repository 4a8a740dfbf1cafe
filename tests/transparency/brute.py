"""Merkle trees straight from the definitions of RFC 6962, 2.1: recursive, slow, and obviously right."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

contents = st.lists(st.binary(max_size=40), max_size=70)


def sha256(message: bytes) -> bytes:
    return hashlib.sha256(message).digest()


def _split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(entries: Sequence[bytes]) -> bytes:
    if not entries:
        return sha256(b"")
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0])
    k = _split(len(entries))
    return sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:]))


def path(m: int, entries: Sequence[bytes]) -> list[bytes]:
    if len(entries) == 1:
        return []
    k = _split(len(entries))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def proof(m: int, entries: Sequence[bytes]) -> list[bytes]:
    return subproof(m, entries, True)


def subproof(m: int, entries: Sequence[bytes], whole: bool) -> list[bytes]:
    if m == len(entries):
        return [] if whole else [mth(entries)]
    k = _split(len(entries))
    if m <= k:
        return [*subproof(m, entries[:k], whole), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], False), mth(entries[:k])]


def reader(entries: Sequence[bytes]) -> Callable[[int, int], bytes]:
    """A `read_hash` over all complete subtrees of these entries; a subtree that is not complete raises."""

    def read_hash(level: int, index: int) -> bytes:
        start, end = index << level, (index + 1) << level
        assert end <= len(entries), f"no complete subtree {level}/{index} in {len(entries)} leaves"
        return mth(entries[start:end])

    return read_hash
