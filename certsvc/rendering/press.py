"""The press: a face and files to attach → an unsealed, tagged PDF/A-3u, the same bytes for the same input.

`Press` is the edge behind which a faster writer can take this one's place. `TemplatePress` writes the file itself: what
all certificates of a layout share (pattern, labels, their fonts) is laid once as a `Plate` and kept; each certificate
adds its values, a font subset of their characters, portrait, QR, tags and attachments.

The signature's place is object 1: a signature dictionary whose /ByteRange, /Contents and /M are zeros of fixed width,
and a field over the layout's seal place. `signing.pdf` fills them; nothing else in the file moves.
Not here: words (`face`), positions (`layout`), patterns and labels (`plate`), signing.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Protocol

from certsvc.rendering.archive import (
    Attachment,
    Element,
    add_attachments,
    add_metadata,
    add_structure,
)
from certsvc.rendering.face import CertificateFace, FaceRow
from certsvc.rendering.fonts import check_glyphs
from certsvc.rendering.jpeg import image_of_jpeg
from certsvc.rendering.layout import Layout
from certsvc.rendering.layout_file import load_layout
from certsvc.rendering.objects import Objects, literal, stream, text_string
from certsvc.rendering.plate import FIXED, GRID, Plate, Wording, draw_value, make_plate
from certsvc.rendering.qr import QUIET_MODULES, draw_matrix, path_of, side_mm
from certsvc.rendering.typeset import MM, Ink

__all__ = ["Attachment", "Press", "TemplatePress", "open_press"]

ROOM = 6144
"""Bytes for the seal's CMS: a chain of three certificates, the largest of RSA-4096, fits."""
ROOM_FOR_STAMP = ROOM + 10240
"""The same with a time stamp and its authority's chain beside it."""


class Press(Protocol):
    def press(self, face: CertificateFace, attachments: Sequence[Attachment], *, sealable: bool = True) -> bytes:
        """One page of PDF/A-3u; raises `MissingGlyph` or `DocumentRefused`. A preview (not `sealable`) has no field."""
        ...


def open_press(layout: Layout | None = None, *, room: int = ROOM) -> Press:
    """The press for a layout (the shipped one by default), leaving `room` bytes for the seal."""
    return TemplatePress(layout or load_layout(), room)


