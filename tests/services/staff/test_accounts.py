"""Accounts of the staff: a password is kept only as an scrypt hash, and a wrong one opens nothing."""

from __future__ import annotations

import pytest

from certsvc.errors import Conflict, Refused
from certsvc.services.context import Services
from certsvc.services.staff.accounts import accounts, add_account, authenticate
from certsvc.store import AccountRecord

PASSWORD = "correct horse battery"


def add(services: Services, name: str = "reviewer1", role: str = "reviewer", **options: str) -> AccountRecord:
    return add_account(services, name, role, options.pop("password", PASSWORD), by="root", **options)


def test_only_the_right_password_opens_the_account(services: Services) -> None:
    account = add(services)
    assert PASSWORD not in account.password_hash
    opened = authenticate(services, "reviewer1", PASSWORD)
    assert opened is not None
    assert opened.role == "reviewer"
    assert authenticate(services, "reviewer1", PASSWORD + " ") is None
    assert authenticate(services, "no one", PASSWORD) is None


def test_a_disabled_account_stays_shut(services: Services) -> None:
    account = add(services)
    with services.database.writing() as session:
        session.get_one(AccountRecord, account.id).disabled_at = services.now()
    assert authenticate(services, "reviewer1", PASSWORD) is None


def test_a_name_is_there_once(services: Services) -> None:
    add(services)
    with pytest.raises(Conflict):
        add(services)
    assert [one.name for one in accounts(services)] == ["reviewer1"]


@pytest.mark.parametrize(
    "options",
    [
        {"name": "Über"},
        {"role": "king"},
        {"role": "institution"},
        {"password": "too short"},
        {"password": "x" * 257},
    ],
)
def test_what_makes_no_account(services: Services, options: dict[str, str]) -> None:
    with pytest.raises(Refused):
        add(services, **options)
    assert accounts(services) == []
