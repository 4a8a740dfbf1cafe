"""The seal place (R7.2, R7.6): a drawn electronic seal beneath issuer and date, or the issuer's own image over them.

The drawn one is plainly that: fine rings, the issuer's name around, and in the middle what it is, in two languages; in
a SAMPLE, that. No star, no emblem and no number in it imitates a real seal. It is line art, drawn before any text: what
stands on it is read and copied as if it were not there. An image of the issuer's own is the visible signature's
appearance, which viewers lay over the page.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from math import cos, pi, sin

from PIL import Image, UnidentifiedImageError
from reportlab.lib.colors import Color
from reportlab.pdfgen.canvas import Canvas

from certsvc.errors import InvalidLayout
from certsvc.rendering.fonts import Style, runs
from certsvc.rendering.fonts.outline import glyph_path
from certsvc.rendering.layout import Layout
from certsvc.rendering.line_art import line_art
from certsvc.rendering.objects import Objects, stream
from certsvc.rendering.typeset import MM, Colour, Ink, Outlines, paint

_MOST_PIXELS = 2_000 * 2_000
_GRAIN = 100
"""Units to an em of the letters around: a tenth of a point at their size."""
_ARC = 1.5 * pi
"""How far around the issuer's name may go."""
_LARGEST_PT = 11.5


def draw_seal(layout: Layout, ink: Ink, issuer: str, middle: Sequence[tuple[str, Outlines]]) -> None:
    """Draw it on the page; `middle` are the forms of the Chinese and the English in it, by name.

    They are low and small enough to stand between the issuer and the date.
    """
    seal = layout.seal
    colour = layout.colour("seal")
    radius = min(seal.width_mm, seal.height_mm) / 2 * MM
    x = (seal.x_mm + seal.width_mm / 2) * MM
    y = (layout.page.height_mm - seal.y_mm - seal.height_mm / 2) * MM
    rings = line_art(2 * radius, 2 * radius, lambda canvas: _draw_rings(canvas, radius, colour))
    ink.raw(f"/Artifact BMC q 1 0 0 1 {x:.2f} {y:.2f} cm\nq {rings.content} Q\n{paint(colour)}")
    ink.raw(_around(issuer, radius * 0.76))
    for (form, outline), lift, size in zip(middle, (-0.02, -0.16), (0.24, 0.1), strict=True):
        ink.shape(form, 0, lift * radius, min(size * radius / outline.em, 1.02 * radius / outline.width), colour)
    ink.raw("Q EMC")


def _draw_rings(canvas: Canvas, radius: float, colour: Colour) -> None:
    """A strong ring, a fine one within, and one of dots between the name and the middle."""
    canvas.setStrokeColor(Color(*colour))
    for width, share in ((1.5, 0.985), (0.4, 0.945)):
        canvas.setLineWidth(width)
        canvas.circle(0, 0, radius * share)
    canvas.setLineWidth(0.7)
    canvas.setLineCap(1)
    canvas.setDash([0, 2.4])
    canvas.circle(0, 0, radius * 0.6)


def _around(text: str, radius: float) -> str:
    """A text along the upper arc of a circle, read from its middle: paths, as large as they fit."""
    placed = [(font, char) for font, part in runs(text, Style.SONG) for char in part]
    ems = [font.advance(char) / 1000 for font, char in placed]
    size = min(_LARGEST_PT, _ARC * radius / (1.12 * sum(ems)))
    # Short names are spread, but not so far that a name falls into letters.
    spread = min(1.6, max(1.12, 0.8 * pi * radius / (size * sum(ems))))
    angle = sum(ems) * size * spread / radius / 2
    parts, base, scale = [], radius - 0.37 * size, size / _GRAIN
    for (font, char), em in zip(placed, ems, strict=True):
        half = em * size * spread / radius / 2
        angle -= half
        path = glyph_path(font, char, _GRAIN)
        if path:
            right, up = cos(angle), sin(angle)
            left = em * size / 2
            start = (-base * up - left * right, base * right - left * up)
            parts.append(
                f"q {scale * right:.5f} {scale * up:.5f} {-scale * up:.5f} {scale * right:.5f} "
                f"{start[0]:.2f} {start[1]:.2f} cm\n{path}\nf Q"
            )
        angle -= half
    return "\n".join(parts)


def add_appearance(layout: Layout, objects: Objects, *, sample: bool) -> int:
    """What the visible signature shows over the page: the issuer's image, or nothing. Returns its number."""
    width, height = layout.seal.width_mm * MM, layout.seal.height_mm * MM
    entries = f"/Type/XObject/Subtype/Form/BBox[0 0 {width:.2f} {height:.2f}]/Resources<<"
    if sample or layout.seal_image is None:
        return objects.add(f"<<{entries}>>/Length 0>>\nstream\n\nendstream")
    entries += f"/XObject<</Seal {_add_image(objects, layout.seal_image)} 0 R>>>>"
    return objects.add(stream(f"q {width:.2f} 0 0 {height:.2f} 0 0 cm /Seal Do Q".encode(), entries, 9))


def _add_image(objects: Objects, content: bytes) -> int:
    """A PNG or JPEG as RGB with its transparency as a soft mask."""
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise InvalidLayout("印章图片过大", "the seal image has too many pixels", where="seal.image")
            image = opened.convert("RGBA")
    except (UnidentifiedImageError, OSError) as error:
        raise InvalidLayout("印章图片无法读取", "the seal image cannot be read", where="seal.image") from error
    red, green, blue, alpha = image.split()
    form = (
        f"<</Type/XObject/Subtype/Image/Width {image.width}/Height {image.height}/BitsPerComponent 8/Filter/FlateDecode"
    )
    veil = zlib.compress(alpha.tobytes(), 9)
    mask = objects.add(
        b"%b/ColorSpace/DeviceGray/Length %d>>\nstream\n%b\nendstream" % (form.encode(), len(veil), veil)
    )
    inked = zlib.compress(Image.merge("RGB", (red, green, blue)).tobytes(), 9)
    return objects.add(
        b"%b/ColorSpace/DeviceRGB/SMask %d 0 R/Length %d>>\nstream\n%b\nendstream"
        % (form.encode(), mask, len(inked), inked)
    )
