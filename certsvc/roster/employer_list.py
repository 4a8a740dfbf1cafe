"""An employer's list of certificates to check → rows as typed, and the answer as a file.

A row is never refused for what it says: a malformed number and a wrong name get the one answer of R10, and that is the
look-up's to give. A row that cannot be asked about, its number cut by a spreadsheet or a cell empty, comes with its
problem, and the others are answered; only the file's own form is refused. Source: the fixed file formats, employer
list; R9.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from certsvc.credential.wording import Wording
from certsvc.roster.cells import LENGTH_RULE, NUMBER_RULE, Cell, Limits, Unreadable, is_formula, shown
from certsvc.roster.parsed import Parsed, Report
from certsvc.roster.table import Column, Row, Table, read_table

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
ANSWER_HEADERS = ("证书编号", "姓名", "状态", "发证日期", "查询时间", "核验网址")
TEMPLATE_HEADERS = tuple(column.zh for column in COLUMNS)


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row of a list is not looked up, and what to do: no word about any certificate."""

    state: str
    says: Wording


DAMAGED = RowProblem(
    "damaged",
    Wording(
        "编号已被表格软件损坏，未查询",
        "Not checked: the number was damaged by the spreadsheet",
        "请把该列设为文本格式，按证书重新填写编号。",
        "Set the column to text and type the number again from the certificate.",
    ),
)
INCOMPLETE = RowProblem(
    "incomplete",
    Wording(
        "本行不完整，未查询",
        "Not checked: the row is incomplete",
        "请填写证书编号和姓名。",
        "Fill in both the certificate number and the name.",
    ),
)
UNREADABLE = RowProblem(
    "unreadable",
    Wording(
        "本行内容过长，未查询",
        "Not checked: the row holds more than a number and a name",
        "请检查该行后重试。",
        "Check the row and try again.",
    ),
)
GUESSED = RowProblem(
    "guessed",
    Wording(
        "同一编号配了三个以上姓名，未查询",
        "Not checked: this number stands with more than three names",
        "请只保留确定的姓名。",
        "Keep the name that you are sure of.",
    ),
)
ROW_PROBLEMS = (DAMAGED, INCOMPLETE, UNREADABLE, GUESSED)


@dataclass(frozen=True, slots=True)
class EmployerRow:
    """A row as typed; where it has a `problem` it is not looked up."""

    row: int
    number: str
    name: str
    problem: RowProblem | None = None


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One row of the answer; all of it is text to show. `issued_on` is "" where nothing was found, and `link` where
    there is no page of the record."""

    number: str
    name: str
    status: str
    issued_on: str
    checked_at: str
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
        yield row.number, row.name, row.status, row.issued_on, row.checked_at, row.link


def _read(table: Table, report: Report) -> Iterator[EmployerRow]:
    for warning in table.warnings:
        report.warn(warning)
    for row in table:
        number, name = row.cells.get("number", ""), row.cells.get("name", "")
        yield EmployerRow(row.number, shown(number), shown(name), _problem(row, number, name))


def _problem(row: Row, number: Cell, name: Cell) -> RowProblem | None:
    """The worst of the row's problems: of a damaged number, no other cell matters."""
    lost = [cell for cell in (number, name) if isinstance(cell, Unreadable)]
    if any(cell.rule == NUMBER_RULE for cell in lost):
        return DAMAGED
    if any(cell.rule == LENGTH_RULE for cell in lost):
        return UNREADABLE
    # An error value, or a formula that was never calculated, is a number or a name that is not there.
    absent = any(not cell or is_formula(shown(cell)) for cell in (number, name))
    return INCOMPLETE if lost or absent or row.fault is not None else None
