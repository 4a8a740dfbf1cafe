"""Who may register: age, health declaration, level, identity.

Not here: that a person has one open enrolment (R1.5), which needs the register, and the review desk (R1.6).
Source: R1.1–R1.4; R0 for the day the scheme takes effect.
"""

from __future__ import annotations

from certsvc.errors import InvalidIdentity, InvalidName, RegistrationRefused
from certsvc.person.age import birthday
from certsvc.person.identity import parse_identity
from certsvc.person.name import parse_name
from certsvc.rules.enrolment import Registration
from certsvc.rules.terms import Scheme
from certsvc.rules.wording import zh_date


def check_registration(registration: Registration, scheme: Scheme) -> None:
    """Accept the registration under the scheme, or raise RegistrationRefused with the rule and the field."""
    _check_in_force(registration, scheme)
    _check_age(registration, scheme)
    _check_health(registration, scheme)
    _check_level(registration, scheme)
    _check_person(registration)


def _check_in_force(registration: Registration, scheme: Scheme) -> None:
    """R0: a scheme rules registrations from the day it takes effect."""
    if registration.registered_on < scheme.in_force_from:
        raise RegistrationRefused(
            f"报名日期 {zh_date(registration.registered_on)} 早于方案生效日期 {zh_date(scheme.in_force_from)}",
            f"registered on {registration.registered_on}, before the scheme takes effect on {scheme.in_force_from}",
            rule="R0",
            where="registered_on",
        )


def _check_age(registration: Registration, scheme: Scheme) -> None:
    """R1.1: the birthday itself counts."""
    minimum = scheme.registration.minimum_age
    old_enough_on = birthday(registration.birth_date, minimum)
    if registration.registered_on < old_enough_on:
        raise RegistrationRefused(
            f"报名日期 {zh_date(registration.registered_on)} 未满 {minimum} 周岁，{zh_date(old_enough_on)} 起可报名",
            f"under {minimum} on {registration.registered_on}; registration is possible from {old_enough_on}",
            rule="R1.1",
            where="birth_date",
        )


def _check_health(registration: Registration, scheme: Scheme) -> None:
    """R1.2."""
    if scheme.registration.health_declaration and not registration.health_declared:
        raise RegistrationRefused(
            "未作健康承诺", "the health declaration is not given", rule="R1.2", where="health_declared"
        )


def _check_level(registration: Registration, scheme: Scheme) -> None:
    """R1.3: the level is the one this scheme is for, which is always among the open ones (`scheme`)."""
    if registration.level != scheme.level:
        open_levels = "、".join(map(str, scheme.open_levels))
        raise RegistrationRefused(
            f"等级 {registration.level} 未开考，目前开考：{open_levels} 级",
            f"level {registration.level} is not open; open now: {open_levels}",
            rule="R1.3",
            where="level",
        )


def _check_person(registration: Registration) -> None:
    """R1.4: the identity, with birth date and sex, and the name pass the checks of R9."""
    identity = registration.identity
    try:
        parse_name(registration.name)
        parse_identity(identity.type, identity.number, birth_date=registration.birth_date, sex=registration.sex)
    except (InvalidName, InvalidIdentity) as error:
        raise RegistrationRefused(error.zh, error.en, rule="R1.4", where=error.where) from error
