"""The papers of a sitting: its check-in list and each candidate's admission ticket, as plain PDF of A4 and A5.

Chinese first, English beside. They are working papers, not certificates: nothing is signed, and the code on a ticket
holds its number alone. A character that no font draws stands as 〓, so that one rare name holds up no list.
Not here: who is on the roll (services), certificates (`press`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

from certsvc.rendering.fonts import FontFile, Style, Subset, missing_glyphs
from certsvc.rendering.jpeg import image_of_jpeg
from certsvc.rendering.objects import Objects, stream
from certsvc.rendering.qr import QUIET_MODULES, QrMatrix, path_of
from certsvc.rendering.typeset import MM, Colour, Ink, Pen, measure, wrap

_INK: Final[Colour] = (0.1, 0.1, 0.12)
_QUIET: Final[Colour] = (0.4, 0.42, 0.46)
_LINE: Final = "0.72 0.74 0.78 RG 0.5 w"
_MISSING: Final = "〓"
_A4: Final = (210.0, 297.0)
_A5: Final = (210.0, 148.0)  # on its side
_MARGIN: Final = 15.0
_ROW: Final = 15.5
_FIRST_ROW: Final = 62.0
_LAST: Final = 280.0
# Left edges of the check-in list's columns, and the right edge of the last.
_COLUMNS: Final = (15.0, 25.0, 38.0, 75.0, 112.0, 142.0, 195.0)
_HEADS: Final = (
    ("序", "No."),
    ("照片", "Photo"),
    ("准考证号", "Ticket"),
    ("姓名", "Name"),
    ("证件 · 性质", "Document · Kind"),
    ("签到", "Signature"),
)


@dataclass(frozen=True, slots=True)
class SittingFace:
    """What stands at the head of every paper of a sitting; `subject` and the like are (Chinese, English)."""

    number: int
    on: date
    begins: str
    station: str
    place: str
    subject: tuple[str, str]
    issuer: tuple[str, str]
    draws: bool = False  # items are drawn


@dataclass(frozen=True, slots=True)
class SeatFace:
    """One candidate; `document` is the identity number, masked. `portrait` is a JPEG."""

    number: int
    ticket: str
    name: str
    document: str
    kind: tuple[str, str]
    portrait: bytes | None = field(default=None, repr=False)


def check_in_list(sitting: SittingFace, seats: Sequence[SeatFace]) -> bytes:
    """The list that candidates sign, as many pages as it needs."""
    a_page = int((_LAST - _FIRST_ROW) / _ROW)
    pages = [seats[at : at + a_page] for at in range(0, len(seats), a_page)] or [()]
    paper = _Paper(_A4)
    for place, some in enumerate(pages, 1):
        paper.begin()
        _head(paper, sitting, ("签到表", "Check-in list"), f"{place} / {len(pages)}", total=len(seats))
        _draw_table(paper, some)
        paper.text(_MARGIN, 288, "监考人员签字 Invigilators：____________________    ____________________", 9)
    return paper.file(f"签到表 {sitting.on} {sitting.number}")


def admission_tickets(sitting: SittingFace, seats: Sequence[SeatFace]) -> bytes:
    """These candidates' tickets (one at least), a page each."""
    paper = _Paper(_A5)
    for seat in seats:
        paper.begin()
        _draw_ticket(paper, sitting, seat)
    return paper.file(f"准考证 {seats[0].ticket}" + (f" – {seats[-1].ticket}" if len(seats) > 1 else ""))


def _draw_ticket(paper: _Paper, sitting: SittingFace, seat: SeatFace) -> None:
    paper.centred(105, 20, "准考证", 24, style=Style.SONG, tracking=0.3)
    paper.centred(105, 27, "Admission ticket", 11, colour=_QUIET, style=Style.LATIN)
    paper.line(_MARGIN, 32, 195, 32)
    fields = (
        ("姓名", "Name", seat.name),
        ("准考证号", "Ticket", seat.ticket),
        ("证件号码", "Document", seat.document),
        ("科目", "Subject", f"{sitting.subject[0]} {sitting.subject[1]}"),
        ("性质", "Kind", f"{seat.kind[0]} {seat.kind[1]}"),
        ("时间", "Date and time", f"{_day(sitting.on)} {sitting.begins}"),
        ("鉴定站", "Station", sitting.station),
        ("地点", "Place", sitting.place),
    )
    y = 42.0
    for zh, en, value in fields:
        paper.text(_MARGIN, y, zh, 10, colour=_QUIET)
        paper.text(_MARGIN, y + 3.6, en, 6.5, colour=_QUIET, style=Style.LATIN)
        y += 5.5 * (paper.paragraph(44, y, value, 12, width=105, leading=5.5) - 1)
        y += 9.6
    paper.picture(161, 38, 30, 42, seat.portrait)
    paper.code(164, 88, 24, seat.ticket)
    paper.line(_MARGIN, 127, 195, 127)
    note = "请携带本证与身份证件原件，提前到场。二维码只含准考证号，仅供签到。"
    paper.text(_MARGIN, 132.5, note + ("抽考项目当日公布。" if sitting.draws else ""), 8.5)
    paper.text(
        _MARGIN,
        136.5,
        "Bring this ticket and your original identity document. Come early. The code holds the ticket's number alone.",
        7,
        colour=_QUIET,
        style=Style.LATIN,
    )
    paper.text(_MARGIN, 142, f"{sitting.issuer[0]}  {sitting.issuer[1]}", 8, colour=_QUIET)


