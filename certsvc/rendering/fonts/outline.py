"""A glyph's outline as a PDF path: ink that is no text, so that no copy and no search meets it.

Reads `glyf` records, simple ones and those put together from others (OpenType, `glyf`). The path is a polygon on a
grid, nowhere further than about half a unit of it from the curve: a third of the octets that curves take, and the grid
is chosen finer than the eye. Not here: embedding (`truetype`), where a glyph stands (`typeset`, `seal`).
"""

from __future__ import annotations

import struct
from itertools import pairwise
from math import ceil, hypot, sqrt

from certsvc.rendering.fonts.glyf import Point, is_simple, read_simple
from certsvc.rendering.fonts.truetype import FontFile

_NEAR = 0.45
_WORDS, _OFFSETS, _SCALE, _MORE, _TWO_SCALES, _MATRIX = 0x0001, 0x0002, 0x0008, 0x0020, 0x0040, 0x0080


def glyph_path(font: FontFile, char: str, grain: int) -> str:
    """Path operators to be filled by the nonzero rule, in whole units, of which the em has `grain`; "" for a blank."""
    step = font.units / grain
    return "\n".join(filter(None, (_polygon(points, step) for points in _glyph(font, font.gid(char)))))


def _glyph(font: FontFile, gid: int) -> list[list[Point]]:
    """The contours of a glyph."""
    record = font.outline(gid)
    if len(record) < 10:
        return []
    return read_simple(record) if is_simple(record) else _composite(font, record)


def _composite(font: FontFile, record: bytes) -> list[list[Point]]:
    contours: list[list[Point]] = []
    at, flags = 10, _MORE
    while flags & _MORE:
        flags, gid = struct.unpack_from(">HH", record, at)
        at += 4
        form = (">hh" if flags & _OFFSETS else ">HH") if flags & _WORDS else (">bb" if flags & _OFFSETS else ">BB")
        first, second = struct.unpack_from(form, record, at)
        at += struct.calcsize(form)
        xx, xy, yx, yy = 1.0, 0.0, 0.0, 1.0
        if flags & _SCALE:
            xx = yy = struct.unpack_from(">h", record, at)[0] / 16384
            at += 2
        elif flags & _TWO_SCALES:
            xx, yy = (part / 16384 for part in struct.unpack_from(">2h", record, at))
            at += 4
        elif flags & _MATRIX:
            xx, xy, yx, yy = (part / 16384 for part in struct.unpack_from(">4h", record, at))
            at += 8
        part = [[(xx * x + yx * y, xy * x + yy * y, on) for x, y, on in points] for points in _glyph(font, gid)]
        if flags & _OFFSETS:
            dx, dy = first, second
        else:  # a point of what is there already, and the point of this part that is laid on it
            there, laid = _flat(contours)[first], _flat(part)[second]
            dx, dy = there[0] - laid[0], there[1] - laid[1]
        contours += [[(x + dx, y + dy, on) for x, y, on in points] for points in part]
    return contours


def _flat(contours: list[list[Point]]) -> list[Point]:
    return [point for points in contours for point in points]


def _polygon(points: list[Point], step: float) -> str:
    """One contour; "" where nothing is left of it on the grid."""
    curve = _flattened(points, step)
    half = len(curve) // 2
    corners = [*_fewer(curve[: half + 1])[:-1], *_fewer(curve[half:])]
    placed = [(round(x), round(y)) for x, y in corners]
    kept = [place for place, before in zip(placed, [None, *placed], strict=False) if place != before][:-1]
    if len(kept) < 3:
        return ""
    return "\n".join([*(f"{x} {y} {'l' if at else 'm'}" for at, (x, y) in enumerate(kept)), "h"])


def _flattened(points: list[Point], step: float) -> list[tuple[float, float]]:
    """The contour from a point on it back to the same, its curves cut into chords a quarter of a unit from them."""
    whole: list[Point] = []
    for (x, y, on), (next_x, next_y, next_on) in pairwise([*points, points[0]]):
        whole.append((x / step, y / step, on))
        if not on and not next_on:  # between two points off the curve lies one on it, halfway
            whole.append(((x + next_x) / 2 / step, (y + next_y) / 2 / step, True))
    start = next(place for place, point in enumerate(whole) if point[2])
    turned = [*whole[start:], *whole[: start + 1]]
    flat = [turned[0][:2]]
    control: tuple[float, float] | None = None
    for x, y, on in turned[1:]:
        if not on:
            control = (x, y)
            continue
        if control is not None:
            (x0, y0), (cx, cy), control = flat[-1], control, None
            chords = max(1, ceil(sqrt(hypot(x0 - 2 * cx + x, y0 - 2 * cy + y))))
            for part in (chord / chords for chord in range(1, chords)):
                before, between, after = (1 - part) ** 2, 2 * part * (1 - part), part**2
                flat.append((before * x0 + between * cx + after * x, before * y0 + between * cy + after * y))
        flat.append((x, y))
    return flat


def _fewer(line: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Without the points that lie near enough to the line through those kept (Douglas and Peucker, 1973)."""
    (x0, y0), (x1, y1) = line[0], line[-1]
    length = hypot(x1 - x0, y1 - y0)

    def off(point: tuple[float, float]) -> float:
        x, y = point
        if not length:
            return hypot(x - x0, y - y0)
        return abs((x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)) / length

    furthest = max(range(1, len(line) - 1), key=lambda at: off(line[at]), default=0)
    if not furthest or off(line[furthest]) <= _NEAR:
        return [line[0], line[-1]]
    return [*_fewer(line[: furthest + 1])[:-1], *_fewer(line[furthest:])]
