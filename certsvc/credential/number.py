"""Certificate numbers (R7.3) and GB/T 36904 identifiers (R7.4): how they are put together, taken apart and compared.

Not here: which serial is next (the store allots it in the issuing transaction), which kind a scheme uses (its data).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from certsvc.errors import InvalidNumber, NumberRangeFull
from certsvc.person.characters import is_dash, is_unseen

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NO_NUMBER: Final = "0"  # no certificate can bear it; asked for in place of malformed input
_LONGEST_TYPED: Final = 60


@dataclass(frozen=True, slots=True)
class _Kind:
    """A numbering: its fields in order, each with the form of its text. `year`, `level` and `serial` are computed."""

    fields: tuple[tuple[str, str], ...]
    serial_digits: int

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile("".join(f"(?P<{name}>{form})" for name, form in self.fields))


_KINDS: Final[Mapping[str, _Kind]] = {
    "digits16": _Kind(
        fields=(
            ("year", "[0-9]{2}"),
            ("province", "[0-9]{2}"),
            ("city", "[0-9]{2}"),
            ("body_type", "[0-9]"),
            ("station", "[0-9]{3}"),
            ("level", "[0-9]"),
            ("serial", "[0-9]{5}"),
        ),
        serial_digits=5,
    ),
    "chars22": _Kind(
        fields=(
            ("series", "[SY]"),
            ("body", "[0-9]{4}"),
            ("province", "[0-9]{2}"),
            ("site", "[0-9]{6}"),
            ("year", "[0-9]{2}"),
            ("level", "[0-9]"),
            ("serial", "[0-9]{6}"),
        ),
        serial_digits=6,
    ),
}
_PATTERNS: Final = {name: kind.pattern for name, kind in _KINDS.items()}
_COMPUTED: Final = frozenset({"year", "level", "serial"})


@dataclass(frozen=True, slots=True)
class ParsedNumber:
    """A number taken apart. `year` is the two digits that stand in it; `parts` are the scheme's own fields."""

    kind: str
    parts: Mapping[str, str]
    year: int
    level: int
    serial: int


def normalise_number(text: str) -> str:
    """A number as registered: half-width, upper case, without blanks, every dash a hyphen (R9).

    A text that can be none gives NO_NUMBER.
    """
    seen = (character for character in text[: 4 * _LONGEST_TYPED] if not is_unseen(character))
    usual = unicodedata.normalize("NFKC", "".join("-" if is_dash(character) else character for character in seen))
    number = usual.upper()
    plain = number.replace("-", "").replace("/", "").replace(".", "")
    # Lone surrogates and NUL would upset the database's own encoding, and be an outage in place of "unknown".
    usable = 0 < len(number) <= _LONGEST_TYPED and all(c.isalnum() or c in "()第号字" for c in plain)
    return number if usable else NO_NUMBER


def fold_number(text: str) -> str:
    """A number as it is compared: normalised, and without hyphens, which people put between groups of digits (R9)."""
    return normalise_number(text).replace("-", "") or NO_NUMBER


def serial_capacity(kind: str) -> int:
    """How many numbers there are per year, station and level: serials run from 1 to this."""
    return int(10 ** _of(kind).serial_digits) - 1


def format_number(kind: str, parts: Mapping[str, str], year: int, level: int, serial: int) -> str:
    """The number with that serial. `year` has four digits; `parts` are the kind's own fields, no more and no less.

    Raises `NumberRangeFull` beyond the last serial, `InvalidNumber` for a part that does not fit.
    """
    numbering = _of(kind)
    if serial > serial_capacity(kind):
        raise NumberRangeFull(
            f"{year} 年该站点 {level} 级的编号已用完（至 {serial_capacity(kind)}）",
            f"the serials of {year}, this station and level {level} are used up ({serial_capacity(kind)})",
            rule="R7.3",
        )
    computed = {
        "year": f"{year % 100:02d}",
        "level": str(level),
        "serial": f"{serial:0{numbering.serial_digits}d}",
    }
    if serial < 1 or year < 1000 or set(parts) != {name for name, _ in numbering.fields} - _COMPUTED:
        raise InvalidNumber("编号的组成部分不全或多余", f"the parts of a {kind} number are not complete", rule="R7.3")
    known = computed | dict(parts)
    for name, form in numbering.fields:
        if not re.fullmatch(form, known[name]):
            raise InvalidNumber(
                f"编号的 {name} 部分 {known[name]!r} 不合规格",
                f"the {name} of the number, {known[name]!r}, does not fit",
                rule="R7.3",
                where=name,
            )
    return "".join(known[name] for name, _ in numbering.fields)


def parse_number(kind: str, text: str) -> ParsedNumber:
    """The parts of a number of that kind; raises `InvalidNumber`."""
    _of(kind)
    match = _PATTERNS[kind].fullmatch(text)
    if match is None or int(match["serial"]) == 0:
        raise InvalidNumber(f"不是 {kind} 编号", f"not a {kind} number", rule="R7.3")
    return ParsedNumber(
        kind=kind,
        parts={name: part for name, part in match.groupdict().items() if name not in _COMPUTED},
        year=int(match["year"]),
        level=int(match["level"]),
        serial=int(match["serial"]),
    )


def _of(kind: str) -> _Kind:
    if kind not in _KINDS:
        raise InvalidNumber(f"未知编号类型 {kind}", f"unknown kind of number {kind}", rule="R7.3")
    return _KINDS[kind]


def mod37_36_check(text: str) -> str:
    """The check character of ISO 7064 MOD 37,36 over digits and capital letters."""
    remainder = 36
    for character in text:
        place = _ALPHABET.find(character)
        if place < 0:
            raise InvalidNumber(f"标识含有 {character!r}", f"an identifier cannot hold {character!r}", rule="R7.4")
        remainder = ((remainder + place) % 36 or 36) * 2 % 37
    return _ALPHABET[(1 - remainder) % 36]


def gbt36904(root: str, type_: str, issuer: str, serial: str, version: int) -> str:
    """The GB/T 36904 identifier root.type(20 or 21).issuer(18).serial.version(3).check.

    The check character covers type, issuer, serial and version without dots, not the root; the two published examples
    of R7.4 settle that. Raises `InvalidNumber`.
    """
    version_text = f"{version:03d}"
    for name, part, form in (
        ("root", root, r"[0-9]+(?:\.[0-9]+)*"),
        ("type", type_, r"[0-9A-Z]{20,21}"),
        ("issuer", issuer, r"[0-9A-Z]{18}"),
        ("serial", serial, r"[0-9A-Z]{1,40}"),
        ("version", version_text, r"[0-9]{3}"),
    ):
        if not re.fullmatch(form, part):
            raise InvalidNumber(
                f"电子证照标识的 {name} 部分 {part!r} 不合规格",
                f"the {name} of the identifier, {part!r}, does not fit",
                rule="R7.4",
                where=name,
            )
    check = mod37_36_check(type_ + issuer + serial + version_text)
    return f"{root}.{type_}.{issuer}.{serial}.{version_text}.{check}"
