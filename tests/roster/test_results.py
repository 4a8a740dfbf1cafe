"""Results: the form of every cell, and grading where one scheme holds."""

from __future__ import annotations

from datetime import date

import pytest

from certsvc.errors import CellError, FileRefused
from certsvc.resources import schemes_folder
from certsvc.roster.results import ResultRow, read_results
from certsvc.rules.enrolment import AttemptKind, Outcome
from certsvc.rules.scheme import parse_scheme
from certsvc.rules.terms import Subject
from tests.builders.roster import NUMBER, PRACTICAL, RESULT, csv_file, sheet_file, xlsx_file

SCHEME = parse_scheme((schemes_folder() / "emergency-rescuer-5" / "qinghai-2025.toml").read_text("utf-8"))


def found(row: dict[str, object], **changes: object) -> list[tuple[str, str]]:
    errors = read_results(csv_file(row | changes), scheme=SCHEME).errors
    return [(error.column, error.rule) for error in errors]


@pytest.mark.parametrize(
    "content", [csv_file(RESULT), csv_file(RESULT, encoding="gb18030"), xlsx_file(RESULT | {"成绩": 60.0})]
)
def test_a_score_stays_the_text_it_is(content: bytes) -> None:
    parsed = read_results(content)
    assert parsed.check().rows == [
        ResultRow(2, NUMBER, "张𬭊", Subject.THEORY, date(2025, 3, 24), AttemptKind.FIRST, Outcome.SCORED, "60", {})
    ]


def test_items_are_those_that_were_drawn() -> None:
    [row] = read_results(csv_file(PRACTICAL), scheme=SCHEME).check().rows
    assert row.score is None
    assert row.items == {
        "safety_assessment": "15",
        "fire_extinguisher": "10.5",
        "cpr": "20",
        "bleeding_control": "10",
        "rescue_rope": "10",
        "triage": "5",
    }


def test_english_words() -> None:
    row = {
        "id_number": NUMBER.lower(),
        "name": "张𬭊",
        "subject": "practical",
        "sat_on": "2025/3/24",
        "kind": "onsite_retake",
        "outcome": "absent",
    }
    [result] = read_results(csv_file(row), scheme=SCHEME).check().rows
    assert (result.subject, result.kind, result.outcome) == (
        Subject.PRACTICAL,
        AttemptKind.ONSITE_RETAKE,
        Outcome.ABSENT,
    )


@pytest.mark.parametrize(
    "score", ["60.001", "-1", "+60", "６０", "6 0", "6e1", "六十", "60.", ".5", "NaN", "1,5", "=60"]
)
def test_scores_are_plain_digits_with_two_places_at_most(score: str) -> None:
    [error] = read_results(csv_file(RESULT | {"成绩": score})).errors
    assert (error.row, error.column, error.value) == (2, "成绩", score)
    assert error.rule in {"R2", "R2.2"}


def test_an_item_score_is_refused_in_its_own_column() -> None:
    assert found(PRACTICAL, 心肺复苏="x", 检伤分类="1.005") == [("心肺复苏", "R2.2"), ("检伤分类", "R2")]


@pytest.mark.parametrize(
    ("row", "changes", "column"),
    [
        (RESULT, {"成绩": "100.01"}, "成绩"),
        (RESULT, {"成绩": ""}, "成绩"),
        (RESULT, {"结果": "缺考"}, "成绩"),
        (PRACTICAL, {"安全评估": "15.5"}, "安全评估"),
        (PRACTICAL, {"心肺复苏": ""}, "心肺复苏"),
        (PRACTICAL, {"气道梗塞": "5"}, "救援绳索"),
        (PRACTICAL, {"检伤分类": ""}, "标识识别"),
        (PRACTICAL, {"成绩": "71"}, "成绩"),
        (PRACTICAL, {"科目": "theory"}, "安全评估"),
    ],
)
def test_with_a_scheme_rows_are_graded(row: dict[str, object], changes: dict[str, object], column: str) -> None:
    assert found(row, **changes) == [(column, "R2.2")]
    assert read_results(csv_file(row | changes)).errors == []


@pytest.mark.parametrize("column", ["科目", "考试性质", "结果"])
def test_an_unknown_word_is_refused(column: str) -> None:
    assert found(RESULT, **{column: "别的"}) == [(column, "file.choice")]


@pytest.mark.parametrize("column", ["证件号码", "姓名", "科目", "考试日期", "考试性质"])
def test_a_required_cell_that_is_empty_is_refused(column: str) -> None:
    assert found(RESULT, **{column: ""}) == [(column, "file.required")]


def test_an_identity_number_is_never_shown() -> None:
    [error] = read_results(csv_file(RESULT | {"证件号码": NUMBER + "\u200b" + "1"})).errors
    assert error.column == "证件号码"
    assert NUMBER not in str(error)


@pytest.mark.parametrize("spelling", ["60", "60.0", "60.00", "060"])
def test_the_same_score_in_two_spellings_is_one_row(spelling: str) -> None:
    parsed = read_results(csv_file(RESULT | {"成绩": "60"}, RESULT | {"成绩": spelling}))
    assert len(parsed.check().rows) == 1


def test_the_same_row_twice_counts_once() -> None:
    parsed = read_results(csv_file(RESULT, RESULT))
    assert (len(parsed.rows), parsed.errors) == (1, [])


@pytest.mark.parametrize("changes", [{"成绩": "61"}, {"成绩": "", "结果": "缺考"}, {"姓名": "李四"}])
def test_one_attempt_in_two_ways_is_refused(changes: dict[str, object]) -> None:
    [error] = read_results(csv_file(RESULT | {"结果": "正常"}, RESULT | {"结果": "正常"} | changes)).errors
    assert (error.row, error.rule) == (3, "file.twice")


def test_a_second_onsite_retake_is_refused() -> None:
    onsite = RESULT | {"科目": "practical", "考试性质": "现场补考"}
    [error] = read_results(csv_file(onsite | {"成绩": "50"}, onsite | {"成绩": "70"})).errors
    assert (error.row, error.column, error.rule) == (3, "考试性质", "R3.7")


def test_attempts_of_one_person_that_differ_in_key_are_all_read() -> None:
    rows = [RESULT, RESULT | {"考试日期": "2025-04-24"}, RESULT | {"考试性质": "补考"}, RESULT | {"科目": "practical"}]
    assert len(read_results(csv_file(*rows)).check().rows) == 4


def test_an_unknown_column_is_refused_unless_ignored() -> None:
    with pytest.raises(FileRefused, match="备注"):
        read_results(csv_file(RESULT | {"备注": "x"}))
    assert len(read_results(csv_file(RESULT | {"备注": "x"}), ignore_unknown=True).check().rows) == 1


def test_other_sheets_are_warned_of() -> None:
    content = sheet_file([[*RESULT], [*RESULT.values()]], [["x"]])
    warnings: list[CellError] = read_results(content).warnings
    assert [warning.rule for warning in warnings] == ["file.sheet"]
