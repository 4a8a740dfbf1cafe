"""The ranges of numbers that certificates are given from, in what order, and how much of each is used (R7.3).

Serials run by range, year and level. The first range of a scheme is its `[number]`; where that is used up the
`[[number.next]]` follow. A scheme on record never changes, so a later version of it may name the next ranges as well:
those that a scheme of the same family names after the same first range are gone on with too. Not here: putting a number
together (`credential.number`), moving the serial (`issuing.reserve`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.credential.number import serial_capacity
from certsvc.rules.terms import NumberFormat, Scheme
from certsvc.services.records.schemes import schemes_by_id
from certsvc.store import SerialRecord

WARN_FROM: Final = 0.8
"""The share of its numbers at which a scheme is warned of."""


@dataclass(frozen=True, slots=True)
class RangeUse:
    """One range in one year: how many of its numbers are used."""

    scope: str
    used: int
    capacity: int

    @property
    def left(self) -> int:
        return self.capacity - self.used


@dataclass(frozen=True, slots=True)
class SchemeUse:
    """The ranges of a scheme in one year, in the order in which they are used."""

    key: str
    version: str
    year: int
    ranges: Sequence[RangeUse]

    @property
    def left(self) -> int:
        return sum(one.left for one in self.ranges)

    @property
    def is_short(self) -> bool:
        """Whether it is time to name the next range."""
        capacity = sum(one.capacity for one in self.ranges)
        return capacity - self.left >= WARN_FROM * capacity

    @property
    def warning(self) -> str:
        """One line, in both languages."""
        return (
            f"{self.key} v{self.version}：{self.year} 年的编号只剩 {self.left} 个，"
            f"请在方案的新版本中增加编号段 [[number.next]] / "
            f"{self.left} numbers of {self.year} are left: name the next range in a new version of the scheme"
        )

    def as_json(self) -> dict[str, object]:
        ranges = [{"range": one.scope, "used": one.used, "left": one.left} for one in self.ranges]
        return {
            "key": self.key,
            "version": self.version,
            "year": self.year,
            "left": self.left,
            "short": self.is_short,
            "ranges": ranges,
        }


def ranges_of(scheme: Scheme, schemes: Iterable[Scheme]) -> list[NumberFormat]:
    """The ranges of a scheme, the first one first; `schemes` are all those on record."""
    first = NumberFormat(scheme.number.kind, scheme.number.parts)
    found = [first, *scheme.number.following]
    for other in sorted(schemes, key=lambda one: one.in_force_from):
        if other.family == scheme.family and (other.number.kind, other.number.parts) == (first.kind, first.parts):
            found += [one for one in other.number.following if one not in found]
    return found


def scope_of(numbering: NumberFormat, year: int, level: int) -> str:
    """The name under which the serials of a range, year and level are counted."""
    parts = "-".join(f"{name}={part}" for name, part in sorted(numbering.parts.items()))
    return f"{numbering.kind}/{parts}/{year}/{level}"


def uses(session: Session, year: int) -> Iterator[SchemeUse]:
    """How much of its numbers each scheme on record has used in a year."""
    schemes = list(schemes_by_id(session).values())
    for scheme in schemes:
        ranges = [_use(session, one, year, scheme.level) for one in ranges_of(scheme, schemes)]
        yield SchemeUse(scheme.key, scheme.version, year, ranges)


def warnings(session: Session, year: int) -> list[str]:
    """A line for each scheme that is short of numbers."""
    return [one.warning for one in uses(session, year) if one.is_short]


def _use(session: Session, numbering: NumberFormat, year: int, level: int) -> RangeUse:
    scope = scope_of(numbering, year, level)
    capacity = serial_capacity(numbering.kind)
    following = session.scalar(select(SerialRecord.next).where(SerialRecord.scope == scope)) or 1
    return RangeUse(scope, min(following - 1, capacity), capacity)
