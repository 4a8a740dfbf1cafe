"""A JPEG passed through into the PDF as it is (DCTDecode): only its size and colour components are read.

Photographs were checked and re-encoded on import (`roster.photo`); here nothing is decoded.
"""

from __future__ import annotations

import struct

from certsvc.errors import PhotoRefused

_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_COLOURS = {1: "DeviceGray", 3: "DeviceRGB"}


def image_of_jpeg(content: bytes) -> tuple[bytes, int, int]:
    """(image object, width, height in pixels); raises `PhotoRefused` for what is not a grey or RGB JPEG."""
    try:
        width, height, components = _frame(content)
        space = _COLOURS[components]
    except (struct.error, IndexError, KeyError, ValueError) as error:
        raise PhotoRefused("照片不是可用的 JPEG", "the photo is not a grey or RGB JPEG", rule="R7.2") from error
    head = (
        f"<</Type/XObject/Subtype/Image/Width {width}/Height {height}/ColorSpace/{space}/BitsPerComponent 8"
        f"/Filter/DCTDecode/Length {len(content)}>>\nstream\n"
    )
    return head.encode() + content + b"\nendstream", width, height


def _frame(content: bytes) -> tuple[int, int, int]:
    """Width, height and components from the first frame header (ITU-T T.81, B.2.2)."""
    if content[:2] != b"\xff\xd8":
        raise ValueError
    at = 2
    while True:
        mark, kind, length = struct.unpack_from(">BBH", content, at)
        if mark != 0xFF:
            raise ValueError
        if kind in _FRAMES:
            height, width, components = struct.unpack_from(">HHB", content, at + 5)
            if not width or not height:
                raise ValueError
            return width, height, components
        at += 2 + length
