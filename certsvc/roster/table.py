"""A file → a table: which columns it has, under which names, and its rows one at a time.

Decides the format by content (never by the file's name), matches headers in Chinese or English in any order, refuses
missing, doubled and unknown ones by name, marks ragged rows, skips blank ones, and bounds everything. Not here: what a
cell means (`reader`). Source: the fixed file formats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from certsvc.errors import CellError, FileRefused
from certsvc.roster.cells import Cell, Limits, NumberedCells, shown
from certsvc.roster.csv_file import find_encoding, read_csv_rows
from certsvc.roster.xlsx_bounded import read_sheet_bounded
from certsvc.roster.xlsx_file import OLE_MAGIC, ZIP_MAGIC, refuse_ole

DEFAULT_LIMITS = Limits()
_HEADER_ROW = "第 1 行 row 1"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file: `key` is the English header, `zh` the Chinese; if not required it may be left out."""

    key: str
    zh: str
    required: bool = True

    @property
    def shown(self) -> str:
        return f"{self.zh} {self.key}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number in the file (the header is 1) and its cells by column key; `fault` if it is misshapen."""

    number: int
    cells: Mapping[str, Cell]
    fault: CellError | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A file whose header was accepted. `headings` maps a column's key to the header as the file has it."""

    headings: Mapping[str, str]
    warnings: tuple[CellError, ...]
    _open: Callable[[], Iterator[Row]]

    def __iter__(self) -> Iterator[Row]:
        """Read the rows from the start, each time anew; raises FileRefused where the file breaks off or is too long."""
        return self._open()


def read_table(
    source: bytes | Path,
    columns: Sequence[Column],
    *,
    filename: str = "",
    ignore_unknown: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Table:
    """Open a CSV or XLSX file and check its header; raises FileRefused. Rows are read as the table is iterated."""
    content = _read_bounded(source, limits) if isinstance(source, Path) else source
    if not filename and isinstance(source, Path):
        filename = source.name
    if len(content) > limits.file_bytes:
        raise _too_large(limits)
    open_rows, warnings = _open_format(content, filename, limits)
    layout = _read_header(next(open_rows(), (1, []))[1], columns, ignore_unknown=ignore_unknown, limits=limits)
    return Table(layout.headings, warnings, lambda: _rows(open_rows(), layout, limits))


def _read_bounded(path: Path, limits: Limits) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limits.file_bytes + 1)
    except OSError as error:
        raise FileRefused(
            f"无法读取文件 {path.name}", f"the file {path.name} cannot be read: {error.strerror}", rule="file.form"
        ) from error


def _too_large(limits: Limits) -> FileRefused:
    megabytes = limits.file_bytes // (1024 * 1024)
    return FileRefused(
        f"文件超过 {megabytes} MB;请分成几个文件", f"the file exceeds {megabytes} MB; split it", rule="file.size"
    )


def _open_format(
    content: bytes, filename: str, limits: Limits
) -> tuple[Callable[[], NumberedCells], tuple[CellError, ...]]:
    if content.startswith(OLE_MAGIC):
        raise refuse_ole(content)
    if content.startswith(ZIP_MAGIC):
        sheet = read_sheet_bounded(content, limits)
        return sheet.rows, tuple(_unread_sheet(name) for name in sheet.unread)
    if filename.lower().endswith((".xlsx", ".xlsm", ".xls")):
        raise FileRefused(
            "文件名为 Excel 工作簿,但内容不是(不完整或已损坏)",
            "the file is named as a workbook but is none (truncated or damaged)",
            rule="file.form",
        )
    encoding = find_encoding(content)
    return lambda: read_csv_rows(content, encoding, limits), ()


def _unread_sheet(name: str) -> CellError:
    return CellError(
        1, "", name, "file.sheet", "只读取第一个工作表,此表未读取", "only the first sheet is read; this one was not"
    )


@dataclass(frozen=True, slots=True)
class _Layout:
    headings: dict[str, str]
    keys: tuple[str | None, ...]  # by position in a row; None where the column is not read


def _read_header(cells: list[Cell], columns: Sequence[Column], *, ignore_unknown: bool, limits: Limits) -> _Layout:
    texts = [shown(cell) for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    if not texts:
        raise FileRefused(
            "文件为空,第一行应为列名", "the file is empty; its first row must hold the headers", rule="file.header"
        )
    if len(texts) > limits.columns:
        raise FileRefused(
            f"共 {len(texts)} 列,超过上限 {limits.columns}",
            f"{len(texts)} columns, at most {limits.columns} are read",
            rule="file.size",
        )
    known = {name: column.key for column in columns for name in (column.zh, column.key, column.shown)}
    keys = tuple(known.get(" ".join(text.split()).lower()) for text in texts)
    found = [key for key in keys if key is not None]
    _refuse_header("重复的列名", "headers given twice", [key for key in dict.fromkeys(found) if found.count(key) > 1])
    unknown = [text or "(空 blank)" for text, key in zip(texts, keys, strict=True) if key is None]
    # Which columns are missing is often explained by those that were not understood, so both are told at once.
    missing = [column.shown for column in columns if column.required and column.key not in found]
    refused = [] if ignore_unknown else unknown
    if missing or refused:
        zh = [f"缺少列:{'、'.join(missing)}"] if missing else []
        en = [f"missing headers: {', '.join(missing)}"] if missing else []
        zh += [f"未知的列:{'、'.join(refused)}"] if refused else []
        en += [f"unknown headers: {', '.join(refused)}"] if refused else []
        raise FileRefused(";".join(zh), "; ".join(en), rule="file.header", where=_HEADER_ROW)
    headings = {key: text for text, key in zip(texts, keys, strict=True) if key is not None}
    return _Layout(headings, keys)


def _refuse_header(zh: str, en: str, names: list[str]) -> None:
    if names:
        raise FileRefused(
            f"{zh}:{'、'.join(names)}", f"{en}: {', '.join(names)}", rule="file.header", where=_HEADER_ROW
        )


def _rows(numbered: NumberedCells, layout: _Layout, limits: Limits) -> Iterator[Row]:
    width = len(layout.keys)
    next(numbered)
    count = 0
    for number, cells in numbered:
        if not any(cells):
            continue
        count += 1
        if count > limits.rows:
            raise FileRefused(
                f"超过 {limits.rows} 行;请分成几个文件",
                f"more than {limits.rows} rows; split the file",
                rule="file.size",
            )
        if len(cells) < width or any(cells[width:]):
            yield Row(number, {}, _ragged(number, cells, width))
        else:
            yield Row(number, {key: cell for key, cell in zip(layout.keys, cells, strict=False) if key is not None})


def _ragged(number: int, cells: list[Cell], width: int) -> CellError:
    # The cells are counted, not shown: one of them may be an identity number (R10).
    return CellError(
        number,
        "",
        "",
        "file.ragged",
        f"本行有 {len(cells)} 个单元格,列名有 {width} 个",
        f"the row has {len(cells)} cells, the header {width}",
    )
