"""Where a table's headers lie: the row that names its columns, within the first rows of a sheet or file.

Headers are Chinese or English, in any order, their blanks, line breaks and letter case no matter. A title, remarks and
blank rows may stand above them. Not here: whether what was found is accepted (`table`). Source: the fixed file formats.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from certsvc.roster.cells import MERGED_RULE, PADDING, Cell, Unreadable, shown

HEAD_ROWS = 30
_MARKS_OF_DUTY = ("必填", "选填")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file: `key` is the English header, `zh` the Chinese; if not required it may be left out."""

    key: str
    zh: str
    required: bool = True

    @property
    def shown(self) -> str:
        return f"{self.zh} {self.key}"


@dataclass(frozen=True, slots=True)
class Header:
    """A row taken for the headers: its number, its texts, the key of each column that is known, and the numbers of the
    rows above it that hold something, each with how many of its cells do."""

    row: int
    texts: tuple[str, ...]
    keys: tuple[str | None, ...]
    missing: tuple[Column, ...]
    above: tuple[tuple[int, int], ...] = ()

    @property
    def complete(self) -> bool:
        """It names every column that must be there."""
        return not self.missing

    @property
    def known(self) -> int:
        return len({key for key in self.keys if key is not None})


def find_header(rows: Iterable[tuple[int, Sequence[Cell]]], columns: Sequence[Column]) -> Header | None:
    """The first complete row of headers among the first HEAD_ROWS, else the row that comes nearest; None of nothing."""
    names = _names(columns)
    nearest: Header | None = None
    above: list[tuple[int, int]] = []
    for number, cells in islice(rows, HEAD_ROWS):
        texts = [shown(cell).strip(PADDING) for cell in cells]
        while texts and not texts[-1]:
            texts.pop()
        if not texts:
            continue
        keys = tuple(names.get(_plain(text)) for text in texts)
        missing = tuple(column for column in columns if column.required and column.key not in keys)
        header = Header(number, tuple(texts), keys, missing, tuple(above))
        if header.complete:
            return header
        if nearest is None or header.known > nearest.known:
            nearest = header
        above.append((number, sum(map(is_filled, cells))))
    return nearest


def is_filled(cell: Cell) -> bool:
    """Whether a cell holds anything of its own; one that is merged into another does not."""
    if isinstance(cell, str):
        return bool(cell.strip(PADDING))
    return not (isinstance(cell, Unreadable) and cell.rule == MERGED_RULE)


def _names(columns: Sequence[Column]) -> dict[str, str]:
    names = {}
    for column in columns:
        zh, key = _plain(column.zh), _plain(column.key)
        for name in (zh, key, zh + key, key + zh):
            for mark in ("", *_MARKS_OF_DUTY):
                names[name + mark] = column.key
    return names


def _plain(text: str) -> str:
    """Letters and digits alone, in one width and case. A percent sign stays: it says that the column means another."""
    usual = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in usual if character.isalnum() or character == "%")
