"""The QR codes in a picture: photo, screenshot, scan, fax, HEIC, TIFF, or a PDF that is a picture.

People hand on what they have, so one look is not enough: a picture is read at several sizes, in every direction,
dark on light and light on dark, mirrored, smoothed against the pattern of a screen, enlarged where it is small. Each
page of a PDF or TIFF is read. Pictures are a stranger's bytes and their readers large programs, so all of it is done
under limits in a process of its own (`bounded`).
Not here: what a code says and whether it holds (`services.verification`). A code in a picture is a way to the record
and proves nothing about the paper it was found on.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from typing import Any, Final, NoReturn, cast

import pypdfium2
import zxingcpp
from PIL import Image, ImageFile, ImageFilter, ImageOps

from certsvc.bounded import Bounds, OutOfBounds, Say, run_bounded
from certsvc.credential.compact import parse_qr_text
from certsvc.errors import MalformedCredential, PictureRefused

LARGEST_BYTES: Final = 20 * 1024 * 1024
_BOUNDS: Final = Bounds(seconds=20, memory_bytes=384 * 1024 * 1024, answer_bytes=256 * 1024)
_SECONDS_OF_LOOKING: Final = 6.0  # then what was found so far is the answer
_MOST_PAGES: Final = 10
_MOST_PIXELS: Final = 40_000_000  # A4 at 600 dpi has 35
_MOST_PIXELS_OF_JPEG: Final = 220_000_000  # its decoder makes it smaller as it reads
_LONGEST_SIDE: Final = 5000
_SIDES: Final = (2400, 1600, 1000)
_SMALL: Final = 1700  # a page at 200 dpi is larger; smaller ones are enlarged as well
_DPI: Final = 300
_FORMATS: Final = ("JPEG", "MPO", "PNG", "TIFF", "WEBP", "BMP", "GIF", "HEIF", "AVIF")
_HEIF_BRANDS: Final = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1", b"avif"})
_QR: Final = zxingcpp.barcode_formats_from_str("QRCode")
_BEGINNINGS: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"II*\0", b"MM\0*", b"BM", b"GIF8")
_PDF: Final = b"%PDF-"
_ZIP: Final = b"PK\x03\x04"  # it may hold a PDF uncompressed

_REFUSALS: Final = {
    "form": (
        "此文件在这里无法作为图片打开;请另存为 JPEG 或 PNG,或截图后再试",
        "this file cannot be opened as a picture here; save it as JPEG or PNG, or take a screenshot of it",
    ),
    "pixels": (
        "图片像素过多,无法打开;请缩小或截取二维码部分后再试",
        "the picture has too many pixels to be opened; make it smaller, or cut out the code",
    ),
    "password": (
        "该 PDF 有打开密码,无法读取;请另存为无密码的文件,或截图后再试",
        "the PDF asks for a password; save it without one, or take a screenshot of it",
    ),
    "limits": (
        "图片在限定的时间和内存内无法读取;请缩小或截取二维码部分后再试",
        "the picture cannot be read within its limits of time and memory; make it smaller, or cut out the code",
    ),
}


def is_picture(content: bytes) -> bool:
    """Whether these bytes begin as a picture does; whether it opens is another question. A PDF is none here."""
    return content.startswith(_BEGINNINGS) or _is_webp(content) or _is_heif(content)


def read_codes(content: bytes) -> tuple[str, ...]:
    """The texts of the QR codes found in a picture or PDF, each once; certificates' codes come first.

    Raises `PictureRefused` for what cannot be opened as a picture, or not within the limits. A picture in which no
    code was found gives none.
    """
    if len(content) > LARGEST_BYTES:
        _refuse("limits")
    try:
        answer = json.loads(run_bounded(read, {}, content, _BOUNDS))
    except (OutOfBounds, ValueError):
        _refuse("limits")
    if "refused" in answer:
        _refuse(answer["refused"])
    return tuple(answer["codes"])


def _refuse(reason: str) -> NoReturn:
    zh, en = _REFUSALS[reason]
    raise PictureRefused(zh, en, rule="R11")


class _Unopened(Exception):  # not an error: the child's way out, with the key of a refusal
    pass


def read(settings: dict[str, Any], content: bytes, say: Say) -> None:
    """The child's work: JSON of the codes found, or of the reason why the picture cannot be opened."""
    del settings
    ends_at = time.process_time() + _SECONDS_OF_LOOKING
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


def _pages(content: bytes) -> Iterator[Image.Image]:
    """Each page as a picture in grey; raises `_Unopened`."""
    if _PDF in content[:1024] and not content.startswith(_ZIP):
        yield from _pages_of_pdf(content)
        return
    Image.MAX_IMAGE_PIXELS = _MOST_PIXELS_OF_JPEG
    ImageFile.LOAD_TRUNCATED_IMAGES = True  # half a photo may hold the whole code
    if _is_heif(content):
        _add_heif()
    try:
        Image.init()
        with Image.open(io.BytesIO(content), formats=[name for name in _FORMATS if name in Image.OPEN]) as picture:
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


def _is_webp(content: bytes) -> bool:
    return content[:4] == b"RIFF" and content[8:12] == b"WEBP"


def _is_heif(content: bytes) -> bool:
    return content[4:8] == b"ftyp" and content[8:12] in _HEIF_BRANDS


def _add_heif() -> None:
    """Let Pillow read what phones take; the reader is an extra (`certsvc[heic]`)."""
    try:
        from pillow_heif import register_heif_opener  # noqa: PLC0415 - may be missing
    except ImportError:
        return
    register_heif_opener()
