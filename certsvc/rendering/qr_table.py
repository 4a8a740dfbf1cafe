"""A QR symbol of fixed version, level and mask as a linear map: its modules are the XOR of what each data bit sets.

Error correction is linear over GF(2), so one table of half-byte contributions replaces polynomial division and module
placement for every code: many times faster than encoding. The function patterns, the mask and the block sizes come
from the qrcode library; the tests hold every version to what that library draws. Source: ISO/IEC 18004, 7.5 to 7.9.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from qrcode.base import rs_blocks
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

_FIELD_POLYNOMIAL = 0x11D
_PADDING = (0xEC, 0x11)


class _Blank(QRCode):  # type: ignore[misc]  # the library has no types
    """A symbol with its function patterns and mask and no data; `free` are the data modules in placement order."""

    def map_data(self, data: Sequence[int], mask_pattern: int) -> None:
        self.free = list(_placement(self.modules))
        super().map_data([0] * len(data), mask_pattern)


def _placement(modules: Sequence[Sequence[bool | None]]) -> Iterator[tuple[int, int]]:
    """(row, column) of each free module: up and down in column pairs from the right, past the timing column."""
    side = len(modules)
    rows = range(side - 1, -1, -1)
    for right in range(side - 1, 0, -2):
        right -= right <= 6  # noqa: PLW2901  # the vertical timing pattern takes column 6
        for row in rows:
            for column in (right, right - 1):
                if modules[row][column] is None:
                    yield row, column
        rows = rows[::-1]


def _multiply(left: int, right: int) -> int:
    """The product in GF(256)."""
    product = 0
    while right:
        if right & 1:
            product ^= left
        left <<= 1
        if left & 0x100:
            left ^= _FIELD_POLYNOMIAL
        right >>= 1
    return product


def _generator(degree: int) -> list[int]:
    """The generator polynomial of that many correction codewords, highest power first, its leading 1 left out."""
    polynomial, root = [1], 1
    for _ in range(degree):
        scaled = [_multiply(entry, root) for entry in polynomial]
        polynomial = [left ^ right for left, right in zip([*polynomial, 0], [0, *scaled], strict=True)]
        root = _multiply(root, 2)
    return polynomial[1:]


def _corrections(data_count: int, degree: int) -> list[list[int]]:
    """For each place in a block, the correction codewords of a 1 there: x^n modulo the generator, last place first."""
    generator = _generator(degree)
    remainder, found = list(generator), []
    for _ in range(data_count):
        found.append(remainder)
        carry = remainder[0]
        shifted = [*remainder[1:], 0]
        remainder = [entry ^ _multiply(carry, term) for entry, term in zip(shifted, generator, strict=True)]
    return found[::-1]


class Symbol:
    """All codes of one version at level M under one mask. Thread-safe: nothing changes after it is made."""

    def __init__(self, version: int, mask: int) -> None:
        blank = _Blank(version=version, error_correction=ERROR_CORRECT_M, mask_pattern=mask, border=0)
        blank.add_data(b"0")
        blank.make(fit=False)
        self.side: int = blank.modules_count
        self._top: int = self.side * self.side - 1
        self._base: int = sum(
            1 << self._bit(row, column)
            for row, modules in enumerate(blank.modules)
            for column, dark in enumerate(modules)
            if dark
        )
        blocks = rs_blocks(version, ERROR_CORRECT_M)
        self.data_bytes: int = sum(block.data_count for block in blocks)
        self._table = self._tabulate(blank.free, [(block.data_count, block.total_count) for block in blocks])
        self._padded = lru_cache(maxsize=self.data_bytes)(self._pad)  # the codes of one issuer are of few lengths

    def _bit(self, row: int, column: int) -> int:
        return self._top - (row * self.side + column)

    def _tabulate(
        self, free: list[tuple[int, int]], blocks: list[tuple[int, int]]
    ) -> list[tuple[list[int], list[int]]]:
        """For each data byte, what its high and its low half set: sixteen patterns of modules each."""
        streams = [
            [(block, place) for place in range(max(sizes)) for block, size in enumerate(sizes) if place < size]
            for sizes in ([data for data, _ in blocks], [total - data for data, total in blocks])
        ]
        position = {("data", *key): at for at, key in enumerate(streams[0])}
        position |= {("correction", *key): len(streams[0]) + at for at, key in enumerate(streams[1])}
        masks = [
            [1 << self._bit(*free[8 * at + bit]) for bit in range(8)] for at in range(len(streams[0]) + len(streams[1]))
        ]

        def place(at: int, byte: int) -> int:
            return sum(mask for bit, mask in enumerate(masks[at]) if byte >> (7 - bit) & 1)

        corrections = {(data, total): _corrections(data, total - data) for data, total in set(blocks)}
        table = []
        for block, size in enumerate(blocks):
            for at in range(size[0]):
                bits = []
                for power in range(8):
                    modules = place(position["data", block, at], 1 << power)
                    for number, unit in enumerate(corrections[size][at]):
                        modules ^= place(position["correction", block, number], _multiply(unit, 1 << power))
                    bits.append(modules)
                table.append((_sums(bits[4:]), _sums(bits[:4])))
        return table

    def _pad(self, count: int) -> int:
        """The symbol with the padding that follows so many bytes of data, and without them."""
        modules = self._base
        for at, (high, low) in enumerate(self._table[count:]):
            byte = _PADDING[at % 2]
            modules ^= high[byte >> 4] ^ low[byte & 15]
        return modules

    def draw(self, bits: str) -> str | None:
        """The modules, '1' for dark, row by row from the top, of a bit stream; None when it does not fit."""
        room = 8 * self.data_bytes
        if len(bits) > room:
            return None
        bits += "0" * min(4, room - len(bits))
        bits += "0" * (-len(bits) % 8)
        data = int(bits, 2).to_bytes(len(bits) // 8, "big")
        modules = self._padded(len(data))
        for byte, (high, low) in zip(data, self._table, strict=False):
            modules ^= high[byte >> 4] ^ low[byte & 15]
        return f"{modules:0{self._top + 1}b}"


def _sums(units: list[int]) -> list[int]:
    """The XOR of every choice among four patterns, indexed by the half byte that chooses."""
    sums = [0]
    for unit in units:
        sums += [unit ^ other for other in sums]
    return sums


@lru_cache(maxsize=4)
def symbol(version: int, mask: int) -> Symbol:
    """The symbol of a version, made once per process (a fifth of a second)."""
    return Symbol(version, mask)
