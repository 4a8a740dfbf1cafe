"""Strings to ink: fitting, centring, letter-spacing, and the marked content that a screen reader follows.

A string is drawn character by character in the first font that has it, never parsed. Sizes and positions are in points,
the origin at the lower left. Not here: where things stand (`layout`, `press`), fonts and glyphs (`fonts`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from certsvc.rendering.fonts import FontFile, Style, Subset, runs, width_em
from certsvc.rendering.fonts.outline import glyph_path
from certsvc.rendering.objects import hex_string, stream

MM = 72 / 25.4
Colour = tuple[float, float, float]
_CJK = 0x2E80
_OPENING = frozenset("\uff08\u300a\u201c\u2018(")
_CLOSING = frozenset("\uff0c\u3002\uff1b\uff1a\u3001\uff1f\uff01\uff09\u300b\u201d\u2019\u00b7.-,;:!?)")


@dataclass(frozen=True, slots=True)
class Pen:
    """How a text is drawn; `tracking` is letter-spacing in ems."""

    style: Style
    size: float
    colour: Colour
    tracking: float = 0.0


def measure(text: str, style: Style, size: float, tracking: float = 0.0) -> float:
    """The width in points; letter-spacing (in ems) stands between characters, not after the last."""
    return size * (width_em(text, style) + tracking * max(len(text) - 1, 0))


def _pieces(text: str) -> Iterator[str]:
    """The text cut where a line may break: after spaces, dots, hyphens; between Han where no dot parts the name."""
    start, dotted = 0, "·" in text
    for at in range(1, len(text)):
        before, after = text[at - 1], text[at]
        breakable = before in " ·-/" or (not dotted and max(ord(before), ord(after)) >= _CJK)
        if breakable and before not in _OPENING and after not in _CLOSING and after != " ":
            yield text[start:at]
            start = at
    yield text[start:]


def wrap(text: str, style: Style, size: float, width: float, tracking: float = 0.0) -> tuple[str, ...]:
    """Lines no wider than `width`; a word that is wider by itself is broken where it must be."""
    lines, line = [], ""
    for whole in _pieces(text):
        for piece in [whole] if measure(whole.rstrip(), style, size, tracking) <= width else list(whole):
            if line and measure((line + piece).rstrip(), style, size, tracking) > width:
                lines.append(line.rstrip())
                line = piece.lstrip()
            else:
                line += piece
    return (*lines, line.rstrip())


def balance(text: str, style: Style, size: float, width: float, lines: tuple[str, ...]) -> tuple[str, ...]:
    """The same number of lines, made as even as breaks allow, so that no word stands alone on the last."""
    if len(lines) < 2:
        return lines
    even = measure(text, style, size) / len(lines)
    while even < width:
        attempt = wrap(text, style, size, even)
        if len(attempt) <= len(lines):
            return attempt
        even += size / 2
    return lines


@dataclass
class Ink:
    """A content stream being written. `shared` are fonts that exist already, by file; new characters go to `own`."""

    prefix: str
    shared: Mapping[FontFile, tuple[str, Subset]] = field(default_factory=dict)
    own: dict[FontFile, tuple[str, Subset]] = field(default_factory=dict)
    next_mark: int = 0
    _ops: list[str] = field(default_factory=list)

    def raw(self, operators: str) -> None:
        self._ops.append(operators)

    def artifact(self, operators: str) -> None:
        """Ink that carries no meaning: a screen reader passes over it."""
        self._ops.append(f"/Artifact BMC\n{operators}\nEMC")

    def begin(self, tag: str) -> int:
        """Open marked content of the structure tree and return its number (MCID)."""
        number = self.next_mark
        self.next_mark += 1
        self._ops.append(f"/{tag} <</MCID {number}>> BDC")
        return number

    def begin_span(self, *, lang: str = "", actual: str = "") -> None:
        """Open a stretch in another language, or with `actual`, the text itself where letter-spacing might be read as
        blanks (14.9.2.2 and 14.9.4 ask for no element of the tree; poppler heeds the latter under Span only)."""
        said = f"/ActualText {hex_string(actual)}" if actual else f"/Lang({lang})"
        self._ops.append(f"/Span <<{said}>> BDC")

    def end(self) -> None:
        self._ops.append("EMC")

    def _stretches(self, font: FontFile, run: str) -> Iterator[tuple[str, str, str]]:
        """A run cut where its characters change between the shared subset and our own: the font's resource name, the
        characters, their codes."""
        shared = self.shared.get(font)
        for is_shared, chars in groupby(run, key=(shared[1].chars if shared else frozenset()).__contains__):
            stretch = "".join(chars)
            name, subset = shared if shared and is_shared else self._own(font)
            yield name, stretch, subset.encode(stretch)

    def _own(self, font: FontFile) -> tuple[str, Subset]:
        if font not in self.own:
            self.own[font] = (f"{self.prefix}{len(self.own)}", Subset(font))
        return self.own[font]

    def stock(self, text: str, style: Style) -> None:
        """Embed these characters without drawing them."""
        for font, run in runs(text, style):
            for _ in self._stretches(font, run):
                pass

    def text(self, x: float, y: float, text: str, pen: Pen) -> None:
        """Draw from x on the baseline y."""
        size, tracking = pen.size, pen.tracking
        parts = ["BT", paint(pen.colour), f"{tracking * size:.3f} Tc"]
        for font, run in runs(text, pen.style):
            for name, stretch, codes in self._stretches(font, run):
                parts.append(f"/{name} {size:.2f} Tf 1 0 0 1 {x:.2f} {y:.2f} Tm <{codes}> Tj")
                x += size * (sum(map(font.advance, stretch)) / 1000 + tracking * len(stretch))
        parts.append("ET")
        self._ops.append("\n".join(parts))

    def centred(self, x: float, y: float, text: str, pen: Pen) -> None:
        """Draw centred about x, the spacing after the last character and the blank half of a final 。 left out."""
        hanging = 0.55 * pen.size if text.endswith(("\u3002", "\uff0c")) else 0.0
        width = measure(text, pen.style, pen.size, pen.tracking) - hanging
        self.text(x - width / 2, y, text, pen)

    def shape(self, form: str, x: float, y: float, scale: float, colour: Colour) -> None:
        """Paint a form of outlines (`outlines`) at a scale, its baseline's middle at x and y."""
        self.raw(f"q {paint(colour)} {scale:.4f} 0 0 {scale:.4f} {x:.2f} {y:.2f} cm /{form} Do Q")

    def content(self) -> bytes:
        return "\n".join(self._ops).encode("ascii")


