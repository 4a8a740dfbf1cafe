"""An XLSX file → numbered rows of cells, after its archive has been measured without trusting what it says of itself.

A spreadsheet is a ZIP of XML: a few kilobytes can unpack to gigabytes, and one cell at XFD1048576 makes a reader
reserve the whole grid. So every entry is unpacked once, counted and thrown away, and the furthest cell is found,
before the reader sees the file. The value a formula last showed is the value read. Not here: headers (`table`).
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from certsvc.errors import FileRefused
from certsvc.roster.cells import PADDING, Cell, Limits, NumberedCells, Unreadable
from certsvc.roster.csv_file import too_long

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP_MAGIC = b"PK\x03\x04"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_CHUNK = 256 * 1024
_LOCAL_HEADER_BYTES = 30
_MOST_SHEETS = 50
_MOST_CELLS = 4_000_000  # the reader reserves 24 bytes for every cell of the grid
_LARGEST_RATIO = 250  # XML of real sheets shrinks 10 to 40 times
_RATIO_MATTERS_FROM_BYTES = 4 * 1024 * 1024
_EXACT_BELOW = 10**15  # spreadsheets keep 15 significant digits
_ATTRIBUTE = rb"""\s+(?!r\s*=)[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*')"""
_REFERENCE = rb"""\s+r\s*=\s*["']([A-Za-z]{1,8})([0-9]{1,12})["']"""
_PREFIX = rb"(?:(?!/)[^\s:<>]*:)?"  # the reader takes any name for one; end tags are no cells
_CELL = re.compile(rb"<" + _PREFIX + rb"c[\s/>]")
_STRING = re.compile(rb"<" + _PREFIX + rb"si[\s/>]")
_PLACED_CELL = re.compile(
    rb"<" + _PREFIX + rb"c(?:" + _ATTRIBUTE + rb")*" + _REFERENCE + rb"(?:" + _ATTRIBUTE + rb")*\s*/?>"
)
_LONGEST_TAG_BYTES = 1024 * 1024


def refuse_ole(content: bytes) -> FileRefused:
    """Why an OLE file is not read: an old .xls, or an XLSX under a password."""
    if _ENCRYPTED_STREAM in content:
        return _encrypted()
    return FileRefused(
        "这是旧版 .xls 文件;请另存为 .xlsx 或 UTF-8 CSV",
        "this is an old .xls file; save it as .xlsx or as CSV UTF-8",
        rule="file.form",
    )


def _encrypted() -> FileRefused:
    return FileRefused(
        "文件有打开密码(已加密);请取消密码后重新保存",
        "the workbook is encrypted with a password; save it without one",
        rule="file.form",
    )


def open_sheet(content: bytes, limits: Limits) -> tuple[CalamineSheet, tuple[str, ...]]:
    """The first visible sheet, and the names of further sheets that hold cells but are not read; raises FileRefused."""
    _measure(content, limits)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = [
            sheet.name
            for sheet in workbook.sheets_metadata
            if sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet
        ]
        if not names:
            raise FileRefused("工作簿没有可见的工作表", "the workbook has no visible sheet", rule="file.form")
        if len(names) > _MOST_SHEETS:
            # Each is unpacked when it is looked at, and all of them may be named after one part of the archive.
            raise _bomb(f"内含 {len(names)} 张工作表", f"{len(names)} sheets, at most {_MOST_SHEETS}")
        first = workbook.get_sheet_by_name(names[0])
        unread = tuple(name for name in names[1:] if workbook.get_sheet_by_name(name).height)
    except (CalamineError, OSError, ValueError) as error:
        raise _damaged() from error
    return first, unread


def read_sheet_rows(sheet: CalamineSheet, limits: Limits) -> NumberedCells:
    """Yield (row number, cells) from the sheet's first row and column on, the header first."""
    leading = [""] * (sheet.start[1] if sheet.start else 0)
    for number, values in enumerate(sheet.iter_rows(), start=1):
        yield number, [_cell(value, limits.cell_length) for value in (*leading, *values)]


def _cell(value: int | float | str | bool | time | date | datetime | timedelta, longest: int) -> Cell:
    if isinstance(value, str):
        value = value.strip(PADDING)
        return value if len(value) <= longest else too_long(value, longest)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, datetime):  # the reader gives a plain date where there is no time of day
        return _not_a_day(value.isoformat(sep=" "))
    return value if isinstance(value, date) else _not_a_day(str(value))


def _number(value: int | float) -> Cell:
    if abs(value) >= _EXACT_BELOW:
        return Unreadable(
            f"{value:.15g}",
            "file.number",
            "该单元格以数字形式保存,超过 15 位的数字已丢失末位;请把该列设为文本格式后重新填写",
            "the cell is stored as a number, and spreadsheets lose digits beyond the fifteenth; "
            "set the column to text and type it again",
        )
    # repr() is the shortest text of exactly this number; it rounds nothing, so 59.999999 stays what it is (R2).
    return str(int(value)) if value == int(value) else repr(value)


def _not_a_day(text: str) -> Unreadable:
    return Unreadable(text, "file.date", "应为日期,不应带时刻", "a date without a time of day is expected")


def _damaged() -> FileRefused:
    return FileRefused(
        "XLSX 文件不完整或已损坏;请重新保存后再试",
        "the XLSX file is truncated or damaged; save it again and retry",
        rule="file.form",
    )


def _bomb(zh: str, en: str) -> FileRefused:
    return FileRefused(f"文件解压后过大:{zh}", f"the file unpacks to too much: {en}", rule="file.size")


