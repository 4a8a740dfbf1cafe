"""The fonts of a certificate: which file draws which character, and what no file can draw (R9).

Three fonts are shipped; HanaMinA and HanaMinB (Debian's fonts-hanazono) are looked up on the system for the rarest
characters. A style names a stack: the first file that has a character draws it. A character that none has is told by
`missing_glyphs`, and `check_glyphs` refuses it by name; a box is never printed.
Not here: outlines and subsets (`truetype`), sizes and positions (`typeset`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path

from certsvc.errors import MissingGlyph
from certsvc.rendering.fonts.truetype import FontFile, Subset
from certsvc.resources import fonts_folder

__all__ = ["FontFile", "Style", "Subset", "check_glyphs", "missing_glyphs", "runs", "width_em"]

_SYSTEM_FOLDERS = (
    Path("/usr/share/fonts/truetype/hanazono"),
    Path("/usr/share/fonts/hanazono"),
    Path("/usr/local/share/fonts"),
)
_FIRST_CJK = 0x2E80
_TEXTS_KEPT = 4096
"""Each text is measured more than once and then drawn, and most are the same from certificate to certificate."""


class Style(StrEnum):
    """How a text is set: 楷体 for what is written in, 宋体 for titles, and the Latin of the English beneath."""

    KAI = "kai"
    SONG = "song"
    LATIN = "latin"


@cache
def _shipped(name: str) -> FontFile:
    return FontFile(fonts_folder() / name)


@cache
def _fallbacks() -> tuple[FontFile, ...]:
    found = []
    for name in ("HanaMinA.ttf", "HanaMinB.ttf"):
        path = next((folder / name for folder in _SYSTEM_FOLDERS if (folder / name).is_file()), None)
        if path is not None:
            found.append(FontFile(path))
    return tuple(found)


def _stack(style: Style) -> Iterator[FontFile]:
    """The files of a style, best first; the system's fallbacks are opened only when all else lacks a glyph."""
    if style is Style.SONG:
        yield _shipped("CertsvcSong-Bold.ttf")
    yield _shipped("LXGWWenKai-Regular.ttf")
    yield _shipped("CertsvcSong-Regular.ttf")
    yield _shipped("CertsvcSong-Bold.ttf")
    yield from _fallbacks()


@lru_cache(maxsize=65536)
def _font_of(char: str, style: Style, latin: bool) -> FontFile | None:
    if latin and style is not Style.SONG and not _ill_set_in_song(char):
        regular = _shipped("CertsvcSong-Regular.ttf")
        if regular.draws(char):
            return regular
    return next((font for font in _stack(style) if font.draws(char)), None)


def _ill_set_in_song(char: str) -> bool:
    """The 宋体 sets quotation marks a Han wide and combining marks over the letter that follows; the 楷体 does not."""
    return char in "\u2018\u2019\u201c\u201d" or unicodedata.combining(char) != 0


@lru_cache(maxsize=_TEXTS_KEPT)
def runs(text: str, style: Style) -> tuple[tuple[FontFile, str], ...]:
    """The text cut where the font changes; raises `MissingGlyph` naming the first character that nothing draws."""
    chinese = any(ord(char) >= _FIRST_CJK for char in text)
    out: list[tuple[FontFile, str]] = []
    for char in text:
        # The dot between the parts of a Chinese name is a Chinese dot, wide; between Latin words a Latin one.
        latin = ord(char) < _FIRST_CJK and not (chinese and char in "· ")
        font = _font_of(char, style, latin)
        if font is None:
            raise _missing(char)
        if out and out[-1][0] is font:
            out[-1] = (font, out[-1][1] + char)
        else:
            out.append((font, char))
    return tuple(out)


@lru_cache(maxsize=_TEXTS_KEPT)
def width_em(text: str, style: Style) -> float:
    """The width of a text in ems, without letter-spacing."""
    return sum(font.advance(char) for font, part in runs(text, style) for char in part) / 1000


@lru_cache(maxsize=_TEXTS_KEPT)
def missing_glyphs(text: str) -> tuple[str, ...]:
    """The characters that none of the fonts can draw, each once, in order of appearance."""
    return tuple(dict.fromkeys(char for char in text if _font_of(char, Style.KAI, False) is None))


def check_glyphs(texts: Iterable[str]) -> None:
    """Raise `MissingGlyph` for the first character that the certificate's fonts cannot draw (R9)."""
    for text in texts:
        for char in missing_glyphs(text):
            raise _missing(char)


def _missing(char: str) -> MissingGlyph:
    code = f"U+{ord(char):04X}"
    name = unicodedata.name(char, "no name in Unicode")
    return MissingGlyph(
        f"证书字体缺少字符“{char}”（{code}），不能签发",
        f"the certificate's fonts cannot draw {char!r} ({code}, {name}); it is not issued",
        rule="R9",
    )
