"""Ages and calendar steps in whole years and months. No clock here: every date is given. Source: R1.1, R3.3."""

from __future__ import annotations

from calendar import monthrange
from datetime import date

MONTHS_A_YEAR = 12


def add_months(start: date, months: int) -> date:
    """The same day `months` later; where that month has no such day, its last one (02-29 → 02-28, R3.3)."""
    year, month_index = divmod(start.year * MONTHS_A_YEAR + start.month - 1 + months, MONTHS_A_YEAR)
    month = month_index + 1
    if start.day <= 28:
        return date(year, month, start.day)
    return date(year, month, min(start.day, monthrange(year, month)[1]))


def birthday(birth_date: date, years: int) -> date:
    """The day the age of `years` is reached; who was born on 02-29 reaches it on 02-28 of a common year."""
    return add_months(birth_date, MONTHS_A_YEAR * years)
