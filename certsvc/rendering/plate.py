"""The plate: everything that all certificates of one wording share, laid once: pattern, seal, labels, fonts, and the
values that come from scheme and issuer.

Its PDF objects have fixed numbers from 2 on, so a press copies their bytes unchanged. What it draws is marked content
too: its numbers (MCIDs) come first, and the slots tell where each holder's values go.
Not here: anything of one holder (`press`), where fields stand (`grid`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from certsvc.person.identity import IdType
from certsvc.rendering.archive import Element, add_output_intent
from certsvc.rendering.fonts import FontFile, Style, Subset, runs
from certsvc.rendering.grid import Place, Slot, places
from certsvc.rendering.guilloche import draw_pattern
from certsvc.rendering.layout import Layout
from certsvc.rendering.line_art import line_art
from certsvc.rendering.objects import Objects, stream
from certsvc.rendering.seal import add_appearance, draw_seal
from certsvc.rendering.settle import settle
from certsvc.rendering.typeset import MM, Ink, Pen, measure, outlines
from certsvc.rendering.words import (
    draw_footnote,
    draw_hint,
    draw_no_portrait,
    draw_sample_note,
    draw_statement,
    draw_title,
    draw_watermark,
)

FIRST_OBJECT = 2
FIXED = frozenset({"occupation", "direction", "level", "issuer"})
"""The fields whose values come from scheme and issuer, and so stand on the plate."""
_LATIN = "0123456789X-/ JanuaryFebruaryMarchAprilMayJuneJulyAugustSeptemberOctoberNovemberDecember"
_HAN = "年月日至·"
_GRAIN = {True: 250, False: 100}
"""Units to an em of the words in the seal: in a sample they are the large mark as well."""
GRID, _GRID_OF_TITLES = 4, 2
"""Thousandths of an em that points are rounded to: 0.02 mm at the largest size in use. It saves 6 KB a file."""


@dataclass(frozen=True, slots=True)
class Plate:
    """`fonts` by file, with the resource name and the characters already embedded; `marks` is the next free MCID.

    A field is either in `slots`, with the mark of its label, or in `fixed`, complete.
    """

    bodies: tuple[bytes, ...]
    intent: int
    content: int
    appearance: int
    fonts: Mapping[FontFile, tuple[str, Subset]]
    font_numbers: Mapping[str, int]
    forms: Mapping[str, int]
    marks: int
    headings: tuple[Element, ...]
    slots: Mapping[str, tuple[Slot, int]]
    fixed: Mapping[str, Element]
    hint: Element
    footnote: Element


@dataclass(frozen=True, slots=True)
class Wording:
    """What the certificates of one plate have in common.

    `labels` are (key, Chinese, English) of the fields present, `values` the same of those that are `FIXED`; `issuer` is
    the name around the seal.
    """

    title: tuple[str, str]
    statement: tuple[str, str]
    labels: tuple[tuple[str, str, str], ...]
    values: tuple[tuple[str, str, str], ...]
    issuer: str
    domain: str
    portrait: bool
    sample: bool


def make_plate(layout: Layout, wording: Wording) -> Plate:
    """Lay the shared part for a wording."""
    objects = Objects()
    objects.reserve(FIRST_OBJECT - 1)
    intent = add_output_intent(objects)
    ink = Ink("S")
    forms = _pattern(layout, objects, ink)
    words = (layout.sample.zh, layout.sample.en) if wording.sample else (layout.seal.signed_zh, layout.seal.signed_en)
    middle = [
        (name, outlines(word, Style.SONG, tracking, _GRAIN[wording.sample]))
        for name, word, tracking in zip(("WordZh", "WordEn"), words, (0.2, 0.14), strict=True)
    ]
    headings = []
    if wording.sample:
        draw_watermark(layout, ink, middle)
    if wording.sample or layout.seal_image is None:
        forms |= {name: objects.add(outline.form()) for name, outline in middle}
        draw_seal(layout, ink, wording.issuer, middle)
    if wording.sample:
        headings.append(draw_sample_note(layout, ink))
    headings += [
        draw_title(layout, ink, wording.title, sample=wording.sample),
        *draw_statement(layout, ink, wording.statement),
    ]
    if not wording.portrait:
        headings.append(draw_no_portrait(layout, ink))
    slots, fixed = _fields(layout, ink, wording)
    hint = draw_hint(layout, ink, wording.domain)
    footnote = draw_footnote(layout, ink)

    for style, text in ((Style.LATIN, _LATIN + IdType.RESIDENT_ID.en), (Style.KAI, _HAN + IdType.RESIDENT_ID.zh)):
        ink.stock(text, style)  # what nearly every value uses, so that a certificate's own subset holds little more
    numbers: dict[str, int] = {}
    titles = {font for font, _ in runs(wording.title[0], Style.SONG)}
    for font, (name, subset) in ink.own.items():
        numbers[name] = objects.next
        objects.extend(subset.objects(objects.next, level=9, grid=_GRID_OF_TITLES if font in titles else GRID))
    appearance = add_appearance(layout, objects, sample=wording.sample)
    drawn = objects.add(stream(ink.content(), level=9))
    return Plate(
        bodies=tuple(objects.bodies()[FIRST_OBJECT - 1 :]),
        intent=intent,
        content=drawn,
        appearance=appearance,
        fonts=ink.own,
        font_numbers=numbers,
        forms=forms,
        marks=ink.next_mark,
        headings=tuple(headings),
        slots=slots,
        fixed=fixed,
        hint=hint,
        footnote=footnote,
    )


def _pattern(layout: Layout, objects: Objects, ink: Ink) -> dict[str, int]:
    """What is drawn without words, beneath everything; returns the forms it calls."""
    page = layout.page
    art = line_art(page.width_mm * MM, page.height_mm * MM, lambda canvas: draw_pattern(canvas, layout))
    ink.artifact(f"q\n{art.content}\nQ")
    return {name: objects.add(body) for name, body in art.forms.items()}


def _fields(layout: Layout, ink: Ink, wording: Wording) -> tuple[dict[str, tuple[Slot, int]], dict[str, Element]]:
    """Draw the labels, and the values that are the same for everyone."""
    values = {key: (value, english) for key, value, english in wording.values}
    stand = places(layout, [key for key, _, _ in wording.labels])
    slots: dict[str, tuple[Slot, int]] = {}
    fixed: dict[str, Element] = {}
    for key, zh, en in wording.labels:
        place = stand[key]
        label = _label(layout, ink, place, zh, en)
        if key not in values:
            slots[key] = (place.slot, label)
            continue
        mark = ink.begin("P")
        draw_value(ink, layout, place.slot, values[key])
        ink.end()
        fixed[key] = Element("P", [label, mark])
    return slots, fixed


def _label(layout: Layout, ink: Ink, place: Place, zh: str, en: str) -> int:
    slot, x = place.slot, place.label_x
    # Short labels are spread over four characters, as is the custom （姓  名）.
    tracking = (4 - len(zh)) / (len(zh) - 1) if 1 < len(zh) < 4 else 0.0
    size = place.label * min(1.0, place.label_width / (measure(zh, Style.KAI, place.label, tracking) or 1))
    size_en = place.label_en * min(1.0, place.label_width / (measure(en, Style.LATIN, place.label_en) or 1))
    mark = ink.begin("P")
    if tracking:
        ink.begin_span(actual=zh)
    ink.text(x, slot.y, zh, Pen(Style.KAI, size, layout.colour("label"), tracking))
    if tracking:
        ink.end()
    ink.begin_span(lang="en")
    ink.text(x, slot.y - slot.beneath, en, Pen(Style.LATIN, size_en, layout.colour("quiet")))
    ink.end()
    ink.end()
    return mark


def draw_value(ink: Ink, layout: Layout, slot: Slot, value: tuple[str, str], tracking: float = 0.0) -> None:
    """A value and its English in their place; `tracking` is the letter-spacing of a name, in ems."""
    lines, beneath = settle(*value, slot, layout.grid.smallest_pt)
    if tracking:
        ink.begin_span(actual=value[0])
    for text, y in lines.lines:
        ink.text(slot.x, y, text, Pen(Style.KAI, lines.size, layout.colour("ink"), tracking))
    if tracking:
        ink.end()
    if beneath.lines:
        ink.begin_span(lang="en")
        for text, y in beneath.lines:
            ink.text(slot.x, y, text, Pen(Style.LATIN, beneath.size, layout.colour("ink" if slot.sealed else "quiet")))
        ink.end()
