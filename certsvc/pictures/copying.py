"""Drawing a picture again, in the child that `copies` starts."""

from __future__ import annotations

import io
from typing import Any, Final

from PIL import Image, ImageOps

from certsvc.bounded import Say
from certsvc.pictures.kinds import add_heif, is_heif

_FORMATS: Final = ("JPEG", "MPO", "PNG", "WEBP", "HEIF", "AVIF")
_MOST_PIXELS: Final = 50_000_000  # of a JPEG four times as many: its decoder makes it smaller as it reads
_SHORTEST_SIDE: Final = 400
_LONGEST_SIDE: Final = 2000
_QUALITIES: Final = (82, 74, 66, 58)


def copy(settings: dict[str, Any], content: bytes, say: Say) -> None:
    """The child's work: the JPEG, or the key of a refusal."""
    try:
        picture = _opened(content)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        say(b"pixels")
        return
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, RuntimeError):
        say(b"form")  # Pillow's readers raise all of these on damaged files
        return
    if isinstance(picture, bytes):
        say(picture)
        return
    say(_encoded(picture, settings["most"]))


def _opened(content: bytes) -> Image.Image | bytes:
    """The picture upright in RGB on white, or the key of a refusal."""
    if is_heif(content):
        add_heif()
    Image.init()
    Image.MAX_IMAGE_PIXELS = 4 * _MOST_PIXELS
    known: list[str] = [name for name in _FORMATS if name in Image.OPEN]
    with Image.open(io.BytesIO(content), formats=known) as picture:
        if picture.width * picture.height > _MOST_PIXELS * (4 if picture.format in {"JPEG", "MPO"} else 1):
            return b"pixels"
        if min(picture.size) < _SHORTEST_SIDE:
            return b"small"
        picture.draft("RGB", (_LONGEST_SIDE, _LONGEST_SIDE))
        picture.load()
        picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
        drawn = _on_white(ImageOps.exif_transpose(picture))
    if all(low == high for low, high in drawn.getextrema()):  # type: ignore[misc]  # of RGB: a pair a channel
        return b"blank"
    return drawn


def _on_white(picture: Image.Image) -> Image.Image:
    """A new picture, so that no profile, comment or place comes along."""
    canvas = Image.new("RGB", picture.size, "white")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        canvas.paste(layer, mask=layer.getchannel("A"))
    else:
        canvas.paste(picture.convert("RGB"))
    return canvas


def _encoded(picture: Image.Image, most: int) -> bytes:
    while True:
        for quality in _QUALITIES:
            out = io.BytesIO()
            picture.save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= most:
                return out.getvalue()
        picture = picture.resize((picture.width * 4 // 5, picture.height * 4 // 5), Image.Resampling.LANCZOS)