class TemplatePress:
    """Writes the PDF directly. Keeps the last few plates; safe to share between threads."""

    def __init__(self, layout: Layout, room: int = ROOM) -> None:
        self.layout, self.room = layout, room
        self._plate = functools.lru_cache(maxsize=16)(functools.partial(make_plate, layout))

    def __reduce__(self) -> tuple[object, ...]:
        return (TemplatePress, (self.layout, self.room))

    def press(self, face: CertificateFace, attachments: Sequence[Attachment], *, sealable: bool = True) -> bytes:
        check_glyphs(face.texts())
        plate = self._plate(wording_of(face))
        objects = Objects()
        signature = objects.add(_signature_place(self.layout, self.room, face.domain) if sealable else "null")
        objects.extend(plate.bodies)

        catalog, pages, page = objects.reserve(), objects.reserve(), objects.reserve()
        ink = Ink("V", shared=plate.fonts, next_mark=plate.marks)
        document = Element("Document", [*plate.headings])
        images = self._draw_portrait(face, ink, objects, document)
        document.kids += [self._draw_field(row, plate, ink) for row in face.rows]
        annotations = [self._draw_code(face, ink, objects, document, page)]
        document.kids += [plate.hint, plate.footnote]
        widget = 0
        if sealable:
            widget = self._place_seal(face, plate, objects, document, page=page, signature=signature)
            annotations.append(widget)

        fonts = {**plate.font_numbers, **_add_fonts(ink, objects)}
        values = objects.add(stream(ink.content(), level=5))
        structure = add_structure(objects, page, document, ink.next_mark, annotations)
        metadata = add_metadata(
            objects,
            title=f"{face.title_zh} {face.number}",
            author=face.issuer_zh,
            subject=f"{'样例 SAMPLE · ' if face.sample else ''}{face.title_en}",
            on=face.issued_on,
            producer="certsvc",
        )
        files = add_attachments(objects, attachments, face.issued_on)

        width, height = self.layout.page.width_mm * MM, self.layout.page.height_mm * MM
        objects.fill(pages, f"<</Type/Pages/Kids[{page} 0 R]/Count 1>>")
        objects.fill(
            page,
            f"<</Type/Page/Parent {pages} 0 R/MediaBox[0 0 {width:.2f} {height:.2f}]/Contents[{plate.content} 0 R "
            f"{values} 0 R]/Resources<</Font<<{_names(fonts)}>>/XObject<<{_names({**plate.forms, **images})}>>>>"
            f"/Annots[{' '.join(f'{number} 0 R' for number in annotations)}]/StructParents 0/Tabs/S>>",
        )
        form = f"/AcroForm<</Fields[{widget} 0 R]/SigFlags 3>>/Perms<</DocMDP {signature} 0 R>>" if sealable else ""
        objects.fill(
            catalog,
            f"<</Type/Catalog/Pages {pages} 0 R/Lang(zh-CN)/MarkInfo<</Marked true>>/StructTreeRoot {structure} 0 R"
            f"/Metadata {metadata} 0 R/OutputIntents[{plate.intent} 0 R]/ViewerPreferences<</DisplayDocTitle true>>"
            f"{form}{files}>>",
        )
        return objects.file(catalog)

    def _box(self, x_mm: float, y_mm: float, width_mm: float, height_mm: float) -> tuple[float, float, float, float]:
        """Left, bottom, right, top in points of a box given from the top left in millimetres."""
        top = self.layout.page.height_mm - y_mm
        return x_mm * MM, (top - height_mm) * MM, (x_mm + width_mm) * MM, top * MM

    def _draw_portrait(self, face: CertificateFace, ink: Ink, objects: Objects, document: Element) -> dict[str, int]:
        """The portrait, filling its place without distortion; its frame is on the plate. Returns the images used."""
        if face.portrait is None:
            return {}
        place = self.layout.portrait
        left, bottom, right, top = box = self._box(place.x_mm, place.y_mm, place.width_mm, place.height_mm)
        image, pixels_wide, pixels_high = image_of_jpeg(face.portrait)
        scale = max((right - left) / pixels_wide, (top - bottom) / pixels_high)
        wide, high = pixels_wide * scale, pixels_high * scale
        mark = ink.begin("Figure")
        ink.raw(
            f"q {left:.2f} {bottom:.2f} {right - left:.2f} {top - bottom:.2f} re W n {wide:.3f} 0 0 {high:.3f} "
            f"{(left + right - wide) / 2:.3f} {(bottom + top - high) / 2:.3f} cm /Portrait Do Q"
        )
        ink.end()
        words = self.layout.words
        document.kids.append(Element("Figure", [mark], alt=f"{words.portrait_zh} {words.portrait_en}", box=box))
        return {"Portrait": objects.add(image)}

    def _draw_field(self, row: FaceRow, plate: Plate, ink: Ink) -> Element:
        """The holder's value in its slot; what is the same for everyone stands on the plate."""
        fixed = plate.fixed.get(row.key)
        if fixed is not None:
            return fixed
        slot, label = plate.slots[row.key]
        mark = ink.begin("P")
        tracking = _spread(row.value) if row.key == "name" else 0.0
        draw_value(ink, self.layout, slot, (row.value, row.value_en), tracking)
        ink.end()
        return Element("P", [label, mark])

    def _draw_code(self, face: CertificateFace, ink: Ink, objects: Objects, document: Element, page: int) -> int:
        """The QR on white, and over it a link that carries the QR's own text; returns the link's number."""
        code = self.layout.code
        matrix = draw_matrix(face.qr_text)
        side = side_mm(matrix, code.side_mm)
        left, bottom, right, top = box = self._box(code.x_mm, code.y_mm, side, side)
        module = (right - left) / matrix.side
        quiet = QUIET_MODULES * module
        mark = ink.begin("Figure")
        ink.raw(
            f"q 1 g {left - quiet:.3f} {bottom - quiet:.3f} {right - left + 2 * quiet:.3f} "
            f"{top - bottom + 2 * quiet:.3f} re f 0 g {module:.5f} 0 0 {module:.5f} {left:.3f} {bottom:.3f} cm"
        )
        ink.raw(path_of(matrix))
        ink.raw("Q")
        ink.end()
        words = self.layout.hint
        alt = f"核验二维码 {words.zh} Verification QR code. {words.en}: {face.domain}"
        link = objects.add(
            f"<</Type/Annot/Subtype/Link/Rect[{left:.2f} {bottom:.2f} {right:.2f} {top:.2f}]/Border[0 0 0]/F 4"
            f"/P {page} 0 R/StructParent 1/Contents {text_string(alt)}/A<</S/URI/URI{literal(face.qr_text)}>>>>"
        )
        document.kids.append(Element("Link", [Element("Figure", [mark], alt=alt, box=box)], annotation=link))
        return link

    def _place_seal(
        self, face: CertificateFace, plate: Plate, objects: Objects, document: Element, *, page: int, signature: int
    ) -> int:
        """The signature's field at the seal place; returns its number."""
        seal = self.layout.seal
        box = self._box(seal.x_mm, seal.y_mm, seal.width_mm, seal.height_mm)
        spoken = text_string(f"{seal.signed_zh} {seal.signed_en}: {face.issuer_zh}")
        widget = objects.add(
            f"<</Type/Annot/Subtype/Widget/FT/Sig/T(seal)/TU {spoken}/V {signature} 0 R/F 132/P {page} 0 R"
            f"/StructParent 2/Rect[{' '.join(f'{edge:.2f}' for edge in box)}]/AP<</N {plate.appearance} 0 R>>>>"
        )
        document.kids.append(Element("Form", annotation=widget))
        return widget


