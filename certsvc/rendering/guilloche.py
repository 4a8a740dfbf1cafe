"""The security pattern: fine interlaced lines for border, corners and ground, drawn on a reportlab canvas in points.

Each motif is one period of a curve, drawn once as a form and repeated by the page, so the pattern costs a few
kilobytes. It deters a quick scan-and-retouch and looks like a certificate; what proves one genuine is the signature,
not this. No emblem is imitated (R7.6).
"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, sin

from reportlab.lib.colors import Color
from reportlab.pdfgen.canvas import Canvas

from certsvc.rendering.layout import Layout
from certsvc.rendering.typeset import MM

Point = tuple[float, float]
_WHITE = Color(1, 1, 1)
_PIECES = 6
"""Béziers to a period of a strand: within a hundredth of its swing."""


def draw_pattern(canvas: Canvas, layout: Layout) -> None:
    """The ground rosette, the border and its corners; then the frame of the portrait and the rule under the title."""
    canvas.saveState()
    _draw_ground(canvas, layout)
    _draw_border(canvas, layout)
    canvas.restoreState()
    _draw_portrait_frame(canvas, layout)
    _draw_rule(canvas, layout)


def _draw_ground(canvas: Canvas, layout: Layout) -> None:
    sector(canvas, "GroundA", base=170, depth=42, count=24, strands=6)
    sector(canvas, "GroundB", base=104, depth=30, count=24, strands=6)
    sector(canvas, "GroundC", base=52, depth=24, count=12, strands=6, sharp=0.18)
    canvas.setLineCap(1)
    canvas.setLineJoin(1)
    canvas.setStrokeColor(Color(*layout.colour("tint")))
    canvas.setLineWidth(0.45)
    middle = (layout.page.width_mm * MM / 2, layout.page.height_mm * MM * 0.47)
    for name, count in (("GroundA", 24), ("GroundB", 24), ("GroundC", 12)):
        _around(canvas, name, middle, count)


def _draw_border(canvas: Canvas, layout: Layout) -> None:
    margin, band = layout.frame.margin_mm * MM, layout.frame.band_mm * MM
    left, bottom = margin, margin
    right, top = layout.page.width_mm * MM - margin, layout.page.height_mm * MM - margin
    half, period = band / 2, band * 1.5
    line, gold = Color(*layout.colour("line")), Color(*layout.colour("gold"))
    wave(canvas, "Wave", period, band * 0.36, 5)
    sector(canvas, "CornerA", base=band * 0.74, depth=band * 0.24, count=8, strands=4)
    sector(canvas, "CornerB", base=band * 0.34, depth=band * 0.16, count=8, strands=3)
    canvas.setStrokeColor(line)
    canvas.setLineWidth(0.4)
    for start, end in (
        ((left + band, bottom + half), (right - band, bottom + half)),
        ((left + band, top - half), (right - band, top - half)),
        ((left + half, bottom + band), (left + half, top - band)),
        ((right - half, bottom + band), (right - half, top - band)),
    ):
        _along(canvas, "Wave", start, end, period)
    canvas.setLineCap(0)
    canvas.setLineJoin(0)
    canvas.setStrokeColor(gold)
    for inset, weight in ((-1.6, 1.1), (0.0, 0.35), (band, 0.35), (band + 2.2, 0.8)):
        canvas.setLineWidth(weight)
        canvas.rect(left + inset, bottom + inset, right - left - 2 * inset, top - bottom - 2 * inset)
    canvas.setLineCap(1)
    canvas.setLineJoin(1)
    canvas.setStrokeColor(line)
    canvas.setFillColor(_WHITE)
    canvas.setLineWidth(0.4)
    for x in (left + half, right - half):
        for y in (bottom + half, top - half):
            canvas.circle(x, y, band * 0.98, stroke=0, fill=1)
            for name in ("CornerA", "CornerB"):
                _around(canvas, name, (x, y), 8)


def _draw_portrait_frame(canvas: Canvas, layout: Layout) -> None:
    place, around = layout.portrait, 0.9
    canvas.setStrokeColor(Color(*layout.colour("gold")))
    canvas.setLineWidth(0.5)
    canvas.rect(
        (place.x_mm - around) * MM,
        (layout.page.height_mm - place.y_mm - place.height_mm - around) * MM,
        (place.width_mm + 2 * around) * MM,
        (place.height_mm + 2 * around) * MM,
    )


def _draw_rule(canvas: Canvas, layout: Layout) -> None:
    """A fine rule that tapers from a lozenge in the middle of the page."""
    rule = layout.rule
    if not rule.width_mm:
        return
    x, y, half = layout.page.width_mm * MM / 2, (layout.page.height_mm - rule.y_mm) * MM, rule.width_mm * MM / 2
    shapes = [((x + sign * 7, y + 0.55), (x + sign * half, y), (x + sign * 7, y - 0.55)) for sign in (-1, 1)]
    canvas.setFillColor(Color(*layout.colour("gold")))
    for corners in (*shapes, ((x - 3.4, y), (x, y + 3.4), (x + 3.4, y), (x, y - 3.4))):
        path = canvas.beginPath()
        path.moveTo(*corners[0])
        for corner in corners[1:]:
            path.lineTo(*corner)
        path.close()
        canvas.drawPath(path, stroke=0, fill=1)


def draw_curve(canvas: Canvas, at: Callable[[float], Point], pieces: int) -> None:
    """A smooth open line through `at(0)` … `at(1)`: Béziers whose handles follow the curve's slope."""
    step, nudge = 1 / pieces, 1e-4

    def slope(part: float) -> Point:
        (left, low), (right, high) = at(part - nudge), at(part + nudge)
        return (right - left) / (2 * nudge) * step / 3, (high - low) / (2 * nudge) * step / 3

    path = canvas.beginPath()
    path.moveTo(*at(0.0))
    for piece in range(pieces):
        (x0, y0), (x1, y1) = at(piece * step), at((piece + 1) * step)
        (dx0, dy0), (dx1, dy1) = slope(piece * step), slope((piece + 1) * step)
        path.curveTo(x0 + dx0, y0 + dy0, x1 - dx1, y1 - dy1, x1, y1)
    canvas.drawPath(path)


