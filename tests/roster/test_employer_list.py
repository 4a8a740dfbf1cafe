"""An employer's list: read as typed, answered row by row."""

from __future__ import annotations

import csv
import io

import pytest

from certsvc.errors import FileRefused
from certsvc.roster.employer_list import ANSWER_HEADERS, AnswerRow, EmployerRow, answer_cells, read_employer_list
from certsvc.roster.export import write_csv
from tests.builders.roster import csv_file, sheet_file


def test_rows_stay_as_typed_whatever_they_say() -> None:
    rows = [
        {"证书编号": "=1+1", "姓名": "张\u202e3"},
        {"证书编号": "", "姓名": "x"},
        {"证书编号": "=1+1", "姓名": "张\u202e3"},
    ]
    parsed = read_employer_list(csv_file(*rows)).check()
    assert parsed.rows == [
        EmployerRow(2, "=1+1", "张\u202e3"),
        EmployerRow(3, "", "x"),
        EmployerRow(4, "=1+1", "张\u202e3"),
    ]


def test_only_the_form_of_the_file_is_refused() -> None:
    parsed = read_employer_list(b"number,name\n1\n" + b"x" * 501 + b",y\n2,z\n")
    assert [(error.row, error.rule) for error in parsed.errors] == [(2, "file.ragged"), (3, "file.length")]
    assert [row.row for row in parsed.rows] == [4]


def test_five_thousand_rows_and_no_more() -> None:
    assert len(read_employer_list(b"number,name\n" + b"1,a\n" * 5000).rows) == 5000
    with pytest.raises(FileRefused, match="5000"):
        read_employer_list(b"number,name\n" + b"1,a\n" * 5001).check()


def test_a_million_rows_are_refused_at_once() -> None:
    with pytest.raises(FileRefused):
        read_employer_list(b"number,name\n" + b"1,abc\n" * 1_000_000)


def test_unknown_columns_as_in_any_file() -> None:
    with pytest.raises(FileRefused, match="备注"):
        read_employer_list("证书编号,姓名,备注\n".encode())
    content = sheet_file([["证书编号", "姓名", "备注"], ["1", "a", "x"]], [["other"]])
    parsed = read_employer_list(content, ignore_unknown=True)
    assert parsed.rows == [EmployerRow(2, "1", "a")]
    assert len(parsed.warnings) == 1


def test_the_answer_has_the_same_rows_escaped() -> None:
    answer = answer_cells([AnswerRow("=1+1", "张三", "真实有效", "2025-04-20", "2026-11-22 10:00")])
    text = b"".join(write_csv(ANSWER_HEADERS, answer)).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text))) == [
        ["证书编号", "姓名", "状态", "发证日期", "查询时间"],
        ["'=1+1", "张三", "真实有效", "2025-04-20", "2026-11-22 10:00"],
    ]
