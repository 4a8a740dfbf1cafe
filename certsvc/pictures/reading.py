"""Looking for QR codes in a picture, in the child that `codes` starts.

People hand on what they have, so one look is not enough: a picture is read at several sizes, in every direction, dark
on light and light on dark, mirrored, smoothed against the pattern of a screen, enlarged where it is small. Each page of
a PDF or TIFF is read. All pages get their plain views before any gets a closer look.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

import pypdfium2
import zxingcpp
from PIL import Image, ImageFile, ImageFilter, ImageOps

from certsvc.bounded import Say
from certsvc.credential.compact import parse_qr_text
from certsvc.errors import MalformedCredential
from certsvc.pictures.kinds import add_heif, is_heif

_MOST_PAGES: Final = 10
_MOST_PIXELS: Final = 40_000_000  # A4 at 600 dpi has 35
_MOST_PIXELS_OF_JPEG: Final = 220_000_000  # its decoder makes it smaller as it reads
_LONGEST_SIDE: Final = 5000
_SIDES: Final = (2400, 1600, 1000)
_SMALL: Final = 1700  # a page at 200 dpi is larger; smaller ones are enlarged as well
_DPI: Final = 300
_FORMATS: Final = ("JPEG", "MPO", "PNG", "TIFF", "WEBP", "BMP", "GIF", "HEIF", "AVIF")
_QR: Final = zxingcpp.barcode_formats_from_str("QRCode")
_PDF: Final = b"%PDF-"
_ZIP: Final = b"PK\x03\x04"  # it may hold a PDF uncompressed


class _Unopened(Exception):  # not an error: the child's way out, with the key of a refusal
    pass


def read(settings: dict[str, Any], content: bytes, say: Say) -> None:
    """The child's work: JSON of the codes found, or of the reason why the picture cannot be opened."""
    ends_at = time.process_time() + settings["seconds"]
    pages: list[Image.Image] = []
    found: dict[str, None] = {}
    refused = ""
    try:
        for page in _pages(content):
            found |= _codes_in(_plain_views(page), ends_at)
            pages.append(_shrunk(page, _SIDES[0]))  # kept for a closer look
            if time.process_time() > ends_at:
                break
    except _Unopened as reason:
        refused = str(reason)
    if refused and not found:
        say(json.dumps({"refused": refused}).encode())
        return
    for page in pages:
        if any(map(_is_of_a_certificate, found)):
            break
        found |= _codes_in(_helped_views(page), ends_at)
    say(json.dumps({"codes": sorted(found, key=lambda text: not _is_of_a_certificate(text))}).encode())


def _is_of_a_certificate(text: str) -> bool:
    try:
        parse_qr_text(text)
    except MalformedCredential:
        return False
    return True


_View = tuple[Image.Image, zxingcpp.Binarizer]


def _codes_in(views: Iterator[_View], ends_at: float) -> dict[str, None]:
    """The codes in the views of a page, up to the first view that shows one of a certificate."""
    found: dict[str, None] = {}
    for view, binarizer in views:
        for code in zxingcpp.read_barcodes(view, formats=_QR, binarizer=binarizer):
            found[code.text] = None
        if any(map(_is_of_a_certificate, found)) or time.process_time() > ends_at:
            break
    return found


def _plain_views(page: Image.Image) -> Iterator[_View]:
    """The page as it is, smaller, and where it is small larger."""
    local = zxingcpp.Binarizer.LocalAverage
    yield page, local
    for side in _SIDES:
        if side < max(page.size):
            yield _shrunk(page, side), local
    if max(page.size) < _SMALL:
        yield _enlarged(page), local


