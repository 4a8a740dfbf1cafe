"""An employer's list of certificates to check → rows as typed, and the answer as a file.

A malformed number and a wrong name get the one answer of R10, and that is the look-up's to give. A row that has lost
its content (an empty cell, an error value, a number that a spreadsheet cut) is handed on with its problem: it refuses
no other row, and is never looked up, since it would be answered as no certificate. Source: R9; the fixed file formats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from certsvc.errors import CellError
from certsvc.roster.cells import Limits
from certsvc.roster.parsed import Parsed, Report
from certsvc.roster.reader import RowReader
from certsvc.roster.table import Column, Table, read_table

COLUMNS = (Column("number", "证书编号"), Column("name", "姓名"))
LIST_LIMITS = Limits(
    file_bytes=4 * 1024 * 1024,
    rows=5_000,
    columns=32,
    cell_length=500,
    unpacked_bytes=64 * 1024 * 1024,
    memory_bytes=224 * 1024 * 1024,
    seconds=10,
)
ANSWER_HEADERS = ("证书编号", "姓名", "状态", "发证日期", "查询时间", "说明", "核验网址")
TEMPLATE_HEADERS = tuple(column.zh for column in COLUMNS)


@dataclass(frozen=True, slots=True)
class EmployerRow:
    """One row; where it has a `problem`, its cells are as far as they could be read, and it is not to be looked up."""

    row: int
    number: str
    name: str
    problem: CellError | None = None


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One row of the answer; all of it is text to show. `issued_on` is "" where nothing was found, `note` says what to
    do with a row that was not looked up, and `link` is where the record can be seen."""

    number: str
    name: str
    status: str
    issued_on: str
    checked_at: str
    note: str = ""
    link: str = ""


def read_employer_list(
    source: bytes | Path, *, filename: str = "", ignore_unknown: bool = False, limits: Limits = LIST_LIMITS
) -> Parsed[EmployerRow]:
    """Open a list of at most 5,000 rows; raises FileRefused for the file as a whole."""
    table = read_table(source, COLUMNS, filename=filename, ignore_unknown=ignore_unknown, limits=limits)
    return Parsed(lambda report: _read(table, report), table.headings)


def answer_cells(rows: Iterable[AnswerRow]) -> Iterator[tuple[str, ...]]:
    """The rows as `export` writes them under ANSWER_HEADERS."""
    for row in rows:
        yield row.number, row.name, row.status, row.issued_on, row.checked_at, row.note, row.link


def _read(table: Table, report: Report) -> Iterator[EmployerRow]:
    for warning in table.warnings:
        report.warn(warning)
    for row in table:
        own = Report()
        reader = RowReader(table, row, own)
        number, name = reader.raw("number"), reader.raw("name")
        if reader.accepted:
            for key, text in (("number", number), ("name", name)):
                if not text:
                    reader.refuse(key, "R9", "本行不完整:此格为空;请补上", "the row is incomplete: fill this cell in")
        yield EmployerRow(reader.number, number, name, own.errors[0] if own.errors else None)
