"""A CSV file → numbered rows of cells, one at a time: UTF-8 with or without BOM, GB 18030, or UTF-16 with BOM.

Decides the encoding and what divides the cells: commas, or the semicolons and tabs that spreadsheets of some countries
and "Unicode text" have, where only so the headers are found. A row's number is the one a spreadsheet shows: a line
`sep=;` is none, a blank line counts, a quoted cell that spans lines is one row. Not here: headers (`headers`).
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from certsvc.errors import FileRefused
from certsvc.roster.cells import Limits, NumberedCells, bounded
from certsvc.roster.headers import Column, Header, find_header

_CHUNK = 128 * 1024
_BEGINNING = 4096
_UTF32_BYTE_ORDER_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_UTF16_BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SEPARATORS = (",", ";", "\t", "\uff0c", "|")
_SEPARATOR_LINE = re.compile(r'(\ufeff?"?sep=([^"\w\r\n])"?[,;\t]*\r?\n?)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CsvForm:
    """How the file is written: its codec, what divides its cells, and how many characters a line `sep=` takes."""

    encoding: str
    separator: str = ","
    skipped: int = 0


def find_form(content: bytes, columns: Sequence[Column], limits: Limits) -> tuple[CsvForm, Header | None]:
    """The form under which the headers are found, or come nearest; raises FileRefused for the encoding."""
    encoding = find_encoding(content)
    beginning = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="").read(64)
    declared = _SEPARATOR_LINE.match(beginning)
    skipped = len(declared[1]) if declared else 0
    separators = [*([declared[2]] if declared else []), *_SEPARATORS]
    nearest: tuple[CsvForm, Header | None] = CsvForm(encoding, separators[0], skipped), None
    most_known = -1
    broken: FileRefused | None = None
    for separator in separators:
        form = CsvForm(encoding, separator, skipped)
        try:
            header = find_header(read_csv_rows(content, form, limits), columns)
        except FileRefused as refusal:  # by the wrong separator, quotes need not pair
            broken = broken or refusal
            continue
        if header is not None and header.complete:
            return form, header
        known = 0 if header is None else header.known
        if known > most_known:
            nearest, most_known = (form, header), known
    if broken is not None and most_known <= 0:
        raise broken
    return nearest


def find_encoding(content: bytes) -> str:
    """The codec of the whole file; raises FileRefused where it is none of those that are read."""
    if content.startswith(_UTF32_BYTE_ORDER_MARKS) or _looks_like_utf16(content):
        raise FileRefused(
            "文件是不带标记的 UTF-16 或 UTF-32 编码；请另存为 UTF-8 CSV 或 XLSX",
            "the file is UTF-16 without its mark, or UTF-32; save it as CSV UTF-8 or as XLSX",
            rule="file.encoding",
        )
    for mark, encoding in ((_UTF16_BYTE_ORDER_MARKS, "utf-16"), (codecs.BOM_UTF8, "utf-8-sig")):
        if content.startswith(mark):
            if _decodes(content, encoding):
                return encoding
            raise _undecodable(content, encoding)
    if _decodes(content, "utf-8"):
        return "utf-8"
    # GB 18030 accepts nearly any bytes, so a UTF-8 file with one damaged byte would come in as wrong characters.
    if not _mostly_utf8(content) and _decodes(content, "gb18030"):
        return "gb18030"
    raise _undecodable(content, "utf-8")


def read_csv_rows(content: bytes, form: CsvForm, limits: Limits) -> NumberedCells:
    """Yield (row number, cells); raises FileRefused where the form breaks."""
    text = io.TextIOWrapper(io.BytesIO(content), encoding=form.encoding, newline="")
    text.read(form.skipped)
    longest = limits.cell_length
    number = 0
    try:
        for number, record in enumerate(csv.reader(text, delimiter=form.separator, strict=True), start=1):
            yield number, [bounded(value, longest) for value in record]
    except csv.Error as error:
        raise FileRefused(
            f"第 {number + 1} 行不是正确的 CSV(引号未配对或单元格过长)",
            f"row {number + 1} is not well-formed CSV (a quote left open, or an oversized cell): {error}",
            rule="file.form",
            where=f"第 {number + 1} 行 row {number + 1}",
        ) from error


def _looks_like_utf16(content: bytes) -> bool:
    """Every other byte of Latin text and digits in UTF-16 is zero; there is none in any encoding that is read here."""
    beginning = content[:_BEGINNING]
    marked = content.startswith(_UTF16_BYTE_ORDER_MARKS)
    return not marked and beginning.count(0) * 8 > len(beginning)


def _decodes(content: bytes, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    try:
        for start in range(0, len(content), _CHUNK):
            decoder.decode(content[start : start + _CHUNK])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _mostly_utf8(content: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    beyond_ascii = faults = 0
    for start in range(0, len(content), _CHUNK):
        text = decoder.decode(content[start : start + _CHUNK])
        faults += text.count("\ufffd")
        beyond_ascii += len(text) - len(text.encode("ascii", "ignore"))
    return beyond_ascii - faults > faults


def _undecodable(content: bytes, encoding: str) -> FileRefused:
    readable = content.decode(encoding, "replace").partition("\ufffd")[0]
    line = readable.count("\n") + 1
    return FileRefused(
        f"文件编码既不是 UTF-8 也不是 GB 18030（第 {line} 行起无法识别）；请另存为 UTF-8 CSV 或 XLSX",
        f"the encoding is neither UTF-8 nor GB 18030 (line {line} cannot be read); save it as CSV UTF-8 or as XLSX",
        rule="file.encoding",
        where=f"第 {line} 行 line {line}",
    )
