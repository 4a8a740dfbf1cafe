"""Typed reading of a table: every field is asked for by name, checked, and nothing may be left over.

Raises InvalidScheme with the full path of the field, such as `subjects.theory.pass_mark`. Source: R0.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from certsvc.errors import InvalidScheme

Choice = TypeVar("Choice", bound=StrEnum)
ABSENT = object()
UNBOUNDED = 10**9


def refuse_field(path: str, zh: str, en: str) -> InvalidScheme:
    return InvalidScheme(f"方案字段 {path}:{zh}", f"scheme field {path}: {en}", rule="R0", where=path)


class Fields:
    """One table of the file; `path` is its place in it."""

    def __init__(self, table: dict[str, object], path: str = "") -> None:
        self._left = dict(table)
        self._path = path

    def refuse(self, name: str, zh: str, en: str) -> InvalidScheme:
        return refuse_field(self._path + name, zh, en)

    def close(self) -> None:
        """Refuse what no one asked for: a mistyped name would otherwise silently leave a default in place."""
        for name in self._left:
            raise self.refuse(name, "未知字段", "unknown field")

    def text(self, name: str, *, pattern: str | None = None) -> str:
        value = self._required(name)
        if not isinstance(value, str) or not value.strip():
            raise self.refuse(name, "应为非空文本", "a text is due")
        if pattern is not None and re.fullmatch(pattern, value) is None:
            raise self.refuse(name, f"“{value}”不符合格式 {pattern}", f"{value!r} does not have the form {pattern}")
        return value

    def optional_text(self, name: str, *, pattern: str | None = None) -> str | None:
        return self.text(name, pattern=pattern) if name in self._left else None

    def integer(self, name: str, *, at_least: int = 0, at_most: int = UNBOUNDED) -> int:
        return self._integer(name, self._required(name), at_least, at_most)

    def integers(self, name: str) -> tuple[int, ...]:
        value = self._required(name)
        if not isinstance(value, list) or not value:
            raise self.refuse(name, "应为整数列表", "a list of whole numbers is due")
        return tuple(self._integer(f"{name}[{place}]", one, 0, UNBOUNDED) for place, one in enumerate(value))

    def decimal(self, name: str, *, above: Decimal | None = None, places: int) -> Decimal:
        """A number of at most so many decimal places, not negative, and greater than `above` where that is given."""
        value = self._required(name)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self.refuse(name, "应为数字", "a number is due")
        number = Decimal(value)
        if not number.is_finite() or number < 0 or number > UNBOUNDED or (above is not None and number <= above):
            raise self.refuse(name, f"{number} 超出范围", f"{number} is out of range")
        if number != round(number, places):
            raise self.refuse(name, f"最多 {places} 位小数", f"at most {places} decimal places")
        return number

    def optional_decimal(self, name: str, *, places: int) -> Decimal | None:
        return self.decimal(name, places=places) if name in self._left else None

    def switch(self, name: str) -> bool:
        value = self._required(name)
        if not isinstance(value, bool):
            raise self.refuse(name, "应为 true 或 false", "true or false is due")
        return value

    def day(self, name: str) -> date:
        value = self._required(name)
        if not isinstance(value, date) or isinstance(value, datetime):
            raise self.refuse(name, "应为日期，如 2024-01-01", "a date is due, such as 2024-01-01")
        return value

    def optional_day(self, name: str) -> date | None:
        return self.day(name) if name in self._left else None

    def choice(self, name: str, choices: type[Choice]) -> Choice:
        value = self.text(name)
        if value not in [choice.value for choice in choices]:
            allowed = [choice.value for choice in choices]
            raise self.refuse(name, f"应为 {'、'.join(allowed)} 之一", f"one of {', '.join(allowed)} is due")
        return choices(value)

    def table(self, name: str) -> Fields:
        return self._table(name, self._required(name))

    def optional_table(self, name: str) -> Fields | None:
        return self.table(name) if name in self._left else None

    def tables(self, name: str) -> list[Fields]:
        value = self._required(name)
        if not isinstance(value, list) or not value:
            raise self.refuse(name, "应为表的列表", "a list of tables is due")
        return [self._table(f"{name}[{place}]", one) for place, one in enumerate(value)]

    def optional_tables(self, name: str) -> list[Fields]:
        return self.tables(name) if name in self._left else []

    def _required(self, name: str) -> object:
        value = self._left.pop(name, ABSENT)
        if value is ABSENT:
            raise self.refuse(name, "缺少该字段", "is missing")
        return value

    def _integer(self, name: str, value: object, at_least: int, at_most: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.refuse(name, "应为整数", "a whole number is due")
        if not at_least <= value <= at_most:
            raise self.refuse(
                name, f"{value} 不在 {at_least}–{at_most} 之间", f"{value} is not between {at_least} and {at_most}"
            )
        return value

    def _table(self, name: str, value: object) -> Fields:
        if not isinstance(value, dict):
            raise self.refuse(name, "应为表", "a table is due")
        return Fields(value, f"{self._path}{name}.")
