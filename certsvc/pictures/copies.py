"""A picture that a stranger sent as evidence → a JPEG of our own: upright, of bounded size, no more than the picture.

It is opened and drawn again in a process of its own (`bounded`, `copying`), so that no reader's fault reaches the
register, and what a phone writes beside a picture (where and when it was taken, by which device) is gone before it is
kept.
"""

from __future__ import annotations

from typing import Final, NoReturn

from certsvc.bounded import Bounds, OutOfBounds, run_bounded
from certsvc.errors import PictureRefused
from certsvc.pictures.kinds import is_picture

LARGEST_BYTES: Final = 10 * 1024 * 1024
KEPT_BYTES: Final = 512 * 1024
"""Of one copy: a page of small print stays readable at 2,000 pixels."""
_BOUNDS: Final = Bounds(seconds=20, memory_bytes=384 * 1024 * 1024, answer_bytes=2 * KEPT_BYTES)
_JPEG: Final = b"\xff\xd8\xff"
_REFUSALS: Final = {
    "size": (f"照片超过 {LARGEST_BYTES >> 20} MB", f"the picture exceeds {LARGEST_BYTES >> 20} MB"),
    "form": (
        "不是能打开的照片；请用手机拍照，或存为 JPEG、PNG 后再选",
        "no picture that can be opened here: take a photograph, or save it as JPEG or PNG",
    ),
    "pixels": ("照片像素过多，请缩小后再选", "the picture has too many pixels; make it smaller"),
    "small": ("照片太小，看不清；短边至少 400 像素", "the picture is too small to be read: 400 pixels across at least"),
    "blank": ("照片上什么也没有，请重新拍摄", "there is nothing in the picture; take it again"),
    "limits": (
        "照片无法在限定的时间内打开，请缩小后再选",
        "the picture cannot be opened within its limits; make it smaller",
    ),
}


def plain_copy(content: bytes) -> bytes:
    """The picture, drawn again as JPEG. Raises `PictureRefused`."""
    if len(content) > LARGEST_BYTES:
        _refuse("size")
    if not is_picture(content):
        _refuse("form")
    try:
        answer = run_bounded("certsvc.pictures.copying:copy", {"most": KEPT_BYTES}, content, _BOUNDS)
    except OutOfBounds:
        _refuse("limits")
    if not answer.startswith(_JPEG):
        _refuse(answer.decode("ascii", "replace"))
    return answer


def _refuse(reason: str) -> NoReturn:
    zh, en = _REFUSALS.get(reason, _REFUSALS["form"])
    raise PictureRefused(zh, en, rule="R8.2")
