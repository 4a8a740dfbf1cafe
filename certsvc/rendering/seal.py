"""What the visible signature shows at the issuer's seal place (R7.2, R7.6).

The issuer's own image where the layout names one; in a SAMPLE a neutral ring that says what belongs there; otherwise
two quiet lines. Nothing here imitates a seal.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Mapping

from PIL import Image, UnidentifiedImageError
from reportlab.lib.colors import Color
from reportlab.pdfgen.canvas import Canvas

from certsvc.errors import InvalidLayout
from certsvc.rendering.fonts import Style
from certsvc.rendering.layout import Layout
from certsvc.rendering.line_art import line_art
from certsvc.rendering.objects import Objects, stream
from certsvc.rendering.typeset import MM, Colour, Ink, Pen

_MOST_PIXELS = 2_000 * 2_000


def seal_form(layout: Layout, ink: Ink, sample: bool) -> Callable[[Objects, Mapping[str, int]], int]:
    """Draw the appearance; the function returned adds it, given the fonts' object numbers, and returns its number."""
    seal = layout.seal
    width, height = seal.width_mm * MM, seal.height_mm * MM
    x, y = width / 2, height / 2
    image = None if sample else layout.seal_image
    if sample:
        colour = layout.colour("gold")
        radius = min(width, height) / 2 - 1.5
        ring = line_art(width, height, lambda canvas: _draw_ring(canvas, (x, y), radius, colour))
        ink.raw(f"q\n{ring.content}\nQ")
        ink.centred(x, y + 1, seal.zh, Pen(Style.KAI, 12.5, colour, 0.2))
        ink.centred(x, y - 10, seal.en, Pen(Style.LATIN, 7.5, colour, 0.24))
    elif image is None:
        ink.centred(x, y + 2, seal.signed_zh, Pen(Style.KAI, 10, layout.colour("label"), 0.1))
        ink.centred(x, y - 8, seal.signed_en, Pen(Style.LATIN, 7, layout.colour("quiet"), 0.04))
    else:
        ink.raw(f"q {width:.2f} 0 0 {height:.2f} 0 0 cm /Seal Do Q")
    content = ink.content()

    def build(objects: Objects, fonts: Mapping[str, int]) -> int:
        resources = f"/Font<<{''.join(f'/{name} {number} 0 R' for name, number in fonts.items())}>>"
        if image is not None:
            resources += f"/XObject<</Seal {_add_image(objects, image)} 0 R>>"
        entries = f"/Type/XObject/Subtype/Form/BBox[0 0 {width:.2f} {height:.2f}]/Resources<<{resources}>>"
        return objects.add(stream(content, entries, 9))

    return build


def _draw_ring(canvas: Canvas, centre: tuple[float, float], radius: float, colour: Colour) -> None:
    """A fine ring, and one of dots within it."""
    canvas.setStrokeColor(Color(*colour))
    canvas.setLineWidth(0.6)
    canvas.circle(*centre, radius)
    canvas.setLineWidth(0.5)
    canvas.setLineCap(1)
    canvas.setDash([0, 2.6])
    canvas.circle(*centre, radius - 3)


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