def _head(paper: _Paper, sitting: SittingFace, title: tuple[str, str], page: str, *, total: int) -> None:
    paper.centred(105, 20, title[0], 20, style=Style.SONG, tracking=0.3)
    paper.centred(105, 26, title[1], 10, colour=_QUIET, style=Style.LATIN)
    paper.text(_MARGIN, 35, f"{sitting.subject[0]} {sitting.subject[1]}    {_day(sitting.on)} {sitting.begins}", 11)
    paper.text(_MARGIN, 41, f"{sitting.station}  ·  {sitting.place}", 10)
    paper.text(
        _MARGIN,
        46.5,
        f"场次 Sitting {sitting.number}    应到 Expected {total}    实到 Present ______",
        9,
        colour=_QUIET,
    )
    paper.text(182, 46.5, page, 9, colour=_QUIET)


def _draw_table(paper: _Paper, seats: Sequence[SeatFace]) -> None:
    top = _FIRST_ROW - 10
    bottom = _FIRST_ROW + _ROW * len(seats)
    for edge, (zh, en) in zip(_COLUMNS, _HEADS, strict=False):
        paper.text(edge + 1.5, top + 4.5, zh, 9)
        paper.text(edge + 1.5, top + 8, en, 6.5, colour=_QUIET, style=Style.LATIN)
    for edge in _COLUMNS:
        paper.line(edge, top, edge, bottom)
    paper.line(_COLUMNS[0], top, _COLUMNS[-1], top)
    for place, seat in enumerate(seats):
        y = _FIRST_ROW + _ROW * place
        paper.line(_COLUMNS[0], y, _COLUMNS[-1], y)
        _draw_row(paper, y, seat)
    paper.line(_COLUMNS[0], bottom, _COLUMNS[-1], bottom)


def _draw_row(paper: _Paper, y: float, seat: SeatFace) -> None:
    number, photo, ticket, name, document, _signature, _right = _COLUMNS
    paper.text(number + 2, y + 9, str(seat.number), 10)
    paper.picture(photo + 1.4, y + 0.9, 9.8, 13.7, seat.portrait)
    paper.text(ticket + 1.5, y + 9, seat.ticket, 9.5)
    paper.paragraph(name + 1.5, y + 7, seat.name, 10.5, width=34, leading=4.6)
    paper.text(document + 1.5, y + 6.5, seat.document, 8)
    paper.text(document + 1.5, y + 11.5, f"{seat.kind[0]} {seat.kind[1]}", 7.5, colour=_QUIET)


def _day(on: date) -> str:
    return f"{on.year} 年 {on.month} 月 {on.day} 日"


def _drawable(text: str) -> str:
    lacking = set(missing_glyphs(text))
    return "".join(_MISSING if char in lacking else char for char in text)


