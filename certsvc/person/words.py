"""Enumerations that a person reads: each member carries its Chinese and its English word.

Here: the base class only. Source: "text people see is Chinese first, English beside it".
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Worded(StrEnum):
    """A string value with the words shown for it: `MALE = "male", "男", "male"`."""

    zh: str
    en: str

    def __new__(cls, value: str, zh: str, en: str) -> Worded:
        member = str.__new__(cls, value)
        member._value_ = value
        member.zh = zh
        member.en = en
        return member

    @classmethod
    def of(cls, value: str) -> Self:
        """The member with this value. Raises `KeyError`. Calling the class instead asks for the words too."""
        return cls._value2member_map_[value]  # type: ignore[return-value]  # the map is typed for any enumeration

    @classmethod
    def known(cls, value: str) -> Self | None:
        """The member with this value; None where there is none."""
        return cls._value2member_map_.get(value)  # type: ignore[return-value]  # as above

    # Enum hashes by name; a member equals its value as text, so it has to hash like it (and does so faster).
    __hash__ = str.__hash__
