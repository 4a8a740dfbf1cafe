"""Names of persons: which are accepted, what is normalised, how two are compared, and how one is masked in public.

Not here: whether a font can draw the name; that stops the issue of its certificate later. Source: R9, R10 (masking).

Characters are kept as they were written but for slips (`slips`): a person's name is what the identity document shows.
A compatibility ideograph is refused with the one that is meant, never replaced unseen.
"""

from __future__ import annotations

import re
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
    is_han,
    is_unseen,
)
from certsvc.person.slips import STRAY_MIDDLE_DOTS, NameWarning, Placed, composed, without_slips

__all__ = ["MAX_CHARACTERS", "NameWarning", "ParsedName", "check_name", "fold", "mask_name", "parse_name"]

MAX_CHARACTERS = 100
_LONGEST_TYPED = 4 * MAX_CHARACTERS  # blanks and marks apart from their letters included
PUNCTUATION = frozenset(MIDDLE_DOT + "'\u2019-.")
# 〇 stands in Chinese names, yet Unicode calls it a number.
IDEOGRAPHIC_ZERO = "\u3007"

# Bidi_Control of the Unicode Character Database.
BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
ZERO_WIDTH_BLANKS = frozenset("\u200b\u200c\u200d\u2060\ufeff")
_WHY_REFUSED = (
    (BIDI_CONTROLS, "不接受双向文字控制符", "bidirectional controls are not accepted"),
    (
        ZERO_WIDTH_BLANKS | INVISIBLE_LETTERS_AND_MARKS,
        "不接受零宽或不可见字符",
        "zero-width and invisible characters are not accepted",
    ),
    (STRAY_MIDDLE_DOTS, "间隔号应为 ·", "not in its normal form; the middle dot is ·"),
)
# Nearly every name, in which nothing can be a slip or out of place.
_PLAIN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff][\u3400-\u4dbf\u4e00-\u9fff\u00b7]*")


@dataclass(frozen=True, slots=True)
class ParsedName:
    text: str
    warnings: tuple[NameWarning, ...] = ()


def parse_name(text: str) -> ParsedName:
    """The name as it will be kept, slips put right with a warning (R9).

    Raises InvalidName, naming the character and its position (from 1, in code points of `text`).
    """
    if len(text) > _LONGEST_TYPED:
        raise _too_long(len(text))
    if len(text) <= MAX_CHARACTERS and _PLAIN.fullmatch(text):
        return ParsedName(text)
    placed, slips = without_slips(text)
    if not unicodedata.is_normalized("NFC", text):
        _refuse_compatibility_ideographs(placed)
    _check_characters(text, placed)
    name, compositions = composed(placed)
    if len(name) > MAX_CHARACTERS:
        raise _too_long(len(name))
    return ParsedName(name, (*slips, *compositions))


def check_name(text: str) -> None:
    """Refuse a name that no certificate may bear (R9). Raises InvalidName, as `parse_name`.

    What is stored is printed as it is, so blanks between Han characters, marks apart from their letters and
    compatibility ideographs, which came in before they were put right or refused, are no fault here.
    """
    if len(text) > MAX_CHARACTERS:
        raise _too_long(len(text))
    _check_characters(text, [*enumerate(text, start=1)])


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


def _too_long(length: int) -> InvalidName:
    return InvalidName(
        f"姓名共 {length} 个字符，超过上限 {MAX_CHARACTERS} 个",
        f"the name has {length} characters; at most {MAX_CHARACTERS} are accepted",
        rule="R9",
        where="name",
    )


def _check_characters(text: str, placed: Placed) -> None:
    """`placed` are the characters of `text` that stay, slips put right; `text` is what the refusal shows."""
    if not placed:
        raise InvalidName("姓名为空", "the name is empty", rule="R9", where="name")
    followers = [character for _, character in placed[1:]] + [" "]
    for (position, character), follower in zip(placed, followers, strict=True):
        if character == " ":
            if position == 1 or follower == " ":
                raise _refused(" ", position, "空格只能单个出现在文字之间", "only single spaces between words")
        elif not _may_stand_in_a_name(character):
            raise _refused(character, position, *_why_refused(character))
    position, first = placed[0]
    if not _is_letter(first):
        raise _refused(text[position - 1], position, "姓名的第一个字符必须是文字", "a name begins with a letter")


def _may_stand_in_a_name(character: str) -> bool:
    return (
        _is_letter(character)
        or character in PUNCTUATION
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


def _refuse_compatibility_ideographs(placed: Placed) -> None:
    """An ideograph that is there twice for the sake of an old character set: composing would replace it unseen."""
    for position, character in placed:
        meant = unicodedata.normalize("NFC", character)
        if meant != character and is_han(character):
            point = f"U+{ord(meant):04X}"
            raise _refused(
                character,
                position,
                f"兼容汉字，应改用“{meant}”（{point}）",
                f"a compatibility ideograph; {meant!r} ({point}) is meant",
            )


def _why_refused(character: str) -> tuple[str, str]:
    for characters, zh, en in _WHY_REFUSED:
        if character in characters:
            return zh, en
    match unicodedata.category(character):
        case "Cc" | "Cf" | "Zl" | "Zp":
            return "不接受控制字符", "control characters are not accepted"
        case "Co":
            return (
                "不接受造字区字符，请改用国家标准编码",
                "private-use characters are not accepted; use the encoded one",
            )
    plain = unicodedata.normalize("NFKC", character)
    if plain != character and all(_is_letter(letter) or letter in PUNCTUATION for letter in plain):
        return f"不能用于姓名，是否应为“{plain}”", f"not in a name; should it be {plain!r}?"
    return "姓名只接受文字、单个空格和 · ' ’ - .", "names take letters, single spaces and · ' ’ - . only"


def _refused(character: str, position: int, zh: str, en: str) -> InvalidName:
    shown = f"U+{ord(character):04X}"
    if character.isprintable() and character != " ":
        shown = f"“{character}”({shown})"
    return InvalidName(
        f"姓名第 {position} 个字符 {shown}:{zh}", f"character {position} {shown}: {en}", rule="R9", where="name"
    )
