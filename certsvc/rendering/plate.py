"""The plate: everything that all certificates of one wording share, laid once: pattern, labels, frames, seal, fonts.

Its PDF objects have fixed numbers from 2 on, so a press copies their bytes unchanged. Labels are marked content too:
their numbers (MCIDs) come first, and the slots tell where each field's value goes.
Not here: anything of one holder (`press`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from certsvc.rendering.archive import Element, add_output_intent
from certsvc.rendering.fonts import FontFile, Style, Subset
from certsvc.rendering.guilloche import draw_pattern
from certsvc.rendering.layout import Field, Layout, TextBox
from certsvc.rendering.line_art import line_art
from certsvc.rendering.objects import Objects, stream
from certsvc.rendering.seal import seal_form
from certsvc.rendering.typeset import MM, Ink, Pen, balance, measure, paint, wrap

FIRST_OBJECT = 2
_ASCII = "".join(chr(code) for code in range(0x20, 0x7F))
_COMMON = "居民身份证年月日至级初工—-·()0123456789"


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a value is written: x and baseline in points, room, sizes, drop to the English, and its labels' tags."""

    x: float
    y: float
    width: float
    size: float
    size_en: float
    beneath: float
    tags: tuple[Element | int, ...]


@dataclass(frozen=True, slots=True)
class Plate:
    """`fonts` by file, with the resource name and the characters already embedded; `marks` is the next free MCID."""

    bodies: tuple[bytes, ...]
    intent: int
    content: int
    appearance: int
    fonts: Mapping[FontFile, tuple[str, Subset]]
    font_numbers: Mapping[str, int]
    forms: Mapping[str, int]
    marks: int
    headings: tuple[Element, ...]
    slots: Mapping[str, Slot]
    hint: Element
    footnote: Element


@dataclass(frozen=True, slots=True)
class Wording:
    """What the certificates of one plate have in common; `labels` are (key, Chinese, English) of the fields present."""

    title: tuple[str, str]
    statement: tuple[str, str]
    labels: tuple[tuple[str, str, str], ...]
    domain: str
    sample: bool


def make_plate(layout: Layout, wording: Wording) -> Plate:
    """Lay the shared part for a wording."""
    objects = Objects()
    objects.reserve(FIRST_OBJECT - 1)
    intent = add_output_intent(objects)
    ink = Ink("S")
    forms = _pattern(layout, objects, ink)
    headings = [_sample(layout, ink)] if wording.sample else []
    headings += [_title(layout, ink, wording.title), *_statement(layout, ink, wording.statement)]
    slots = _labels(layout, ink, wording.labels)
    hint = _hint(layout, ink, wording.domain)
    footnote = _footnote(layout, ink)
    content = ink.content()

    seal_ink = Ink("S", own=ink.own)
    build_seal = seal_form(layout, seal_ink, wording.sample)
    _stock(ink)
    numbers: dict[str, int] = {}
    for name, subset in ink.own.values():
        numbers[name] = objects.next
        objects.extend(subset.objects(objects.next, level=9))
    appearance = build_seal(objects, numbers)
    drawn = objects.add(stream(content, level=9))
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
        hint=hint,
        footnote=footnote,
    )


def _stock(ink: Ink) -> None:
    """Embed what nearly every value uses, so that a certificate's own subset holds little but its name."""
    for style, text in ((Style.LATIN, _ASCII), (Style.KAI, _COMMON)):
        ink.stock(text, style)


def _pattern(layout: Layout, objects: Objects, ink: Ink) -> dict[str, int]:
    """What is drawn without words, beneath everything; returns the forms it calls."""
    page = layout.page
    art = line_art(page.width_mm * MM, page.height_mm * MM, lambda canvas: draw_pattern(canvas, layout))
    ink.artifact(f"q\n{art.content}\nQ")
    return {name: objects.add(body) for name, body in art.forms.items()}


