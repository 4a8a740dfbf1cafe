"""A QR code as the path of an SVG, to be held out on a screen or printed: a certificate's own, or a kept check's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from certsvc.rendering.qr import QUIET_MODULES, draw_matrix

_RUN: Final = re.compile("1+")


@dataclass(frozen=True, slots=True)
class Picture:
    """`path` is stroked one unit wide; `box` is the SVG's view box, quiet zone included."""

    path: str
    box: str


def draw(text: str) -> Picture:
    """The picture of a QR text. Raises `DocumentRefused` for one that is too long."""
    matrix = draw_matrix(text)
    parts = []
    for y, row in enumerate(matrix.rows):
        at = 0
        parts.append(f"M0 {y}.5")
        for run in _RUN.finditer(row):
            start, end = run.span()
            parts.append(f"m{start - at} 0h{end - start}" if start > at else f"h{end - start}")
            at = end
    side = matrix.side + 2 * QUIET_MODULES
    return Picture("".join(parts), f"-{QUIET_MODULES} -{QUIET_MODULES} {side} {side}")
