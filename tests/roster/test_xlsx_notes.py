"""What only the workbook knows of a cell: errors, formulas, formats, what is hidden or merged (R9)."""

from __future__ import annotations

import io
import re
import tracemalloc
from collections.abc import Callable

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from certsvc.errors import FileRefused
from certsvc.roster import xlsx_notes
from certsvc.roster.cells import Cell, Limits, Unreadable
from certsvc.roster.xlsx_archive import measure
from certsvc.roster.xlsx_file import open_sheet, read_sheet_rows
from certsvc.roster.xlsx_notes import Notes, shown_digits
from tests.builders.roster import rewrite_archive, sheet_file

LIMITS = Limits()
SHEET = "xl/worksheets/sheet1.xml"


def made(prepare: Callable[[Worksheet], None]) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    prepare(sheet)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def with_xml(change: Callable[[bytes], bytes], *rows: list[object]) -> bytes:
    """A sheet of these rows, its XML changed."""
    return rewrite_archive(sheet_file(list(rows)), lambda name, part: change(part) if name == SHEET else part)


def with_cell(cell: bytes) -> bytes:
    """A sheet whose cell A1 is "a", and B1 this XML."""
    return with_xml(lambda part: re.sub(rb'<c r="B1".*?</c>', lambda _: cell, part), ["a", "b"])


def rows_of(content: bytes) -> list[tuple[int, list[Cell]]]:
    return list(read_sheet_rows(open_sheet(content, LIMITS), LIMITS))


def notes_of(content: bytes) -> Notes:
    return open_sheet(content, LIMITS).notes


def second_cell(cell: bytes) -> Cell:
    [(_, [_, second])] = rows_of(with_cell(cell))
    return second


NOTHING_GIVEN = {
    "an error": b'<c r="B1" t="e"><v>#N/A</v></c>',
    "an error of a formula": b'<c r="B1" t="e"><f>1/0</f><v>#DIV/0!</v></c>',
    "single quotes": b"<c r='B1' t='e'><v>#N/A</v></c>",
    "under a prefix": b'<x:c xmlns:x="u" r="B1" t="e"><x:v>#N/A</x:v></x:c>',
    "a formula without a value": b'<c r="B1"><f>1+1</f></c>',
    "a formula with an empty value": b'<c r="B1"><f>1+1</f><v></v></c>',
    "a formula with a closed value": b'<c r="B1"><f>1+1</f><v/></c>',
    "a formula of text without a value": b'<c r="B1" t="str"><f>"x"</f></c>',
    "a shared formula without a value": b'<c r="B1"><f t="shared" si="0"/></c>',
}


@pytest.mark.parametrize("cell", NOTHING_GIVEN.values(), ids=NOTHING_GIVEN)
def test_what_is_lost_is_not_read_as_empty(cell: bytes) -> None:
    found = second_cell(cell)
    assert isinstance(found, Unreadable)
    assert found.rule == "R9"


GIVEN = {
    "a formula's value": (b'<c r="B1"><f>30+30</f><v>60</v></c>', "60"),
    "a formula's text": (b'<c r="B1" t="str"><f>"x"</f><v>x</v></c>', "x"),
    "a formula that gives an empty text": (b'<c r="B1" t="str"><f>""</f><v></v></c>', ""),
    "binary noise": (b'<c r="B1"><v>79.300000000000011</v></c>', "79.3"),
    "binary noise below": (b'<c r="B1"><v>59.999999999999993</v></c>', "60"),
    "digits that are no noise": (b'<c r="B1"><v>59.9999999999999</v></c>', "59.9999999999999"),
    "a small number": (b'<c r="B1"><v>1.0000000000000001E-5</v></c>', "0.00001"),
}


@pytest.mark.parametrize(("cell", "value"), GIVEN.values(), ids=GIVEN)
def test_what_a_cell_shows_is_its_value(cell: bytes, value: str) -> None:
    assert second_cell(cell) == value


@pytest.mark.parametrize("value", [b"1e300", b"NaN", b"inf", b"2663010001500001", b"-1e15"])
def test_a_number_beyond_fifteen_digits_is_cut(value: bytes) -> None:
    cell = second_cell(b'<c r="B1"><v>' + value + b"</v></c>")
    assert isinstance(cell, Unreadable)
    assert cell.rule == "file.number"


FORMATS: dict[str, tuple[object, str, str | None]] = {
    "percent": (0.85, "0%", "85%"),
    "percent with decimals": (0.593, "0.0%", "59.3%"),
    "fewer decimals than stored": (59.6, "0", "60"),
    "one decimal of two": (79.25, "0.0", "79.3"),
    "a format that hides": (80, ";;;", "80"),
    "words in place of the number": (80, '[>=60]"合格";"不合格"', "80"),
    "as many decimals": (79.25, "0.00", None),
    "more decimals": (80, "0.00", None),
    "noise beyond the decimals": (79.30000000000001, "0.00", None),
    "a whole number": (80, "0_ ", None),
    "a long number, whole": (12000000001, "0.00E+00", None),
    "a text under a percentage": ("85", "0%", None),
}


@pytest.mark.parametrize(("value", "code", "shown"), FORMATS.values(), ids=FORMATS)
def test_what_is_shown_and_what_is_stored_must_agree(value: object, code: str, shown: str | None) -> None:
    def prepare(sheet: Worksheet) -> None:
        sheet["A1"] = value
        sheet["A1"].number_format = code

    [(_, [cell])] = rows_of(made(prepare))
    if shown is None:
        assert isinstance(cell, str)
    else:
        assert isinstance(cell, Unreadable)
        assert (cell.rule, cell.shown) == ("R9", shown)


