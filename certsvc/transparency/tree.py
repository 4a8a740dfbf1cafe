"""Merkle tree hashes and the growing edge of a tree (RFC 6962, 2.1; RFC 9162, 2.1).

Decides how leaves become one root. Not here: proofs (`proofs`), files (`tiles`), what a leaf says (`leaf`).

The edge (`Frontier`) holds the roots of the complete subtrees that a tree of n leaves falls into, one for each 1 in
the binary form of n, largest first. It is all an append needs, so it fits in one database row (8 + 32·popcount bytes).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from certsvc.errors import MalformedLog

HASH_BYTES = 32
MAX_SIZE = 2**63 - 1
EMPTY_ROOT = hashlib.sha256(b"").digest()

_SIZE_BYTES = 8


def leaf_hash(content: bytes) -> bytes:
    """Hash a leaf's content; the 0x00 keeps a leaf from passing as a node (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two 32-byte children into their parent."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(contents: Iterable[bytes]) -> bytes:
    """The Merkle tree hash of leaf contents, in order; of none, the hash of the empty string."""
    return Frontier().extend(leaf_hash(content) for content in contents).frontier.root()


@dataclass(frozen=True, slots=True)
class Node:
    """The hash of one complete subtree: the 2**level leaves from index · 2**level on."""

    level: int
    index: int
    hash: bytes


class Growth(NamedTuple):
    """What an append gives: the new edge, and every subtree it completed, leaves included, in the order of making.

    Anyone who stores the tree keeps the nodes whose level is a multiple of 8 (or all of them) and the new edge.
    """

    frontier: Frontier
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree of `size` leaves; `peaks` are 32-byte subtree roots, the largest subtree first."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MAX_SIZE:
            raise MalformedLog("日志大小超出范围", f"log size out of range: {self.size}")
        if len(self.peaks) != self.size.bit_count() or any(len(peak) != HASH_BYTES for peak in self.peaks):
            raise MalformedLog("日志边缘与大小不符", f"the edge does not fit a log of {self.size} leaves")

    def append(self, leaf: bytes) -> Frontier:
        """The edge after one more leaf hash, in at most log2(size) + 1 hashes."""
        return self.extend((leaf,)).frontier

    def extend(self, leaves: Iterable[bytes]) -> Growth:
        """The edge after more leaf hashes (32 bytes each), in order, and the subtrees completed on the way."""
        size = self.size
        peaks = list(self.peaks)
        nodes: list[Node] = []
        for leaf in leaves:
            if len(leaf) != HASH_BYTES:
                raise MalformedLog("叶散列须为 32 字节", f"a leaf hash has 32 bytes, not {len(leaf)}")
            level, index, carried = 0, size, leaf
            nodes.append(Node(level, index, carried))
            while index & 1:
                carried = node_hash(peaks.pop(), carried)
                level, index = level + 1, index >> 1
                nodes.append(Node(level, index, carried))
            peaks.append(carried)
            size += 1
        return Growth(Frontier(size, tuple(peaks)), tuple(nodes))

    def root(self) -> bytes:
        """The root of the whole tree: the peaks folded together from the smallest."""
        if not self.peaks:
            return EMPTY_ROOT
        folded = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            folded = node_hash(peak, folded)
        return folded

    def to_bytes(self) -> bytes:
        """Size as 8 bytes, big-endian, then the peaks."""
        return self.size.to_bytes(_SIZE_BYTES, "big") + b"".join(self.peaks)

    @classmethod
    def from_bytes(cls, stored: bytes) -> Frontier:
        """Read back `to_bytes`; raises MalformedLog where length and size disagree."""
        if len(stored) < _SIZE_BYTES:
            raise MalformedLog("日志边缘过短", f"a stored edge has at least {_SIZE_BYTES} bytes")
        peaks = tuple(stored[at : at + HASH_BYTES] for at in range(_SIZE_BYTES, len(stored), HASH_BYTES))
        return cls(int.from_bytes(stored[:_SIZE_BYTES], "big"), peaks)
