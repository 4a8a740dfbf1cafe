"""The form of each field of a credential: patterns, ranges, text; and the typed reading of JSON members.

These forms belong to the format itself and may never become stricter, or certificates already issued would cease to
verify. Rules that only a *new* document must meet (a person's name, drawable characters) are in `checked`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Final, TypeVar

from certsvc.errors import MalformedCredential

Choice = TypeVar("Choice", bound=StrEnum)

_HOST = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[0-9]{1,5})?"
_PATH = r"(?:/[A-Za-z0-9._~@:+-]{1,100}){1,10}"
# Plain http only where it cannot leave the machine: the demonstration on one's own computer.
_BASE_URL = re.compile(rf"https://{_HOST}|http://(?:localhost|127\.0\.0\.1)(?::[0-9]{{1,5}})?")
LIST_URL: Final = re.compile(rf"(?:https://{_HOST}|http://(?:localhost|127\.0\.0\.1)(?::[0-9]{{1,5}})?){_PATH}")
STATUS_PURPOSE: Final = re.compile(r"revocation|suspension|refresh")
SUBJECT: Final = re.compile(r"[a-z][a-z_]{0,39}")
SCORE: Final = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,2})?")
_MULTIHASH = re.compile(r"uEi[A-Za-z0-9_-]{44}")
_HMAC = re.compile(r"u[A-Za-z0-9_-]{43}")
PATTERNS: Final[Mapping[str, re.Pattern[str]]] = {
    "token": re.compile(r"[a-z2-7]{25}[aeimquy4]"),
    "number": re.compile(r"[A-Z0-9][A-Z0-9-]{0,21}"),
    "scheme": re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}(?:/[a-z0-9][a-z0-9._@+-]{0,99}){0,4}"),
    "occupation_code": re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,39}"),
    "id_commitment": _HMAC,
    "identifier": re.compile(r"[A-Z0-9.]{1,120}"),
    "portrait_digest": _MULTIHASH,
    "evidence_commitment": _HMAC,
    "replaces": re.compile(
        rf"(?:https://{_HOST}|http://(?:localhost|127\.0\.0\.1)(?::[0-9]{{1,5}})?)/v/[a-z2-7]{{26}}"
    ),
    "replaces_paper": re.compile(r"[A-Z0-9][A-Z0-9-]{0,21}"),
}
_OPTIONAL = frozenset({"identifier", "portrait_digest", "evidence_commitment", "replaces", "replaces_paper"})
TEXTS: Final = (
    "holder_name",
    "occupation_zh",
    "occupation_en",
    "direction",
    "level_zh",
    "level_en",
    "title_zh",
    "title_en",
    "statement_zh",
    "statement_en",
)
_LONGEST_TEXT = 1000
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")


def malformed(name: str, zh: str, en: str) -> MalformedCredential:
    """The refusal for one field."""
    return MalformedCredential(zh, en, where=name)


def check_base_url(text: str) -> None:
    if not _BASE_URL.fullmatch(text):
        raise malformed("id", "网址须为 https://主机", "the address must be https://HOST")


def check_pattern(name: str, text: str | None, pattern: re.Pattern[str]) -> None:
    if text is None:
        if name in _OPTIONAL:
            return
        raise malformed(name, "缺少", "missing")
    if not pattern.fullmatch(text):
        raise malformed(name, "格式不符", "not of its form")


def check_text(name: str, text: str) -> None:
    """Text for people: 1 to 1,000 characters, none of them a control or an invisible direction mark."""
    if not 0 < len(text) <= _LONGEST_TEXT or text != text.strip():
        raise malformed(name, "为空、过长或首尾有空格", "empty, too long, or with space at an end")
    if text.isprintable():
        return
    # Cc Cf Cs Zl Zp: what cannot be seen could make one text read as another, and has no single N-Quads spelling.
    # Co (private use) stays: rare name characters may live there; the fonts decide.
    bad = next((character for character in text if unicodedata.category(character) in _INVISIBLE), None)
    if bad is not None:
        raise malformed(name, f"含有不可见字符 U+{ord(bad):04X}", f"holds the invisible character U+{ord(bad):04X}")


_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def check_range(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise malformed(name, f"不在 {least} 到 {most} 之间", f"not between {least} and {most}")


def list_index(text: str) -> int:
    """A status list index as its decimal text; raises `MalformedCredential`."""
    if not _INDEX.fullmatch(text):
        raise malformed("statusListIndex", "不是十进制数", "not a decimal number")
    return int(text)


def day(text: str, name: str) -> date:
    """An ISO date; raises `MalformedCredential`."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise malformed(name, "不是日期", "not a date") from error


class Members:
    """The members of one JSON object, read by type; a wrong type raises `MalformedCredential` with the path."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise malformed(path or "document", "应为 JSON 对象", "not a JSON object")
        self._members: dict[str, object] = value
        self._path = path

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def child(self, name: str) -> Members:
        return Members(self._members.get(name), self._at(name))

    def children(self, name: str) -> tuple[Members, ...]:
        """The objects of an array, or none where the member is absent."""
        value = self._members.get(name, [])
        if not isinstance(value, list):
            raise malformed(self._at(name), "应为数组", "not an array")
        return tuple(Members(item, f"{self._at(name)}[{place}]") for place, item in enumerate(value))

    def text(self, name: str) -> str:
        value = self._members.get(name)
        if not isinstance(value, str):
            raise malformed(self._at(name), "应为文本", "not a text")
        return value

    def optional_text(self, name: str) -> str | None:
        return self.text(name) if name in self else None

    def integer(self, name: str) -> int:
        value = self._members.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise malformed(self._at(name), "应为整数", "not an integer")
        return value

    def flag(self, name: str) -> bool:
        value = self._members.get(name)
        if not isinstance(value, bool):
            raise malformed(self._at(name), "应为 true 或 false", "neither true nor false")
        return value

    def choice(self, name: str, kind: type[Choice]) -> Choice:
        text = self.text(name)
        if text not in tuple(kind):
            raise malformed(self._at(name), f"未知取值 {text}", f"unknown value {text}")
        return kind(text)

    def day(self, name: str) -> date:
        return day(self.text(name), self._at(name))

    def optional_day(self, name: str) -> date | None:
        return self.day(name) if name in self else None

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name
