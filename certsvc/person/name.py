"""Names of persons: which are accepted, what is normalised, how two are compared, and how one is masked in public.

Not here: whether a font can draw the name; that stops the issue of its certificate later. Source: R9, R10 (masking).

Characters are kept as they were written: no Unicode normalisation, since it would replace compatibility ideographs,
and a person's name is what the identity document shows.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from certsvc.errors import InvalidName
from certsvc.person.characters import (
    APOSTROPHES,
    DOTS,
    INVISIBLE_LETTERS_AND_MARKS,
    MIDDLE_DOT,
    in_usual_form,
    is_dash,
    is_unseen,
)

MAX_CHARACTERS = 100
STRAY_MIDDLE_DOTS = frozenset("\u2022\u2027\u30fb\uff0e")
PUNCTUATION = frozenset(MIDDLE_DOT + "'\u2019-.")
# 〇 stands in Chinese names, yet Unicode calls it a number.
IDEOGRAPHIC_ZERO = "\u3007"

# Bidi_Control of the Unicode Character Database.
BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
ZERO_WIDTH_BLANKS = frozenset("\u200b\u200c\u200d\u2060\ufeff")


@dataclass(frozen=True, slots=True)
class NameWarning:
    """Something that was put right and that whoever sent the name should look at. `position` counts from 1."""

    position: int
    character: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class ParsedName:
    text: str
    warnings: tuple[NameWarning, ...] = ()


def parse_name(text: str) -> ParsedName:
    """The name as it will be kept, stray middle dots put right with a warning.

    Raises InvalidName, naming the character and its position (from 1, in code points).
    """
    _check_length(text)
    for position, character in enumerate(text, start=1):
        _check_character(character, position, text)
    if not _is_letter(text[0]):
        raise _refused(text[0], 1, "姓名的第一个字符必须是文字", "a name begins with a letter")
    warnings = tuple(
        _dot_warning(position, character)
        for position, character in enumerate(text, start=1)
        if character in STRAY_MIDDLE_DOTS
    )
    for warning in warnings:
        text = text.replace(warning.character, MIDDLE_DOT)
    return ParsedName(text, warnings)


def mask_name(name: str) -> str:
    """The name as the public sees it (R10): its first code point, then one `*` for every other, dots and spaces too."""
    return name[:1] + "*" * (len(name) - 1)


def fold(text: str) -> str:
    """The name as it is compared, at every door: what people type differently for the same name is one (R9).

    Composed, in the usual width, without case; blanks and all that shows nothing left out; one dot, one apostrophe, one
    dash. Any text is taken, also one that is no name; the result can be kept by any register, and is never shown.
    """
    seen = "".join(in_usual_form(character) for character in text if not is_unseen(character))
    cased = unicodedata.normalize("NFC", unicodedata.normalize("NFD", seen).casefold())
    return "".join(_compared(character) for character in cased)


def same_name(one: str, other: str) -> bool:
    """Whether two names are one by R9."""
    return one == other or fold(one) == fold(other)


def _compared(character: str) -> str:
    if character in DOTS:
        return MIDDLE_DOT
    if character in APOSTROPHES:
        return "'"
    if is_dash(character):
        return "-"
    # Half a surrogate pair is no character, and no database takes it.
    return "\ufffd" if unicodedata.category(character) == "Cs" else character


def _check_length(text: str) -> None:
    if not text:
        raise InvalidName("姓名为空", "the name is empty", rule="R9", where="name")
    if len(text) > MAX_CHARACTERS:
        raise InvalidName(
            f"姓名共 {len(text)} 个字符,超过上限 {MAX_CHARACTERS} 个",
            f"the name has {len(text)} characters; at most {MAX_CHARACTERS} are accepted",
            rule="R9",
            where="name",
        )


def _check_character(character: str, position: int, text: str) -> None:
    if character == " ":
        if position in (1, len(text)) or text[position] == " ":
            raise _refused(character, position, "空格只能单个出现在文字之间", "only single spaces between words")
    elif not _may_stand_in_a_name(character):
        raise _refused(character, position, *_why_refused(character))


def _may_stand_in_a_name(character: str) -> bool:
    return (
        _is_letter(character)
        or character in PUNCTUATION
        or character in STRAY_MIDDLE_DOTS
        or (unicodedata.category(character).startswith("M") and character not in INVISIBLE_LETTERS_AND_MARKS)
    )


def _is_letter(character: str) -> bool:
    if character in INVISIBLE_LETTERS_AND_MARKS:
        return False
    return unicodedata.category(character).startswith("L") or character == IDEOGRAPHIC_ZERO or _in_han_plane(character)


def _in_han_plane(character: str) -> bool:
    # Planes 2 and 3 are set aside for ideographs; Python's tables lag behind the newest extensions (H, I, J).
    code_point = ord(character)
    return 0x20000 <= code_point <= 0x3FFFF and code_point & 0xFFFF < 0xFFFE


def _why_refused(character: str) -> tuple[str, str]:
    if character in BIDI_CONTROLS:
        return "不接受双向文字控制符", "bidirectional controls are not accepted"
    if character in ZERO_WIDTH_BLANKS or character in INVISIBLE_LETTERS_AND_MARKS:
        return "不接受零宽或不可见字符", "zero-width and invisible characters are not accepted"
    match unicodedata.category(character):
        case "Cc" | "Cf" | "Zl" | "Zp":
            return "不接受控制字符", "control characters are not accepted"
        case "Co":
            return "不接受造字区字符,请改用国家标准编码", "private-use characters are not accepted; use the encoded one"
    plain = unicodedata.normalize("NFKC", character)
    if plain != character and all(map(_is_letter, plain)):
        return f"不是文字,是否应为“{plain}”", f"not a letter; should it be {plain!r}?"
    return "姓名只接受文字、单个空格和 · ' ’ - .", "names take letters, single spaces and · ' ’ - . only"


def _refused(character: str, position: int, zh: str, en: str) -> InvalidName:
    shown = f"U+{ord(character):04X}"
    if character.isprintable() and character != " ":
        shown = f"“{character}”({shown})"
    return InvalidName(
        f"姓名第 {position} 个字符 {shown}:{zh}", f"character {position} {shown}: {en}", rule="R9", where="name"
    )


def _dot_warning(position: int, character: str) -> NameWarning:
    return NameWarning(
        position,
        character,
        f"姓名第 {position} 个字符“{character}”已改为间隔号“{MIDDLE_DOT}”",
        f"character {position} {character!r} was replaced by the middle dot {MIDDLE_DOT!r}",
    )
