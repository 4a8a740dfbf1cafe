"""An employer's list: read as typed, answered row by row."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest

from certsvc.credential.wording import STATES
from certsvc.errors import FileRefused
from certsvc.roster.employer_list import (
    ANSWER_HEADERS,
    DAMAGED,
    INCOMPLETE,
    ROW_PROBLEMS,
    UNREADABLE,
    AnswerRow,
    EmployerRow,
    RowProblem,
    answer_cells,
    read_employer_list,
)
from certsvc.roster.export import write_csv
from tests.builders.roster import csv_file, sheet_file, xlsx_file


def test_rows_stay_as_typed_whatever_they_say() -> None:
    rows = [{"证书编号": number, "姓名": "张\u202e3"} for number in ("@SUM(1)", "?", "@SUM(1)")]
    parsed = read_employer_list(csv_file(*rows)).check()
    assert parsed.rows == [
        EmployerRow(2, "@SUM(1)", "张\u202e3"),
        EmployerRow(3, "?", "张\u202e3"),
        EmployerRow(4, "@SUM(1)", "张\u202e3"),
    ]


NUMBER = "2663010001500001"
ASKED = {
    "as it is": (NUMBER, "王芳", None),
    "cut by a spreadsheet": ("2.66301E+15", "王芳", DAMAGED),
    "cut by Python": ("2.66301e+15", "王芳", DAMAGED),
    "cut by Java": ("2.663010001500001E15", "王芳", DAMAGED),
    "cut, where commas divide decimals": ("2,66301E+15", "王芳", DAMAGED),
    "cut, and no name": ("2.66301E+15", "", DAMAGED),
    "no number": ("", "王芳", INCOMPLETE),
    "no name": (NUMBER, " \u3000", INCOMPLETE),
    "an error in place of the number": ("#N/A", "王芳", INCOMPLETE),
    "an error in place of the name": (NUMBER, "#REF!", INCOMPLETE),
    "a formula": ("=VLOOKUP(B2,C:C,1,0)", "王芳", INCOMPLETE),
    "more than any name": (NUMBER, "王" * 501, UNREADABLE),
}


@pytest.mark.parametrize(("number", "name", "problem"), ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("build", [csv_file, xlsx_file])
def test_a_row_that_cannot_be_asked_about_says_why(
    build: Callable[..., bytes], number: str, name: str, problem: RowProblem | None
) -> None:
    good = {"证书编号": NUMBER, "姓名": "李明"}
    rows = read_employer_list(build(good, good | {"证书编号": number, "姓名": name}, good)).check().rows
    assert [row.problem for row in rows] == [None, problem, None]
    assert (rows[0], rows[2]) == (EmployerRow(2, NUMBER, "李明"), EmployerRow(4, NUMBER, "李明"))


def test_numbers_stored_as_numbers_and_formulas_without_a_value_are_told_by_row() -> None:
    content = sheet_file([["证书编号", "姓名"], [int(NUMBER), "王芳"], ["=A2", "王芳"], [NUMBER, "王芳"]])
    rows = read_employer_list(content).rows
    assert [row.problem for row in rows] == [DAMAGED, INCOMPLETE, None]


def test_the_marks_that_keep_a_number_whole_are_no_part_of_it() -> None:
    marked = (f'="{NUMBER}"', f"'{NUMBER}", f"\u2019{NUMBER}")
    content = csv_file(*({"证书编号": number, "姓名": "王芳"} for number in marked))
    assert [row.number for row in read_employer_list(content).rows] == [NUMBER] * 3


def test_a_row_with_too_few_or_too_many_cells_is_incomplete() -> None:
    parsed = read_employer_list(b"number,name\n1\n1,x,y\n2,z\n").check()
    assert [(row.row, row.problem) for row in parsed.rows] == [(2, INCOMPLETE), (3, INCOMPLETE), (4, None)]


def test_each_problem_has_its_own_state_and_words() -> None:
    assert len({problem.state for problem in ROW_PROBLEMS}) == len({problem.says for problem in ROW_PROBLEMS}) == 4
    assert all(problem.state not in STATES for problem in ROW_PROBLEMS)


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
    answer = answer_cells(
        [AnswerRow("=1+1", "张三", "真实有效", "2025-04-20", "2026-11-22 10:00", "https://a.example/v/x")]
    )
    text = b"".join(write_csv(ANSWER_HEADERS, answer)).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text))) == [
        ["证书编号", "姓名", "状态", "发证日期", "查询时间", "核验网址"],
        ["'=1+1", "张三", "真实有效", "2025-04-20", "2026-11-22 10:00", "https://a.example/v/x"],
    ]
