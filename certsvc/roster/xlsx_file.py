"""An XLSX file → the sheet that holds the table, and its numbered rows of cells.

The first visible sheet is read; where no headers lie there and they do in one other sheet, that one. The value a
formula last showed is the value read; what has none, and what is no value, is Unreadable (`xlsx_notes`). The archive is
measured first (`xlsx_archive`). Not here: headers and columns (`headers`, `table`). Source: R9; the fixed file formats.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from certsvc.errors import FileRefused
from certsvc.roster.cells import Cell, Limits, NumberedCells, Unreadable, bounded, cut_number
from certsvc.roster.headers import HEAD_ROWS, Column, Header, find_header
from certsvc.roster.xlsx_archive import Archive, bomb, damaged, encrypted, measure
from certsvc.roster.xlsx_notes import EXACT_BELOW, Merges, Notes, read_notes, sheet_parts, shown_digits

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_MOST_SHEETS = 50


@dataclass(frozen=True, slots=True)
class OtherSheet:
    """A sheet that is not read: whether it is hidden, and in which row headers lie there that would do (else 0)."""

    name: str
    hidden: bool
    header_row: int


@dataclass(frozen=True, slots=True)
class OpenedSheet:
    """The sheet that is read, what is to be said of its cells, and the others that hold anything."""

    name: str
    sheet: CalamineSheet
    notes: Notes
    others: tuple[OtherSheet, ...]


def refuse_ole(content: bytes) -> FileRefused:
    """Why an OLE file is not read: an old .xls, or an XLSX under a password."""
    if _ENCRYPTED_STREAM in content:
        return encrypted()
    return FileRefused(
        "这是旧版 .xls 文件；请另存为 .xlsx 或 UTF-8 CSV",
        "this is an old .xls file; save it as .xlsx or as CSV UTF-8",
        rule="file.form",
    )


def open_sheet(content: bytes, limits: Limits, columns: Sequence[Column] = ()) -> OpenedSheet:
    """The sheet with these columns, and the others; raises FileRefused, also where two sheets could be meant."""
    archive = measure(content, limits)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheets = [each for each in workbook.sheets_metadata if each.typ == SheetTypeEnum.WorkSheet]
        visible = [each.name for each in sheets if each.visible == SheetVisibleEnum.Visible]
        if not visible:
            raise FileRefused("工作簿没有可见的工作表", "the workbook has no visible sheet", rule="file.form")
        if len(sheets) > _MOST_SHEETS:
            # Each is unpacked when it is looked at, and all of them may be named after one part of the archive.
            raise bomb(f"内含 {len(sheets)} 张工作表", f"{len(sheets)} sheets, at most {_MOST_SHEETS}")
        first = workbook.get_sheet_by_name(visible[0])
        looked_at = {visible[0]: _look_at(first, columns, limits)}
        for each in sheets:
            if each.name not in looked_at:
                looked_at[each.name] = _look_at(workbook.get_sheet_by_name(each.name), columns, limits)
        chosen = _choose(visible, {name: header for name, (_, header) in looked_at.items()})
        sheet = first if chosen == visible[0] else workbook.get_sheet_by_name(chosen)
        others = tuple(
            OtherSheet(name, name not in visible, header.row if header is not None and header.complete else 0)
            for name, (height, header) in looked_at.items()
            if name != chosen and height and (name in visible or (header is not None and header.complete))
        )
        return OpenedSheet(chosen, sheet, _notes(archive, chosen), others)
    except (CalamineError, OSError, ValueError) as error:
        raise damaged() from error


def read_sheet_rows(opened: OpenedSheet, limits: Limits) -> NumberedCells:
    """Yield (row number, cells) from the sheet's first row and column on."""
    notes, merges = opened.notes, Merges(opened.notes)
    number = 0
    for number, cells in _values(opened.sheet, limits):
        if notes.cells or notes.merged:
            _put(notes.cells.get(number, ()), cells)
            merges.cover(number, cells)
        yield number, cells
    # To the reader of values, rows of errors and of formulas without a value are not there.
    for beyond in sorted(row for row in notes.cells if row > number):
        cells = []
        _put(notes.cells[beyond], cells)
        yield beyond, cells


def _look_at(sheet: CalamineSheet, columns: Sequence[Column], limits: Limits) -> tuple[int, Header | None]:
    return sheet.height, find_header(islice(_values(sheet, limits), HEAD_ROWS), columns)


def _choose(visible: Sequence[str], headers: dict[str, Header | None]) -> str:
    """The sheet to read: the first, or the only one with the headers, or where they come nearest."""
    complete = [name for name in visible if (header := headers[name]) is not None and header.complete]
    if visible[0] in complete:
        return visible[0]
    if len(complete) > 1:
        names = "、".join(f"“{name}”" for name in complete)
        raise FileRefused(
            f"第一张工作表没有列名，而工作表{names}都有；请只保留要导入的一张",
            f"the first sheet has no headers, and the sheets {', '.join(map(repr, complete))} have; leave only one",
            rule="file.sheet",
        )
    if complete:
        return complete[0]
    return max(visible, key=lambda name: -1 if (header := headers[name]) is None else header.known)


def _notes(archive: Archive, name: str) -> Notes:
    parts = sheet_parts(archive)
    if name not in parts:
        raise damaged()
    return read_notes(archive, parts[name])


def _put(noted: Sequence[tuple[int, Unreadable]], cells: list[Cell]) -> None:
    for column, cell in noted:
        cells += [""] * (column + 1 - len(cells))
        cells[column] = cell


def _values(sheet: CalamineSheet, limits: Limits) -> Iterator[tuple[int, list[Cell]]]:
    leading = [""] * (sheet.start[1] if sheet.start else 0)
    for number, values in enumerate(sheet.iter_rows(), start=1):
        yield number, [_cell(value, limits.cell_length) for value in (*leading, *values)]


def _cell(value: int | float | str | bool | time | date | datetime | timedelta, longest: int) -> Cell:
    if isinstance(value, str):
        return bounded(value, longest)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return shown_digits(value) if abs(value) < EXACT_BELOW else cut_number(f"{value:.15g}")
    if isinstance(value, datetime):  # the reader gives a plain date where there is no time of day
        return _not_a_day(value.isoformat(sep=" "))
    return value if isinstance(value, date) else _not_a_day(str(value))


def _not_a_day(text: str) -> Unreadable:
    return Unreadable(text, "file.date", "应为日期，不应带时刻", "a date without a time of day is expected")
