"""The roster of candidates: every bad cell named, in the words of the file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.errors import CellError, FileRefused, ImportRefused, RegistrationRefused
from certsvc.person.identity import IdentityDocument, IdType, Sex
from certsvc.roster.candidates import CandidateRow, read_candidates
from tests.builders.roster import CANDIDATE, NUMBER, csv_file, made_up_number, sheet_file, xlsx_file


def errors_of(**changes: object) -> list[CellError]:
    """The errors of a roster of one row with these cells changed."""
    return read_candidates(csv_file(CANDIDATE | changes)).errors


def only_error(**changes: object) -> tuple[str, str, str]:
    [error] = errors_of(**changes)
    assert error.row == 2
    return error.column, error.value, error.rule


def only_row(**changes: object) -> CandidateRow:
    parsed = read_candidates(csv_file(CANDIDATE | changes))
    assert parsed.errors == []
    [row] = parsed.rows
    return row


EXPECTED = CandidateRow(
    2,
    "张𬭊",
    Sex.MALE,
    IdentityDocument(IdType.RESIDENT_ID, NUMBER),
    date(1990, 1, 1),
    "12000000001",
    None,
    "样例培训学校",
    True,
    date(2025, 3, 1),
    None,
    None,
    None,
    None,
)


@pytest.mark.parametrize(
    "content",
    [
        csv_file(CANDIDATE),
        csv_file(CANDIDATE, encoding="utf-8-sig"),
        csv_file(CANDIDATE, encoding="gb18030"),
        xlsx_file(CANDIDATE),
        xlsx_file(CANDIDATE | {"出生日期": date(1990, 1, 1), "报名日期": date(2025, 3, 1), "手机号码": 12000000001}),
    ],
)
def test_the_same_row_from_every_kind_of_file(content: bytes) -> None:
    parsed = read_candidates(content)
    assert (parsed.rows, parsed.errors, parsed.warnings) == ([EXPECTED], [], [])


def test_english_headers_and_words() -> None:
    row = {
        "name": "Anna O'Made",
        "sex": "F",
        "id_type": "passport",
        "id_number": "xx0000001",
        "birth_date": "1990/1/1",
        "phone": "",
        "email": "anna@example.org",
        "institution": "",
        "health_declared": "yes",
        "registered_on": "2025/03/1",
        "occupation": "应急救援员",
        "level": "5",
        "batch": "1",
        "photo": "a.JPG",
    }
    [candidate] = read_candidates(csv_file(row)).rows
    assert candidate == CandidateRow(
        2,
        "Anna O'Made",
        Sex.FEMALE,
        IdentityDocument(IdType.PASSPORT, "XX0000001"),
        date(1990, 1, 1),
        None,
        "anna@example.org",
        None,
        True,
        date(2025, 3, 1),
        "应急救援员",
        5,
        "1",
        "a.JPG",
    )


def test_the_identity_type_is_a_resident_id_where_none_is_given() -> None:
    assert only_row(证件类型="").identity.type is IdType.RESIDENT_ID
    without = {key: cell for key, cell in CANDIDATE.items() if key != "证件类型"}
    assert read_candidates(csv_file(without)).rows == [EXPECTED]


@pytest.mark.parametrize("missing", ["姓名", "性别", "证件号码", "出生日期", "手机号码", "健康承诺", "报名日期"])
def test_a_required_column_that_is_missing_is_refused_by_name(missing: str) -> None:
    with pytest.raises(FileRefused, match=missing):
        read_candidates(csv_file({key: cell for key, cell in CANDIDATE.items() if key != missing}))


@pytest.mark.parametrize("column", ["姓名", "性别", "证件号码", "出生日期", "健康承诺", "报名日期"])
def test_a_required_cell_that_is_empty_is_refused(column: str) -> None:
    assert only_error(**{column: ""}) == (column, "", "file.required")


def test_every_fault_of_a_row_and_of_the_file_is_listed() -> None:
    bad = CANDIDATE | {"姓名": "=1+1", "性别": "?", "报名日期": "24.3.2025", "健康承诺": "maybe"}
    content = csv_file(CANDIDATE, bad, CANDIDATE | {"证件号码": "1"})
    found = [(error.row, error.column) for error in read_candidates(content).errors]
    assert found == [(3, "姓名"), (3, "性别"), (3, "健康承诺"), (3, "报名日期"), (4, "证件号码")]


@pytest.mark.parametrize(
    "name",
    [
        "=HYPERLINK(1)",
        "+1",
        "-张",
        "@张",
        "张\u202e三",
        "张\u200b三",
        "\ufeff张三",
        "张\x07三",
        "张\n三",
        "张" * 300,
        "张3",
        "<b>张</b>",
    ],
)
def test_formulas_controls_and_long_names_are_refused(name: str) -> None:
    assert only_error(姓名=name)[::2] == ("姓名", "R9")


def test_a_name_beyond_any_cell_is_refused() -> None:
    column, value, rule = only_error(姓名="张" * 1001)
    assert (column, rule) == ("姓名", "file.length")
    assert len(value) < 50


def test_a_stray_middle_dot_is_put_right_with_a_warning() -> None:
    parsed = read_candidates(csv_file(CANDIDATE | {"姓名": "阿依古丽•艾力"}))
    assert [(row.name) for row in parsed.rows] == ["阿依古丽·艾力"]
    assert [(warning.row, warning.column, warning.rule) for warning in parsed.warnings] == [(2, "姓名", "R9")]


@pytest.mark.parametrize(
    "number",
    [
        NUMBER[:-1] + ("0" if NUMBER[-1] != "0" else "1"),
        NUMBER[:-1],
        "990000199002300011",
        "'" + NUMBER[:-1],
        "77",
    ],
)
def test_identity_numbers_are_checked_and_masked(number: str) -> None:
    [error] = errors_of(证件号码=number)
    assert (error.column, error.rule) == ("证件号码", "R9")
    assert number not in error.value
    assert number not in str(error)


@pytest.mark.parametrize("changes", [{"性别": "女"}, {"出生日期": "1990-01-02"}])
def test_sex_and_birth_date_must_be_those_of_the_number(changes: dict[str, object]) -> None:
    assert only_error(**changes)[0] == "证件号码"


def test_a_type_of_document_that_is_unknown_is_refused() -> None:
    assert only_error(证件类型="驾驶证") == ("证件类型", "驾驶证", "file.choice")


def test_an_identity_number_stored_as_a_number_has_lost_digits() -> None:
    [error] = read_candidates(xlsx_file(CANDIDATE | {"证件号码": int(made_up_number(3)[:17]) * 10})).errors
    assert (error.column, error.rule) == ("证件号码", "file.number")


@pytest.mark.parametrize(
    "text",
    ["2025-3-1", "2025.03.01", "01/03/2025", "2025-02-29", "2025-13-01", "20250301", "2025-03-01 10:00", "二〇二五"],
)
def test_other_dates_are_refused(text: str) -> None:
    assert only_error(报名日期=text) == ("报名日期", text, "file.date")


def test_a_day_out_of_any_lifetime_is_refused() -> None:
    assert only_error(报名日期="0202-03-01")[2] == "file.date"
    [error] = read_candidates(xlsx_file(CANDIDATE | {"报名日期": date(2999, 1, 1)})).errors
    assert (error.value, error.rule) == ("2999-01-01", "file.date")


def test_a_date_cell_with_a_time_is_refused() -> None:
    rows = [[*CANDIDATE], [*CANDIDATE.values()]]
    rows[1][-1] = 45737.5
    content = sheet_file(rows)
    assert [error.rule for error in read_candidates(content).errors] == ["file.date"]


@pytest.mark.parametrize(
    ("text", "level"), [("5", 5), ("五级/初级工", 5), ("五级", 5), ("高级工", 3), ("1级", 1), ("", None)]
)
def test_levels(text: str, level: int | None) -> None:
    assert only_row(等级=text).level == level


@pytest.mark.parametrize("text", ["6", "0", "初级", "五级/高级工"])
def test_other_levels_are_refused(text: str) -> None:
    assert only_error(等级=text) == ("等级", text, "file.choice")


@pytest.mark.parametrize("text", ["12", "call me", "1" * 30])
def test_telephone_numbers_are_digits(text: str) -> None:
    assert only_error(手机号码=text) == ("手机号码", text, "file.phone")


@pytest.mark.parametrize(
    "text", ["../a.jpg", "photos/a.jpg", "C:a.jpg", "a.gif", ".jpg", "a\\b.png", "x" * 130 + ".jpg"]
)
def test_a_photo_is_a_plain_file_name(text: str) -> None:
    assert only_error(照片=text) == ("照片", text, "file.photo")


def test_other_texts_hold_no_controls_and_have_bounds() -> None:
    assert only_error(培训机构="学\u202e校") == ("培训机构", "学\u202e校", "file.character")
    assert only_error(批次="x" * 201)[2] == "file.length"
    assert only_error(职业="x" * 1001)[::2] == ("职业", "file.length")


@pytest.mark.parametrize("column", ["性别", "健康承诺", "报名日期", "等级", "证件号码", "手机号码", "证件类型", "照片"])
def test_an_oversized_cell_is_one_error_in_any_column(column: str) -> None:
    assert only_error(**{column: "x" * 1001})[::2] == (column, "file.length")


def test_a_ragged_row_is_one_error() -> None:
    content = csv_file(CANDIDATE) + b"x,y\n"
    assert [(error.row, error.rule) for error in read_candidates(content).errors] == [(3, "file.ragged")]


@pytest.mark.parametrize("changes", [{}, {"报名日期": "2025-04-01"}, {"手机号码": "12000000002"}, {"姓名": "李四"}])
def test_a_person_twice_is_refused(changes: dict[str, object]) -> None:
    parsed = read_candidates(csv_file(CANDIDATE, CANDIDATE | changes))
    [error] = parsed.errors
    assert (error.row, error.column, error.rule) == (3, "证件号码", "R1.5")
    assert "row 2" in error.en
    assert parsed.rows == [EXPECTED]


def test_one_person_may_register_for_two_occupations() -> None:
    content = csv_file(CANDIDATE | {"职业": "应急救援员"}, CANDIDATE | {"职业": "消防员"})
    assert len(read_candidates(content).check().rows) == 2


def test_check_raises_with_every_error() -> None:
    with pytest.raises(ImportRefused) as refused:
        read_candidates(csv_file(CANDIDATE | {"姓名": "", "性别": ""})).check()
    assert len(refused.value.errors) == 2


def test_warnings_of_the_file_come_with_those_of_rows() -> None:
    parsed = read_candidates(sheet_file([[*CANDIDATE], [*CANDIDATE.values()]], [["note"]]))
    assert [warning.rule for warning in parsed.warnings] == ["file.sheet"]


def test_a_later_check_names_the_cell_as_the_file_does() -> None:
    parsed = read_candidates(csv_file(CANDIDATE))
    error = RegistrationRefused("未满 18 周岁", "under 18", rule="R1.1")
    named = parsed.cell_error(2, "birth_date", "2010-01-01", error)
    assert (named.row, named.column, named.value, named.rule) == (2, "出生日期", "2010-01-01", "R1.1")
    assert NUMBER not in parsed.cell_error(2, "id_number", NUMBER, error).value
    assert parsed.cell_error(2, "level", "4", RegistrationRefused("", "")).rule == "registration-refused"
    assert parsed.cell_error(2, "id_number", "12", error).value == "**"


def test_read_from_a_path(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(csv_file(CANDIDATE))
    assert read_candidates(path).rows == [EXPECTED]


@given(st.dictionaries(st.sampled_from(list(CANDIDATE)), st.text(max_size=30)))
def test_any_text_in_any_cell_gives_a_row_or_errors_that_name_no_identity(changes: dict[str, str]) -> None:
    content = csv_file(CANDIDATE | changes).decode("utf-8", "surrogatepass").encode("utf-8", "replace")
    try:
        parsed = read_candidates(content)
        rows, errors = parsed.rows, parsed.errors
    except FileRefused:
        return
    assert len(rows) <= 1
    assert not (rows and errors)
    assert all(NUMBER not in str(error) for error in errors)
