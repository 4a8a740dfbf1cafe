from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.credential.number import (
    format_number,
    gbt36904,
    mod37_36_check,
    parse_number,
    serial_capacity,
)
from certsvc.errors import InvalidNumber, NumberRangeFull

DIGITS16 = {"province": "63", "city": "01", "body_type": "0", "station": "001"}
CHARS22 = {"series": "Y", "body": "0001", "province": "63", "site": "000012"}
TYPE = "11100000000013338W011"
ISSUER = "11430000006122244L"


def test_a_number_of_16_digits_is_put_together_as_r7_3_says() -> None:
    assert format_number("digits16", DIGITS16, 2025, 5, 1) == "2563010001500001"


def test_a_number_of_22_characters_is_put_together_as_r7_3_says() -> None:
    assert format_number("chars22", CHARS22, 2025, 5, 123456) == "Y000163000012255123456"


@given(st.sampled_from([("digits16", DIGITS16), ("chars22", CHARS22)]), st.integers(2000, 2099), st.integers(1, 99999))
def test_a_number_is_taken_apart_again(kind: tuple[str, dict[str, str]], year: int, serial: int) -> None:
    parsed = parse_number(kind[0], format_number(*kind, year, 5, serial))
    assert (parsed.kind, dict(parsed.parts)) == kind
    assert (parsed.year, parsed.level, parsed.serial) == (year % 100, 5, serial)


@pytest.mark.parametrize(("kind", "parts", "last"), [("digits16", DIGITS16, 99_999), ("chars22", CHARS22, 999_999)])
def test_a_full_range_is_a_clear_error(kind: str, parts: dict[str, str], last: int) -> None:
    assert serial_capacity(kind) == last
    format_number(kind, parts, 2025, 5, last)
    with pytest.raises(NumberRangeFull, match="used up"):
        format_number(kind, parts, 2025, 5, last + 1)


BAD: dict[str, dict[str, Any]] = {
    "serial nought": {"serial": 0},
    "a year of two digits": {"year": 25},
    "a level of two digits": {"level": 10},
    "a part missing": {"parts": {}},
    "a part too many": {"parts": DIGITS16 | {"site": "1"}},
    "a part too long": {"parts": DIGITS16 | {"city": "001"}},
    "a part that is no digit": {"parts": DIGITS16 | {"station": "0a1"}},
    "a digit of another script": {"parts": DIGITS16 | {"city": "٠١"}},
    "an unknown kind": {"kind": "digits17"},
}


@pytest.mark.parametrize("mistake", BAD)
def test_parts_that_do_not_fit_are_refused(mistake: str) -> None:
    arguments: dict[str, Any] = {"kind": "digits16", "parts": DIGITS16, "year": 2025, "level": 5, "serial": 1}
    with pytest.raises(InvalidNumber):
        format_number(**(arguments | BAD[mistake]))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("digits16", "256301000150000"),
        ("digits16", "2563010001500000"),
        ("digits16", "２563010001500001"),
        ("chars22", "Z000163000012255123456"),
        ("letters", "A"),
    ],
)
def test_what_is_no_such_number_is_refused(kind: str, text: str) -> None:
    with pytest.raises(InvalidNumber):
        parse_number(kind, text)


@pytest.mark.parametrize(
    ("identifier", "arguments"),
    [
        (
            "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U",
            ("1.2.156.3005.2", TYPE, ISSUER, "20230000403", 1),
        ),
        (
            "1.2.156.3005.2.11100000000013338W009.11330105002500287C.2025052201.002.0",
            ("1.2.156.3005.2", "11100000000013338W009", "11330105002500287C", "2025052201", 2),
        ),
    ],
)
def test_the_two_published_identifiers_come_out_as_printed(identifier: str, arguments: Any) -> None:
    assert gbt36904(*arguments) == identifier


@pytest.mark.parametrize(
    "arguments",
    [
        ("1.2.x", TYPE, ISSUER, "1", 1),
        ("1.2", TYPE[:5], ISSUER, "1", 1),
        ("1.2", TYPE, ISSUER.lower(), "1", 1),
        ("1.2", TYPE, ISSUER, "", 1),
        ("1.2", TYPE, ISSUER, "1", 1000),
    ],
)
def test_an_identifier_with_a_bad_part_is_refused(arguments: Any) -> None:
    with pytest.raises(InvalidNumber, match="identifier"):
        gbt36904(*arguments)


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=40), st.data())
def test_the_check_character_finds_every_single_error(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ").filter(lambda c: c != text[place]))
    assert mod37_36_check(text) != mod37_36_check(text[:place] + other + text[place + 1 :])


def test_a_check_character_is_over_digits_and_capitals_only() -> None:
    with pytest.raises(InvalidNumber):
        mod37_36_check("a")
