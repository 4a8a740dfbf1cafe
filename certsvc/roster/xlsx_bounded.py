"""Reading a stranger's XLSX in a process of its own, under limits of time, memory and what it may say (`bounded`).

`xlsx_file` measures an archive before its reader sees it; this is the second wall, for what measuring cannot see: one
long string that a hundred thousand cells repeat, one sheet named five hundred times, a fault in the reader, which ends
the process it is in when memory runs out. The child answers lines of JSON.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from certsvc.bounded import Bounds, OutOfBounds, Say, run_bounded
from certsvc.errors import FileRefused
from certsvc.roster.cells import Cell, Limits, NumberedCells, Unreadable
from certsvc.roster.headers import Column
from certsvc.roster.xlsx_file import OtherSheet, open_sheet, read_sheet_rows


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the child read: the sheet's rows, runs of it that are hidden (rows from 1, columns from 0), and the sheets
    that were not read."""

    name: str
    hidden_rows: tuple[tuple[int, int], ...]
    hidden_columns: tuple[tuple[int, int], ...]
    others: tuple[OtherSheet, ...]
    _lines: bytes

    def rows(self) -> NumberedCells:
        """Yield (row number, cells) from the sheet's first row on, each time again."""
        for line in io.BytesIO(self._lines):
            number, cells = json.loads(line)
            yield number, [_decode(cell) for cell in cells]


def read_sheet_bounded(content: bytes, limits: Limits, columns: Sequence[Column] = ()) -> Sheet:
    """The sheet with these columns; raises FileRefused, also for a file that needs more than `limits` allow."""
    asked = {"limits": asdict(limits), "columns": [asdict(column) for column in columns]}
    bounds = Bounds(limits.seconds, limits.memory_bytes, limits.unpacked_bytes)
    try:
        said = run_bounded(read_in_child, asked, content, bounds)
    except OutOfBounds as error:
        raise _beyond_limits() from error
    first, _, lines = said.partition(b"\n")
    opened = json.loads(first)
    if "refused" in opened:
        raise FileRefused(**opened["refused"])
    return Sheet(
        opened["name"],
        tuple((start, end) for start, end in opened["hidden_rows"]),
        tuple((start, end) for start, end in opened["hidden_columns"]),
        tuple(OtherSheet(**other) for other in opened["others"]),
        lines,
    )


def _beyond_limits() -> FileRefused:
    return FileRefused(
        "文件在限定的时间和内存内无法读取；请只保留名册一张表，重新另存",
        "the file cannot be read within its limits of time and memory; save the list alone, as a new file",
        rule="file.size",
    )


def _encode(cell: object) -> object:
    if isinstance(cell, date):
        return {"day": cell.isoformat()}
    assert isinstance(cell, Unreadable)
    return asdict(cell)


def _decode(cell: str | dict[str, str]) -> Cell:
    if isinstance(cell, str):
        return cell
    return date.fromisoformat(cell["day"]) if "day" in cell else Unreadable(**cell)


def read_in_child(asked: dict[str, Any], content: bytes, say: Say) -> None:
    """The child's work: read the sheet; lines of JSON."""
    limits = Limits(**asked["limits"])

    def tell(line: Any) -> None:
        say(json.dumps(line, ensure_ascii=False, default=_encode).encode() + b"\n")

    try:
        opened = open_sheet(content, limits, [Column(**column) for column in asked["columns"]])
    except FileRefused as error:
        tell({"refused": {"zh": error.zh, "en": error.en, "rule": error.rule, "where": error.where}})
        return
    notes, others = opened.notes, [asdict(other) for other in opened.others]
    hidden = {"hidden_rows": notes.hidden_rows, "hidden_columns": notes.hidden_columns}
    tell({"name": opened.name, "others": others, **hidden})
    for numbered in read_sheet_rows(opened, limits):
        tell(numbered)