class _Paper:
    """Pages of one size being written; places are millimetres from the top left corner."""

    def __init__(self, size: tuple[float, float]) -> None:
        self._wide, self._high = size
        self._objects = Objects()
        self._fonts: dict[FontFile, tuple[str, Subset]] = {}
        self._images: dict[bytes, tuple[str, int, int, int]] = {}
        self._inks: list[Ink] = []

    def begin(self) -> None:
        """Go on to a new page; all of them share their fonts."""
        self._inks.append(Ink("F", own=self._fonts))

    @property
    def _ink(self) -> Ink:
        return self._inks[-1]

    def _y(self, y: float) -> float:
        return (self._high - y) * MM

    def text(
        self, x: float, y: float, text: str, size: float, *, colour: Colour = _INK, style: Style = Style.KAI
    ) -> None:
        self._ink.text(x * MM, self._y(y), _drawable(text), Pen(style, size, colour))

    def centred(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        *,
        colour: Colour = _INK,
        style: Style = Style.KAI,
        tracking: float = 0.0,
    ) -> None:
        self._ink.centred(x * MM, self._y(y), _drawable(text), Pen(style, size, colour, tracking))

    def paragraph(self, x: float, y: float, text: str, size: float, *, width: float, leading: float) -> int:
        """Two lines at most, set smaller until they fit; returns how many."""
        text = _drawable(text)
        while len(lines := wrap(text, Style.KAI, size, width * MM)) > 2 or (
            max(measure(line, Style.KAI, size) for line in lines) > width * MM
        ):
            size *= 0.94
        for place, line in enumerate(lines):
            self.text(x, y + place * leading, line, size)
        return len(lines)

    def line(self, x: float, y: float, to_x: float, to_y: float) -> None:
        ends = f"{x * MM:.2f} {self._y(y):.2f} m {to_x * MM:.2f} {self._y(to_y):.2f} l S"
        self._ink.raw(f"q {_LINE} {ends} Q")

    def picture(self, x: float, y: float, wide: float, high: float, jpeg: bytes | None) -> None:
        """A portrait filling its frame; the frame alone where there is none."""
        box = f"{x * MM:.2f} {self._y(y + high):.2f} {wide * MM:.2f} {high * MM:.2f} re"
        if jpeg is not None:
            name, _, pixels_wide, pixels_high = self._image(jpeg)
            scale = max(wide / pixels_wide, high / pixels_high) * MM
            across, up = pixels_wide * scale, pixels_high * scale
            left = x * MM + (wide * MM - across) / 2
            low = self._y(y + high) + (high * MM - up) / 2
            self._ink.raw(f"q {box} W n {across:.3f} 0 0 {up:.3f} {left:.3f} {low:.3f} cm /{name} Do Q")
        self._ink.raw(f"q {_LINE} {box} S Q")

    def code(self, x: float, y: float, side: float, text: str) -> None:
        """A QR code of this side without its quiet zone."""
        drawn = QRCode(error_correction=ERROR_CORRECT_M, border=0)
        drawn.add_data(text)
        drawn.make(fit=True)
        matrix = QrMatrix(tuple("".join("01"[bool(module)] for module in row) for row in drawn.get_matrix()))
        module = side * MM / matrix.side
        left, low = x * MM, self._y(y + side)
        quiet = QUIET_MODULES * module
        edge = side * MM + 2 * quiet
        self._ink.raw(f"q 1 g {left - quiet:.3f} {low - quiet:.3f} {edge:.3f} {edge:.3f} re f 0 g")
        self._ink.raw(f"{module:.5f} 0 0 {module:.5f} {left:.3f} {low:.3f} cm\n{path_of(matrix)} Q")

    def _image(self, jpeg: bytes) -> tuple[str, int, int, int]:
        if jpeg not in self._images:
            body, wide, high = image_of_jpeg(jpeg)
            self._images[jpeg] = (f"I{len(self._images)}", self._objects.add(body), wide, high)
        return self._images[jpeg]

    def file(self, title: str) -> bytes:
        """The PDF, the same bytes for the same pages."""
        objects = self._objects
        fonts = ""
        for name, subset in self._fonts.values():
            fonts += f"/{name} {objects.next} 0 R"
            objects.extend(subset.objects(objects.next, level=6, grid=1))
        images = "".join(f"/{name} {number} 0 R" for name, number, _, _ in self._images.values())
        resources = objects.add(f"<</Font<<{fonts}>>/XObject<<{images}>>>>")
        catalog, tree = objects.reserve(), objects.reserve()
        pages = []
        for ink in self._inks:
            content = objects.add(stream(ink.content()))
            pages.append(
                objects.add(
                    f"<</Type/Page/Parent {tree} 0 R/MediaBox[0 0 {self._wide * MM:.2f} {self._high * MM:.2f}]"
                    f"/Contents {content} 0 R/Resources {resources} 0 R>>"
                )
            )
        kids = " ".join(f"{page} 0 R" for page in pages)
        objects.fill(tree, f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>")
        metadata = objects.add(_titled(title))
        objects.fill(
            catalog,
            f"<</Type/Catalog/Pages {tree} 0 R/Lang(zh-CN)/Metadata {metadata} 0 R"
            "/ViewerPreferences<</DisplayDocTitle true>>>>",
        )
        return objects.file(catalog)


def _titled(title: str) -> bytes:
    """The XMP packet that names the paper."""
    packet = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title><rdf:Alt><rdf:li xml:lang="x-default">'
        f'{title}</rdf:li></rdf:Alt></dc:title></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()
    return b"<</Type/Metadata/Subtype/XML/Length %d>>\nstream\n%b\nendstream" % (len(packet), packet)
