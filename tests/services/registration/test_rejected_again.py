"""Who was rejected or returned does not come in by a roster that was "reviewed elsewhere", under any date (R1.6)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from certsvc.services.context import Services
from tests.builders.person import Candidate, again
from tests.builders.reviewing import Desk

ONE = Candidate()


@pytest.fixture
def desk(services: Services, tmp_path: Path) -> Desk:
    return Desk(services, tmp_path)


@pytest.mark.parametrize("on", [date(2025, 2, 28), date(2025, 3, 2), date(2026, 3, 2)], ids=str)
def test_a_rejected_registration_does_not_come_in_by_another_date(desk: Desk, on: date) -> None:
    desk.take(ONE.cells())
    desk.reject()
    assert desk.refused(again(ONE, on).cells(), for_review=False) == [(2, "registered_on", "R1.6")]
    assert desk.states() == ["rejected"]
    assert desk.results_refused(*ONE.passes())[0][2] == "R1.6"


def test_a_returned_one_does_not_either(desk: Desk) -> None:
    desk.take(ONE.cells())
    desk.give_back()
    for on in (date(2025, 2, 28), date(2025, 3, 2)):
        assert desk.refused(again(ONE, on).cells(), for_review=False)[0][1:] == ("registered_on", "R1.5")
    assert desk.states() == ["returned"]


def test_one_who_was_approved_since_registers_as_anybody_does(desk: Desk) -> None:
    desk.take(ONE.cells())
    desk.reject()
    desk.take(again(ONE, date(2025, 3, 8)).cells())
    desk.approve(2)
    absent = {"outcome": "absent", "score": ""}
    desk.results(ONE.result(**absent), ONE.result("practical", **absent))  # void: register again (R4.2)
    assert desk.take(again(ONE, date(2026, 3, 2)).cells(), for_review=False).new == 1
    assert desk.states() == ["rejected", "approved", "approved"]
