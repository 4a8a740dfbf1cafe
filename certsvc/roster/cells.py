"""What one cell of a file can hold once the file's own form is behind us, and how large a file may be.

Decides which text is no content: the error values that spreadsheets write, and numbers that they cut. Such a cell is
`Unreadable`, never empty: nothing lost is read as nothing given. Not here: what a cell means (`reader`), and what only
a workbook knows of a cell (`xlsx_notes`). Source: R9, "A cell that holds an error"; the fixed file formats; the bounds
are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

# Padding that spreadsheets and typists leave around a cell. Nothing else is stripped: a control or zero-width
# character at the edge of a name must reach the name rule (R9) and be refused there.
PADDING = " \t\r\n\u00a0\u3000"
NUMBER_RULE = "file.number"
LENGTH_RULE = "file.length"
MERGED_RULE = "file.merged"
# What Excel, WPS and LibreOffice write for an error, in any language, and the row of # for a column too narrow.
_ERROR_VALUE = re.compile(
    r"[#\uff03](?:N/?A|NV|GETTING_DATA|[^\s#]{2,20}[!?\uff01\uff1f]|[#\uff03]+)|Err:[0-9]{3}", re.IGNORECASE
)
# 2.66301E+15 of Excel and WPS, 2.66301e+15 of Python, 2.66301E15 of Java.
_CUT_NUMBER = re.compile(r"[0-9](?:(?:[.,][0-9]+)?[Ee]\+|[.,][0-9]+[Ee])[0-9]{1,3}")
_AS_TEXT = re.compile(r'="((?:[^"]|"")*)"')
_APOSTROPHE_BEFORE_DIGITS = re.compile("['\u2018\u2019\uff07](?=[0-9])")
_ODD_STARTS = frozenset("#\uff03='\u2018\u2019\uff07eE")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A cell whose content is lost or out of bounds; it becomes a CellError where a column asks for it."""

    shown: str
    rule: str
    zh: str
    en: str


Cell = str | date | Unreadable
NumberedCells = Iterator[tuple[int, list[Cell]]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a file may be: bytes as stored, rows below the header, columns, characters in one cell; for an XLSX
    also what it unpacks to, and what the process that reads it may use."""

    file_bytes: int = 64 * 1024 * 1024
    rows: int = 200_000
    columns: int = 64
    cell_length: int = 1_000
    unpacked_bytes: int = 256 * 1024 * 1024
    archive_entries: int = 500
    memory_bytes: int = 2 * 1024 * 1024 * 1024
    seconds: int = 60


def shown(cell: Cell) -> str:
    """The cell as an operator would see it."""
    if isinstance(cell, str):
        return cell
    return cell.shown if isinstance(cell, Unreadable) else cell.isoformat()


def bounded(text: str, longest: int) -> Cell:
    """The text as it came, padding and all; Unreadable where there is more than `longest` within the padding."""
    if len(text) <= longest or len(text.strip(PADDING)) <= longest:
        return text
    return too_long(text, longest)


def too_long(text: str, longest: int) -> Unreadable:
    """The cell that stands for one beyond the bound; only its beginning is kept."""
    length = len(text.strip(PADDING))
    return Unreadable(
        text.strip(PADDING)[:40] + "…",
        LENGTH_RULE,
        f"单元格有 {length} 个字符，超过上限 {longest}",
        f"the cell has {length} characters, more than {longest}",
    )


def content_of(text: str) -> Cell:
    """What a cell of text says, its padding gone: the text, or Unreadable for an error value or a number cut short.

    The marks that people put before a number to keep it whole, an apostrophe or ="…", are no part of it.
    """
    if text[:1] in _ODD_STARTS:
        wrapped = _AS_TEXT.fullmatch(text)
        if wrapped:
            text = wrapped[1].replace('""', '"').strip(PADDING)
        elif _APOSTROPHE_BEFORE_DIGITS.match(text):
            text = text[1:]
        if _ERROR_VALUE.fullmatch(text):
            return error_value(text)
    if ("E" in text or "e" in text) and _CUT_NUMBER.fullmatch(text):
        return cut_number(text)
    return text


def is_formula(text: str) -> bool:
    """Whether a text is a formula in place of what it gives: something behind the sign, and not signs alone."""
    return text.startswith("=") and text.strip("=") != ""


def error_value(text: str) -> Unreadable:
    return Unreadable(
        text,
        "R9",
        "单元格是表格软件的错误值，不是内容；请改正公式或重新填写，确实没有内容的请清空",
        "the cell holds a spreadsheet's error value; mend the formula or type the content, or clear the cell",
    )


def formula(text: str) -> Unreadable:
    return Unreadable(
        text,
        "R9",
        "单元格是没有算出结果的公式；请用表格软件打开并重新计算、保存，或直接填写内容",
        "the cell is a formula that was never calculated; open the file in a spreadsheet program and save it again, "
        "or type the content",
    )


def cut_number(text: str) -> Unreadable:
    return Unreadable(
        text,
        NUMBER_RULE,
        "该号码被表格软件当作数字，末位数字已丢失；请把该列设为文本格式后重新填写",
        "the spreadsheet took this for a number and lost its last digits; set the column to text and type it again",
    )
