from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.credential.number import (
    NO_NUMBER,
    fold_number,
    format_number,
    gbt36904,
    mod37_36_check,
    normalise_number,
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


TYPED = {
    "as registered": ("2663010001500001", "2663010001500001"),
    "blanks before and behind": (" 2663010001500001\t", "2663010001500001"),
    "in groups": ("2663 0100\u00a00150\u30000001", "2663010001500001"),
    "copied with what shows nothing": ("\ufeff\u202a26630100\u200b01500001\u202c", "2663010001500001"),
    "full-width digits": ("２６６３０１０００１５０００01", "2663010001500001"),
    "small letters": ("y000163000012255123456", "Y000163000012255123456"),
    "full-width letters": ("Ｙ000163000012255123456", "Y000163000012255123456"),
    "a hyphen is kept": ("qh-2013-001", "QH-2013-001"),
    "an en dash": ("QH–2013–001", "QH-2013-001"),
    "an em dash": ("QH—2013—001", "QH-2013-001"),
    "a minus sign": ("QH\u22122013\u2212001", "QH-2013-001"),
    "a full-width hyphen": ("QH\uff0d2013\uff0d001", "QH-2013-001"),
    "full-width brackets": ("青(2013)第001号", "青(2013)第001号"),
    "a slash and a full stop": ("63/2013.001", "63/2013.001"),
    "sixty characters": ("1" * 60, "1" * 60),
}


@pytest.mark.parametrize(("typed", "registered"), TYPED.values(), ids=TYPED)
def test_a_number_is_asked_for_as_it_is_registered(typed: str, registered: str) -> None:
    assert normalise_number(typed) == registered
    assert fold_number(typed) == registered.replace("-", "")


NO_NUMBERS = {
    "nothing": "",
    "blanks": " \u3000\u200b",
    "punctuation alone has no letter": "!!",
    "markup": "<b>1</b>",
    "half a surrogate pair": "1\ud842",
    "sixty-one characters": "1" * 61,
    "a sign of the database": "1%",
}


@pytest.mark.parametrize("typed", NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_what_can_be_no_number_asks_for_the_one_that_no_certificate_bears(typed: str) -> None:
    assert normalise_number(typed) == NO_NUMBER
    assert fold_number(typed) == NO_NUMBER


def test_hyphens_alone_are_no_number_when_compared() -> None:
    assert fold_number("--") == NO_NUMBER


@pytest.mark.parametrize("typed", ["2663-0100-0150-0001", "2663–0100–0150–0001", "2663 - 0100 - 0150 - 0001"])
def test_hyphens_between_groups_make_no_other_number(typed: str) -> None:
    assert fold_number(typed) == fold_number("2663010001500001")


@given(st.text(max_size=80))
def test_normalising_a_number_again_changes_nothing(typed: str) -> None:
    assert normalise_number(normalise_number(typed)) == normalise_number(typed)
    assert fold_number(fold_number(typed)) == fold_number(typed)
