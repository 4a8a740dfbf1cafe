"""Corrections of results: the cells of results, why, and the right day where the day was wrong (R2.4)."""

from __future__ import annotations

from datetime import date

import pytest

from certsvc.errors import FileRefused
from certsvc.roster.corrections import read_corrections
from certsvc.rules.enrolment import Outcome
from tests.builders.roster import PRACTICAL, RESULT, csv_file, sheet_file, xlsx_file

ROW: dict[str, object] = {**RESULT, "更正原因": "成绩复核", "更正考试日期": "", "更正依据": "复核 7 号"}
DATED = ROW | {"更正考试日期": date(2025, 3, 23)}


def found(**changes: object) -> list[tuple[str, str]]:
    return [(error.column, error.rule) for error in read_corrections(csv_file(ROW | changes)).errors]


@pytest.mark.parametrize("content", [csv_file(ROW), csv_file(ROW, encoding="gb18030"), xlsx_file(ROW)])
def test_a_row_says_what_shall_be_and_why(content: bytes) -> None:
    [row] = read_corrections(content).check().rows
    assert (row.result.score, row.sat_on, row.reason, row.evidence) == (
        "60",
        date(2025, 3, 24),
        "成绩复核",
        "复核 7 号",
    )


@pytest.mark.parametrize(
    "content", [csv_file(DATED), csv_file(DATED | {"更正考试日期": "2025/3/23"}), xlsx_file(DATED)]
)
def test_the_right_day_stands_beside_the_one_on_record(content: bytes) -> None:
    [row] = read_corrections(content).check().rows
    assert (row.result.sat_on, row.sat_on) == (date(2025, 3, 24), date(2025, 3, 23))


def test_english_headers_and_no_optional_column() -> None:
    header = ["id_number", "name", "subject", "sat_on", "kind", "outcome", "correction_reason"]
    cells = [RESULT["证件号码"], RESULT["姓名"], "theory", "2025-03-24", "first", "void", "wrong_person"]
    [row] = read_corrections(sheet_file([header, cells])).check().rows
    assert (row.result.outcome, row.evidence) == (Outcome.VOID, "")


def test_a_file_of_results_is_no_file_of_corrections() -> None:
    with pytest.raises(FileRefused, match="更正原因"):
        read_corrections(csv_file(RESULT))
    with pytest.raises(FileRefused, match="备注"):
        read_corrections(csv_file(ROW | {"备注": ""}))
    assert read_corrections(csv_file(ROW | {"备注": ""}), ignore_unknown=True).check().rows


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"更正原因": ""}, "更正原因"),
        ({"更正原因": "=A1"}, "更正原因"),
        ({"更正原因": "#REF!"}, "更正原因"),
        ({"更正原因": "长" * 201}, "更正原因"),
        ({"更正依据": "a\u200bb"}, "更正依据"),
        ({"更正考试日期": "2025.3.23"}, "更正考试日期"),
        ({"更正考试日期": "#N/A"}, "更正考试日期"),
        ({"成绩": "60%"}, "成绩"),
        ({"成绩": "59.999"}, "成绩"),
        ({"证件号码": "2.66301E+15"}, "证件号码"),
    ],
)
def test_a_bad_cell_is_refused_by_its_column(changes: dict[str, object], column: str) -> None:
    assert [at for at, _ in found(**changes)] == [column]


def test_one_attempt_twice_is_refused_unless_it_says_the_same() -> None:
    assert len(read_corrections(csv_file(ROW, ROW | {"成绩": "60.00"})).check().rows) == 1
    for other in ({"成绩": "61"}, {"更正原因": "录入有误"}, {"更正考试日期": "2025-03-23"}):
        [error] = read_corrections(csv_file(ROW, ROW | other)).errors
        assert (error.row, error.rule) == (3, "file.twice")


def test_items_come_as_in_results() -> None:
    [row] = read_corrections(csv_file({**PRACTICAL, "更正原因": "录入有误"})).check().rows
    assert row.result.items["cpr"] == "20"
