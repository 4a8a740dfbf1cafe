from __future__ import annotations

from datetime import date

from certsvc.rules.calendar import expected_certificate, expected_scores, valid_until
from tests.rules.builders import haiyue, qinghai


def test_scores_are_expected_fifteen_days_after_the_exam() -> None:
    assert expected_scores(date(2025, 3, 24), qinghai()) == date(2025, 4, 8)
    assert expected_scores(date(2025, 3, 24), haiyue()) == date(2025, 4, 3)


def test_certificates_are_expected_twenty_to_thirty_days_after_the_completing_sitting() -> None:
    assert expected_certificate(date(2025, 3, 24), qinghai()) == (date(2025, 4, 13), date(2025, 4, 23))
    assert expected_certificate(date(2025, 3, 24), haiyue()) == (date(2025, 4, 8), date(2025, 5, 8))


def test_a_certificate_is_for_life_unless_the_scheme_sets_a_period() -> None:
    assert valid_until(date(2025, 4, 13), qinghai()) is None


def test_the_last_day_in_force_is_the_same_day_of_the_month() -> None:
    assert valid_until(date(2026, 10, 8), haiyue()) == date(2030, 10, 8)
    assert valid_until(date(2028, 2, 29), haiyue()) == date(2032, 2, 29)
