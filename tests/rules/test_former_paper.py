"""When paper was issued, and how it was numbered: what a scheme says, what follows where it is silent (R8.1a)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from certsvc.credential.number import can_come_to, has_known_form
from certsvc.errors import InvalidScheme, ReissueRefused
from certsvc.resources import schemes_folder
from certsvc.rules.former_paper import check_issued_on, number_form
from certsvc.rules.scheme import parse_scheme
from certsvc.rules.terms import PaperRules

TOML = (schemes_folder() / "emergency-rescuer-5/qinghai-2025.toml").read_text("utf-8")
SCHEME = parse_scheme(TOML)
TODAY = date(2026, 11, 27)
PARTS = {"province": "63", "city": "01", "body_type": "0", "station": "001"}


def may_be(day: date, *schemes: PaperRules, today: date = TODAY) -> bool:
    try:
        check_issued_on(day, [replace(SCHEME, paper=one) for one in schemes], today)
    except ReissueRefused:
        return False
    return True


def test_paper_ended_the_day_before_the_first_scheme_where_no_scheme_says_otherwise() -> None:
    assert SCHEME.in_force_from == date(2024, 1, 1)
    later = replace(SCHEME, in_force_from=date(2026, 1, 1))
    assert may_be(date(2023, 12, 31), PaperRules())
    assert not may_be(date(2024, 1, 1), PaperRules())
    check_issued_on(date(2023, 12, 31), [later, SCHEME], TODAY)
    with pytest.raises(ReissueRefused, match=r"2023-12-31.*R8\.1a"):
        check_issued_on(date(2024, 1, 1), [later, SCHEME], TODAY)


def test_a_scheme_says_the_first_and_the_last_day() -> None:
    said = PaperRules(date(2010, 6, 1), date(2024, 3, 31))
    assert [may_be(day, said) for day in (date(2010, 5, 31), date(2010, 6, 1))] == [False, True]
    assert [may_be(day, said) for day in (date(2024, 3, 31), date(2024, 4, 1))] == [True, False]
    assert may_be(date(2024, 3, 1), PaperRules(), said), "the longest of them"
    assert may_be(date(2010, 5, 31), PaperRules(date(2001, 1, 1)), said), "the earliest of them"


def test_never_in_the_future() -> None:
    endless = PaperRules(last_day=date(2099, 1, 1))
    assert may_be(TODAY, endless)
    assert not may_be(date(2026, 11, 28), endless)


def test_a_place_may_have_numbers_of_its_own() -> None:
    assert number_form([SCHEME]) is None
    assert number_form([replace(SCHEME, paper=PaperRules(number_form="A-[0-9]+"))] * 2) == "(?:A-[0-9]+)|(?:A-[0-9]+)"


def test_a_scheme_file_may_say_all_of_it() -> None:
    table = '[paper]\nfirst_day = 2010-06-01\nlast_day = 2024-03-31\nnumber_form = "A[0-9]{8}"\n'
    assert parse_scheme(TOML + table).paper == PaperRules(date(2010, 6, 1), date(2024, 3, 31), "A[0-9]{8}")
    assert parse_scheme(TOML + "[paper]\n").paper == SCHEME.paper == PaperRules()
    assert parse_scheme(TOML + "[paper]\nfirst_day = 2024-03-31\nlast_day = 2024-03-31\n").paper.first_day


@pytest.mark.parametrize(
    ("table", "field"),
    [
        ("first_day = 2024-04-01\nlast_day = 2024-03-31", "last_day"),
        ('number_form = "["', "number_form"),
        ("first_day = 1", "first_day"),
        ("unknown = 1", "unknown"),
    ],
)
def test_what_it_cannot_mean_is_refused_by_its_field(table: str, field: str) -> None:
    with pytest.raises(InvalidScheme, match=f"paper.{field}"):
        parse_scheme(f"{TOML}[paper]\n{table}\n")


@pytest.mark.parametrize(
    ("number", "comes"),
    [
        ("2463010001500001", True),
        ("7363010001500001", True),
        ("2363010001500001", False),  # the year before the first
        ("7463010001500001", False),  # fifty years on: 1974 rather
        ("2463010001400001", False),  # another level
        ("2463010002500001", False),  # another station
        ("2463010001500000", False),  # serials begin at 1
        ("A2463010001500001", False),
    ],
)
def test_the_numbering_comes_to_its_own_numbers_from_its_first_year_on(number: str, comes: bool) -> None:
    assert can_come_to("digits16", PARTS, 5, 2024, number) is comes


@pytest.mark.parametrize(
    ("number", "known"),
    [("1763010001500077", True), ("S" + "1" * 21, True), ("A" + "1" * 21, False), ("1" * 15, False), ("", False)],
)
def test_a_number_has_the_form_of_a_numbering_or_not(number: str, known: bool) -> None:
    assert has_known_form(number) is known
