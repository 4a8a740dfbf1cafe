"""The certificate's QR code as a matrix and as vectors (formats.md, "The QR").

The text is HTTPS://HOST/V/TOKEN#PAYLOAD in capitals: alphanumeric mode on both sides of one '#' in byte mode. Version
10 or more at level M with a fixed mask: all eight are permitted, and one is read as well as another. The module is
never below 0.5 mm, so what does not fit is refused. Not here: what the text says (`credential.compact`), error
correction (`qr_table`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby

from certsvc.errors import DocumentRefused
from certsvc.rendering.qr_table import symbol

_ALPHANUMERIC = {char: value for value, char in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")}
_PAIRS = {left + right: f"{45 * a + b:011b}" for left, a in _ALPHANUMERIC.items() for right, b in _ALPHANUMERIC.items()}
_SMALLEST_VERSION = 10  # from here to 26 the length fields have one size
_LARGEST_VERSION = 13  # 69 modules of 0.507 mm make 35 mm
_MASK = 2
_DARK = re.compile("1+")
QUIET_MODULES = 4
SMALLEST_MODULE_MM = 0.5


@dataclass(frozen=True, slots=True)
class QrMatrix:
    """`rows` from the top, '1' for a dark module."""

    rows: tuple[str, ...]

    @property
    def side(self) -> int:
        """Modules along one side, without the quiet zone."""
        return len(self.rows)


def draw_matrix(text: str) -> QrMatrix:
    """The code for a text; raises `DocumentRefused` when it would need a module below 0.5 mm."""
    bits = encode_bits(text)
    for version in range(_SMALLEST_VERSION, _LARGEST_VERSION + 1):
        drawn = symbol(version, _MASK)
        modules = drawn.draw(bits)
        if modules is not None:
            return QrMatrix(tuple(modules[at : at + drawn.side] for at in range(0, len(modules), drawn.side)))
    raise DocumentRefused(
        f"二维码内容过长（{len(text)} 个字符）\uff0c印出后无法可靠扫描",
        f"the QR text is too long to be read reliably in print ({len(text)} characters)",
        rule="R7.2",
    )


def encode_bits(text: str) -> str:
    """The segments' bits: runs of alphanumeric characters in that mode, the rest as bytes (ISO/IEC 18004, 7.4)."""
    parts = []
    for alphanumeric, chars in groupby(text, key=_ALPHANUMERIC.__contains__):
        run = "".join(chars)
        if alphanumeric:
            even = len(run) & ~1
            parts.append(f"0010{len(run):011b}")
            parts.extend(_PAIRS[run[at : at + 2]] for at in range(0, even, 2))
            parts.extend(f"{_ALPHANUMERIC[char]:06b}" for char in run[even:])
        else:
            octets = run.encode()
            parts.append(f"0100{len(octets):016b}")
            parts.extend(f"{octet:08b}" for octet in octets)
    return "".join(parts)


def side_mm(matrix: QrMatrix, wanted_mm: float) -> float:
    """The printed side without quiet zone: as the layout asks, or as much larger as the smallest module needs."""
    return max(wanted_mm, matrix.side * SMALLEST_MODULE_MM)


def path_of(matrix: QrMatrix) -> str:
    """One PDF path in module units, origin at the lower left; runs of dark modules are single rectangles."""
    parts = []
    for y, row in enumerate(reversed(matrix.rows)):
        for run in _DARK.finditer(row):
            start, end = run.span()
            parts.append(f"{start} {y} {end - start} 1 re")
    return "\n".join([*parts, "f"])
