"""Headers, shapes and bounds, for CSV and XLSX alike."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from certsvc.errors import FileRefused
from certsvc.roster.cells import Limits
from certsvc.roster.table import Column, Table, read_table
from tests.builders.roster import csv_file, sheet_file, xlsx_file

COLUMNS = (Column("name", "姓名"), Column("sat_on", "考试日期"), Column("score", "成绩", required=False))


def refusal(source: bytes | Path, **options: object) -> FileRefused:
    with pytest.raises(FileRefused) as refused:
        list(read_table(source, COLUMNS, **options))  # type: ignore[arg-type]
    return refused.value


def cells_of(table: Table) -> list[tuple[int, dict[str, object]]]:
    return [(row.number, dict(row.cells)) for row in table]


@pytest.mark.parametrize("build", [csv_file, xlsx_file])
@pytest.mark.parametrize(
    "row",
    [
        {"姓名": "张三", "考试日期": "2025-03-24"},
        {"考试日期": "2025-03-24", "姓名": "张三"},
        {"SAT_ON": "2025-03-24", "Name": "张三"},
        {"姓名 name": "张三", " 考试日期  sat_on ": "2025-03-24"},
    ],
)
def test_headers_in_either_language_and_any_order(build: object, row: dict[str, object]) -> None:
    table = read_table(build(row), COLUMNS)  # type: ignore[operator]
    assert cells_of(table) == [(2, {"name": "张三", "sat_on": "2025-03-24"})]


def test_headings_are_those_of_the_file() -> None:
    table = read_table(b"Name,SAT_ON\n", COLUMNS)
    assert table.headings == {"name": "Name", "sat_on": "SAT_ON"}


def test_a_table_is_read_anew_each_time() -> None:
    table = read_table(b"name,sat_on\na,b\n", COLUMNS)
    assert cells_of(table) == cells_of(table) != []


def test_missing_and_unknown_headers_are_named_together() -> None:
    error = refusal("姓名,备注,考试时间\n".encode())
    assert error.rule == "file.header"
    assert "考试日期" in error.zh
    assert "备注" in error.zh
    assert "考试时间" in error.en
    assert "成绩" not in error.zh


def test_unknown_headers_are_refused_by_name_and_ignored_on_demand() -> None:
    content = "姓名,备注,考试日期\n张三,x,y\n".encode()
    assert "备注" in refusal(content).zh
    assert cells_of(read_table(content, COLUMNS, ignore_unknown=True)) == [(2, {"name": "张三", "sat_on": "y"})]


def test_a_header_twice_is_refused_even_in_two_languages() -> None:
    assert "name" in refusal("姓名,name,考试日期\n".encode()).en
    assert "twice" in refusal("姓名,name,考试日期\n".encode(), ignore_unknown=True).en


def test_a_blank_header_between_others_is_unknown_and_after_them_nothing() -> None:
    assert "blank" in refusal("姓名,,考试日期\n".encode()).en
    assert cells_of(read_table("姓名,考试日期,,\na,b,,\n".encode(), COLUMNS)) == [(2, {"name": "a", "sat_on": "b"})]


@pytest.mark.parametrize("content", [b"", b"\n", b",,\n", sheet_file([])])
def test_an_empty_file_is_refused(content: bytes) -> None:
    assert "empty" in refusal(content).en


def test_blank_lines_are_skipped_and_counted() -> None:
    table = read_table(b'name,sat_on\n\na,"1\n2"\n,\nb,c\n', COLUMNS)
    assert [row.number for row in table] == [3, 5]


@pytest.mark.parametrize("line", [b"a", b"a,b,c"])
def test_a_ragged_row_is_one_fault(line: bytes) -> None:
    [row] = read_table(b"name,sat_on\n" + line + b"\n", COLUMNS)
    assert row.fault is not None
    assert (row.fault.row, row.fault.rule, row.fault.value) == (2, "file.ragged", "")
    assert not row.cells


def test_empty_cells_beyond_the_header_are_nothing() -> None:
    [row] = read_table(b"name,sat_on\na,b,,\n", COLUMNS)
    assert row.fault is None


def test_bounds_of_bytes_rows_and_columns() -> None:
    content = b"name,sat_on\n" + b"a,b\n" * 4
    assert len(list(read_table(content, COLUMNS, limits=Limits(rows=4)))) == 4
    assert refusal(content, limits=Limits(rows=3)).rule == "file.size"
    assert refusal(content, limits=Limits(file_bytes=20)).rule == "file.size"
    assert refusal(content, limits=Limits(columns=1)).rule == "file.size"


def test_a_file_is_read_from_its_path(tmp_path: Path) -> None:
    path = tmp_path / "roll.csv"
    path.write_bytes(b"name,sat_on\na,b\n")
    assert len(list(read_table(path, COLUMNS))) == 1
    assert refusal(path, limits=Limits(file_bytes=10)).rule == "file.size"


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / "none.csv").en
    assert "cannot be read" in refusal(tmp_path).en


def test_old_and_encrypted_workbooks_are_refused_each_for_its_reason() -> None:
    magic = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100)
    assert ".xls " in refusal(magic).en
    assert "encrypted" in refusal(magic + "EncryptedPackage".encode("utf-16-le")).en


def test_a_workbook_by_name_alone_is_refused() -> None:
    assert "damaged" in refusal(b"name,sat_on\n", filename="roll.XLSX").en


def test_the_format_is_that_of_the_content() -> None:
    content = xlsx_file({"name": "a", "sat_on": "b"})
    assert len(list(read_table(content, COLUMNS, filename="roll.csv"))) == 1


def test_sheets_that_are_not_read_are_warned_of() -> None:
    table = read_table(sheet_file([["name", "sat_on"]], [["x"]]), COLUMNS)
    assert [(warning.rule, warning.value) for warning in table.warnings] == [("file.sheet", "Sheet1")]


def test_random_bytes_are_refused_or_read_but_never_crash() -> None:
    for size in range(0, 400, 7):
        for head in (b"", b"PK\x03\x04", b"name,sat_on\n"):
            try:
                list(read_table(head + os.urandom(size), COLUMNS))
            except FileRefused:
                continue


def test_a_header_writes_nothing_on_the_terminal_but_one_line() -> None:
    shown = str(refusal(b'a,\x1b[2J\x1b[32m""0 errors\n'))
    assert "0 errors" in shown
    assert shown.isprintable()