def test_a_value_that_is_no_number_is_left_to_the_reader() -> None:
    def prepare(sheet: Worksheet) -> None:
        sheet["A1"] = 1
        sheet["A1"].number_format = "0%"

    broken = rewrite_archive(
        made(prepare), lambda name, part: part.replace(b"<v>1</v>", b"<v>x</v>") if name == SHEET else part
    )
    with pytest.raises(FileRefused, match="damaged"):
        open_sheet(broken, LIMITS)


def test_a_style_that_is_not_there_is_general() -> None:
    assert second_cell(b'<c r="B1" s="99"><f>1</f><v>0.85</v></c>') == "0.85"
    assert second_cell(b'<c r="B1" s="x"><f>1</f><v>0.85</v></c>') == "0.85"


def test_rows_of_formulas_alone_are_not_left_out() -> None:
    rows = rows_of(sheet_file([["a", "b"], ["1", "2"], ["=A2", "=B2"]]))
    assert [number for number, _ in rows] == [1, 2, 3]
    assert all(isinstance(cell, Unreadable) for cell in rows[2][1])


def test_hidden_rows_and_columns_are_noted_where_they_hold_something() -> None:
    def prepare(sheet: Worksheet) -> None:
        for row in (["a", "b"], ["1", "2"], ["3", "4"], [], ["5", "6"], ["7", 8]):
            sheet.append(row)
        for row in (2, 3, 4, 6):
            sheet.row_dimensions[row].hidden = True
        sheet.column_dimensions["B"].hidden = True

    notes = notes_of(made(prepare))
    assert notes.hidden_rows == [(2, 3), (6, 6)]
    assert notes.hidden_columns == [(1, 1)]


def test_a_cell_merged_into_one_that_holds_something_is_not_empty() -> None:
    def prepare(sheet: Worksheet) -> None:
        for row in (["name", "batch"], ["a", "第1批"], ["b", None], ["c", None], ["d", None], ["e", "x"]):
            sheet.append(row)
        sheet.merge_cells("B2:B3")
        sheet.merge_cells("B4:B5")  # nothing stands there
        sheet.merge_cells("D1:E1")

    rows = dict(rows_of(made(prepare)))
    assert rows[2][1] == "第1批"
    assert isinstance(rows[3][1], Unreadable)
    assert "B2" in rows[3][1].en
    assert rows[4][1] == rows[5][1] == ""


def test_a_merge_that_reaches_to_the_end_of_the_sheet_costs_nothing() -> None:
    merge = b'</sheetData><mergeCells count="2"><mergeCell ref="A1:XFD1048576"/><mergeCell ref="A1"/></mergeCells>'
    content = with_xml(lambda part: part.replace(b"</sheetData>", merge), ["a", "b"])
    [(_, cells)] = rows_of(content)
    assert cells == ["a", "b"]


def test_a_sheet_of_plain_cells_is_not_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_notes, "_Sheet", None)
    assert rows_of(sheet_file([["a", 1]])) == [(1, ["a", "1"])]


def test_what_is_noted_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_notes, "_MOST_NOTES", 2)
    assert len(notes_of(sheet_file([["=1", "=1"]])).cells[1]) == 2
    with pytest.raises(FileRefused) as refused:
        open_sheet(sheet_file([["=1", "=1", "=1"]]), LIMITS)
    assert refused.value.rule == "file.size"


def test_a_long_sheet_of_formulas_takes_no_memory_for_its_values() -> None:
    rows = b"".join(b'<row r="%d"><c r="A%d"><f>1</f><v>60</v></c></row>' % (row, row) for row in range(2, 50_000))
    archive = measure(with_xml(lambda part: part.replace(b"</sheetData>", rows + b"</sheetData>"), ["a"]), LIMITS)
    tracemalloc.start()
    assert xlsx_notes.read_notes(archive, SHEET) == Notes()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize(
    "change",
    [
        lambda part: part.replace(b"<worksheet", b'<!DOCTYPE x [<!ENTITY e "x">]><worksheet', 1) + b"<!--hidden-->",
        lambda part: part.replace(b"</worksheet>", b"<hidden>"),
        lambda part: part.replace(b'<c r="A1"', b'<f/><c t="e" r="AAAA1"'),
    ],
)
def test_odd_xml_is_refused(change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(FileRefused):
        open_sheet(with_xml(change, ["a"]), LIMITS)


def test_a_large_part_beside_the_sheets_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_notes, "_MOST_SMALL_PART_BYTES", 10)
    with pytest.raises(FileRefused, match="too large"):
        open_sheet(sheet_file([["a"]]), LIMITS)


def test_two_sheets_of_one_name_are_refused() -> None:
    content = rewrite_archive(
        sheet_file([["a"]], [["b"]]),
        lambda name, part: part.replace(b'"Sheet1"', b'"Sheet"') if name == "xl/workbook.xml" else part,
    )
    with pytest.raises(FileRefused, match="damaged"):
        open_sheet(content, LIMITS)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(60.0, "60"), (-0.0, "0"), (79.30000000000001, "79.3"), (1e-7, "0.0000001"), (0.1 + 0.2, "0.3")],
)
def test_a_number_is_shown_to_its_fifteenth_digit(value: float, shown: str) -> None:
    assert shown_digits(value) == shown