def _sample(layout: Layout, ink: Ink) -> Element:
    """The SAMPLE mark (R7.6): large and pale in outlines beneath the text, small and plain in text beside the title."""
    sample, height = layout.sample, layout.page.height_mm
    colour = layout.colour("sample")
    pale = tuple(1 - (1 - part) * 0.105 for part in colour)
    ink.raw("/Artifact BMC q")
    x, y = sample.x_mm * MM, (height - sample.y_mm) * MM
    ink.raw(f"0.97437 0.22495 -0.22495 0.97437 {x:.2f} {y:.2f} cm")
    ink.shape(0, 6, sample.zh, Pen(Style.SONG, 92, (pale[0], pale[1], pale[2]), 0.3))
    ink.shape(0, -34, sample.en, Pen(Style.SONG, 34, (pale[0], pale[1], pale[2]), 0.42))
    ink.raw("Q EMC")
    text = f"{sample.zh}  {sample.en}"
    size, tracking = 10.5, 0.12
    wide = measure(text, Style.SONG, size, tracking) + 16
    x, y = sample.note_x_mm * MM, (height - sample.note_y_mm) * MM
    ink.artifact(f"{paint(colour, 'RG')} 0.9 w {x - wide / 2:.2f} {y - 7:.2f} {wide:.2f} 20.5 re S")
    mark = ink.begin("P", f"{sample.zh} {sample.en}")
    ink.centred(x, y, text, Pen(Style.SONG, size, colour, tracking))
    ink.end()
    return Element("P", [mark])


def _title(layout: Layout, ink: Ink, title: tuple[str, str]) -> Element:
    mark = ink.begin("H1", title[0])
    _centred_line(layout, ink, layout.title.zh, title[0])
    ink.end()
    english = ink.begin("Span")
    _centred_line(layout, ink, layout.title.en, title[1])
    ink.end()
    return Element("H1", [mark, Element("Span", [english], lang="en")])


def _centred_line(layout: Layout, ink: Ink, box: TextBox, text: str) -> None:
    """One line, its size and spacing shrunk together when it is too wide."""
    natural = measure(text, box.style, box.size_pt, box.tracking_em)
    size = box.size_pt * min(1.0, box.width_mm * MM / natural) if natural else box.size_pt
    y = (layout.page.height_mm - box.y_mm) * MM
    ink.centred(box.x_mm * MM, y, text, Pen(box.style, size, layout.colour(box.colour), box.tracking_em))


def _statement(layout: Layout, ink: Ink, statement: tuple[str, str]) -> list[Element]:
    elements, drop = [], 0.0
    for box, text, lang in ((layout.statement.zh, statement[0], ""), (layout.statement.en, statement[1], "en")):
        width = box.width_mm * MM
        lines = wrap(text, box.style, box.size_pt, width, box.tracking_em)
        lines = balance(text, box.style, box.size_pt, width, lines)
        mark = ink.begin("P")
        y = (layout.page.height_mm - box.y_mm) * MM - drop
        for at, line in enumerate(lines):
            below = y - at * box.size_pt * box.leading
            ink.centred(
                box.x_mm * MM, below, line, Pen(box.style, box.size_pt, layout.colour(box.colour), box.tracking_em)
            )
        ink.end()
        drop += (len(lines) - 1) * box.size_pt * box.leading
        elements.append(Element("P", [mark], lang=lang))
    return elements


def _rows(layout: Layout, labels: tuple[tuple[str, str, str], ...]) -> list[list[Field]]:
    """The fields present, two side by side where the second fits beside the first."""
    present = {key for key, _, _ in labels}
    rows: list[list[Field]] = []
    for field in layout.field:
        if field.key not in present:
            continue
        beside = rows and len(rows[-1]) == 1 and rows[-1][0].span == 1 and rows[-1][0].column == 1
        if beside and field.column == 2:
            rows[-1].append(field)
        else:
            rows.append([field])
    return rows


