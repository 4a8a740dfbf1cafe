"""Line art drawn with reportlab, taken out of the page it wrote, to be laid under a page of ours.

reportlab draws; what comes out is a content stream and the forms it calls, without the page around them: no fonts, no
metadata, no /Info, so that nothing of it stands in the way of PDF/A. Not here: text, whose fonts and tags are the
press's own (`typeset`).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import pikepdf
from reportlab.pdfgen.canvas import Canvas

from certsvc.rendering.objects import stream

# Every content of reportlab's begins by choosing a font, which we neither embed nor use; "n" ends a path of nothing.
_IDLE = frozenset({"BT", "Tf", "TL", "ET", "n"})
_PLACES = 2
_PLACES_OF_A_MATRIX = 6  # turned two dozen times, a form must come back to where it began


@dataclass(frozen=True, slots=True)
class LineArt:
    """Operators, and the bodies of the forms that they call, by resource name."""

    content: str
    forms: Mapping[str, bytes]


def line_art(width: float, height: float, draw: Callable[[Canvas], None]) -> LineArt:
    """What `draw` puts on a canvas of this size in points: paths and forms, no text and no images."""
    written = io.BytesIO()
    canvas = Canvas(written, pagesize=(width, height), pageCompression=0, invariant=1)
    draw(canvas)
    canvas.save()
    with pikepdf.open(written) as pdf:
        page = pdf.pages[0]
        forms = {}
        for name, form in page.resources.get("/XObject", {}).items():
            box = " ".join(f"{float(edge):.2f}" for edge in form.BBox)
            forms[name.removeprefix("/")] = stream(_operators(form), f"/Type/XObject/Subtype/Form/BBox[{box}]", 9)
        return LineArt(_operators(page).decode("ascii"), forms)


def _operators(content: pikepdf.Page | pikepdf.Object) -> bytes:
    """The steps of a content stream, coordinates to a hundredth of a point."""
    steps = []
    for step in pikepdf.parse_content_stream(content):
        operator = str(step.operator)
        if operator not in _IDLE:
            places = _PLACES_OF_A_MATRIX if operator == "cm" else _PLACES
            steps.append(" ".join([*(_short(operand, places) for operand in step.operands), operator]))
    return "\n".join(steps).encode("ascii")


def _short(operand: object, places: int) -> str:
    """A number in as few characters as it takes; a name or an array as it is."""
    if isinstance(operand, pikepdf.Object):
        return operand.unparse().decode("ascii")
    assert isinstance(operand, int | Decimal)
    text = f"{float(operand):.{places}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
