from __future__ import annotations

import pickle
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.errors import InvalidIdentity
from certsvc.person.identity import (
    IdentityDocument,
    IdType,
    Sex,
    mask_id_number,
    normalise_id_number,
    parse_identity,
    resident_check_character,
)

VECTOR = "11010519491231002X"


def number(first17: str) -> str:
    return first17 + resident_check_character(first17)


def test_the_vector_of_the_standard_passes() -> None:
    born, sex = date(1949, 12, 31), Sex.FEMALE
    assert parse_identity(IdType.RESIDENT_ID, VECTOR, birth_date=born, sex=sex).number == VECTOR


@pytest.mark.parametrize(
    "text",
    [
        "11010519491231002x",
        " 11010519491231002X ",
        "110105 19491231 002X",
        "110105\u3000194912310\u00a002X",
        "1101051949123100\uff12\uff38",
        "1101051949123100\uff12\uff58",
    ],
)
def test_a_number_is_kept_in_upper_case_and_usual_width_without_blanks(text: str) -> None:
    assert normalise_id_number(text) == VECTOR
    assert parse_identity(IdType.RESIDENT_ID, text) == IdentityDocument(IdType.RESIDENT_ID, VECTOR)


def test_a_retired_or_unknown_region_code_is_never_refused() -> None:
    for region in ("000000", "310103", "999999", "810000"):
        parse_identity(IdType.RESIDENT_ID, number(f"{region}19900101001"))


@given(st.text("0123456789", min_size=6, max_size=6), st.dates(date(1, 1, 1), date(2100, 1, 1)), st.integers(0, 999))
def test_a_number_made_by_the_standard_passes_and_its_neighbours_do_not(region: str, born: date, serial: int) -> None:
    text = number(f"{region}{born.year:04d}{born:%m%d}{serial:03d}")
    sex = Sex.MALE if serial % 2 else Sex.FEMALE
    parse_identity(IdType.RESIDENT_ID, text, birth_date=born, sex=sex)
    for place in range(17):
        changed = text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]
        with pytest.raises(InvalidIdentity):
            parse_identity(IdType.RESIDENT_ID, changed)


REFUSED = {
    "too short": (IdType.RESIDENT_ID, "1101051949123100", "18 characters, not 16"),
    "first generation, 15 digits": (IdType.RESIDENT_ID, "110105491231002", "18 characters, not 15"),
    "empty": (IdType.RESIDENT_ID, "", "18 characters, not 0"),
    "a letter among the digits": (IdType.RESIDENT_ID, "1101O519491231002X", "character 5 “O”"),
    "a circled digit": (IdType.RESIDENT_ID, "1101051949123100\u2461X", "character 17"),
    "a control character": (IdType.RESIDENT_ID, "1101\x00519491231002X", "character 5 U+0000"),
    "a wrong last letter": (IdType.RESIDENT_ID, "11010519491231002Y", "character 18"),
    "a wrong check digit": (IdType.RESIDENT_ID, "110105194912310021", "check character"),
    "a date that does not exist": (IdType.RESIDENT_ID, number("11010519490231002"), "19490231"),
    "year nought": (IdType.RESIDENT_ID, number("11010500000101002"), "00000101"),
    "no leap year": (IdType.RESIDENT_ID, number("11010519000229002"), "19000229"),
    "permit of another place": (IdType.HMT_RESIDENCE_PERMIT, VECTOR, "810000"),
    "foreign number not from 9": (IdType.FOREIGN_PERMANENT_RESIDENT, VECTOR, "begins with 9"),
    "foreign number of 17": (IdType.FOREIGN_PERMANENT_RESIDENT, "9" * 17, "18 characters, not 17"),
    "old foreign number, digit first": (IdType.FOREIGN_PERMANENT_RESIDENT, "1AN110098010101", "character 1 “1”"),
    "old foreign number, letter later": (IdType.FOREIGN_PERMANENT_RESIDENT, "CAN11009801010X", "character 15"),
    "old foreign number, no such date": (IdType.FOREIGN_PERMANENT_RESIDENT, "CAN110098023001", "980230"),
    "passport too short": (IdType.PASSPORT, "E123", "5 to 20"),
    "passport too long": (IdType.PASSPORT, "E" * 21, "5 to 20"),
    "passport with a hyphen": (IdType.PASSPORT, "E12-45678", "character 4"),
    "passport with a formula": (IdType.PASSPORT, "=1+1+1", "character 1"),
    "passport with a letter whose capital is of ASCII": (IdType.PASSPORT, "\u017f12345678", "character 1"),
}


