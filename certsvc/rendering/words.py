"""The words outside the grid of fields: title, statement, hint and footnote, and the SAMPLE mark (R7.2, R7.6).

Each is shrunk where it is longer than its place. All of it is the same for every certificate of one wording.
Not here: fields and their labels (`plate`), the seal (`seal`).
"""

from __future__ import annotations

from collections.abc import Sequence

from certsvc.rendering.archive import Element
from certsvc.rendering.fonts import Style
from certsvc.rendering.grid import ASCENT, DESCENT
from certsvc.rendering.layout import Layout, TextBox
from certsvc.rendering.typeset import MM, Ink, Outlines, Pen, balance, measure, paint, wrap


def draw_watermark(layout: Layout, ink: Ink, words: Sequence[tuple[str, Outlines]]) -> None:
    """The SAMPLE mark (R7.6), large and pale, in outlines: as text it would break into what is copied."""
    sample = layout.sample
    red, green, blue = (1 - (1 - part) * 0.105 for part in layout.colour("sample"))
    x, y = sample.x_mm * MM, (layout.page.height_mm - sample.y_mm) * MM
    ink.raw(f"/Artifact BMC q 0.97437 0.22495 -0.22495 0.97437 {x:.2f} {y:.2f} cm")
    for (form, outline), up, size in zip(words, (6, -34), (96, 36), strict=True):
        ink.shape(form, 0, up, size / outline.em, (red, green, blue))
    ink.raw("Q EMC")


def draw_sample_note(layout: Layout, ink: Ink) -> Element:
    """The same mark, small and plain, in text beside the title."""
    sample = layout.sample
    colour = layout.colour("sample")
    text, size, tracking, wide = _note(layout)
    x, y = sample.note_x_mm * MM, (layout.page.height_mm - sample.note_y_mm) * MM
    ink.artifact(f"{paint(colour, 'RG')} 0.9 w {x - wide / 2:.2f} {y - 7:.2f} {wide:.2f} 20.5 re S")
    mark = ink.begin("P")
    ink.begin_span(actual=f"{sample.zh} {sample.en}")
    ink.centred(x, y, text, Pen(Style.KAI, size, colour, tracking))
    ink.end()
    ink.end()
    return Element("P", [mark])


def _note(layout: Layout) -> tuple[str, float, float, float]:
    """Text, size, spacing of the small SAMPLE mark, and the width of its box."""
    text, size, tracking = f"{layout.sample.zh}  {layout.sample.en}", 11.0, 0.12
    return text, size, tracking, measure(text, Style.KAI, size, tracking) + 16


def draw_title(layout: Layout, ink: Ink, title: tuple[str, str], *, sample: bool) -> Element:
    mark = ink.begin("H1")
    ink.begin_span(actual=title[0])
    box, width = layout.title.zh, layout.title.zh.width_mm * MM
    if sample:
        # The mark beside it is for the eye too, so a long title gives way.
        width = min(width, 2 * ((layout.sample.note_x_mm - box.x_mm) * MM - _note(layout)[-1] / 2 - 8))
    _centred_line(layout, ink, box, title[0], width)
    ink.end()
    ink.begin_span(lang="en")
    _centred_line(layout, ink, layout.title.en, title[1], layout.title.en.width_mm * MM)
    ink.end()
    ink.end()
    return Element("H1", [mark])


def _centred_line(layout: Layout, ink: Ink, box: TextBox, text: str, width: float) -> None:
    """One line, its size and spacing shrunk together when it is too wide."""
    natural = measure(text, box.style, box.size_pt, box.tracking_em)
    size = box.size_pt * min(1.0, width / natural) if natural else box.size_pt
    y = (layout.page.height_mm - box.y_mm) * MM
    ink.centred(box.x_mm * MM, y, text, Pen(box.style, size, layout.colour(box.colour), box.tracking_em))


def draw_statement(layout: Layout, ink: Ink, statement: tuple[str, str]) -> list[Element]:
    """The statement in both languages, as large as the layout says where it stays above what follows."""
    first = layout.field[0]
    above = min(layout.grid.y_mm - ASCENT * (first.size_pt or layout.grid.value_pt) / MM, layout.portrait.y_mm - 1.5)
    floor = (layout.page.height_mm - above + 1) * MM
    for shrunk in (0.95**step for step in range(24)):  # down to a third; what is longer still has no room on a page
        blocks = _statement_blocks(layout, statement, shrunk)
        _, size, lines = blocks[-1]
        if lines[-1][0] - DESCENT * size >= floor:
            break
    elements = []
    for (box, size, lines), lang in zip(blocks, ("", "en"), strict=True):
        mark = ink.begin("P")
        if lang:
            ink.begin_span(lang=lang)
        for y, line in lines:
            ink.centred(box.x_mm * MM, y, line, Pen(box.style, size, layout.colour(box.colour), box.tracking_em))
        if lang:
            ink.end()
        ink.end()
        elements.append(Element("P", [mark]))
    return elements