def wave(canvas: Canvas, name: str, length: float, swing: float, strands: int) -> None:
    """A form of one period of interlaced sine strands, from x = 0 to `length`, about y = 0."""
    canvas.beginForm(name, -1, -swing - 1, length + 1, swing + 1)
    for strand in range(strands):
        phase = 2 * pi * strand / strands

        def at(part: float, phase: float = phase) -> Point:
            return length * part, swing * sin(2 * pi * part + phase)

        draw_curve(canvas, at, _PIECES)
    canvas.endForm()


def sector(
    canvas: Canvas, name: str, *, base: float, depth: float, count: int, strands: int, sharp: float = 0.0
) -> None:
    """A form of one of `count` equal sectors of a rosette: strands whose radius swings `depth` about `base` once."""
    reach = base + depth * (1 + sharp) + 1
    canvas.beginForm(name, -reach, -reach, reach, reach)
    for strand in range(strands):
        phase = 2 * pi * strand / strands

        def at(part: float, phase: float = phase) -> Point:
            angle = 2 * pi * part / count
            radius = base + depth * (sin(2 * pi * part + phase) + sharp * sin(2 * (2 * pi * part + phase)))
            return radius * cos(angle), radius * sin(angle)

        draw_curve(canvas, at, _PIECES)
    canvas.endForm()


def _around(canvas: Canvas, name: str, centre: Point, count: int) -> None:
    """Paint a sector `count` times about a centre."""
    canvas.saveState()
    canvas.translate(*centre)
    for _ in range(count):
        canvas.doForm(name)
        canvas.rotate(360 / count)
    canvas.restoreState()


def _along(canvas: Canvas, name: str, start: Point, end: Point, period: float) -> None:
    """Paint a wave from start to end (an upright or level line), in whole periods."""
    length = abs(end[0] - start[0]) + abs(end[1] - start[1])
    count = max(1, round(length / period))
    canvas.saveState()
    canvas.translate(*start)
    if start[1] != end[1]:
        canvas.rotate(90)
    canvas.scale(length / count / period, 1)
    for _ in range(count):
        canvas.doForm(name)
        canvas.translate(period, 0)
    canvas.restoreState()
