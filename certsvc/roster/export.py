"""Rows → a CSV or XLSX file that is safe to open in a spreadsheet.

A cell that a spreadsheet would run as a formula gets an apostrophe before it. Not here: which rows and columns
(`employer_list`, services). Source: the fixed file formats, employer list.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

# The last four are the full-width signs, which a spreadsheet of East Asia takes for the others.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_LONGEST_XLSX_CELL = 32_767
_PIECE = 64 * 1024


def escape_formula(text: str) -> str:
    """The text, with an apostrophe before it where a spreadsheet would take it for a formula."""
    return "'" + text if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def write_csv(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """Yield a UTF-8 CSV file with BOM (so that Excel shows Chinese), in pieces, as rows come in."""
    text = io.StringIO(newline="")
    text.write("\ufeff")
    # All in quotes: where a spreadsheet divides at semicolons or tabs, half a cell must not become one that begins so.
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow([escape_formula(header) for header in headers])
    for row in rows:
        writer.writerow([escape_formula(cell) for cell in row])
        if text.tell() > _PIECE:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def write_xlsx(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    title: str = "结果",
    links: int | None = None,
    empty_rows: int = 0,
) -> bytes:
    """An XLSX file with one sheet, every cell text, so that a long number typed there stays whole.

    `links` is the column whose cells are our own addresses and open at a click; `empty_rows` are to be filled in.
    """
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet(title)
    for place in range(1, len(headers) + 1):
        sheet.column_dimensions[get_column_letter(place)].width = 22
    sheet.append([_xlsx_cell(sheet, header) for header in headers])
    for row in (*rows, *([[""] * len(headers)] * empty_rows)):
        cells = [_xlsx_cell(sheet, cell) for cell in row]
        if links is not None and row[links]:
            cells[links].hyperlink = row[links]
        sheet.append(cells)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def _xlsx_cell(sheet: WriteOnlyWorksheet, text: str) -> Cell:
    cell = WriteOnlyCell(sheet, _xlsx_text(text) or None)
    cell.number_format = "@"
    return cell


def _xlsx_text(text: str) -> str:
    # XML has no way to write these characters; a visible mark says that one was there.
    return ILLEGAL_CHARACTERS_RE.sub("\ufffd", escape_formula(text))[:_LONGEST_XLSX_CELL]