@dataclass(frozen=True, slots=True)
class Outlines:
    """A line of text as paths about the middle of its baseline, in whole units, of which an em has `em`."""

    path: str
    em: float
    width: float

    def form(self) -> bytes:
        """The form XObject's body; it takes the colour that is set where it is painted."""
        half = self.width / 2 + self.em
        box = f"{-half:.0f} {-self.em:.0f} {half:.0f} {2 * self.em:.0f}"
        return stream(self.path.encode("ascii"), f"/Type/XObject/Subtype/Form/BBox[{box}]", 9)


def outlines(text: str, style: Style, tracking: float, grain: int) -> Outlines:
    """A text as ink that no reader takes for text; `grain` is the units to an em, the fewer the smaller the file."""
    width = measure(text, style, grain, tracking)
    parts, at = [], -width / 2
    for font, run in runs(text, style):
        for char in run:
            path = glyph_path(font, char, grain)
            if path:
                parts.append(f"q 1 0 0 1 {at:.0f} 0 cm\n{path}\nf Q")
            at += grain * (font.advance(char) / 1000 + tracking)
    return Outlines("\n".join(parts), grain, width)


def paint(colour: Colour, operator: str = "rg") -> str:
    """The operator that sets a fill (rg) or stroke (RG) colour."""
    return f"{colour[0]:.3f} {colour[1]:.3f} {colour[2]:.3f} {operator}"