def _labels(layout: Layout, ink: Ink, labels: tuple[tuple[str, str, str], ...]) -> dict[str, Slot]:
    """Draw the labels and hairlines; the pitch shrinks until the last row fits and none runs into the seal."""
    grid, height, seal = layout.grid, layout.page.height_mm, layout.seal
    rows = _rows(layout, labels)
    pitch = min(grid.pitch_mm, (grid.bottom_mm - grid.y_mm) / max(len(rows) - 1, 1))
    wide = [at for at, row in enumerate(rows) if row[-1].column == 2 or row[-1].span == 2]
    if wide and wide[-1]:
        pitch = min(pitch, (seal.y_mm - grid.beneath_mm - 1.5 - grid.y_mm) / wide[-1])
    squeeze = min(1.0, pitch / 10.5)
    named = {key: (zh, en) for key, zh, en in labels}
    slots = {}
    colour, quiet = layout.colour("label"), layout.colour("quiet")
    for at, row in enumerate(rows):
        y = (height - grid.y_mm - at * pitch) * MM
        for field in row:
            zh, en = named[field.key]
            x = (grid.x_mm + (field.column - 1) * (grid.column_mm + grid.gap_mm)) * MM
            room = (grid.column_mm * field.span + grid.gap_mm * (field.span - 1) - grid.label_mm) * MM
            if at > (wide[-1] if wide else -1) and field.span == 1:
                room = seal.x_mm * MM - x - grid.label_mm * MM - 4 * MM
            size = grid.label_pt * squeeze
            # Short labels are spread over four characters, as is the custom (姓  名).
            tracking = (4 - len(zh)) / (len(zh) - 1) if 1 < len(zh) < 4 else 0.0
            fitting = min(1.0, (grid.label_mm - 2) * MM / measure(zh, Style.KAI, size, tracking))
            mark = ink.begin("P", zh if tracking else "")
            ink.text(x, y, zh, Pen(Style.KAI, size * fitting, colour, tracking))
            ink.end()
            english = ink.begin("Span")
            ink.text(x, y - grid.beneath_mm * squeeze * MM, en, Pen(Style.LATIN, grid.label_en_pt * squeeze, quiet))
            ink.end()
            slots[field.key] = Slot(
                x=x + grid.label_mm * MM,
                y=y,
                width=room,
                size=(field.size_pt or grid.value_pt) * squeeze,
                size_en=grid.value_en_pt * squeeze,
                beneath=grid.beneath_mm * squeeze * MM,
                tags=(mark, Element("Span", [english], lang="en")),
            )
    return slots


def _hint(layout: Layout, ink: Ink, domain: str) -> Element:
    hint, height = layout.hint, layout.page.height_mm
    x, y = hint.x_mm * MM, (height - hint.y_mm) * MM
    mark = ink.begin("P")
    ink.centred(x, y, hint.zh, Pen(Style.KAI, hint.size_pt, layout.colour("label"), 0.04))
    ink.end()
    english = ink.begin("Span")
    ink.centred(x, y - hint.size_pt * 1.25, hint.en, Pen(Style.LATIN, hint.size_pt * 0.8, layout.colour("quiet")))
    size = hint.size_pt * 1.1
    size *= min(1.0, hint.width_mm * MM / measure(domain, Style.LATIN, size))
    ink.centred(x, y - hint.size_pt * 2.75, domain, Pen(Style.LATIN, size, layout.colour("ink"), 0.02))
    ink.end()
    return Element("P", [mark, Element("Span", [english], lang="en")])


def _footnote(layout: Layout, ink: Ink) -> Element:
    box, words = layout.footnote, layout.words
    x, y = box.x_mm * MM, (layout.page.height_mm - box.y_mm) * MM
    mark = ink.begin("P")
    ink.centred(x, y, words.footnote_zh, Pen(box.style, box.size_pt, layout.colour(box.colour), 0.05))
    ink.end()
    english = ink.begin("Span")
    ink.centred(
        x, y - box.size_pt * 1.3, words.footnote_en, Pen(Style.LATIN, box.size_pt * 0.82, layout.colour(box.colour))
    )
    ink.end()
    return Element("P", [mark, Element("Span", [english], lang="en")])