@pytest.mark.parametrize(("id_type", "text", "why"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_number_is_refused_with_what_is_wrong(id_type: IdType, text: str, why: str) -> None:
    with pytest.raises(InvalidIdentity) as caught:
        parse_identity(id_type, text)
    assert caught.value.rule == "R9"
    assert caught.value.where == "id_number"
    assert why in caught.value.en


@pytest.mark.parametrize("prefix", ["810000", "820000", "830000"])
def test_residence_permits_follow_the_same_check(prefix: str) -> None:
    text = number(f"{prefix}19900307123")
    born = date(1990, 3, 7)
    assert parse_identity(IdType.HMT_RESIDENCE_PERMIT, text, birth_date=born, sex=Sex.MALE).number == text


def test_the_foreign_permanent_card_of_today_follows_the_same_check() -> None:
    text = number("91112419870506002")
    parse_identity(IdType.FOREIGN_PERMANENT_RESIDENT, text, birth_date=date(1987, 5, 6), sex=Sex.FEMALE)
    with pytest.raises(InvalidIdentity, match="check character"):
        parse_identity(IdType.FOREIGN_PERMANENT_RESIDENT, text[:17] + ("1" if text[17] != "1" else "2"))


@pytest.mark.parametrize(
    ("text", "born"),
    [
        ("CAN110098010101", None),
        ("can110098010101", date(1998, 1, 1)),
        ("USA310000022912", date(2000, 2, 29)),
        ("USA310000022912", None),
    ],
)
def test_the_old_foreign_permanent_card_has_three_letters_and_a_birth_date(text: str, born: date | None) -> None:
    assert parse_identity(IdType.FOREIGN_PERMANENT_RESIDENT, text, birth_date=born).number == text.upper()


def test_the_old_cards_birth_date_must_be_the_one_given() -> None:
    with pytest.raises(InvalidIdentity, match="980101"):
        parse_identity(IdType.FOREIGN_PERMANENT_RESIDENT, "CAN110098010101", birth_date=date(1998, 1, 2))


def test_a_passport_has_no_check_beyond_its_letters_and_digits() -> None:
    document = parse_identity(IdType.PASSPORT, "e12345678", birth_date=date(1990, 1, 1), sex=Sex.MALE)
    assert document == IdentityDocument(IdType.PASSPORT, "E12345678")


def test_the_birth_date_must_be_the_one_in_the_number() -> None:
    with pytest.raises(InvalidIdentity) as caught:
        parse_identity(IdType.RESIDENT_ID, VECTOR, birth_date=date(1949, 12, 30))
    assert "1949-12-31" in caught.value.zh
    assert "1949-12-30" in caught.value.zh


def test_the_sex_must_be_the_one_in_the_number() -> None:
    with pytest.raises(InvalidIdentity, match="says female"):
        parse_identity(IdType.RESIDENT_ID, VECTOR, sex=Sex.MALE)


@given(st.sampled_from(IdType), st.text(max_size=25))
def test_any_text_is_accepted_or_refused(id_type: IdType, text: str) -> None:
    try:
        shown = parse_identity(id_type, text).number
        assert shown.isascii()
        assert shown.isalnum()
    except InvalidIdentity as error:
        shown = error.zh + error.en
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("text", "masked"),
    [(VECTOR, "11**************2X"), ("CAN110098010101", "CA***********01"), ("E12345678", "E*******8")],
)
def test_a_masked_number_hides_the_birth_date_and_most_else(text: str, masked: str) -> None:
    assert mask_id_number(text) == masked


def test_types_and_sexes_carry_their_words_and_survive_pickling() -> None:
    assert Sex.FEMALE.zh == "女"
    assert IdType("passport").zh == "护照"
    assert pickle.loads(pickle.dumps(Sex.MALE)) is Sex.MALE
    assert {Sex.MALE: 1}["male"] == 1  # type: ignore[index]


@given(st.text("0123456789", min_size=17, max_size=17))
def test_the_check_character_is_that_of_iso_7064(first17: str) -> None:
    """MOD 11-2: the sum of all characters, each times 2 to the power of the places behind it, leaves 1 (X is 10)."""
    whole = first17 + resident_check_character(first17)
    values = [10 if character == "X" else int(character) for character in whole]
    assert sum(value * 2 ** (17 - place) for place, value in enumerate(values)) % 11 == 1


@pytest.mark.parametrize(
    "id_type", [IdType.RESIDENT_ID, IdType.HMT_RESIDENCE_PERMIT, IdType.FOREIGN_PERMANENT_RESIDENT]
)
def test_every_number_of_eighteen_is_held_against_check_birth_date_and_sex(id_type: IdType) -> None:
    begin = {"hmt_residence_permit": "810000", "foreign_permanent_resident": "911124"}.get(id_type.value, "110105")
    text = number(f"{begin}19901231123")
    parse_identity(id_type, text, birth_date=date(1990, 12, 31), sex=Sex.MALE)
    wrong = text[:17] + ("1" if text[17] != "1" else "2")
    with pytest.raises(InvalidIdentity, match="check character"):
        parse_identity(id_type, wrong)
    with pytest.raises(InvalidIdentity, match="born 1990-12-31"):
        parse_identity(id_type, text, birth_date=date(1990, 12, 30))
    with pytest.raises(InvalidIdentity, match="says male"):
        parse_identity(id_type, text, sex=Sex.FEMALE)


@pytest.mark.parametrize("day", ["981231", "001130", "961031"])
def test_an_old_cards_date_is_read_from_its_six_digits(day: str) -> None:
    """Year, month and day of two digits each: 12 is not 2, nor 31 a 3."""
    text = f"CAN1100{day}01"
    parse_identity(IdType.FOREIGN_PERMANENT_RESIDENT, text)
    for wrong in (day[:2] + "13" + day[4:], day[:4] + "32", day[:2] + "00" + day[4:], day[:4] + "00"):
        with pytest.raises(InvalidIdentity, match=f"in the number, {wrong}, does not exist"):
            parse_identity(IdType.FOREIGN_PERMANENT_RESIDENT, f"CAN1100{wrong}01")


def test_a_refusal_shows_the_place_and_just_what_stands_there() -> None:
    said = {
        "1101051949023100": "the number has 18 characters, not 16",
        number("11010519490231002"): "the date of birth in the number, 19490231, does not exist",
        "11010519491231002Y": "character 18 “Y”: a digit or X is due",
        "A1010519491231002X": "character 1 “A”: a digit is due",
    }
    for text, why in said.items():
        with pytest.raises(InvalidIdentity) as caught:
            parse_identity(IdType.RESIDENT_ID, text)
        assert caught.value.en == why
    with pytest.raises(InvalidIdentity) as caught:
        parse_identity(IdType.FOREIGN_PERMANENT_RESIDENT, number("81000019900307123"))
    assert caught.value.en == "character 1 “8”: the 18-character number begins with 9"


@pytest.mark.parametrize("length", [5, 20])
def test_a_passport_of_the_shortest_and_the_longest_is_taken(length: int) -> None:
    assert parse_identity(IdType.PASSPORT, "E" * length).number == "E" * length
    for other in (4, 21):
        with pytest.raises(InvalidIdentity, match=f"5 to 20 characters, not {other}"):
            parse_identity(IdType.PASSPORT, "E" * other)


def test_a_number_of_fourteen_or_less_keeps_one_character_at_each_end() -> None:
    assert mask_id_number("1" * 14) == "1************1"
    assert mask_id_number("1" * 15) == "11***********11"
