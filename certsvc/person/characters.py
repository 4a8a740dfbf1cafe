"""Characters by what people take them for: a blank, a dot, an apostrophe, a dash, the same letter in another width.

Keyboards, spreadsheets and copied pages give many code points for each. Not here: which of them may stand in a name
(`name`) or in a number (`credential.number`). Source: R9, "names are compared folded"; the Unicode Character Database.
"""

from __future__ import annotations

import re
import unicodedata

MIDDLE_DOT = "\u00b7"
# As the inside of a class of `re`: Unicode Han, with 々 and 〇; planes 2 and 3 whole, ahead of Python's tables.
HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
# The same for blanks that have a width; controls and characters of no width are another matter (R9 refuses them).
BLANKS = " \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
# Default_Ignorable_Code_Point among letters and marks: they pass as such and yet show nothing.
INVISIBLE_LETTERS_AND_MARKS = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"
    + "".join(map(chr, range(0xFE00, 0xFE10)))
    + "".join(map(chr, range(0xE0100, 0xE01F0)))
)
# Bullets, middle dots and full stops of keyboards for Chinese, Japanese and Latin script, and their look-alikes.
DOTS = frozenset(
    MIDDLE_DOT
    + ".\u0387\u1427\u16eb\u2022\u2024\u2027\u2219\u22c5\u25aa\u25cf\u25e6\u2981\u2e30\u2e31\u2e33"
    + "\u3002\u30fb\ua78f\ufe52\uff0e\uff61\uff65\U00010101"
)
APOSTROPHES = frozenset(
    "'`\u00b4\u02b9\u02bb\u02bc\u02bd\u055a\u05f3\u1fef\u1ffd\u2018\u2019\u201b\u2032\ua78b\ua78c\uff07\uff40"
)
# Beside every character of category Pd. The long mark of Japanese (U+30FC) is a letter, and 一 is one.
_OTHER_DASHES = frozenset("\u02d7\u2043\u2212\u2500\u2796")
_BRAILLE_BLANK = "\u2800"
_KANGXI_RADICALS = range(0x2F00, 0x2FD6)


def is_han(character: str) -> bool:
    return re.fullmatch(f"[{HAN}]", character) is not None


def is_unseen(character: str) -> bool:
    """Whether it shows nothing: a blank of any kind or width, a control, a mark of direction or of how to draw."""
    return (
        unicodedata.category(character) in {"Zs", "Zl", "Zp", "Cc", "Cf"}
        or character in INVISIBLE_LETTERS_AND_MARKS
        or character == _BRAILLE_BLANK
    )


def is_dash(character: str) -> bool:
    """Whether it is a hyphen, a dash or a minus."""
    return unicodedata.category(character) == "Pd" or character in _OTHER_DASHES


def without_blanks(text: str) -> str:
    """The text in the usual width, its blanks left out: for numbers, and for words of which there is a fixed choice."""
    joined = "".join(text.split())
    return joined if joined.isascii() else "".join(map(in_usual_form, joined))


def in_usual_form(character: str) -> str:
    """The character in its usual width, and the ideograph for a radical that stands for one in copied text (⽅, 方)."""
    tag, _, points = unicodedata.decomposition(character).partition(" ")
    if tag in {"<wide>", "<narrow>"} or (tag == "<compat>" and ord(character) in _KANGXI_RADICALS):
        return chr(int(points, 16))
    return character