def _helped_views(page: Image.Image) -> Iterator[_View]:
    """What helps where light, a screen or a fax stand in the way: contrast, smoothing, another threshold, a turn."""
    local, whole = zxingcpp.Binarizer.LocalAverage, zxingcpp.Binarizer.GlobalHistogram
    views = [_enlarged(page)] if max(page.size) < _SMALL else []
    for view in [*(_shrunk(page, side) for side in reversed(_SIDES) if side < max(page.size)), page, *views]:
        clear = ImageOps.autocontrast(view, cutoff=2)
        yield clear, whole
        yield clear.filter(ImageFilter.GaussianBlur(1.2)), local
        yield clear.filter(ImageFilter.MedianFilter(3)), local
        yield clear.filter(ImageFilter.GaussianBlur(2.5)), whole
        yield clear.rotate(45, Image.Resampling.BICUBIC, expand=True, fillcolor=255), local


def _enlarged(page: Image.Image) -> Image.Image:
    return page.resize((page.width * 2, page.height * 2), Image.Resampling.BICUBIC)


def _shrunk(page: Image.Image, side: int) -> Image.Image:
    smaller = page.copy()
    smaller.thumbnail((side, side))
    return smaller


@contextmanager
def _lenient() -> Iterator[None]:
    """Half a photo may hold the whole code. Pillow keeps this for the whole process, which may have others to read."""
    kept = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = _MOST_PIXELS_OF_JPEG, True
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = kept


def _pages(content: bytes) -> Iterator[Image.Image]:
    """Each page as a picture in grey; raises `_Unopened`."""
    if _PDF in content[:1024] and not content.startswith(_ZIP):
        yield from _pages_of_pdf(content)
        return
    if is_heif(content):
        add_heif()
    try:
        Image.init()
        known = [name for name in _FORMATS if name in Image.OPEN]
        with _lenient(), Image.open(io.BytesIO(content), formats=list(known)) as picture:
            for number in range(min(getattr(picture, "n_frames", 1), _MOST_PAGES) if picture.format == "TIFF" else 1):
                picture.seek(number)
                yield from _in_grey(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _Unopened("pixels") from error
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, RuntimeError) as error:
        raise _Unopened("form") from error  # Pillow's readers raise all of these on damaged files


def _pages_of_pdf(content: bytes) -> Iterator[Image.Image]:
    try:
        with pypdfium2.PdfDocument(content) as document:
            for number in range(min(len(document), _MOST_PAGES)):
                page = document[number]
                longest = max(page.get_size())
                if longest > 0:
                    scale = min(_DPI / 72, _LONGEST_SIDE / longest)
                    yield page.render(scale=scale, grayscale=True).to_pil().convert("L")
    except pypdfium2.PdfiumError as error:
        raise _Unopened("password" if "password" in str(error).lower() else "form") from error


def _in_grey(picture: Image.Image) -> Iterator[Image.Image]:
    """The picture on white, and where it has transparent parts these by themselves."""
    most = _MOST_PIXELS_OF_JPEG if picture.format in {"JPEG", "MPO"} else _MOST_PIXELS
    if picture.width * picture.height > most:
        raise _Unopened("pixels")
    picture.draft("L", (_LONGEST_SIDE, _LONGEST_SIDE))
    if picture.mode.startswith(("I", "F")):  # more than eight bits: the lightest becomes white
        levels = picture.convert("F")
        lowest, highest = cast(tuple[float, float], levels.getextrema())
        factor = 255 / ((highest - lowest) or 1)
        yield _bounded(levels.point(lambda value: value * factor - lowest * factor).convert("L"))
    elif picture.has_transparency_data:
        seen = picture.convert("RGBA")
        alpha = seen.getchannel("A")
        ground = Image.new("L", seen.size, 255)
        ground.paste(seen.convert("L"), mask=alpha)
        yield _bounded(ground)
        if alpha.getextrema() != (255, 255):
            yield _bounded(alpha)
    else:
        yield _bounded(picture.convert("L"))


def _bounded(page: Image.Image) -> Image.Image:
    return _shrunk(page, _LONGEST_SIDE) if max(page.size) > _LONGEST_SIDE else page
