"""A glyph's outline as a PDF path: ink that is no text, so that nobody's copy or search meets it.

Reads simple `glyf` records (OpenType, `glyf`; TrueType contours are quadratic, PDF's are cubic). Not here: glyphs put
together from others, for which `glyph_path` answers None; embedding (`truetype`).
"""

from __future__ import annotations

import struct
from itertools import pairwise

from certsvc.rendering.fonts.truetype import FontFile

Point = tuple[float, float, bool]
"""x, y in font units, and whether the point is on the curve."""

_ON_CURVE, _X_SHORT, _Y_SHORT, _REPEAT, _X_SAME, _Y_SAME = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20


def glyph_path(font: FontFile, char: str) -> str | None:
    """Path operators in font units, to be filled by the nonzero rule; "" for a blank, None for a composite."""
    record = font.outline(font.gid(char))
    if len(record) < 10:
        return ""
    count = struct.unpack_from(">h", record)[0]
    if count < 0:
        return None
    return "\n".join(_contour(points) for points in _contours(record, count))


def _contours(record: bytes, count: int) -> list[list[Point]]:
    ends = struct.unpack_from(f">{count}H", record, 10)
    total = ends[-1] + 1
    at = 10 + 2 * count
    at += 2 + struct.unpack_from(">H", record, at)[0]  # hinting instructions
    flags: list[int] = []
    while len(flags) < total:
        flag = record[at]
        at += 1
        times = 1
        if flag & _REPEAT:
            times += record[at]
            at += 1
        flags += [flag] * times
    xs, at = _coordinates(record, at, flags, _X_SHORT, _X_SAME)
    ys, _ = _coordinates(record, at, flags, _Y_SHORT, _Y_SAME)
    points: list[Point] = [(x, y, bool(flag & _ON_CURVE)) for x, y, flag in zip(xs, ys, flags, strict=True)]
    return [points[first:last] for first, last in pairwise((0, *(end + 1 for end in ends)))]


def _coordinates(record: bytes, at: int, flags: list[int], short: int, same: int) -> tuple[list[int], int]:
    """One axis: differences of one byte with the sign in the flag, of two bytes, or none."""
    value, values = 0, []
    for flag in flags:
        if flag & short:
            value += record[at] if flag & same else -record[at]
            at += 1
        elif not flag & same:
            value += struct.unpack_from(">h", record, at)[0]
            at += 2
        values.append(value)
    return values, at


def _contour(points: list[Point]) -> str:
    """Between two points off the curve lies one on it, halfway."""
    whole: list[Point] = []
    for (x, y, on), (next_x, next_y, next_on) in pairwise([*points, points[0]]):
        whole.append((x, y, on))
        if not on and not next_on:
            whole.append(((x + next_x) / 2, (y + next_y) / 2, True))
    start = next(place for place, point in enumerate(whole) if point[2])
    turned = [*whole[start:], *whole[: start + 1]]
    at_x, at_y, _ = turned[0]
    operators = [f"{at_x:g} {at_y:g} m"]
    control: tuple[float, float] | None = None
    for x, y, on in turned[1:]:
        if not on:
            control = (x, y)
            continue
        if control is None:
            operators.append(f"{x:g} {y:g} l")
        else:
            (cx, cy), control = control, None
            operators.append(
                f"{at_x + (cx - at_x) * 2 / 3:.1f} {at_y + (cy - at_y) * 2 / 3:.1f} "
                f"{x + (cx - x) * 2 / 3:.1f} {y + (cy - y) * 2 / 3:.1f} {x:g} {y:g} c"
            )
        at_x, at_y = x, y
    return "\n".join([*operators, "h"])
