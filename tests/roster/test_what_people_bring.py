"""Rolls, results and registers as people bring them: read where that is plain, else told where it fails (R9)."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable

import pytest
from openpyxl import Workbook

from certsvc.errors import CellError, FileRefused
from certsvc.roster.candidates import read_candidates
from certsvc.roster.employer_list import read_employer_list
from certsvc.roster.paper import read_paper
from certsvc.roster.parsed import Parsed
from certsvc.roster.results import read_results
from tests.builders.roster import (
    CANDIDATE,
    NUMBER,
    PAPER,
    RESULT,
    Cells,
    csv_file,
    made_up_number,
    rewrite_archive,
    sheet_file,
    xlsx_file,
)

Read = Callable[..., Parsed[object]]
LISTED: Cells = {"证书编号": "2663010001500001", "姓名": "王芳"}
KINDS: dict[str, tuple[Read, Cells]] = {
    "candidates": (read_candidates, CANDIDATE),
    "results": (read_results, RESULT),
    "paper": (read_paper, PAPER),
    "list": (read_employer_list, LISTED),
}
every_kind = pytest.mark.parametrize(("read", "row"), KINDS.values(), ids=KINDS)
SHEET = "xl/worksheets/sheet1.xml"


def read_whole(read: Read, content: bytes) -> tuple[int, list[tuple[int, str]]]:
    """How many rows are read without an error, and which warnings there are."""
    parsed = read(content).check()
    return len(parsed.rows), [(warning.row, warning.rule) for warning in parsed.warnings]


def table(row: Cells) -> list[list[object]]:
    return [list(row), list(row.values())]


def errors_at(errors: list[CellError]) -> list[tuple[int, str, str]]:
    return [(error.row, error.column, error.rule) for error in errors]


def text_of(row: Cells, separator: str = ",") -> str:
    return "".join(separator.join(map(str, cells)) + "\r\n" for cells in table(row))


# Where the headers lie


@every_kind
def test_a_title_above_the_headers_is_named_and_left_out(read: Read, row: Cells) -> None:
    title = [["2025年第一批应急救援员名册"], [], *table(row)]
    assert read_whole(read, sheet_file(title)) == (1, [(1, "file.header")])
    plain = "2025年第一批应急救援员名册\r\n\r\n" + text_of(row)
    assert read_whole(read, plain.encode()) == (1, [(1, "file.header")])


@every_kind
def test_blank_rows_above_the_headers_are_nothing(read: Read, row: Cells) -> None:
    assert read_whole(read, sheet_file([[], [], *table(row)])) == (1, [])
    assert read_whole(read, ("\r\n , \r\n" + text_of(row)).encode()) == (1, [])


def test_rows_keep_the_numbers_of_the_file_below_a_title() -> None:
    parsed = read_candidates(sheet_file([["名册"], [], *table(CANDIDATE | {"性别": "?"})]))
    assert errors_at(parsed.errors) == [(4, "性别", "file.choice")]


@every_kind
def test_a_row_above_the_headers_that_looks_like_data_is_not_passed_over(read: Read, row: Cells) -> None:
    with pytest.raises(FileRefused, match="looks like data"):
        read(sheet_file([list(row.values()), *table(row)]))


@every_kind
def test_a_sheet_of_instructions_first_is_named_and_passed_over(read: Read, row: Cells) -> None:
    content = sheet_file([["填写说明"], ["1. 请在名册表中填写"]], table(row))
    parsed = read(content).check()
    assert len(parsed.rows) == 1
    [warning] = parsed.warnings
    assert (warning.rule, warning.value) == ("file.sheet", "Sheet")
    assert "Sheet1" in warning.en


@every_kind
def test_two_sheets_that_could_be_meant_are_named(read: Read, row: Cells) -> None:
    with pytest.raises(FileRefused) as refused:
        read(sheet_file([["填写说明"]], table(row), table(row)))
    assert "Sheet1" in refused.value.en
    assert "Sheet2" in refused.value.zh


@every_kind
def test_a_further_sheet_with_the_headers_is_named_as_such(read: Read, row: Cells) -> None:
    [warning] = read(sheet_file(table(row), [[], *table(row)])).warnings
    assert "row 2" in warning.en


def _hide(sheet: str, content: bytes) -> bytes:
    def hidden(name: str, part: bytes) -> bytes:
        if name != "xl/workbook.xml":
            return part
        return re.sub(rb'(name="%s"[^>]*state=)"visible"' % sheet.encode(), rb'\1"hidden"', part)

    return rewrite_archive(content, hidden)


@every_kind
def test_headers_on_a_hidden_sheet_are_told(read: Read, row: Cells) -> None:
    told = _hide("Sheet1", sheet_file([["填写说明"]], [[], *table(row)]))
    with pytest.raises(FileRefused) as refused:
        read(told)
    assert "unhide" in refused.value.en
    assert "Sheet1" in refused.value.zh
    assert "row 2" in refused.value.en
    [warning] = read(_hide("Sheet1", sheet_file(table(row), table(row)))).warnings
    assert "hidden sheet 'Sheet1'" in warning.en
    with pytest.raises(FileRefused, match="unhide"):
        read(_hide("Sheet1", sheet_file([], table(row))))


def test_headers_that_are_not_complete_are_told_with_sheet_and_row() -> None:
    without = [header for header in CANDIDATE if header != "性别"]
    with pytest.raises(FileRefused) as refused:
        read_candidates(sheet_file([["填写说明"]], [["名册"], [], without]))
    assert "性别" in refused.value.zh
    assert refused.value.where is not None
    assert "Sheet1" in refused.value.where
    assert "第 3 行" in refused.value.where
    with pytest.raises(FileRefused) as refused:
        read_candidates(("名册\n" + ";".join(without)).encode())
    assert refused.value.where is not None
    assert "semicolon" in refused.value.where
    assert "第 2 行" in refused.value.where


# What divides the cells


@every_kind
@pytest.mark.parametrize("separator", [";", "\t", "\uff0c", "|"])
def test_other_separators_are_read_where_they_give_the_headers(read: Read, row: Cells, separator: str) -> None:
    assert read_whole(read, text_of(row, separator).encode()) == (1, [])


@every_kind
@pytest.mark.parametrize("line", ["sep=,", "sep=;", '"sep=,"', "SEP=\t", "sep=;;;;"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_line_that_names_the_separator_is_no_row(read: Read, row: Cells, line: str, mark: str) -> None:
    separator = next(each for each in ";\t," if each in line)
    parsed = read((mark + line + "\r\n" + text_of(row, separator)).encode()).check()
    assert [each.row for each in parsed.rows] == [2]  # type: ignore[attr-defined]


@every_kind
def test_unicode_text_of_a_spreadsheet_is_read(read: Read, row: Cells) -> None:
    content = codecs.BOM_UTF16_LE + text_of(row, "\t").encode("utf-16-le")
    assert read_whole(read, content) == (1, [])


@every_kind
def test_a_file_with_its_mark_twice_and_a_header_row_twice(read: Read, row: Cells) -> None:
    assert read_whole(read, ("\ufeff\ufeff" + text_of(row)).encode()) == (1, [])


def test_headers_repeated_among_the_rows_are_one_fault() -> None:
    parsed = read_candidates((text_of(CANDIDATE) + text_of(CANDIDATE | {"证件号码": made_up_number(2)})).encode())
    [error] = parsed.errors
    assert (error.row, error.rule) == (3, "file.header")
    assert "delete it" in error.en


def test_a_zero_byte_is_refused_where_it_stands() -> None:
    parsed = read_candidates(text_of(CANDIDATE | {"培训机构": "学\x00校"}).encode())
    assert errors_at(parsed.errors) == [(2, "培训机构", "file.character")]


# How headers and cells are written


@pytest.mark.parametrize(
    "header", ["姓\n名", "姓 名", "姓名*", "* 姓名:", "姓名(必填)", "姓名(name)", "name/姓名", "NAME"]
)
def test_a_header_is_known_however_it_is_set(header: str) -> None:
    renamed = {header if key == "姓名" else key: cell for key, cell in CANDIDATE.items()}
    for content in (csv_file(renamed), xlsx_file(renamed)):
        parsed = read_candidates(content).check()
        assert len(parsed.rows) == 1


def test_a_header_that_says_percent_is_another_column() -> None:
    with pytest.raises(FileRefused, match="%"):
        read_results(csv_file({("成绩(%)" if key == "成绩" else key): cell for key, cell in RESULT.items()}))


def test_blank_columns_and_rows_at_the_end_are_nothing() -> None:
    rows = [[*cells, "", None, " "] for cells in table(CANDIDATE)]
    assert read_whole(read_candidates, sheet_file([*rows, [], [" "], [None]])) == (1, [])


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("性别", "男 "),
        ("性别", "Ｍ"),
        ("证件号码", f"'{NUMBER}"),
        ("证件号码", f'="{NUMBER}"'),
        ("证件号码", f"{NUMBER[:6]} {NUMBER[6:14]} {NUMBER[14:]}"),
        ("证件号码", "".join(chr(ord(digit) + 0xFEE0) for digit in NUMBER)),
        ("出生日期", "１９９０－０１－０１"),
        ("出生日期", "'1990-01-01"),
        ("出生日期", "1990／1／1"),
        ("等级", "５级"),
        ("等级", "五级 ／ 初级工"),
    ],
)
def test_width_blanks_and_marks_of_text_are_no_fault(column: str, cell: str) -> None:
    [row] = read_candidates(csv_file(CANDIDATE | {column: cell})).check().rows
    assert row.identity.number == NUMBER


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("1990.1.1", "1990-01-01"),
        ("19900101", "1990-01-01"),
        ("1990年1月1日", "1990-01-01"),
        ("1990-1-1", "1990-01-01"),
        ("1990-01-01 00:00:00", "1990-01-01"),
        ("32874", "1990-01-01"),
    ],
)
def test_a_day_written_otherwise_is_told_as_it_is_due(text: str, due: str) -> None:
    [error] = read_candidates(csv_file(CANDIDATE | {"出生日期": text})).errors
    assert (error.column, error.value, error.rule) == ("出生日期", text, "file.date")
    assert due in error.en
    assert due in error.zh


@pytest.mark.parametrize("text", ["1990.13.1", "19901301", "1.1.1990", "1990年", "99999"])
def test_a_day_that_is_not_plain_is_not_guessed(text: str) -> None:
    [error] = read_candidates(csv_file(CANDIDATE | {"出生日期": text})).errors
    assert error.en.endswith("YYYY/M/D")


# Names


def test_slips_in_a_name_are_put_right_with_a_warning_each() -> None:
    parsed = read_candidates(csv_file(CANDIDATE | {"姓名": " 阿依古丽 .买买提\u3000"})).check()
    assert [row.name for row in parsed.rows] == ["阿依古丽·买买提"]
    assert [(warning.column, warning.rule) for warning in parsed.warnings] == [("姓名", "R9")] * 3


@pytest.mark.parametrize("build", [csv_file, xlsx_file])
@pytest.mark.parametrize("name", ["王芳 ", " 王芳", "王芳\u00a0", "王　芳"])
def test_a_blank_about_a_name_is_put_right_with_a_warning(build: Callable[..., bytes], name: str) -> None:
    parsed = read_results(build(RESULT | {"姓名": name})).check()
    assert [row.name for row in parsed.rows] == ["王芳"]
    assert [warning.rule for warning in parsed.warnings] == ["R9"]


def test_a_compatibility_ideograph_is_refused_with_the_one_that_is_meant() -> None:
    [error] = read_candidates(csv_file(CANDIDATE | {"姓名": "\uf9e1芳"})).errors
    assert (error.column, error.rule) == ("姓名", "R9")
    assert "U+F9E1" in error.en
    assert "U+674E" in error.zh


def test_a_decomposed_name_is_composed_with_a_warning() -> None:
    parsed = read_candidates(csv_file(CANDIDATE | {"姓名": "Jose\u0301 Inventado"})).check()
    assert [row.name for row in parsed.rows] == ["José Inventado"]
    assert len(parsed.warnings) == 1


# Cells that hold an error


@pytest.mark.parametrize("build", [csv_file, xlsx_file])
@every_kind
def test_an_error_value_is_refused_in_every_column(read: Read, row: Cells, build: Callable[..., bytes]) -> None:
    if read is read_employer_list:
        return  # told by row, in test_employer_list
    for column in row:
        errors = read(build(row | {column: "#N/A"})).errors
        assert errors_at(errors) == [(2, column, "R9")], column


@pytest.mark.parametrize("column", ["证件类型", "手机号码", "职业", "等级", "批次", "照片"])
@pytest.mark.parametrize("cell", ["#REF!", "=VLOOKUP(A2,Z:Z,1,0)"])
def test_an_error_or_a_formula_without_a_value_is_refused_where_the_column_is_optional(column: str, cell: str) -> None:
    errors = read_candidates(xlsx_file(CANDIDATE | {column: cell})).errors
    assert errors_at(errors) == [(2, column, "R9")]


@pytest.mark.parametrize("cell", ["#N/A", "=VLOOKUP(A2,Z:Z,2,0)"])
def test_an_outcome_that_is_lost_is_not_the_ordinary_one(cell: str) -> None:
    for content in (xlsx_file(RESULT | {"结果": cell}), csv_file(RESULT | {"结果": cell})):
        parsed = read_results(content)
        assert parsed.rows == []
        assert [error.column for error in parsed.errors] == ["结果"]


def test_a_formula_in_a_text_column_of_a_csv_file_is_refused() -> None:
    for column in ("批次", "培训机构", "职业"):
        errors = read_candidates(csv_file(CANDIDATE | {column: "=B2&C2"})).errors
        assert errors_at(errors) == [(2, column, "R9")]


@pytest.mark.parametrize("read", [read_candidates, read_results, read_paper])
@pytest.mark.parametrize("number", ["9.90002E+17", "9.90002199003070e+17", "990002199003070000"])
def test_an_identity_number_that_a_spreadsheet_cut_is_told_as_that(read: Read, number: str) -> None:
    row = {read_candidates: CANDIDATE, read_results: RESULT, read_paper: PAPER}[read]
    [error] = read(csv_file(row | {"证件号码": number})).errors
    assert (error.row, error.column, error.rule) == (2, "证件号码", "file.number")
    assert number not in str(error)


def test_a_number_that_ends_in_zeros_and_passes_its_check_is_one() -> None:
    honest = next(
        number
        for serial in range(50, 500, 50)
        for year in range(1960, 2000)
        if (number := made_up_number(serial, born=f"{year}0101", male=False)).endswith("000")
    )
    born = f"{honest[6:10]}-{honest[10:12]}-{honest[12:14]}"
    row = CANDIDATE | {"证件号码": honest, "出生日期": born, "性别": "女"}
    assert len(read_candidates(csv_file(row)).check().rows) == 1


def test_a_telephone_number_that_a_spreadsheet_cut_is_refused() -> None:
    assert errors_at(read_candidates(csv_file(CANDIDATE | {"手机号码": "1.2E+10"})).errors) == [
        (2, "手机号码", "file.number")
    ]


def test_a_score_with_binary_noise_is_taken_as_it_is_shown() -> None:
    content = rewrite_archive(
        xlsx_file(RESULT | {"成绩": 79.5}),
        lambda name, part: part.replace(b"<v>79.5</v>", b"<v>79.300000000000011</v>") if name == SHEET else part,
    )
    [row] = read_results(content).check().rows
    assert row.score == "79.3"


def test_a_score_with_binary_noise_in_a_csv_file_is_told_as_it_is_meant() -> None:
    [error] = read_results(csv_file(RESULT | {"成绩": "79.300000000000011"})).errors
    assert (error.column, error.rule) == ("成绩", "R2")
    assert "79.3 is meant" in error.en
    [error] = read_results(csv_file(RESULT | {"成绩": "59.99999"})).errors
    assert "meant" not in error.en


@pytest.mark.parametrize("text", ["85%", "85％"])
def test_a_percentage_is_no_score(text: str) -> None:
    [error] = read_results(csv_file(RESULT | {"成绩": text})).errors
    assert (error.column, error.rule) == ("成绩", "R9")


def _formatted(value: float, code: str) -> bytes:
    book = Workbook()
    assert book.active is not None
    for cells in table(RESULT | {"成绩": value}):
        book.active.append(cells)
    book.active.cell(2, len(RESULT)).number_format = code
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(("value", "code"), [(0.85, "0%"), (59.6, "0"), (80.0, ";;;")])
def test_a_score_that_shows_other_than_it_stores_is_refused(value: float, code: str) -> None:
    assert errors_at(read_results(_formatted(value, code)).errors) == [(2, "成绩", "R9")]


# What cannot be seen


def _prepared(rows: list[list[object]], prepare: Callable[..., None]) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for cells in rows:
        sheet.append(cells)
    prepare(sheet)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _candidates(count: int) -> list[list[object]]:
    return [
        list(CANDIDATE),
        *(list((CANDIDATE | {"证件号码": made_up_number(each)}).values()) for each in range(count)),
    ]


def test_hidden_rows_are_read_and_named() -> None:
    def hide(sheet: object) -> None:
        for row in (1, 3, 4, 6):
            sheet.row_dimensions[row].hidden = True  # type: ignore[attr-defined]

    parsed = read_candidates(_prepared(_candidates(6), hide)).check()
    assert len(parsed.rows) == 6
    assert [(warning.row, warning.rule) for warning in parsed.warnings] == [(3, "file.hidden"), (6, "file.hidden")]
    assert "rows 3–4 are" in parsed.warnings[0].en
    assert "row 6 is" in parsed.warnings[1].en


def test_many_hidden_rows_are_summed_up() -> None:
    def hide(sheet: object) -> None:
        for row in range(2, 62, 2):
            sheet.row_dimensions[row].hidden = True  # type: ignore[attr-defined]

    warnings = read_candidates(_prepared(_candidates(60), hide)).warnings
    assert len(warnings) == 21
    assert "10 more rows" in warnings[-1].en


def test_a_hidden_column_is_read_and_named() -> None:
    def hide(sheet: object) -> None:
        sheet.column_dimensions["B"].hidden = True  # type: ignore[attr-defined]
        sheet.column_dimensions["Z"].hidden = True  # type: ignore[attr-defined]

    [warning] = read_candidates(_prepared(_candidates(1), hide)).check().warnings
    assert (warning.column, warning.rule) == ("性别", "file.hidden")


def test_a_cell_merged_with_the_row_above_is_refused_also_where_it_may_be_empty() -> None:
    rows = [[*cells, "批次" if at == 0 else None] for at, cells in enumerate(_candidates(3))]
    rows[1][-1] = "第1批"
    content = _prepared(rows, lambda sheet: sheet.merge_cells("J2:J4"))
    errors = read_candidates(content).errors
    assert errors_at(errors) == [(3, "批次", "file.merged"), (4, "批次", "file.merged")]
    assert "J2" in errors[0].zh


def test_a_title_merged_over_the_whole_table_is_no_data() -> None:
    content = _prepared([["名册"], *_candidates(1)], lambda sheet: sheet.merge_cells("A1:I1"))
    assert len(read_candidates(content).check().rows) == 1
