"""An XLSX's archive: measured without trusting what it says of itself, and its parts unpacked piece by piece.

A spreadsheet is a ZIP of XML: a few kilobytes can unpack to gigabytes, and one cell at XFD1048576 makes a reader
reserve the whole grid. So every entry is unpacked once, counted and thrown away, and the furthest cell is found,
before any reader sees the file. Not here: what the cells say (`xlsx_file`) and how they stand (`xlsx_notes`).
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from certsvc.errors import FileRefused
from certsvc.roster.cells import Limits

ZIP_MAGIC = b"PK\x03\x04"
_CHUNK = 256 * 1024
_LOCAL_HEADER_BYTES = 30
_MOST_CELLS = 4_000_000  # the reader reserves 24 bytes for every cell of the grid
_LARGEST_RATIO = 250  # XML of real sheets shrinks 10 to 40 times
_RATIO_MATTERS_FROM_BYTES = 4 * 1024 * 1024
_ATTRIBUTE = rb"""\s+(?!r\s*=)[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*')"""
_REFERENCE = rb"""\s+r\s*=\s*["']([A-Za-z]{1,8})([0-9]{1,12})["']"""
_PREFIX = rb"(?:(?!/)[^\s:<>]*:)?"  # the reader takes any name for one; end tags are no cells
_CELL = re.compile(rb"<" + _PREFIX + rb"c[\s/>]")
_STRING = re.compile(rb"<" + _PREFIX + rb"si[\s/>]")
_PLACED_CELL = re.compile(
    rb"<" + _PREFIX + rb"c(?:" + _ATTRIBUTE + rb")*" + _REFERENCE + rb"(?:" + _ATTRIBUTE + rb")*\s*/?>"
)
_LONGEST_TAG_BYTES = 1024 * 1024
# What makes a second look at a sheet worth its while: formulas, errors, what is hidden or merged.
_NOTABLE = (b"<f", b":f", b'"e"', b"'e'", b"hidden", b"mergeCell")


@dataclass(frozen=True, slots=True)
class Archive:
    """An XLSX that was measured. `notable` are the parts that hold more than plain cells."""

    content: bytes
    entries: dict[str, zipfile.ZipInfo]
    notable: frozenset[str]

    def part(self, name: str) -> Iterator[bytes] | None:
        """The part with this name, in any letter case, unpacked in pieces; None where there is none."""
        entry = self.entries.get(name.casefold())
        return None if entry is None else _unpack(self.content, entry)

    def is_notable(self, name: str) -> bool:
        return name.casefold() in self.notable


def measure(content: bytes, limits: Limits) -> Archive:
    """The archive, whose every part has been unpacked once within the limits; raises FileRefused."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, zlib.error) as error:
        raise damaged() from error
    _check_kind(entries)
    if len(entries) > limits.archive_entries:
        raise bomb(f"内含 {len(entries)} 个部件", f"{len(entries)} entries, at most {limits.archive_entries} are read")
    total = 0
    notable = set()
    pictures_apart = not any(_names_pictures(content, entry) for entry in entries)
    for entry in entries:
        # Every part is looked at: the workbook itself says which one is its sheet, whatever it is called. Only pictures
        # that it does not name are none, whose bytes may look like a cell by chance.
        grid = _Grid()
        picture = pictures_apart and entry.filename.startswith("xl/media/")
        for piece in _unpack(content, entry):
            total += len(piece)
            if total > limits.unpacked_bytes:
                raise bomb(f"超过 {limits.unpacked_bytes} 字节", f"more than {limits.unpacked_bytes} bytes")
            if total > _RATIO_MATTERS_FROM_BYTES and total > _LARGEST_RATIO * len(content):
                raise bomb(f"压缩比超过 {_LARGEST_RATIO}", f"more than {_LARGEST_RATIO} times its size")
            if not picture:
                grid.see(piece)
        grid.check(limits)
        if grid.notable:
            notable.add(entry.filename.casefold())
    return Archive(content, {entry.filename.casefold(): entry for entry in entries}, frozenset(notable))


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
            "文件含有宏（.xlsm）；请另存为不含宏的 .xlsx",
            "the workbook holds macros; save it as .xlsx",
            rule="file.form",
        )
    if "xl/workbook.xml" not in names or "[Content_Types].xml" not in names:
        raise FileRefused(
            "不是 XLSX 工作簿（可能是 .xlsb、.ods 或其他压缩文件）；请另存为 .xlsx",
            "this is no XLSX workbook (perhaps .xlsb, .ods or another archive); save it as .xlsx",
            rule="file.form",
        )
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise encrypted()
    if len({name.casefold() for name in names}) != len(entries):
        raise damaged()


def _unpack(content: bytes, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield what an entry really holds, in pieces; its declared size is compared, never trusted."""
    header = content[entry.header_offset : entry.header_offset + _LOCAL_HEADER_BYTES]
    if len(header) < _LOCAL_HEADER_BYTES or not header.startswith(ZIP_MAGIC):
        raise damaged()
    names_bytes = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    start = entry.header_offset + _LOCAL_HEADER_BYTES + names_bytes
    packed = memoryview(content)[start : start + entry.compress_size]
    if entry.compress_type == zipfile.ZIP_STORED:
        pieces: Iterator[bytes] = (bytes(packed[at : at + _CHUNK]) for at in range(0, len(packed), _CHUNK))
    elif entry.compress_type == zipfile.ZIP_DEFLATED:
        pieces = _inflate(packed)
    else:
        raise damaged()
    size = 0
    for piece in pieces:
        size += len(piece)
        yield piece
    if size != entry.file_size:
        raise damaged()


def _inflate(packed: memoryview) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    pending: bytes | memoryview = packed
    try:
        while not inflater.eof:
            piece = inflater.decompress(pending, _CHUNK)
            if not piece and not inflater.unconsumed_tail and not inflater.eof:
                raise damaged()
            pending = inflater.unconsumed_tail
            yield piece
    except zlib.error as error:
        raise damaged() from error


class _Grid:
    """The furthest row and column that a part's cells name, and how many cells and strings it has.

    A cell without its one reference would be placed by counting, out of this sight, so it is refused.
    """

    def __init__(self) -> None:
        self._tail = b""
        self._columns: set[bytes] = set()
        self._rows = 0
        self._entries = 0
        self.notable = False

    def see(self, piece: bytes) -> None:
        text = self._tail + piece
        # A tag is looked at whole: the last one may go on in the next piece.
        cut = text.rfind(b"<")
        self._tail = text[cut:] if cut >= 0 else b""
        if len(self._tail) > _LONGEST_TAG_BYTES:
            if _CELL.match(self._tail):
                raise damaged()
            self._tail = b""
        self._look_at(text[: max(cut, 0)])

    def check(self, limits: Limits) -> None:
        self._look_at(self._tail)
        width = max((column_number(letters) for letters in self._columns), default=0)
        if self._rows > limits.rows + 1 or width > limits.columns or self._rows * width > _MOST_CELLS:
            raise FileRefused(
                f"工作表过大（{self._rows} 行 × {width} 列）；上限 {limits.rows} 行、{limits.columns} 列",
                f"the sheet reaches {self._rows} rows × {width} columns; at most {limits.rows} rows and "
                f"{limits.columns} columns are read (clear formatting beyond the rows)",
                rule="file.size",
            )

    def _look_at(self, text: bytes) -> None:
        self.notable = self.notable or any(sign in text for sign in _NOTABLE)
        cells = len(_CELL.findall(text))
        self._entries += cells + len(_STRING.findall(text))
        if self._entries > _MOST_CELLS:
            raise bomb(f"单元格超过 {_MOST_CELLS} 个", f"more than {_MOST_CELLS} cells")
        placed = _PLACED_CELL.findall(text)
        if len(placed) != cells:
            raise FileRefused(
                "工作表中有未标明位置的单元格；请用 Excel 或 WPS 重新保存",
                "the sheet has cells that do not say where they are; save it again with a spreadsheet program",
                rule="file.form",
            )
        self._columns.update(column for column, _ in placed)
        self._rows = max(self._rows, max((int(row) for _, row in placed), default=0))


def column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def encrypted() -> FileRefused:
    return FileRefused(
        "文件有打开密码（已加密）；请取消密码后重新保存",
        "the workbook is encrypted with a password; save it without one",
        rule="file.form",
    )


def damaged() -> FileRefused:
    return FileRefused(
        "XLSX 文件不完整或已损坏；请重新保存后再试",
        "the XLSX file is truncated or damaged; save it again and retry",
        rule="file.form",
    )


def bomb(zh: str, en: str) -> FileRefused:
    return FileRefused(f"文件解压后过大：{zh}", f"the file unpacks to too much: {en}", rule="file.size")
