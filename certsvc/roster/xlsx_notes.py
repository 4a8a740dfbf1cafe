"""What a workbook says of its cells beside their values: errors, formulas without a value, how numbers are shown, and
what is hidden or merged.

The reader of `xlsx_file` gives the values and leaves these out: an error is an empty cell to it. So a sheet that has
any of them is read once more as XML, event by event, and only what is out of the ordinary is kept. Runs in the bounded
process. Source: R9; ECMA-376-1, 18.3 (worksheets), 18.8 (styles).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from xml.parsers import expat

from certsvc.roster.cells import MERGED_RULE, Cell, Unreadable, error_value, formula
from certsvc.roster.number_formats import GENERAL, NumberFormat, Shows, number_format
from certsvc.roster.xlsx_archive import Archive, bomb, column_number, damaged

_MOST_NOTES = 100_000
_MOST_SMALL_PART_BYTES = 16 * 1024 * 1024
_REFERENCE = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")
_TRUE = frozenset({"1", "true", "on"})
_DIGITS_KEPT = 15  # of a number, by every spreadsheet program
EXACT_BELOW = 10**_DIGITS_KEPT


@dataclass(slots=True)
class Notes:
    """Of one sheet: cells that are not what they seem, by row and column from 1 and 0; runs of rows and columns that
    are hidden; what is merged, as (first row, first column, last row, last column)."""

    cells: dict[int, list[tuple[int, Unreadable]]] = field(default_factory=dict)
    hidden_rows: list[tuple[int, int]] = field(default_factory=list)
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)


def shown_digits(value: float) -> str:
    """A number in plain digits as a spreadsheet shows it, to the fifteenth: 79.3 for the 79.300000000000011 it stores.

    A spreadsheet reckons in binary; what lies beyond the fifteenth digit is that, and nothing that anyone entered.
    """
    if value == int(value):
        return str(int(value))
    digits = f"{value:.{_DIGITS_KEPT}g}"
    return f"{Decimal(digits):f}" if "e" in digits else digits


def sheet_parts(archive: Archive) -> Mapping[str, str]:
    """The archive's part of each sheet by the sheet's name; raises FileRefused where two have one name."""
    targets = {
        attributes.get("Id", ""): attributes.get("Target", "")
        for name, attributes in _elements(archive, "xl/_rels/workbook.xml.rels")
        if name == "Relationship"
    }
    parts: dict[str, str] = {}
    for name, attributes in _elements(archive, "xl/workbook.xml"):
        if name != "sheet":
            continue
        title = attributes.get("name", "")
        relation = next((value for key, value in attributes.items() if key.endswith(":id")), "")
        if title in parts:
            raise damaged()
        target = targets.get(relation, "").removeprefix("/")
        parts[title] = target if target.startswith("xl/") else f"xl/{target}"
    return parts


def number_formats(archive: Archive) -> Sequence[NumberFormat]:
    """What each cell format, by its place, shows of a number."""
    codes: dict[str, str] = {}
    formats = []
    among_cell_formats = False
    for name, attributes in _elements(archive, "xl/styles.xml"):
        if name == "numFmt":
            codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name in {"cellXfs", "cellStyleXfs", "cellStyles", "dxfs"}:
            among_cell_formats = name == "cellXfs"
        elif name == "xf" and among_cell_formats:
            identifier = attributes.get("numFmtId", "0")
            formats.append(number_format(int(identifier) if identifier.isdecimal() else 0, codes.get(identifier)))
    return formats


def read_notes(archive: Archive, part: str) -> Notes:
    """What is out of the ordinary in the sheet of this part. Raises FileRefused, also for a part that is not there."""
    formats = number_formats(archive)
    pieces = archive.part(part)
    if pieces is None:
        raise damaged()
    if not archive.is_notable(part) and all(each.plain for each in formats):
        return Notes()
    sheet = _Sheet(formats)
    _parse(pieces, sheet.start, sheet.end, sheet.text)
    return sheet.notes


class Merges:
    """The merged ranges of a sheet, followed row by row from the top."""

    def __init__(self, notes: Notes) -> None:
        self._waiting = sorted(notes.merged, reverse=True)
        self._open: list[tuple[int, int, int, int]] = []

    def cover(self, row: int, cells: list[Cell]) -> None:
        """Put Unreadable where a cell is empty only because it is merged into one that is not."""
        while self._waiting and self._waiting[-1][0] <= row:
            top, left, bottom, right = self._waiting.pop()
            if top == row and left < len(cells) and cells[left] != "":
                self._open.append((top, left, bottom, right))
        if not self._open:
            return
        self._open = [merge for merge in self._open if merge[2] >= row]
        for top, left, _, right in self._open:
            for column in range(left, min(right + 1, len(cells))):
                if cells[column] == "":
                    cells[column] = _merged_into(top, left)


class _Sheet:
    """Collects the notes of a sheet from the events of its XML."""

    def __init__(self, formats: Sequence[NumberFormat]) -> None:
        self.notes = Notes()
        self._formats = formats
        self._count = 0
        self._row_hidden = False
        self._cell: Mapping[str, str] | None = None
        self._has_formula = False
        self._filled = False
        self._value: str | None = None
        self._in_value = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "c":
            self._cell = attributes
            self._has_formula = self._filled = False
            self._value = None
        elif name == "v":
            self._value, self._in_value = "", True
        elif name == "is":
            self._filled = True
        elif name == "f":
            self._has_formula = True
        elif name == "row":
            self._row_hidden = attributes.get("hidden") in _TRUE
        elif name == "col":
            self._see_column(attributes)
        elif name == "mergeCell":
            self._see_merge(attributes.get("ref", ""))

    def text(self, text: str) -> None:
        if self._in_value:
            self._value = (self._value or "") + text

    def end(self, name: str) -> None:
        if name == "v":
            self._in_value = False
        elif name == "c" and self._cell is not None:
            note = self._note(self._cell)
            if note is not None or (self._row_hidden and (self._value or self._filled)):
                self._keep(self._cell.get("r", ""), note)
            self._cell = None

    def _note(self, attributes: Mapping[str, str]) -> Unreadable | None:
        kind, value = attributes.get("t", "n"), self._value
        if kind == "e":
            return error_value(value or "")
        if self._has_formula and not value and not (kind == "str" and value == ""):
            return formula("")
        if value and kind == "n":
            style = attributes.get("s", "0")
            shown_as = self._formats[int(style)] if style.isdecimal() and int(style) < len(self._formats) else GENERAL
            return None if shown_as.plain else _shown_otherwise(value, shown_as)
        return None

    def _keep(self, reference: str, note: Unreadable | None) -> None:
        place = _REFERENCE.fullmatch(reference)
        if place is None:
            raise damaged()
        row, column = int(place[2]), column_number(place[1].encode()) - 1
        if note is not None:
            self._bound()
            self.notes.cells.setdefault(row, []).append((column, note))
        if self._row_hidden:
            _extend(self.notes.hidden_rows, row)

    def _see_column(self, attributes: Mapping[str, str]) -> None:
        first, last = attributes.get("min", ""), attributes.get("max", "")
        if attributes.get("hidden") in _TRUE and first.isdecimal() and last.isdecimal():
            self._bound()
            self.notes.hidden_columns.append((int(first) - 1, int(last) - 1))

    def _see_merge(self, reference: str) -> None:
        corners = [_REFERENCE.fullmatch(corner) for corner in reference.split(":")]
        if len(corners) == 2 and corners[0] is not None and corners[1] is not None:
            self._bound()
            top, bottom = int(corners[0][2]), int(corners[1][2])
            left, right = (column_number(corner[1].encode()) - 1 for corner in corners if corner is not None)
            self.notes.merged.append((top, left, bottom, right))

    def _bound(self) -> None:
        self._count += 1
        if self._count > _MOST_NOTES:
            raise bomb(
                f"超过 {_MOST_NOTES} 个单元格是错误值、无结果的公式或合并单元格",
                f"more than {_MOST_NOTES} cells are errors, formulas without a value or merged",
            )


def _extend(runs: list[tuple[int, int]], row: int) -> None:
    if runs and runs[-1][1] + 1 >= row:
        runs[-1] = runs[-1][0], max(row, runs[-1][1])
    else:
        runs.append((row, row))


def _shown_otherwise(value: str, shown_as: NumberFormat) -> Unreadable | None:
    """R9: what a cell shows and what it stores must agree."""
    try:
        number = float(value)
    except ValueError:
        return None  # no number, and not taken for one
    if not abs(number) < EXACT_BELOW:
        return None  # cut short, which the reader of values says
    stored = shown_digits(number)
    if shown_as.shows is Shows.PERCENTAGE:
        percentage = f"{shown_digits(round(number * 100, _DIGITS_KEPT))}%"
        return Unreadable(
            percentage,
            "R9",
            f"单元格是百分数（{percentage}，实际存储 {stored}）；请把格式设为常规，填写实际数值",
            f"the cell is a percentage ({percentage}, stored as {stored}); set it to General and type the number",
        )
    if shown_as.shows is Shows.SOMETHING_ELSE:
        return Unreadable(
            stored,
            "R9",
            f"单元格按自定义格式显示，与实际存储的 {stored} 不同；请把格式设为常规后核对",
            f"a custom format shows something other than the {stored} that is stored; set the cell to General, check",
        )
    rounded = shown_as.rounded(Decimal(stored))
    if rounded == Decimal(stored):
        return None
    return Unreadable(
        f"{rounded:f}",
        "R9",
        f"单元格显示 {rounded:f}，实际存储 {stored}；请把格式设为常规，填写实际数值",
        f"the cell shows {rounded:f} and stores {stored}; set it to General and type the number that is meant",
    )


def _merged_into(row: int, column: int) -> Unreadable:
    letters = ""
    number = column + 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return Unreadable(
        "",
        MERGED_RULE,
        f"该单元格已与 {letters}{row} 合并；请取消合并，逐格填写",
        f"the cell is merged into {letters}{row}; undo the merge and fill in each cell",
    )


def _elements(archive: Archive, part: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The start tags of a small part, in order; none where the part is not there."""
    found: list[tuple[str, Mapping[str, str]]] = []
    size = 0

    def bounded_pieces(pieces: Iterator[bytes]) -> Iterator[bytes]:
        nonlocal size
        for piece in pieces:
            size += len(piece)
            if size > _MOST_SMALL_PART_BYTES:
                raise bomb(f"{part} 过大", f"{part} is too large")
            yield piece

    pieces = archive.part(part)
    if pieces is not None:
        _parse(bounded_pieces(pieces), lambda name, attributes: found.append((name, attributes)))
    yield from found


def _parse(
    pieces: Iterator[bytes],
    start: Callable[[str, Mapping[str, str]], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    """Feed the pieces to a parser that knows no document type, so no entities; raises FileRefused for broken XML."""
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def no_document_type(*_: object) -> None:
        raise damaged()

    parser.StartDoctypeDeclHandler = no_document_type
    parser.StartElementHandler = lambda name, attributes: start(_local(name), attributes)
    if end is not None:
        parser.EndElementHandler = lambda name: end(_local(name))
    if text is not None:
        parser.CharacterDataHandler = text
    try:
        for piece in pieces:
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise damaged() from error


def _local(name: str) -> str:
    return name.rpartition(":")[2] if ":" in name else name
