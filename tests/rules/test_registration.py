from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from certsvc.errors import RegistrationRefused
from certsvc.person.identity import IdentityDocument, IdType, Sex
from certsvc.rules.enrolment import Registration
from certsvc.rules.registration import check_registration
from tests.rules.builders import changed, haiyue, qinghai

ADULT = Registration(
    name="王小明",
    identity=IdentityDocument(IdType.RESIDENT_ID, "11010519491231002X"),
    sex=Sex.FEMALE,
    birth_date=date(1949, 12, 31),
    health_declared=True,
    registered_on=date(2025, 3, 1),
    level=5,
)


def with_passport(**changes: object) -> Registration:
    return replace(ADULT, identity=IdentityDocument(IdType.PASSPORT, "E12345678"), **changes)  # type: ignore[arg-type]


def test_an_adult_in_good_health_may_register() -> None:
    check_registration(ADULT, qinghai())


def test_the_eighteenth_birthday_itself_counts() -> None:
    check_registration(with_passport(birth_date=date(2007, 3, 1)), qinghai())
    with pytest.raises(RegistrationRefused) as caught:
        check_registration(with_passport(birth_date=date(2007, 3, 2)), qinghai())
    assert (caught.value.rule, caught.value.where) == ("R1.1", "birth_date")
    assert "2025年3月2日" in caught.value.zh


def test_a_birth_after_the_registration_is_under_age() -> None:
    with pytest.raises(RegistrationRefused, match="under 18"):
        check_registration(with_passport(birth_date=date(2030, 1, 1)), qinghai())


REFUSED = {
    "before the scheme": (replace(ADULT, registered_on=date(2023, 12, 31)), "R0", "registered_on"),
    "no health declaration": (replace(ADULT, health_declared=False), "R1.2", "health_declared"),
    "a level that is not open": (replace(ADULT, level=4), "R1.3", "level"),
    "another birth date": (replace(ADULT, birth_date=date(1949, 12, 30)), "R1.4", "id_number"),
    "another sex": (replace(ADULT, sex=Sex.MALE), "R1.4", "id_number"),
    "a name that is none": (replace(ADULT, name="=1+1"), "R1.4", "name"),
}


@pytest.mark.parametrize(("registration", "rule", "where"), REFUSED.values(), ids=REFUSED)
def test_who_may_not_register_is_told_the_rule(registration: Registration, rule: str, where: str) -> None:
    with pytest.raises(RegistrationRefused) as caught:
        check_registration(registration, qinghai())
    assert (caught.value.rule, caught.value.where) == (rule, where)


def test_a_level_open_elsewhere_is_not_this_schemes() -> None:
    both = changed("qinghai-2025", ("open_levels = [5]", "open_levels = [4, 5]"))
    with pytest.raises(RegistrationRefused, match="level 4"):
        check_registration(replace(ADULT, level=4), both)


def test_the_age_and_the_declaration_are_the_schemes() -> None:
    later = replace(ADULT, registered_on=date(2026, 9, 1))
    check_registration(later, haiyue())
    with pytest.raises(RegistrationRefused, match="under 20"):
        check_registration(with_passport(birth_date=date(2007, 3, 1), registered_on=date(2026, 9, 1)), haiyue())
    lax = changed("qinghai-2025", ("health_declaration = true", "health_declaration = false"))
    check_registration(replace(ADULT, health_declared=False), lax)
