"""A value and the English beneath it, fitted into the box of their row, whatever their length.

One line each where it need not be much smaller; else as many lines as give the largest type, all of it within the box:
nothing is cut, and nothing touches the next row. A certificate that was signed is drawn, so there is no length at which
this refuses. Not here: where the boxes are (`grid`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from certsvc.rendering.fonts import Style
from certsvc.rendering.grid import ASCENT, DESCENT, Slot
from certsvc.rendering.typeset import balance, measure, wrap

SMALLEST_EN = 6.0
"""The English is wrapped rather than set smaller on one line."""
_SHRUNK = 0.5
_LEADING = 1.2
_FINER = 0.94


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of one size, each with its baseline."""

    lines: tuple[tuple[str, float], ...]
    size: float


def settle(value: str, english: str, slot: Slot, smallest: float) -> tuple[Lines, Lines]:
    """The value and the English as they stand in a slot; `smallest` is the least size of a value that is shrunk onto
    one line without asking whether more lines of it would be larger."""
    natural, natural_en = measure(value, Style.KAI, slot.size), measure(english, Style.LATIN, slot.size_en)
    fits = natural * min(max(smallest, _SHRUNK * slot.size), slot.size) <= slot.width * slot.size
    fits_en = natural_en * min(SMALLEST_EN, slot.size_en) <= slot.width * slot.size_en
    if fits and fits_en and slot.roomy:
        size = min(slot.size, slot.size * slot.width / natural) if natural else slot.size
        size_en = min(slot.size_en, slot.size_en * slot.width / natural_en) if natural_en else slot.size_en
        beneath = ((english, slot.y - slot.beneath),) if english else ()
        return Lines(((value, slot.y),), size), Lines(beneath, size_en)
    return _stacked(value, english, slot)


def _stacked(value: str, english: str, slot: Slot) -> tuple[Lines, Lines]:
    """The largest pair of blocks, one above the other, that fits; measured each against its own full size."""
    room = slot.top - slot.bottom
    ways = (
        (min(size / slot.size, size_en / slot.size_en), lines, size, lines_en, size_en)
        for lines_en, size_en in _ways(english, Style.LATIN, slot, room)
        for lines, size in _ways(value, Style.KAI, slot, room - _LEADING * size_en * len(lines_en))
    )
    _, lines, size, lines_en, size_en = max(ways, key=lambda way: way[0])
    height = _height(lines, size) + (_LEADING * size_en * len(lines_en) if english else 0)
    # As near as can be to where a single line of each would stand.
    middle = (slot.y + ASCENT * slot.size + slot.y - slot.beneath - DESCENT * slot.size_en) / 2
    top = max(min(slot.top, middle + height / 2), slot.bottom + height)
    first = top - ASCENT * size
    last = first - _LEADING * size * (len(lines) - 1)
    first_en = last - DESCENT * size - (_LEADING - DESCENT) * size_en
    return (
        Lines(tuple((line, first - _LEADING * size * at) for at, line in enumerate(lines)), size),
        Lines(tuple((line, first_en - _LEADING * size_en * at) for at, line in enumerate(lines_en) if line), size_en),
    )


def _height(lines: tuple[str, ...], size: float) -> float:
    return size * (ASCENT + DESCENT + _LEADING * (len(lines) - 1))


def _ways(text: str, style: Style, slot: Slot, height: float) -> Iterator[tuple[tuple[str, ...], float]]:
    """For each number of lines the largest size at which they fit into width and height; until more lines gain none."""
    if not text:
        yield (), 0.0 if style is Style.KAI else slot.size_en
        return
    full = slot.size if style is Style.KAI else slot.size_en
    natural = measure(text, style, 1)
    before = 0.0
    for most in range(1, len(text) + 1):
        size = min(full, height / (ASCENT + DESCENT + _LEADING * (most - 1)), most * slot.width / natural)
        while len(lines := wrap(text, style, size, slot.width)) > most and size > before:
            size *= _FINER
        if size > before:
            before = size
            yield balance(text, style, size, slot.width, lines), size
        elif before:
            return
