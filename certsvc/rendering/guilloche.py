"""The security pattern: fine interlaced lines for border, corners and ground, as PDF vectors in points.

Each motif is one period of a curve, drawn once as a form and repeated by the page, so the pattern costs a few
kilobytes. It deters a quick scan-and-retouch and looks like a certificate; what proves one genuine is the signature,
not this. No emblem is imitated (R7.6).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, sin

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Motif:
    """A form: its path operators, about the origin, and a box that holds them."""

    paths: str
    box: tuple[float, float, float, float]


def curve(at: Callable[[float], Point], pieces: int) -> str:
    """A smooth open path through `at(0)` … `at(1)`: Béziers whose handles follow the curve's slope; not painted."""
    step, nudge = 1 / pieces, 1e-4

    def slope(part: float) -> Point:
        (left, low), (right, high) = at(part - nudge), at(part + nudge)
        return (right - left) / (2 * nudge) * step / 3, (high - low) / (2 * nudge) * step / 3

    x, y = at(0.0)
    parts = [f"{x:.3f} {y:.3f} m"]
    for piece in range(pieces):
        (x0, y0), (x1, y1) = at(piece * step), at((piece + 1) * step)
        (dx0, dy0), (dx1, dy1) = slope(piece * step), slope((piece + 1) * step)
        parts.append(f"{x0 + dx0:.3f} {y0 + dy0:.3f} {x1 - dx1:.3f} {y1 - dy1:.3f} {x1:.3f} {y1:.3f} c")
    return "\n".join(parts)


def wave(length: float, swing: float, strands: int) -> Motif:
    """One period of interlaced sine strands, from x = 0 to `length`, about y = 0."""
    paths = []
    for strand in range(strands):
        phase = 2 * pi * strand / strands

        def at(part: float, phase: float = phase) -> Point:
            return length * part, swing * sin(2 * pi * part + phase)

        paths.append(curve(at, 8) + "\nS")
    return Motif("\n".join(paths), (-1, -swing - 1, length + 1, swing + 1))


def sector(base: float, depth: float, count: int, strands: int, *, sharp: float = 0.0) -> Motif:
    """One of `count` equal sectors of a rosette: strands whose radius swings `depth` about `base` once per sector."""
    paths = []
    for strand in range(strands):
        phase = 2 * pi * strand / strands

        def at(part: float, phase: float = phase) -> Point:
            angle = 2 * pi * part / count
            radius = base + depth * (sin(2 * pi * part + phase) + sharp * sin(2 * (2 * pi * part + phase)))
            return radius * cos(angle), radius * sin(angle)

        paths.append(curve(at, 8) + "\nS")
    reach = base + depth * (1 + sharp) + 1
    return Motif("\n".join(paths), (-reach, -reach, reach, reach))


def around(name: str, centre: Point, count: int) -> str:
    """Operators that paint a sector form `count` times about a centre."""
    turns = []
    for turn in range(count):
        c, s = cos(2 * pi * turn / count), sin(2 * pi * turn / count)
        turns.append(f"q {c:.5f} {s:.5f} {-s:.5f} {c:.5f} {centre[0]:.2f} {centre[1]:.2f} cm /{name} Do Q")
    return "\n".join(turns)


def along(name: str, start: Point, end: Point, period: float) -> str:
    """Operators that paint a wave form from start to end (an upright or level line), in whole periods."""
    length = abs(end[0] - start[0]) + abs(end[1] - start[1])
    count = max(1, round(length / period))
    scale = length / count / period
    level = start[1] == end[1]
    matrix = f"{scale:.5f} 0 0 1" if level else f"0 {scale:.5f} -1 0"
    steps = (
        (start[0] + (end[0] - start[0]) * n / count, start[1] + (end[1] - start[1]) * n / count) for n in range(count)
    )
    return "\n".join(f"q {matrix} {x:.2f} {y:.2f} cm /{name} Do Q" for x, y in steps)


def circle(x: float, y: float, radius: float) -> str:
    """A closed circle, not painted."""
    return curve(lambda part: (x + radius * cos(2 * pi * part), y + radius * sin(2 * pi * part)), 8) + " h"
