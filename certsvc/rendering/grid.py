"""Where each field stands, and the box that its text must stay in: rows of a grid, and the closing beside the seal.

Every row has a box of its own, from above its tallest value down to the next row's, and text that stays within its box
touches no other. Points, the origin at the lower left. Not here: how a value is fitted into its box (`settle`), labels'
words (`face`), drawing (`plate`, `press`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from certsvc.rendering.layout import Closing, Field, Layout
from certsvc.rendering.typeset import MM

ASCENT = 0.9
"""Of a Han character above its baseline, in ems."""
DESCENT = 0.27
"""Of a Latin g or a Han character below it."""
CLOSING = ("issuer", "issued_on")
"""The fields that stand over the seal, where the layout has a place for them there."""
_APART = 1.8
_AT_REST_MM = 10.5
"""The least row pitch at which nothing is drawn smaller than the layout says."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a value is written: x and baseline, room, sizes, the drop to the English, and its box's top and bottom.

    `sealed` over the drawn seal, where quiet English would be too faint.
    """

    x: float
    y: float
    width: float
    size: float
    size_en: float
    beneath: float
    top: float
    bottom: float
    sealed: bool = False

    @property
    def roomy(self) -> bool:
        """Whether a line of each language at full size stays within the box."""
        above, below = self.y + ASCENT * self.size, self.y - self.beneath - DESCENT * self.size_en
        return above <= self.top + 0.01 and below >= self.bottom - 0.01


@dataclass(frozen=True, slots=True)
class Place:
    """One field: where its label begins and how large, and the slot of its value."""

    label_x: float
    label_width: float
    label: float
    label_en: float
    slot: Slot


def places(layout: Layout, present: Collection[str]) -> dict[str, Place]:
    """The places of the fields that a certificate has, by key."""
    closing = layout.closing
    apart = CLOSING if closing is not None else ()
    rows = list(_rows([field for field in layout.field if field.key in present and field.key not in apart]))
    found = dict(_grid_places(layout, rows))
    if closing is not None:
        found |= _closing_places(layout, closing, [key for key in CLOSING if key in present])
    return found


def _rows(fields: list[Field]) -> Iterator[list[Field]]:
    """Two side by side where the second fits beside the first; one that would stand alone begins at the left."""
    row: list[Field] = []
    for field in fields:
        if row and field.column == 2 and row[0].column == 1 and row[0].span == 1:
            yield [*row, field]
            row = []
            continue
        if row:
            yield row
        row = [field]
    if row:
        yield row


def _grid_places(layout: Layout, rows: list[list[Field]]) -> Iterator[tuple[str, Place]]:
    grid, height = layout.grid, layout.page.height_mm
    wide = max((at for at, row in enumerate(rows) if row[-1].column == 2 or row[-1].span == 2), default=0)
    beside_mm, floor_mm = _beside(layout)
    pitch = min(grid.pitch_mm, (grid.bottom_mm - grid.y_mm) / max(len(rows) - 1, 1))
    if wide:
        pitch = min(pitch, (floor_mm - grid.beneath_mm - 1.5 - grid.y_mm) / wide)
    squeeze = min(1.0, pitch / _AT_REST_MM)
    baselines = [(height - grid.y_mm - at * pitch) * MM for at in range(len(rows))]
    tops = [y + ASCENT * squeeze * _tallest(layout, row) for y, row in zip(baselines, rows, strict=True)]
    for at, row in enumerate(rows):
        if at + 1 < len(rows):
            bottom = tops[at + 1] + _APART
        else:
            bottom = (height - (floor_mm if at <= wide else grid.bottom_mm + grid.beneath_mm + 2)) * MM
        for field in row:
            x = (grid.x_mm + (field.column - 1) * (grid.column_mm + grid.gap_mm)) * MM
            width = (grid.column_mm * field.span + grid.gap_mm * (field.span - 1) - grid.label_mm) * MM
            if at > wide and field.span == 1:
                width = (beside_mm - grid.label_mm - 4) * MM - x
            size = (field.size_pt or grid.value_pt) * squeeze
            yield field.key, _place(layout, x, baselines[at], (width, size, squeeze), (tops[at], bottom))


def _beside(layout: Layout) -> tuple[float, float]:
    """Millimetres: how far right the rows beside the seal may go, and how far down the others."""
    seal, closing = layout.seal, layout.closing
    if closing is None:
        return seal.x_mm, seal.y_mm
    above = closing.y_mm - ASCENT * layout.grid.value_pt / MM - 1
    return min(seal.x_mm, closing.x_mm), min(seal.y_mm, above)


def _tallest(layout: Layout, row: list[Field]) -> float:
    return max(field.size_pt or layout.grid.value_pt for field in row)


def _closing_places(layout: Layout, closing: Closing, keys: list[str]) -> dict[str, Place]:
    size, pitch = layout.grid.value_pt, closing.pitch_mm * MM
    squeeze = min(1.0, closing.pitch_mm / _AT_REST_MM)
    found = {}
    for at, key in enumerate(keys):
        y = (layout.page.height_mm - closing.y_mm) * MM - at * pitch
        top = y + ASCENT * size
        width = (closing.width_mm - layout.grid.label_mm) * MM
        place = _place(layout, closing.x_mm * MM, y, (width, size * squeeze, squeeze), (top, top - pitch + _APART))
        found[key] = replace(place, slot=replace(place.slot, sealed=True))
    return found


def _place(layout: Layout, x: float, y: float, room: tuple[float, float, float], box: tuple[float, float]) -> Place:
    """`room` is the width for the value, its size, and how much is squeezed; `box` the top and bottom."""
    grid = layout.grid
    width, size, squeeze = room
    label = grid.label_mm * MM
    slot = Slot(
        x=x + label,
        y=y,
        width=width,
        size=size,
        size_en=grid.value_en_pt * squeeze,
        beneath=grid.beneath_mm * squeeze * MM,
        top=box[0],
        bottom=box[1],
    )
    return Place(x, label - 2 * MM, grid.label_pt * squeeze, grid.label_en_pt * squeeze, slot)
