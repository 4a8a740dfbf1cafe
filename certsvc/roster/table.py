"""A file → a table: which columns it has, under which names, and its rows one at a time.

Decides the format by content (never by the file's name), accepts the headers wherever they lie at the top (`headers`),
refuses missing, doubled and unknown ones by name, marks ragged rows, skips blank ones, says what a cell of text holds
(`cells.content_of`), and bounds everything. Not here: what a cell means (`reader`). Source: the fixed file formats, R9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from certsvc.errors import CellError, FileRefused
from certsvc.roster.cells import PADDING, Cell, Limits, NumberedCells, content_of
from certsvc.roster.csv_file import find_form, read_csv_rows
from certsvc.roster.headers import Column, Header, find_header, is_filled
from certsvc.roster.xlsx_archive import ZIP_MAGIC
from certsvc.roster.xlsx_bounded import Sheet, read_sheet_bounded
from certsvc.roster.xlsx_file import OLE_MAGIC, OtherSheet, refuse_ole

__all__ = ["DEFAULT_LIMITS", "Column", "Row", "Table", "read_table"]

DEFAULT_LIMITS = Limits()
_MOST_RUNS_NAMED = 20
_SEPARATORS = {";": "分号 semicolon", "\t": "制表符 tab", "\uff0c": "全角逗号 full-width comma", "|": "竖线 bar"}


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number in the file and its cells by column key, padding gone; `padded` are the columns that had
    some; `fault` if it is misshapen."""

    number: int
    cells: Mapping[str, Cell]
    fault: CellError | None = None
    padded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A file whose header was accepted. `headings` maps a column's key to the header as the file has it."""

    headings: Mapping[str, str]
    warnings: tuple[CellError, ...]
    _open: Callable[[], Iterator[Row]]

    def __iter__(self) -> Iterator[Row]:
        """Read the rows from the start, every time; raises FileRefused where the file breaks off or is too long."""
        return self._open()


@dataclass(frozen=True, slots=True)
class _Opened:
    """A file of either format: its rows, its headers as far as there are any, where they lie, and what was seen."""

    rows: Callable[[], NumberedCells]
    header: Header | None
    place: str = ""
    sheet: Sheet | None = None


def read_table(
    source: bytes | Path,
    columns: Sequence[Column],
    *,
    filename: str = "",
    ignore_unknown: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Table:
    """Open a CSV or XLSX file and check its headers; raises FileRefused. Rows are read as the table is iterated."""
    content = _read_bounded(source, limits) if isinstance(source, Path) else source
    if not filename and isinstance(source, Path):
        filename = source.name
    if len(content) > limits.file_bytes:
        raise _too_large(limits)
    opened = _open_format(content, filename, columns, limits)
    layout = _layout(opened, columns, ignore_unknown=ignore_unknown, limits=limits)
    return Table(layout.headings, tuple(_warnings(opened, layout)), lambda: _rows(opened.rows(), layout, limits))


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
        f"文件超过 {megabytes} MB；请分成几个文件", f"the file exceeds {megabytes} MB; split it", rule="file.size"
    )


def _open_format(content: bytes, filename: str, columns: Sequence[Column], limits: Limits) -> _Opened:
    if content.startswith(OLE_MAGIC):
        raise refuse_ole(content)
    if content.startswith(ZIP_MAGIC):
        sheet = read_sheet_bounded(content, limits, columns)
        place = f"工作表 sheet “{sheet.name}” · " if sheet.others else ""
        return _Opened(sheet.rows, find_header(sheet.rows(), columns), place, sheet)
    if filename.lower().endswith((".xlsx", ".xlsm", ".xls")):
        raise FileRefused(
            "文件名为 Excel 工作簿，但内容不是（不完整或已损坏）",
            "the file is named as a workbook but is none (truncated or damaged)",
            rule="file.form",
        )
    form, header = find_form(content, columns, limits)
    separator = _SEPARATORS.get(form.separator, form.separator)
    place = "" if form.separator == "," else f"分隔符 separated by {separator} · "
    return _Opened(lambda: read_csv_rows(content, form, limits), header, place)


