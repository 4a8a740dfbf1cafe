"""Glyph records: the points of a simple one, written again on a coarser grid (OpenType, `glyf`).

Not here: where records lie in a file (`truetype`), outlines to be painted (`outline`).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import groupby, pairwise

Point = tuple[float, float, bool]
"""x, y in font units, and whether the point is on the curve."""

_ON_CURVE, _X_SHORT, _Y_SHORT, _REPEAT, _X_SAME, _Y_SAME = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_LONGEST_REPEAT = 256


def is_simple(record: bytes) -> bool:
    """Whether a record has points of its own; neither a blank nor one put together from others has."""
    return len(record) >= 10 and struct.unpack_from(">h", record)[0] > 0


def read_simple(record: bytes) -> list[list[Point]]:
    """The contours of a simple glyph."""
    count = struct.unpack_from(">h", record)[0]
    ends = struct.unpack_from(f">{count}H", record, 10)
    at = 10 + 2 * count
    at += 2 + struct.unpack_from(">H", record, at)[0]  # hinting instructions
    flags: list[int] = []
    while len(flags) <= ends[-1]:
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


def on_grid(record: bytes, grid: int) -> bytes:
    """A simple glyph with every point on the nearest multiple of `grid` font units, which deflates better; without its
    instructions and the points that the grid makes needless. Any other record as it is."""
    if grid == 1 or not is_simple(record):
        return record
    contours = [
        _thinned([(round(x / grid) * grid, round(y / grid) * grid, on) for x, y, on in points], grid)
        for points in read_simple(record)
    ]
    points = [point for contour in contours for point in contour]
    last, ends = -1, []
    for contour in contours:
        last += len(contour)
        ends.append(last)
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    across, x_flags = _differences(xs, _X_SHORT, _X_SAME)
    up, y_flags = _differences(ys, _Y_SHORT, _Y_SAME)
    flags = [x | y | (_ON_CURVE if point[2] else 0) for x, y, point in zip(x_flags, y_flags, points, strict=True)]
    head = struct.pack(">5h", len(contours), min(xs), min(ys), max(xs), max(ys))
    return head + struct.pack(f">{len(ends)}HH", *ends, 0) + _packed(flags) + across + up


def _thinned(points: Sequence[tuple[int, int, bool]], grid: int) -> list[tuple[int, int, bool]]:
    """A contour without what changes it by less than the grid did: a point upon its neighbour, one on a straight line,
    one midway between two off the curve, which is implied (OpenType, `glyf`)."""
    kept = list(points)
    at = 0
    while at < len(kept) and len(kept) > 3:
        before, point, after = kept[at - 1], kept[at], kept[(at + 1) % len(kept)]
        if _is_needless(before, point, after, grid):
            del kept[at]
        else:
            at += 1
    return kept


def _is_needless(
    before: tuple[int, int, bool], point: tuple[int, int, bool], after: tuple[int, int, bool], grid: int
) -> bool:
    (x0, y0, on0), (x, y, on), (x1, y1, on1) = before, point, after
    if (x, y) in {(x0, y0), (x1, y1)}:
        # One of the two must stand on the curve and stay: without it the curve would leave the place.
        return (on0 and (x, y) == (x0, y0)) or (on1 and (x, y) == (x1, y1))
    if not on or on0 is not on1:
        return False
    if on0:
        straight = (x - x0) * (y1 - y) == (y - y0) * (x1 - x)
        return straight and (x - x0) * (x1 - x) >= 0 and (y - y0) * (y1 - y) >= 0
    return abs(x0 + x1 - 2 * x) <= grid and abs(y0 + y1 - 2 * y) <= grid


def _differences(values: Sequence[int], short: int, same: int) -> tuple[bytes, list[int]]:
    written, flags = [], []
    for before, value in pairwise((0, *values)):
        step = value - before
        if not step:
            flags.append(same)
        elif -256 < step < 256:
            flags.append(short | (same if step > 0 else 0))
            written.append(bytes((abs(step),)))
        else:
            flags.append(0)
            written.append(struct.pack(">h", step))
    return b"".join(written), flags


def _packed(flags: Sequence[int]) -> bytes:
    """Flags, those that are repeated with a count."""
    out = bytearray()
    for flag, run in groupby(flags):
        left = len(list(run))
        while left:
            times = min(left, _LONGEST_REPEAT)
            out += bytes((flag | _REPEAT, times - 1)) if times > 2 else bytes((flag,)) * times
            left -= times
    return bytes(out)
