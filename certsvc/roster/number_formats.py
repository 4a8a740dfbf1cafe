"""What a spreadsheet shows of a number under its number format, as far as it may differ from what is stored.

Three things matter: a percentage, fewer decimals than are stored, and a format that shows words in place of the number.
Not here: dates, which the reader knows. Source: R9, "what a cell shows and what it stores must agree"; ECMA-376-1,
18.8.30 and 18.8.31 (number formats).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum

_BUILT_IN = {
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    **dict.fromkeys((5, 6, 37, 38, 41, 42), "#,##0"),
    **dict.fromkeys((7, 8, 39, 40, 43, 44), "#,##0.00"),
    9: "0%",
    10: "0.00%",
    12: "# ?/?",
    13: "# ??/??",
}
# Quoted text, an escaped character, the width of one (_x), a filler (*x), colours, conditions and locales in brackets.
_LITERAL = re.compile(r'"[^"]*"?|\\.|_.|\*.|\[[^\]]*\]')
_CONDITION = re.compile(r"\[[<>=]")
_LETTERS_OF_A_DATE = frozenset("ymdhsbgea")
_DIGITS = re.compile(r"[0#?]")


class Shows(Enum):
    NUMBER = "number"
    PERCENTAGE = "percentage"
    SOMETHING_ELSE = "something else"


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """`decimals` is how many are shown at most; None where the program shows as many as there are."""

    shows: Shows = Shows.NUMBER
    decimals: int | None = None

    @property
    def plain(self) -> bool:
        """Whether it shows every number as it is stored."""
        return self.shows is Shows.NUMBER and self.decimals is None

    def rounded(self, number: Decimal) -> Decimal:
        """The number as it is shown."""
        if self.decimals is None:
            return number
        return number.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP)


GENERAL = NumberFormat()


def number_format(identifier: int, code: str | None) -> NumberFormat:
    """The format with this number: `code` where the workbook defines it, else the one built in."""
    return parse_code(code if code is not None else _BUILT_IN.get(identifier, ""))


def parse_code(code: str) -> NumberFormat:
    """What a format code shows of a number that is not negative; where conditions choose, what all sections show."""
    if not code.strip():
        return GENERAL
    sections = _sections(code)
    chosen = sections if _CONDITION.search(code) else sections[:1]
    shown = {_of_section(_LITERAL.sub("", section).strip().casefold()) for section in chosen}
    return shown.pop() if len(shown) == 1 else NumberFormat(Shows.SOMETHING_ELSE)


def _of_section(section: str) -> NumberFormat:
    if "%" in section:
        return NumberFormat(Shows.PERCENTAGE)
    if section == "@" or _LETTERS_OF_A_DATE & set(section):  # General and the 0.00E+00 of large numbers among them
        return GENERAL
    if not _DIGITS.search(section) or "/" in section or re.search(r"[0#?],+(?![0#?,])", section):
        return NumberFormat(Shows.SOMETHING_ELSE)
    return NumberFormat(decimals=len(_DIGITS.findall(section.partition(".")[2])))


def _sections(code: str) -> list[str]:
    """The code at its semicolons, those within quotes and behind a backslash left alone."""
    parts, start = [], 0
    for found in re.finditer(r'"[^"]*"?|\\.|;', code):
        if found.group() == ";":
            parts.append(code[start : found.start()])
            start = found.end()
    return [*parts, code[start:]]