@dataclass(frozen=True, slots=True)
class _Layout:
    """`keys` by position in a row; None where the column is not read."""

    header: Header
    headings: dict[str, str]
    keys: tuple[str | None, ...]


def _layout(opened: _Opened, columns: Sequence[Column], *, ignore_unknown: bool, limits: Limits) -> _Layout:
    header = opened.header
    if header is None:
        raise FileRefused(
            "文件为空，第一行应为列名" + _elsewhere_zh(opened),
            "the file is empty; its first row must hold the headers" + _elsewhere_en(opened),
            rule="file.header",
        )
    if len(header.texts) > limits.columns:
        raise FileRefused(
            f"共 {len(header.texts)} 列，超过上限 {limits.columns}",
            f"{len(header.texts)} columns, at most {limits.columns} are read",
            rule="file.size",
        )
    where = f"{opened.place}第 {header.row} 行 row {header.row}"
    found = [key for key in header.keys if key is not None]
    doubled = [key for key in dict.fromkeys(found) if found.count(key) > 1]
    if doubled:
        raise FileRefused(
            f"重复的列名：{'、'.join(doubled)}",
            f"headers given twice: {', '.join(doubled)}",
            rule="file.header",
            where=where,
        )
    unknown = [text or "（空 blank）" for text, key in zip(header.texts, header.keys, strict=True) if key is None]
    refused = [] if ignore_unknown else unknown
    # Which columns are missing is often explained by those that were not understood, so both are told at once.
    if header.missing or refused:
        missing = [column.shown for column in header.missing]
        zh = [f"缺少列：{'、'.join(missing)}"] if missing else []
        en = [f"missing headers: {', '.join(missing)}"] if missing else []
        zh += [f"未知的列：{'、'.join(refused)}"] if refused else []
        en += [f"unknown headers: {', '.join(refused)}"] if refused else []
        raise FileRefused(
            ";".join(zh) + _elsewhere_zh(opened),
            "; ".join(en) + _elsewhere_en(opened),
            rule="file.header",
            where=where,
        )
    _refuse_crowded(header, columns, where)
    headings = {key: text for text, key in zip(header.texts, header.keys, strict=True) if key is not None}
    return _Layout(header, headings, header.keys)


def _refuse_crowded(header: Header, columns: Sequence[Column], where: str) -> None:
    """Rows above the headers that have as many cells as the table has columns are no title: they may be candidates."""
    fewest = sum(column.required for column in columns)
    crowded = [row for row, filled in header.above if filled >= fewest]
    if crowded:
        raise FileRefused(
            f"列名之上的第 {crowded[0]} 行像是数据；请把列名放在第一行",
            f"row {crowded[0]}, above the headers, looks like data; put the headers in the first row",
            rule="file.header",
            where=where,
        )


def _elsewhere(opened: _Opened) -> list[OtherSheet]:
    """Hidden sheets that have the headers, where the one that was looked at has not."""
    return [] if opened.sheet is None else [other for other in opened.sheet.others if other.hidden]


def _elsewhere_zh(opened: _Opened) -> str:
    return "".join(
        f"；隐藏的工作表“{other.name}”第 {other.header_row} 行有列名，请取消隐藏后再试" for other in _elsewhere(opened)
    )


def _elsewhere_en(opened: _Opened) -> str:
    return "".join(
        f"; the hidden sheet {other.name!r} has the headers in row {other.header_row}: unhide it and try again"
        for other in _elsewhere(opened)
    )


def _warnings(opened: _Opened, layout: _Layout) -> Iterator[CellError]:
    """What was not read though it holds something, and what was read though it cannot be seen."""
    header = layout.header
    for row, _ in header.above:
        zh = f"第 {row} 行在列名（第 {header.row} 行）之上，未读取"
        en = f"row {row} stands above the headers in row {header.row} and was not read"
        yield CellError(row, "", "", "file.header", zh, en)
    sheet = opened.sheet
    if sheet is None:
        return
    for other in sheet.others:
        yield _unread_sheet(other, sheet.name)
    for first, last in sheet.hidden_columns:
        for column in range(first, min(last + 1, len(layout.keys))):
            if layout.keys[column] is not None:
                zh, en = "该列被隐藏，仍已读取；请核对", "the column is hidden; it was read all the same, so check it"
                yield CellError(header.row, header.texts[column], "", "file.hidden", zh, en)
    yield from _hidden_rows([(max(first, header.row + 1), last) for first, last in sheet.hidden_rows], header.row)


