"""Reading a stranger's XLSX in a process of its own, under limits of time, memory and what it may say.

`xlsx_file` measures an archive before its reader sees it; this is the second wall, for what measuring cannot see: one
long string that a hundred thousand cells repeat, one sheet named five hundred times, a fault in the reader, which ends
the process it is in when memory runs out. The child gets the file on standard input and answers lines of JSON.
"""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, BinaryIO

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
        """Yield (row number, cells) from the sheet's first row on, each time anew."""
        for line in io.BytesIO(self._lines):
            number, cells = json.loads(line)
            yield number, [_decode(cell) for cell in cells]


def read_sheet_bounded(content: bytes, limits: Limits, columns: Sequence[Column] = ()) -> Sheet:
    """The sheet with these columns; raises FileRefused, also for a file that needs more than `limits` allow."""
    asked = {"limits": asdict(limits), "columns": [asdict(column) for column in columns]}
    with tempfile.TemporaryFile() as said:
        try:
            child = subprocess.run(  # our own interpreter and module, no shell; -P: nothing from the current folder
                [sys.executable, "-P", "-m", "certsvc.roster.xlsx_bounded"],
                input=json.dumps(asked).encode() + b"\n" + content,
                stdout=said,
                stderr=subprocess.DEVNULL,
                timeout=limits.seconds * 3,
                check=False,
            )
        except (subprocess.TimeoutExpired, OSError) as error:
            raise _beyond_limits() from error
        if child.returncode != 0:
            raise _beyond_limits()
        said.seek(0)
        opened = json.loads(said.readline())
        if "refused" in opened:
            raise FileRefused(**opened["refused"])
        return Sheet(
            opened["name"],
            tuple((first, last) for first, last in opened["hidden_rows"]),
            tuple((first, last) for first, last in opened["hidden_columns"]),
            tuple(OtherSheet(**other) for other in opened["others"]),
            said.read(),
        )


def _beyond_limits() -> FileRefused:
    return FileRefused(
        "文件在限定的时间和内存内无法读取;请只保留名册一张表,重新另存",
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


def answer(
    source: BinaryIO, sink: BinaryIO, limit: Callable[[int, tuple[int, int]], None] = resource.setrlimit
) -> None:
    """The child's work: read the limits and the file, take the limits, read the sheet; lines of JSON."""
    asked = json.loads(source.readline())
    limits = Limits(**asked["limits"])
    content = source.read()
    limit(resource.RLIMIT_CPU, (limits.seconds, limits.seconds))
    limit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    limit(resource.RLIMIT_FSIZE, (limits.unpacked_bytes, limits.unpacked_bytes))

    def say(line: Any) -> None:
        sink.write(json.dumps(line, ensure_ascii=False, default=_encode).encode() + b"\n")

    try:
        opened = open_sheet(content, limits, [Column(**column) for column in asked["columns"]])
    except FileRefused as error:
        say({"refused": {"zh": error.zh, "en": error.en, "rule": error.rule, "where": error.where}})
        return
    notes, others = opened.notes, [asdict(other) for other in opened.others]
    hidden = {"hidden_rows": notes.hidden_rows, "hidden_columns": notes.hidden_columns}
    say({"name": opened.name, "others": others, **hidden})
    for numbered in read_sheet_rows(opened, limits):
        say(numbered)


if __name__ == "__main__":
    answer(sys.stdin.buffer, sys.stdout.buffer)
