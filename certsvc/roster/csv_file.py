"""A CSV file → numbered rows of cells, one at a time: UTF-8 with or without BOM, or GB 18030.

Decides the encoding, and refuses what is neither. A row's number is the one a spreadsheet shows: the header is 1, a
blank line counts, a quoted cell that spans lines is one row. Not here: headers and columns (`table`).
"""

from __future__ import annotations

import codecs
import csv
import io

from certsvc.errors import FileRefused
from certsvc.roster.cells import PADDING, Cell, Limits, NumberedCells, Unreadable

_CHUNK = 128 * 1024
_WIDE_BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def find_encoding(content: bytes) -> str:
    """The codec of the whole file; raises FileRefused where it is neither UTF-8 nor GB 18030."""
    if content.startswith(_WIDE_BYTE_ORDER_MARKS):
        raise FileRefused(
            "文件是 UTF-16/32 编码;请另存为 UTF-8 CSV 或 XLSX",
            "the file is UTF-16 or UTF-32; save it as CSV UTF-8 or as XLSX",
            rule="file.encoding",
        )
    if content.startswith(codecs.BOM_UTF8):
        if _decodes(content, "utf-8"):
            return "utf-8-sig"
        raise _undecodable(content)
    if _decodes(content, "utf-8"):
        return "utf-8"
    # GB 18030 accepts nearly any bytes, so a UTF-8 file with one damaged byte would come in as wrong characters.
    if not _mostly_utf8(content) and _decodes(content, "gb18030"):
        return "gb18030"
    raise _undecodable(content)


def read_csv_rows(content: bytes, encoding: str, limits: Limits) -> NumberedCells:
    """Yield (row number, cells), the header first; raises FileRefused where the form breaks."""
    text = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="")
    number = 0
    try:
        for number, record in enumerate(csv.reader(text, strict=True), start=1):
            yield number, [_cell(value, limits.cell_length) for value in record]
    except csv.Error as error:
        raise FileRefused(
            f"第 {number + 1} 行不是正确的 CSV(引号未配对或单元格过长)",
            f"row {number + 1} is not well-formed CSV (a quote left open, or an oversized cell): {error}",
            rule="file.form",
            where=f"第 {number + 1} 行 row {number + 1}",
        ) from error


def _cell(value: str, longest: int) -> Cell:
    value = value.strip(PADDING)
    return value if len(value) <= longest else too_long(value, longest)


def too_long(value: str, longest: int) -> Unreadable:
    """The cell that stands for one beyond the bound; only its beginning is kept."""
    return Unreadable(
        value[:40] + "…",
        "file.length",
        f"单元格有 {len(value)} 个字符,超过上限 {longest}",
        f"the cell has {len(value)} characters, more than {longest}",
    )


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


def _undecodable(content: bytes) -> FileRefused:
    readable = content.decode("utf-8", "replace").partition("\ufffd")[0]
    line = readable.count("\n") + 1
    return FileRefused(
        f"文件编码既不是 UTF-8 也不是 GB 18030(第 {line} 行起无法识别);请另存为 UTF-8 CSV 或 XLSX",
        f"the encoding is neither UTF-8 nor GB 18030 (line {line} cannot be read); save it as CSV UTF-8 or as XLSX",
        rule="file.encoding",
        where=f"第 {line} 行 line {line}",
    )
