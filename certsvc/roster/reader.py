"""The cells of one row → values, each bad cell becoming a CellError under the file's own header.

Decides the forms that all files share: what is required, dates, choices, levels, names, identity documents. Every
method gives None for an empty or refused cell; `accepted` says whether the row is whole. Source: the fixed file
formats, R9.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, timedelta
from typing import TypeVar

from certsvc.errors import CellError, InvalidIdentity, InvalidName, Refused
from certsvc.person.characters import without_blanks
from certsvc.person.identity import (
    DIGITS,
    RESIDENT_LENGTH,
    IdentityDocument,
    IdType,
    Sex,
    normalise_id_number,
    parse_identity,
    resident_check_character,
)
from certsvc.person.name import parse_name
from certsvc.roster.cells import Unreadable, cut_number, formula, is_formula, shown
from certsvc.roster.parsed import ID_NUMBER, Report, finding
from certsvc.roster.table import Row, Table

T = TypeVar("T")
ID_TYPES: Mapping[str, IdType] = {name: kind for kind in IdType for name in (kind.zh, kind.value)}
_LONGEST_TEXT = 200
_EARLIEST_YEAR, _LATEST_YEAR = 1900, 2199
_DATE = re.compile(r"(?:([0-9]{4})-([0-9]{2})-([0-9]{2})|([0-9]{4})/([0-9]{1,2})/([0-9]{1,2}))")
# How people and programs write a day otherwise: told how it is due, never taken for it.
_OTHER_DATE = re.compile(
    r"([0-9]{4})(?:[-./年]([0-9]{1,2})[-./月]([0-9]{1,2})日?|([0-9]{2})([0-9]{2}))(?:[T ]?00:00(?::00(?:\.0+)?)?)?"
)
_DAY_NUMBER = re.compile("[2-5][0-9]{4}")
_DAY_ZERO = date(1899, 12, 30)  # of the day numbers that spreadsheets store
_LEVEL_WORDS = ("高级技师", "技师", "高级工", "中级工", "初级工")  # levels one to five
_LEVELS: Mapping[str, int] = {
    text: level
    for level, (numeral, word) in enumerate(zip("一二三四五", _LEVEL_WORDS, strict=True), start=1)
    for text in (str(level), f"{level}级", f"{numeral}级", f"{numeral}级/{word}", f"{numeral}级{word}", word)
}


class RowReader:
    """Reads one row of `table`; findings go to `report`."""

    def __init__(self, table: Table, row: Row, report: Report) -> None:
        self.number = row.number
        self.accepted = True
        self._cells = row.cells
        self._padded = row.padded
        self._headings = table.headings
        self._report = report
        if row.fault is not None:
            self.accepted = False
            report.refuse(row.fault)

    def holds(self, key: str) -> bool:
        """Whether the row has anything in this column."""
        return bool(self._cells.get(key, ""))

    def refuse(self, key: str, rule: str, zh: str, en: str) -> None:
        """Refuse the cell in column `key`."""
        self.accepted = False
        self._report.refuse(self._finding(key, rule, zh, en))

    def refuse_with(self, key: str, error: Refused) -> None:
        """Refuse the cell in column `key` for what another layer found."""
        self.refuse(key, error.rule or error.code, error.zh, error.en)

    def warn(self, key: str, rule: str, zh: str, en: str) -> None:
        self._report.warn(self._finding(key, rule, zh, en))

    def raw(self, key: str) -> str:
        """The text of the cell as it stands, "" where there is none; a lost or oversized cell is refused."""
        cell = self._cells.get(key, "")
        if isinstance(cell, Unreadable):
            self.refuse(key, cell.rule, cell.zh, cell.en)
            return ""
        return shown(cell)

    def text(self, key: str, *, required: bool = True, longest: int = _LONGEST_TEXT) -> str | None:
        """Plain text without control, bidirectional or zero-width characters."""
        if not self._has(key, required=required):
            return None
        text = self.raw(key)
        if is_formula(text):
            cell = formula(text)
            self.refuse(key, cell.rule, cell.zh, cell.en)
            return None
        if len(text) > longest:
            self.refuse(key, "file.length", f"超过 {longest} 个字符", f"more than {longest} characters")
            return None
        for position, character in enumerate(text, start=1):
            if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}:
                self.refuse(
                    key,
                    "file.character",
                    f"第 {position} 个字符 U+{ord(character):04X} 是控制字符或不可见字符",
                    f"character {position}, U+{ord(character):04X}, is a control or invisible character",
                )
                return None
        return text or None

    def day(self, key: str) -> date | None:
        """A real date cell, or YYYY-MM-DD or YYYY/M/D."""
        if not self._has(key, required=True):
            return None
        cell = self._cells[key]
        day = cell if isinstance(cell, date) else self._day_of(key, self.raw(key))
        if day is not None and not _EARLIEST_YEAR <= day.year <= _LATEST_YEAR:
            self.refuse(
                key,
                "file.date",
                f"年份应在 {_EARLIEST_YEAR} 至 {_LATEST_YEAR} 之间",
                f"the year must be from {_EARLIEST_YEAR} to {_LATEST_YEAR}",
            )
            return None
        return day

    def _day_of(self, key: str, text: str) -> date | None:
        if not text:
            return None
        found = _DATE.fullmatch(text) or _DATE.fullmatch(without_blanks(text))
        if found is None:
            due = _day_meant(without_blanks(text))
            due_zh, due_en = (f"，此处应为 {due}", f": here {due}") if due else ("", "")
            self.refuse(
                key,
                "file.date",
                f"日期应写作 YYYY-MM-DD 或 YYYY/M/D{due_zh}",
                f"a date is written YYYY-MM-DD or YYYY/M/D{due_en}",
            )
            return None
        year, month, day = (int(part) for part in found.groups() if part is not None)
        try:
            return date(year, month, day)
        except ValueError:
            self.refuse(key, "file.date", "没有这一天", "there is no such day")
            return None

    def choice(self, key: str, choices: Mapping[str, T], *, default: T | None = None) -> T | None:
        """One of the words in `choices` (any letter case); an empty cell is `default`, refused if that is None."""
        if not self._has(key, required=default is None):
            return default
        text = self.raw(key)
        if not text:
            return None
        if text in choices:
            return choices[text]
        usual = without_blanks(text)
        for accepted in (usual, usual.lower(), usual.upper()):
            if accepted in choices:
                return choices[accepted]
        words = list(choices)
        self.refuse(key, "file.choice", f"应为：{'、'.join(words)}", f"one of: {', '.join(words)}")
        return None

    def level(self, key: str, *, required: bool) -> int | None:
        """A level, 1 (highest) to 5: "5", "五级" or "五级/初级工"."""
        if not self._has(key, required=required):
            return None
        text = self.raw(key)
        level = _LEVELS.get(without_blanks(text))
        if level is None and text:
            self.refuse(key, "file.choice", "应为 1–5 或 五级/初级工 等", "a level is 1 to 5, or 五级/初级工")
        return level

    def name(self, key: str = "name") -> str | None:
        """A person's name by R9; slips are put right, each with a warning."""
        if not self._has(key, required=True):
            return None
        text = self.raw(key)
        if not text:
            return None
        try:
            parsed = parse_name(text)
        except InvalidName as error:
            self.refuse_with(key, error)
            return None
        if key in self._padded:
            self.warn(key, "R9", "姓名前后的空格已删去", "blanks before or behind the name were left out")
        for warning in parsed.warnings:
            self.warn(key, "R9", warning.zh, warning.en)
        return parsed.text

    def identity(self, *, birth_date: date | None = None, sex: Sex | None = None) -> IdentityDocument | None:
        """The identity document of columns id_type (default: resident ID) and id_number, checked by R9."""
        id_type = self.choice("id_type", ID_TYPES, default=IdType.RESIDENT_ID)
        if not self._has(ID_NUMBER, required=True):
            return None
        text = self.raw(ID_NUMBER)
        if id_type is None or not text:
            return None
        try:
            return parse_identity(id_type, text, birth_date=birth_date, sex=sex)
        except InvalidIdentity as error:
            if not self.refuse_cut_number(text):
                self.refuse_with(ID_NUMBER, error)
            return None

    def refuse_cut_number(self, number: str) -> bool:
        """Refuse an identity number whose last digits a spreadsheet replaced by zeros; False where it did not."""
        usual = normalise_id_number(number)
        cut = usual.endswith("000") and len(usual) == RESIDENT_LENGTH and set(usual) <= DIGITS
        if not cut or resident_check_character(usual[:-1]) == usual[-1]:
            return False
        cell = cut_number(usual)
        self.refuse(ID_NUMBER, cell.rule, cell.zh, cell.en)
        return True

    def refuse_repeated(self, key: str, first_row: int, zh: str, en: str, *, rule: str = "file.twice") -> None:
        """Refuse the row whose key stands in `first_row` already."""
        self.refuse(key, rule, f"{zh}（见第 {first_row} 行）", f"{en} (see row {first_row})")

    def _has(self, key: str, *, required: bool) -> bool:
        if self.holds(key):
            return True
        # A row of the wrong shape has one fault, not one for each cell that could not be told apart.
        if required and self._cells:
            self.refuse(key, "file.required", "此项必填", "this cell must be filled in")
        return False

    def _finding(self, key: str, rule: str, zh: str, en: str) -> CellError:
        return finding(self._headings, self.number, key, shown(self._cells.get(key, "")), rule=rule, zh=zh, en=en)


def _day_meant(text: str) -> date | None:
    """The day that another way of writing it means; None where that is not plain."""
    try:
        if _DAY_NUMBER.fullmatch(text):
            return _DAY_ZERO + timedelta(days=int(text))
        found = _OTHER_DATE.fullmatch(text)
        year, month, day = (int(part) for part in found.groups() if part is not None) if found else (0, 0, 0)
        return date(year, month, day)
    except ValueError:
        return None
