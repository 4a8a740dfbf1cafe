"""A certificate's layout: positions, sizes, colours, wording and seal image, as data under `templates/certificate/`.

An authority changes `layout.toml`, never code. Millimetres from the top left corner of the page; sizes in points;
colours #RRGGBB. Not here: reading it (`layout_file`), what the fields hold (`face`), how they are drawn (`press`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from certsvc.rendering.fonts import Style

FIELD_KEYS = (
    "name",
    "sex",
    "birth_date",
    "id_type",
    "id_number",
    "occupation",
    "direction",
    "level",
    "number",
    "identifier",
    "scores",
    "issued_on",
    "reissued_on",
    "valid_until",
    "issuer",
)


@dataclass(frozen=True, slots=True)
class Page:
    width_mm: float
    height_mm: float


@dataclass(frozen=True, slots=True)
class Colours:
    """`ink` for values, `label`, `quiet` for English and hints, `title`; `line`, `gold`, `tint` for the pattern; `seal`
    for the drawn one."""

    ink: str
    label: str
    quiet: str
    title: str
    line: str
    gold: str
    tint: str
    sample: str
    seal: str = "#DC6E64"


@dataclass(frozen=True, slots=True)
class TextBox:
    """A line or a paragraph centred on x (or set from x when `align` is "left"), its first baseline at y."""

    x_mm: float
    y_mm: float
    width_mm: float
    size_pt: float
    style: Style
    colour: str
    tracking_em: float = 0.0
    leading: float = 1.5
    align: str = "centre"


@dataclass(frozen=True, slots=True)
class Heading:
    zh: TextBox
    en: TextBox


@dataclass(frozen=True, slots=True)
class Picture:
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float


@dataclass(frozen=True, slots=True)
class Code:
    """The QR: its upper left corner and side without the quiet zone."""

    x_mm: float
    y_mm: float
    side_mm: float


@dataclass(frozen=True, slots=True)
class Hint:
    """The short check hint beneath the QR, and the site's domain under it; `domain_pt` 0 sets it little larger."""

    zh: str
    en: str
    x_mm: float
    y_mm: float
    width_mm: float
    size_pt: float
    domain_pt: float = 0.0


@dataclass(frozen=True, slots=True)
class Seal:
    """The seal place: the box of the visible signature. `image` is a PNG or JPEG beside the layout; without one a seal
    is drawn, `signed_zh` and `signed_en` in its middle. `zh` and `en` are of older layouts, and drawn no longer."""

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float
    signed_zh: str
    signed_en: str
    reason: str
    image: str = ""
    zh: str = ""
    en: str = ""


@dataclass(frozen=True, slots=True)
class Closing:
    """Where issuer and date of issue stand, over the seal: the first baseline, and from there to the second's."""

    x_mm: float
    y_mm: float
    width_mm: float
    pitch_mm: float


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the fields stand: two columns, rows of equal pitch from the first baseline down to `bottom_mm` at most."""

    x_mm: float
    y_mm: float
    bottom_mm: float
    column_mm: float
    gap_mm: float
    pitch_mm: float
    label_mm: float
    label_pt: float
    label_en_pt: float
    value_pt: float
    value_en_pt: float
    smallest_pt: float
    beneath_mm: float


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its key (`FIELD_KEYS`), labels, the column it starts in (1 or 2), the columns it spans, its size."""

    key: str
    zh: str
    en: str
    column: int
    span: int = 1
    size_pt: float = 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    zh: str
    en: str
    x_mm: float
    y_mm: float
    note_x_mm: float
    note_y_mm: float


@dataclass(frozen=True, slots=True)
class Frame:
    margin_mm: float
    band_mm: float


@dataclass(frozen=True, slots=True)
class Rule:
    """The ornamental rule beneath the title, in the middle of the page; a width of 0 draws none."""

    y_mm: float
    width_mm: float


@dataclass(frozen=True, slots=True)
class Words:
    """Wording that is the layout's own."""

    no_direction: str
    until_zh: str
    until_en: str
    footnote_zh: str
    footnote_en: str
    portrait_zh: str
    portrait_en: str
    no_portrait_zh: str = "无照片"
    no_portrait_en: str = "No photo"


@dataclass(frozen=True)
class Layout:
    name: str
    page: Page
    colours: Colours
    frame: Frame
    rule: Rule
    title: Heading
    statement: Heading
    footnote: TextBox
    portrait: Picture
    code: Code
    hint: Hint
    seal: Seal
    grid: Grid
    sample: Sample
    words: Words
    field: tuple[Field, ...]
    folder: Path
    closing: Closing | None = None

    @cached_property
    def seal_image(self) -> bytes | None:
        """The issuer's own seal as it stands beside the layout; None where it has none."""
        return (self.folder / self.seal.image).read_bytes() if self.seal.image else None

    def colour(self, name: str) -> tuple[float, float, float]:
        """The red, green and blue of a named colour, 0 to 1."""
        text: str = getattr(self.colours, name)
        return (int(text[1:3], 16) / 255, int(text[3:5], 16) / 255, int(text[5:7], 16) / 255)
