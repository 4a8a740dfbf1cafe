from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.person.age import add_months, birthday


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (date(2025, 3, 24), 12, date(2026, 3, 24)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2025, 8, 31), 6, date(2026, 2, 28)),
        (date(2025, 12, 31), 1, date(2026, 1, 31)),
    ],
)
def test_a_period_ends_on_the_same_day_of_the_month_or_its_last(start: date, months: int, end: date) -> None:
    assert add_months(start, months) == end


def test_the_birthday_itself_counts() -> None:
    assert birthday(date(2007, 3, 24), 18) == date(2025, 3, 24)


def test_who_was_born_on_a_leap_day_comes_of_age_on_the_last_of_february() -> None:
    assert birthday(date(2004, 2, 29), 18) == date(2022, 2, 28)
    assert birthday(date(2004, 2, 29), 20) == date(2024, 2, 29)


@given(st.dates(date(1900, 1, 1), date(2050, 1, 1)), st.integers(0, 120))
def test_from_one_birthday_to_the_next_is_a_year(born: date, years: int) -> None:
    assert (birthday(born, years + 1) - birthday(born, years)).days in {365, 366}
