"""What an append, a proof and its check cost in logs of 10^3 to 10^7 leaves. Run: python benchmarks/log.py

The promise is growth as log n: from 10^3 to 10^7 leaves log2 n grows 2.3-fold while n grows 10,000-fold. Each row gives
microseconds, and the ratio to the row of 10^3 in the same run. Leaves are alike, so one hash per level stands for any
subtree: the trees, roots and proofs are real, and a read costs next to nothing. Every proof made is verified.
`--real N` also builds a tree of N distinct leaves and tells how fast it grows.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from collections.abc import Callable

from certsvc.transparency.proofs import (
    prove_consistency,
    prove_inclusion,
    verify_consistency,
    verify_inclusion,
)
from certsvc.transparency.tree import Frontier, leaf_hash, node_hash

SIZES = (10**3, 10**4, 10**5, 10**6, 10**7)
ALLOWED_GROWTH = 2.0  # times what log n allows, for noise on a shared machine
LEAF = leaf_hash(b"")


def uniform_levels() -> list[bytes]:
    """The hash of a complete subtree of equal leaves, by level."""
    levels = [LEAF]
    for _ in range(62):
        levels.append(node_hash(levels[-1], levels[-1]))
    return levels


LEVELS = uniform_levels()


def edge(size: int) -> Frontier:
    return Frontier(size, tuple(LEVELS[level] for level in reversed(range(63)) if size >> level & 1))


def read_hash(level: int, _index: int) -> bytes:
    return LEVELS[level]


def best_us(work: Callable[[], object], rounds: int = 9, times: int = 300) -> float:
    """Microseconds of one run: the best round, since noise only ever adds."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(times):
            work()
        taken.append((time.perf_counter() - start) / times * 1e6)
    return min(taken)


def measure(size: int) -> dict[str, float]:
    chance = random.Random(size)
    stored, root = edge(size).to_bytes(), edge(size).root()

    def append_and_store() -> None:
        Frontier.from_bytes(stored).append(LEAF).to_bytes()

    def prove_and_check_inclusion() -> None:
        index = chance.randrange(size)
        verify_inclusion(LEAF, index, size, prove_inclusion(index, size, read_hash), root)

    def prove_and_check_consistency() -> None:
        old = chance.randrange(1, size)
        verify_consistency(old, edge(old).root(), size, root, prove_consistency(old, size, read_hash))

    return {
        "append, stored edge read and written": best_us(append_and_store),
        "inclusion, proved and checked": best_us(prove_and_check_inclusion),
        "consistency, proved and checked": best_us(prove_and_check_consistency),
    }


def grow(count: int) -> None:
    growing, start = Frontier(), time.perf_counter()
    for batch in range(0, count, 1000):
        growing = growing.extend(leaf_hash(b"%d" % n) for n in range(batch, min(batch + 1000, count))).frontier
    seconds = time.perf_counter() - start
    print(f"grown to {growing.size:,} distinct leaves in {seconds:.1f} s: {growing.size / seconds:,.0f} a second")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--real", type=int, metavar="N", help="also build a tree of N distinct leaves")
    real = arguments.parse_args().real
    rows = {size: measure(size) for size in SIZES}
    allowed = ALLOWED_GROWTH * math.log2(SIZES[-1]) / math.log2(SIZES[0])
    kept = True
    for name in rows[SIZES[0]]:
        first = rows[SIZES[0]][name]
        print(name)
        for size in SIZES:
            print(f"  {size:>10,} leaves  {rows[size][name]:8.1f} µs  ×{rows[size][name] / first:.2f}")
        grown = rows[SIZES[-1]][name] / first
        kept = kept and grown <= allowed
        print(f"  from 10^3 to 10^7: ×{grown:.2f}; log n ×{allowed / ALLOWED_GROWTH:.2f}; at most ×{allowed:.2f}")
    if real:
        grow(real)
    print("kept" if kept else "NOT KEPT")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
