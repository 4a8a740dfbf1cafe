"""What a cell of text says, and what is no content: error values and numbers cut short (R9)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.roster.cells import NUMBER_RULE, Unreadable, content_of, is_formula

ERRORS = [
    "#N/A",
    "#n/a",
    "#NA",
    "#NV",
    "#VALUE!",
    "#REF!",
    "#DIV/0!",
    "#NAME?",
    "#NUM!",
    "#NULL!",
    "#SPILL!",
    "#CALC!",
    "#GETTING_DATA",
    "#BLOCKED!",
    "#FIELD!",
    "#WERT!",
    "#ERROR!",
    "\uff03N/A",
    "Err:502",
    "########",
    '="#N/A"',
]


@pytest.mark.parametrize("text", ERRORS)
def test_an_error_value_is_no_content(text: str) -> None:
    cell = content_of(text)
    assert isinstance(cell, Unreadable)
    assert cell.rule == "R9"


@pytest.mark.parametrize(
    "text", ["2.66301E+15", "9.90002E+17", "1E+5", "9,90002E+17", "2.66301e+15", "9.90002199003070E17", "'1.2E+10"]
)
def test_a_number_that_a_spreadsheet_cut_is_no_content(text: str) -> None:
    cell = content_of(text)
    assert isinstance(cell, Unreadable)
    assert cell.rule == NUMBER_RULE


@pytest.mark.parametrize(
    "text", ["", "#3", "#A", "E12345678", "5E10", "3E-12", "12E+5", "第1批", "Err", "N/A", "’t Hooft", "O'Made", "1#"]
)
def test_other_text_is_what_it_says(text: str) -> None:
    assert content_of(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('="2663010001500001"', "2663010001500001"),
        ('=" 王芳 "', "王芳"),
        ('="a""b"', 'a"b'),
        ('=""', ""),
        ("'2663", "2663"),
        ("\uff072663", "2663"),
        ("\u20182663", "2663"),
    ],
)
def test_the_marks_that_keep_a_number_whole_are_no_part_of_it(text: str, said: str) -> None:
    assert content_of(text) == said


def test_a_formula_is_more_than_its_sign() -> None:
    assert is_formula("=VLOOKUP(A2,B:B,1,0)")
    assert is_formula("=1")
    assert not is_formula("===")
    assert not is_formula("1=1")


@given(st.text(max_size=30))
def test_any_text_is_itself_or_unreadable(text: str) -> None:
    cell = content_of(text)
    assert isinstance(cell, str | Unreadable)
    if isinstance(cell, str) and text[:1] not in {"=", "'", "\u2018", "\u2019", "\uff07"}:
        assert cell == text