def _hidden_rows(runs: list[tuple[int, int]], header_row: int) -> Iterator[CellError]:
    below = [(first, last) for first, last in runs if last > header_row]
    for first, last in below[:_MOST_RUNS_NAMED]:
        which = str(first) if first == last else f"{first}–{last}"
        which_en = f"row {which} is" if first == last else f"rows {which} are"
        yield CellError(
            first,
            "",
            "",
            "file.hidden",
            f"第 {which} 行被隐藏或筛选掉，仍已读取；请核对",
            f"{which_en} hidden or filtered out, and read all the same; check",
        )
    if len(below) > _MOST_RUNS_NAMED:
        count = sum(last - first + 1 for first, last in below[_MOST_RUNS_NAMED:])
        zh = f"此后还有 {count} 行被隐藏或筛选掉，仍已读取；请核对"
        en = f"{count} more rows below are hidden or filtered out, and read all the same; check"
        yield CellError(below[_MOST_RUNS_NAMED][0], "", "", "file.hidden", zh, en)


def _unread_sheet(other: OtherSheet, read: str) -> CellError:
    which_zh, which_en = ("隐藏的工作表", "the hidden sheet") if other.hidden else ("工作表", "the sheet")
    zh = f"只读取一张工作表（“{read}”），{which_zh}“{other.name}”未读取"
    en = f"only one sheet is read ({read!r}); {which_en} {other.name!r} was not"
    if other.header_row:
        zh += f"，其第 {other.header_row} 行也有列名"
        en += f", though its row {other.header_row} has the headers too"
    return CellError(1, "", other.name, "file.sheet", zh, en)


def _rows(numbered: NumberedCells, layout: _Layout, limits: Limits) -> Iterator[Row]:
    keys, width = layout.keys, len(layout.keys)
    count = 0
    for number, cells in numbered:
        if number <= layout.header.row or not any(map(is_filled, cells)):
            continue
        count += 1
        if count > limits.rows:
            raise FileRefused(
                f"超过 {limits.rows} 行；请分成几个文件",
                f"more than {limits.rows} rows; split the file",
                rule="file.size",
            )
        if len(cells) < width or any(map(is_filled, cells[width:])):
            yield Row(number, {}, _ragged(number, cells, width))
        elif cells[0] == layout.header.texts[0] and _repeats(cells, layout.header):
            yield Row(number, {}, _repeated(number, layout.header.row))
        else:
            yield _row(number, keys, cells)


def _row(number: int, keys: Sequence[str | None], cells: Sequence[Cell]) -> Row:
    content: dict[str, Cell] = {}
    padded: tuple[str, ...] = ()
    for key, cell in zip(keys, cells, strict=False):
        if key is None:
            continue
        if isinstance(cell, str):
            text = cell.strip(PADDING)
            if len(text) != len(cell):
                padded = (*padded, key)
            content[key] = content_of(text) if text else ""
        else:
            content[key] = cell
    return Row(number, content, padded=padded)


def _repeats(cells: Sequence[Cell], header: Header) -> bool:
    return [cell.strip(PADDING) for cell in cells[: len(header.texts)] if isinstance(cell, str)] == list(header.texts)


def _repeated(number: int, header_row: int) -> CellError:
    return CellError(
        number,
        "",
        "",
        "file.header",
        f"本行重复了第 {header_row} 行的列名；请删除本行",
        f"the row repeats the headers of row {header_row}; delete it",
    )


def _ragged(number: int, cells: Sequence[Cell], width: int) -> CellError:
    # The cells are counted, not shown: one of them may be an identity number (R10).
    return CellError(
        number,
        "",
        "",
        "file.ragged",
        f"本行有 {len(cells)} 个单元格，列名有 {width} 个",
        f"the row has {len(cells)} cells, the header {width}",
    )
