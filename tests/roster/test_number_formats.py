"""What a number format shows of a number, where that may differ from what is stored (R9)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from certsvc.roster.number_formats import GENERAL, NumberFormat, Shows, number_format, parse_code

AS_STORED = ["", "General", "G/通用格式", "@", "0.00E+00", "yyyy-mm-dd", 'yyyy"年"m"月"d"日"', "[$-804]m/d", "h:mm"]


@pytest.mark.parametrize("code", AS_STORED)
def test_these_show_a_number_as_it_is_or_a_date(code: str) -> None:
    assert parse_code(code) == GENERAL
    assert parse_code(code).plain


@pytest.mark.parametrize("code", ["0%", "0.00%", "#,##0.0%;[Red]-0%", "0\\ %"])
def test_a_percent_sign_makes_a_percentage(code: str) -> None:
    assert parse_code(code).shows is Shows.PERCENTAGE


@pytest.mark.parametrize(
    ("code", "decimals"),
    [
        ("0", 0),
        ("0_ ", 0),
        ("0.00_);[Red]\\(0.00\\)", 2),
        ("#,##0.0", 1),
        ('0.0"%"', 1),
        ('0"分"', 0),
        ("[Blue]0.00", 2),
        ('_ * #,##0.00_ ;_ * -#,##0.00_ ;_ * "-"??_ ;_ @_ ', 2),
        ("[<=9999999]###-####;(###) ###-####", 0),
        ('"a;b"0.0;0', 1),
    ],
)
def test_decimals_are_counted(code: str, decimals: int) -> None:
    assert parse_code(code) == NumberFormat(decimals=decimals)


@pytest.mark.parametrize("code", [";;;", '"正常"', "# ?/?", "0.0,", "0,", '[>=60]"合格";"不合格"', "[>9]0.0;0"])
def test_these_show_something_else(code: str) -> None:
    assert parse_code(code).shows is Shows.SOMETHING_ELSE


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [(0, GENERAL), (1, NumberFormat(decimals=0)), (9, NumberFormat(Shows.PERCENTAGE)), (14, GENERAL), (49, GENERAL)],
)
def test_formats_that_are_built_in(identifier: int, expected: NumberFormat) -> None:
    assert number_format(identifier, None) == expected
    assert number_format(identifier, "0.000") == NumberFormat(decimals=3)


def test_a_number_is_rounded_as_spreadsheets_do() -> None:
    assert NumberFormat(decimals=1).rounded(Decimal("79.25")) == Decimal("79.3")
    assert GENERAL.rounded(Decimal("79.25")) == Decimal("79.25")