def _statement_blocks(
    layout: Layout, statement: tuple[str, str], shrunk: float
) -> list[tuple[TextBox, float, list[tuple[float, str]]]]:
    """Box, size and lines with their baselines for each language, the English below the last of the Chinese."""
    blocks, drop = [], 0.0
    for box, text in zip((layout.statement.zh, layout.statement.en), statement, strict=True):
        size, width = box.size_pt * shrunk, box.width_mm * MM
        lines = wrap(text, box.style, size, width, box.tracking_em)
        lines = balance(text, box.style, size, width, lines)
        y = (layout.page.height_mm - box.y_mm) * MM - drop
        blocks.append((box, size, [(y - at * size * box.leading, line) for at, line in enumerate(lines)]))
        drop += (len(lines) - 1) * size * box.leading
    return blocks


def draw_no_portrait(layout: Layout, ink: Ink) -> Element:
    """What is said in the frame of the portrait where there is none (R7.2)."""
    place, words = layout.portrait, layout.words
    x = (place.x_mm + place.width_mm / 2) * MM
    y = (layout.page.height_mm - place.y_mm - place.height_mm / 2) * MM
    colour = layout.colour("quiet")
    mark = ink.begin("P")
    _bounded(ink, (x, y + 2), words.no_portrait_zh, Pen(Style.KAI, 11, colour, 0.15), place.width_mm)
    ink.begin_span(lang="en")
    _bounded(ink, (x, y - 9), words.no_portrait_en, Pen(Style.LATIN, 7.5, colour), place.width_mm)
    ink.end()
    ink.end()
    return Element("P", [mark])


def _bounded(ink: Ink, at: tuple[float, float], text: str, pen: Pen, width_mm: float) -> None:
    """A line centred about a place, shrunk where it is wider than that is."""
    natural = measure(text, pen.style, pen.size, pen.tracking)
    size = pen.size * min(1.0, width_mm * MM / natural) if natural else pen.size
    ink.centred(*at, text, Pen(pen.style, size, pen.colour, pen.tracking))


def draw_hint(layout: Layout, ink: Ink, domain: str) -> Element:
    """The hint, and beneath it the domain, large: what a reader holds the address of the page against (R7.2)."""
    hint, x = layout.hint, layout.hint.x_mm * MM
    y = (layout.page.height_mm - hint.y_mm) * MM
    mark = ink.begin("P")
    _bounded(ink, (x, y), hint.zh, Pen(Style.KAI, hint.size_pt, layout.colour("label"), 0.04), hint.width_mm)
    ink.begin_span(lang="en")
    size = hint.size_pt * 0.8
    _bounded(ink, (x, y - hint.size_pt * 1.25), hint.en, Pen(Style.LATIN, size, layout.colour("quiet")), hint.width_mm)
    ink.end()
    ink.end()
    top = y - hint.size_pt * 1.5 - size
    largest = hint.domain_pt or hint.size_pt * 1.1
    lines, size = _domain_lines(domain, largest, hint.width_mm * MM)
    named = ink.begin("P")
    for at, line in enumerate(lines):
        ink.centred(x, top - size * (0.75 + 1.15 * at), line, Pen(Style.LATIN, size, layout.colour("ink"), 0.02))
    ink.end()
    return Element("P", [mark, named])


def _domain_lines(domain: str, largest: float, width: float) -> tuple[list[str], float]:
    """On one line where it stays large; else broken after its dots, on three lines at most."""
    natural = measure(domain, Style.LATIN, largest, 0.02)
    if natural * 0.62 <= width:
        return [domain], min(largest, largest * width / natural)
    labels = domain.replace(".", ".\0").split("\0")
    size = largest * 0.8
    while True:
        lines = [""]
        for label in labels:
            if lines[-1] and measure(lines[-1] + label, Style.LATIN, size, 0.02) > width:
                lines.append("")
            lines[-1] += label
        if len(lines) <= 3 and all(measure(line, Style.LATIN, size, 0.02) <= width for line in lines):
            return lines, size
        size *= 0.95


def draw_footnote(layout: Layout, ink: Ink) -> Element:
    box, words = layout.footnote, layout.words
    x, y = box.x_mm * MM, (layout.page.height_mm - box.y_mm) * MM
    colour = layout.colour(box.colour)
    mark = ink.begin("P")
    _bounded(ink, (x, y), words.footnote_zh, Pen(box.style, box.size_pt, colour, 0.05), box.width_mm)
    ink.begin_span(lang="en")
    english = Pen(Style.LATIN, box.size_pt * 0.82, colour)
    _bounded(ink, (x, y - box.size_pt * 1.3), words.footnote_en, english, box.width_mm)
    ink.end()
    ink.end()
    return Element("P", [mark])
