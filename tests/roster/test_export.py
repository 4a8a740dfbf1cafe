"""What is written is safe to open."""

from __future__ import annotations

import csv
import io

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.roster.export import escape_formula, write_csv, write_xlsx


@pytest.mark.parametrize("start", [*"=+-@\uff1d\uff0b\uff0d\uff20\t\r\n", " ="])
def test_what_a_spreadsheet_would_run_is_escaped(start: str) -> None:
    assert escape_formula(start + "cmd|'/c calc'!A1") == "'" + start + "cmd|'/c calc'!A1"


@pytest.mark.parametrize("text", ["", "张三", "2063-1", "a=b", "'x"])
def test_plain_text_stays(text: str) -> None:
    assert escape_formula(text) == text


def test_csv_begins_with_a_mark_so_that_chinese_shows() -> None:
    assert b"".join(write_csv(["姓名"], [["张𬭊"]])) == '\ufeff"姓名"\r\n"张𬭊"\r\n'.encode()


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_no_cell_of_a_csv_is_divided_into_one_that_runs(delimiter: str) -> None:
    """Spreadsheets divide at what their country, or a dialogue, says, and not at commas alone."""
    text = b"".join(write_csv(["姓名"], [[f"张{delimiter}=cmd|'/c calc'!A1"]])).decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) for cell in row]
    assert not [cell for cell in cells if cell.startswith("=")]


def test_csv_comes_in_pieces() -> None:
    pieces = list(write_csv(["a"], [["x" * 1000]] * 500))
    assert len(pieces) > 3
    assert b"".join(pieces).count(b"\r\n") == 501


@given(
    st.lists(st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=20), min_size=2, max_size=2), max_size=5)
)
def test_csv_reads_back_as_escaped(rows: list[list[str]]) -> None:
    text = b"".join(write_csv(["a", "b"], rows)).decode("utf-8-sig")
    expected = [["a", "b"], *([escape_formula(cell) for cell in row] for row in rows)]
    assert list(csv.reader(io.StringIO(text, newline=""))) == expected


def test_xlsx_cells_are_text_and_never_formulas() -> None:
    content = write_xlsx(["=x", "姓名"], [["=1+1", "张𬭊\x07"], ["2063010001500001", "y" * 40_000]])
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert sheet is not None
    rows = list(sheet.iter_rows())
    assert [[cell.value for cell in row] for row in rows[:2]] == [["'=x", "姓名"], ["'=1+1", "张𬭊\ufffd"]]
    assert {cell.data_type for row in rows for cell in row} == {"s"}
    assert (rows[2][0].value, len(str(rows[2][1].value))) == ("2063010001500001", 32_767)
