"""The QR codes in a picture: photo, screenshot, scan, fax, HEIC, TIFF, or a PDF that is a picture.

Pictures are a stranger's bytes and their readers large programs, so all of it is done under limits in a process of its
own (`bounded`, `reading`).
Not here: what a code says and whether it holds (`services.verification`). A code in a picture is a way to the record
and proves nothing about the paper it was found on.
"""

from __future__ import annotations

import json
from typing import Final, NoReturn

from certsvc.bounded import Bounds, OutOfBounds, run_bounded
from certsvc.errors import PictureRefused
from certsvc.pictures.kinds import is_picture

__all__ = ["LARGEST_BYTES", "is_picture", "read_codes"]

LARGEST_BYTES: Final = 20 * 1024 * 1024
_BOUNDS: Final = Bounds(seconds=20, memory_bytes=384 * 1024 * 1024, answer_bytes=256 * 1024)
_SECONDS_OF_LOOKING: Final = 6.0

_REFUSALS: Final = {
    "form": (
        "此文件在这里无法作为图片打开；请另存为 JPEG 或 PNG，或截图后再试",
        "this file cannot be opened as a picture here; save it as JPEG or PNG, or take a screenshot of it",
    ),
    "pixels": (
        "图片像素过多，无法打开；请缩小或截取二维码部分后再试",
        "the picture has too many pixels to be opened; make it smaller, or cut out the code",
    ),
    "password": (
        "该 PDF 有打开密码，无法读取；请另存为无密码的文件，或截图后再试",
        "the PDF asks for a password; save it without one, or take a screenshot of it",
    ),
    "limits": (
        "图片在限定的时间和内存内无法读取；请缩小或截取二维码部分后再试",
        "the picture cannot be read within its limits of time and memory; make it smaller, or cut out the code",
    ),
}


def read_codes(content: bytes, *, seconds: float = _SECONDS_OF_LOOKING) -> tuple[str, ...]:
    """The texts of the QR codes found in a picture or PDF, each once; certificates' codes come first.

    Looks for `seconds` of processor time at most, once the picture is open. Raises `PictureRefused` for what cannot be
    opened as a picture, or not within the limits. A picture in which no code was found gives none.
    """
    if len(content) > LARGEST_BYTES:
        _refuse("limits")
    try:
        answer = json.loads(run_bounded("certsvc.pictures.reading:read", {"seconds": seconds}, content, _BOUNDS))
    except (OutOfBounds, ValueError):
        _refuse("limits")
    if "refused" in answer:
        _refuse(answer["refused"])
    return tuple(answer["codes"])


def _refuse(reason: str) -> NoReturn:
    zh, en = _REFUSALS[reason]
    raise PictureRefused(zh, en, rule="R11")