def _measure(content: bytes, limits: Limits) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, zlib.error) as error:
        raise _damaged() from error
    _check_kind(entries)
    if len(entries) > limits.archive_entries:
        raise _bomb(f"内含 {len(entries)} 个部件", f"{len(entries)} entries, at most {limits.archive_entries} are read")
    total = 0
    pictures_apart = not any(_names_pictures(content, entry) for entry in entries)
    for entry in entries:
        # Every part is looked at: the workbook itself says which one is its sheet, whatever it is called. Only pictures
        # that it does not name are none, whose bytes may look like a cell by chance.
        grid = _Grid()
        picture = pictures_apart and entry.filename.startswith("xl/media/")
        for piece in _unpack(content, entry):
            total += len(piece)
            if total > limits.unpacked_bytes:
                raise _bomb(f"超过 {limits.unpacked_bytes} 字节", f"more than {limits.unpacked_bytes} bytes")
            if total > _RATIO_MATTERS_FROM_BYTES and total > _LARGEST_RATIO * len(content):
                raise _bomb(f"压缩比超过 {_LARGEST_RATIO}", f"more than {_LARGEST_RATIO} times its size")
            if not picture:
                grid.see(piece)
        grid.check(limits)


def _names_pictures(content: bytes, entry: zipfile.ZipInfo) -> bool:
    """Whether this is the list of the workbook's own parts and could name a file among the pictures (or is odd)."""
    if not entry.filename.lower().endswith("workbook.xml.rels"):
        return False
    listed = b"".join(islice(_unpack(content, entry), 2))
    return len(listed) > _CHUNK or b"media" in listed.lower() or b"&" in listed


def _check_kind(entries: list[zipfile.ZipInfo]) -> None:
    names = {entry.filename for entry in entries}
    if "xl/vbaProject.bin" in names:
        raise FileRefused(
            "文件含有宏(.xlsm);请另存为不含宏的 .xlsx", "the workbook holds macros; save it as .xlsx", rule="file.form"
        )
    if "xl/workbook.xml" not in names or "[Content_Types].xml" not in names:
        raise FileRefused(
            "不是 XLSX 工作簿(可能是 .xlsb、.ods 或其他压缩文件);请另存为 .xlsx",
            "this is no XLSX workbook (perhaps .xlsb, .ods or another archive); save it as .xlsx",
            rule="file.form",
        )
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise _encrypted()
    if len(names) != len(entries):
        raise _damaged()


def _unpack(content: bytes, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield what an entry really holds, in pieces; its declared size is compared, never trusted."""
    header = content[entry.header_offset : entry.header_offset + _LOCAL_HEADER_BYTES]
    if len(header) < _LOCAL_HEADER_BYTES or not header.startswith(ZIP_MAGIC):
        raise _damaged()
    names_bytes = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    start = entry.header_offset + _LOCAL_HEADER_BYTES + names_bytes
    packed = memoryview(content)[start : start + entry.compress_size]
    if entry.compress_type == zipfile.ZIP_STORED:
        pieces: Iterator[bytes] = (bytes(packed[at : at + _CHUNK]) for at in range(0, len(packed), _CHUNK))
    elif entry.compress_type == zipfile.ZIP_DEFLATED:
        pieces = _inflate(packed)
    else:
        raise _damaged()
    size = 0
    for piece in pieces:
        size += len(piece)
        yield piece
    if size != entry.file_size:
        raise _damaged()


def _inflate(packed: memoryview) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    pending: bytes | memoryview = packed
    try:
        while not inflater.eof:
            piece = inflater.decompress(pending, _CHUNK)
            if not piece and not inflater.unconsumed_tail and not inflater.eof:
                raise _damaged()
            pending = inflater.unconsumed_tail
            yield piece
    except zlib.error as error:
        raise _damaged() from error


class _Grid:
    """The furthest row and column that a part's cells name, and how many cells and strings it has.

    A cell without its one reference would be placed by counting, out of this sight, so it is refused.
    """

    def __init__(self) -> None:
        self._tail = b""
        self._columns: set[bytes] = set()
        self._rows = 0
        self._entries = 0

    def see(self, piece: bytes) -> None:
        text = self._tail + piece
        # A tag is looked at whole: the last one may go on in the next piece.
        cut = text.rfind(b"<")
        self._tail = text[cut:] if cut >= 0 else b""
        if len(self._tail) > _LONGEST_TAG_BYTES:
            if _CELL.match(self._tail):
                raise _damaged()
            self._tail = b""
        self._look_at(text[: max(cut, 0)])

    def check(self, limits: Limits) -> None:
        self._look_at(self._tail)
        width = max((_column_number(letters) for letters in self._columns), default=0)
        if self._rows > limits.rows + 1 or width > limits.columns or self._rows * width > _MOST_CELLS:
            raise FileRefused(
                f"工作表过大({self._rows} 行 × {width} 列);上限 {limits.rows} 行、{limits.columns} 列",
                f"the sheet reaches {self._rows} rows × {width} columns; at most {limits.rows} rows and "
                f"{limits.columns} columns are read (clear formatting beyond the rows)",
                rule="file.size",
            )

    def _look_at(self, text: bytes) -> None:
        cells = len(_CELL.findall(text))
        self._entries += cells + len(_STRING.findall(text))
        if self._entries > _MOST_CELLS:
            raise _bomb(f"单元格超过 {_MOST_CELLS} 个", f"more than {_MOST_CELLS} cells")
        placed = _PLACED_CELL.findall(text)
        if len(placed) != cells:
            raise FileRefused(
                "工作表中有未标明位置的单元格;请用 Excel 或 WPS 重新保存",
                "the sheet has cells that do not say where they are; save it again with a spreadsheet program",
                rule="file.form",
            )
        self._columns.update(column for column, _ in placed)
        self._rows = max(self._rows, max((int(row) for _, row in placed), default=0))


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
