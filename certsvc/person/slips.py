"""Slips of the keyboard in a name, put right with a warning that says what was changed.

Decides what counts as a slip and what is put for it; each character keeps its position in the text as it was given.
Not here: which characters a name may have at all (`name`). Source: R9, "Slips are put right".
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TypeAlias

from certsvc.person.characters import BLANKS, DOTS, HAN, MIDDLE_DOT

# Bullets that are no full stop in any script: wherever they stand, the middle dot is meant.
STRAY_MIDDLE_DOTS = frozenset("\u2022\u2027\u30fb\uff0e")
Placed: TypeAlias = list[tuple[int, str]]

_DOTS = "".join(sorted(map(re.escape, DOTS)))
_AMONG_HAN = f"(?<=[{HAN}])(?:[{BLANKS}]*[{_DOTS}][{BLANKS}]*|[{BLANKS}]+)(?=[{HAN}])"
_SLIP = re.compile(f"^[{BLANKS}]+|[{BLANKS}]+$|{_AMONG_HAN}|[{''.join(sorted(STRAY_MIDDLE_DOTS))}]")
_JAMO_THAT_FOLLOW = range(0x1160, 0x1200)


@dataclass(frozen=True, slots=True)
class NameWarning:
    """Something that was put right and that the sender of the name should look at. `position` counts from 1."""

    position: int
    character: str
    zh: str
    en: str


def without_slips(text: str) -> tuple[Placed, list[NameWarning]]:
    """The characters that stay, each with its position in `text` (from 1), and what was changed among them.

    Blanks before, behind and between Han characters go; a dot between them, and a bullet anywhere, becomes the middle
    dot, the blanks beside it gone.
    """
    kept: Placed = []
    warnings: list[NameWarning] = []
    done = 0
    for slip in _SLIP.finditer(text):
        kept += enumerate(text[done : slip.start()], start=done + 1)
        done = slip.end()
        for position, character in enumerate(slip.group(), start=slip.start() + 1):
            if character in DOTS:
                kept.append((position, MIDDLE_DOT))
            if character != MIDDLE_DOT:
                warnings.append(_changed(position, character))
    kept += enumerate(text[done:], start=done + 1)
    return kept, warnings


def composed(placed: Placed) -> tuple[str, list[NameWarning]]:
    """The text, each letter and its marks as one character where there is one (NFC), and which were several."""
    text = "".join(character for _, character in placed)
    if unicodedata.is_normalized("NFC", text):
        return text, []
    warnings = []
    clusters: list[Placed] = []
    for position, character in placed:
        if clusters and _goes_with_the_one_before(character):
            clusters[-1].append((position, character))
        else:
            clusters.append([(position, character)])
    for cluster in clusters:
        given = "".join(character for _, character in cluster)
        if not unicodedata.is_normalized("NFC", given):
            warnings.append(_composed(cluster[0][0], given))
    return unicodedata.normalize("NFC", text), warnings


def _goes_with_the_one_before(character: str) -> bool:
    return unicodedata.category(character).startswith("M") or ord(character) in _JAMO_THAT_FOLLOW


def _changed(position: int, character: str) -> NameWarning:
    if character in DOTS:
        return NameWarning(
            position,
            character,
            f"姓名第 {position} 个字符“{character}”已改为间隔号“{MIDDLE_DOT}”",
            f"character {position} {character!r} was replaced by the middle dot {MIDDLE_DOT!r}",
        )
    return NameWarning(
        position,
        character,
        f"姓名第 {position} 个字符是空格（U+{ord(character):04X}），已删去",
        f"character {position}, a blank (U+{ord(character):04X}), was left out",
    )


def _composed(position: int, given: str) -> NameWarning:
    result = unicodedata.normalize("NFC", given)
    return NameWarning(
        position,
        given[0],
        f"姓名第 {position} 个字符起的“{given}”（{_points(given)}）已合成为“{result}”（{_points(result)}）",
        f"{given!r} ({_points(given)}) at character {position} was composed as {result!r} ({_points(result)})",
    )


def _points(text: str) -> str:
    return " ".join(f"U+{ord(character):04X}" for character in text)
