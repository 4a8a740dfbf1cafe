"""A certificate's page as a picture, for a screen: what the PDF shows, and no proof of anything.

Only our own sealed files are drawn here, so this needs no bounded child. PDFium is not safe for threads: one page at a
time (pypdfium2, README, "Thread incompatibility"). Not here: pictures that strangers bring (`pictures`).
"""

from __future__ import annotations

import io
import threading
from typing import Final

import pypdfium2

WIDTH: Final = 1754
"""Pixels across the page: 150 dots to the inch of A4 lying, from which a phone still reads the code."""
_QUALITY: Final = 85
_one_at_a_time = threading.Lock()


def first_page(pdf: bytes, width: int = WIDTH) -> bytes:
    """The first page as JPEG, `width` pixels wide."""
    with _one_at_a_time, pypdfium2.PdfDocument(pdf) as document:
        page = document[0]
        drawn = page.render(scale=width / page.get_width()).to_pil().convert("RGB")
    target = io.BytesIO()
    drawn.save(target, "JPEG", quality=_QUALITY, optimize=True)
    return target.getvalue()