def _add_fonts(ink: Ink, objects: Objects) -> dict[str, int]:
    """The subsets that this certificate's values are set in, and their numbers."""
    numbers: dict[str, int] = {}
    for name, subset in ink.own.values():
        numbers[name] = objects.next
        objects.extend(subset.objects(objects.next, level=5, grid=GRID))
    return numbers


def _names(numbers: Mapping[str, int]) -> str:
    return "".join(f"/{name} {number} 0 R" for name, number in numbers.items())


def _spread(name: str) -> float:
    """Letter-spacing of a name, in ems: two characters are set apart, as is the custom.

    The gap needs an /ActualText or readers take it for a blank, and pdfium loses characters beyond the BMP there; exact
    text comes before the custom, so names with such characters are set close.
    """
    return 0.3 if len(name) == 2 and all(0x2E80 <= ord(char) <= 0xFFFF for char in name) else 0.0


def wording_of(face: CertificateFace) -> Wording:
    """What this face shares with others."""
    return Wording(
        title=(face.title_zh, face.title_en),
        statement=(face.statement_zh, face.statement_en),
        labels=tuple((row.key, row.label_zh, row.label_en) for row in face.rows),
        values=tuple((row.key, row.value, row.value_en) for row in face.rows if row.key in FIXED),
        issuer=face.issuer_zh,
        domain=face.domain,
        portrait=face.portrait is not None,
        sample=face.sample,
    )


def _signature_place(layout: Layout, room: int, domain: str) -> str:
    """Object 1 as `signing.pdf` expects it, byte for byte; the domain in it is signed with the rest (12.8.1)."""
    return (
        "<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached"
        "/ByteRange[0 0000000000 0000000000 0000000000]"
        f"/Contents<{'0' * (2 * room)}>/M(D:00000000000000+00'00')"
        "/Reference[<</Type/SigRef/TransformMethod/DocMDP/TransformParams<</Type/TransformParams/P 1/V/1.2>>>>]"
        f"/Reason {text_string(layout.seal.reason)}/Location {text_string(domain)}"
        f"/ContactInfo {text_string(f'核验网址 check at: https://{domain}')}>>"
    )
