"""Accounts of the staff: opened, changed by another than their owner, and mapped to the system's (R1.6)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from certsvc.errors import Conflict, NotFound, Refused
from certsvc.services.context import Services
from certsvc.services.staff import accounts as service
from certsvc.services.staff.accounts import Account, accounts, do_alone, opening
from certsvc.store import AccountRecord, AuditEventRecord

PASSWORD = "correct horse battery"


def add(services: Services, name: str = "reviewer1", role: str = "reviewer", **options: str) -> Account:
    return do_alone(services, opening(name, role, options.pop("password", PASSWORD), **options), by="root")


def test_only_a_hash_of_the_password_is_kept(services: Services) -> None:
    add(services)
    with services.database.reading() as session:
        row = session.scalars(select(AccountRecord)).one()
        trail = [event.detail for event in session.scalars(select(AuditEventRecord))]
    assert row.password_hash.startswith("$argon2id$")
    assert not any(PASSWORD in text for text in (row.password_hash, *trail))


@pytest.mark.parametrize("name", ["reviewer1", "reviewer-1", "reviewer.1", "re.viewer_1"])
def test_a_name_that_differs_in_punctuation_alone_is_the_same_person(services: Services, name: str) -> None:
    add(services)
    with pytest.raises(Conflict):
        add(services, name)
    assert [one.name for one in accounts(services)] == ["reviewer1"]


@pytest.mark.parametrize(
    "options",
    [
        {"name": "Über"},
        {"role": "king"},
        {"role": "institution"},
        {"role": "station", "scope": "\n"},
        {"password": "too short"},
        {"password": "x" * 257},
    ],
)
def test_what_makes_no_account(services: Services, options: dict[str, str]) -> None:
    with pytest.raises(Refused):
        add(services, **options)
    assert accounts(services) == []


def test_a_role_without_a_scope_has_none(services: Services) -> None:
    assert add(services, scope="测试培训机构").of is None
    assert (
        service.do_alone(services, service.another_role("reviewer1", "station", scope=" 第一站 "), by="root").of
        == "第一站"
    )
    assert service.do_alone(services, service.another_role("reviewer1", "maker", scope="第一站"), by="root").of is None


def test_no_one_changes_their_own_account(services: Services) -> None:
    add(services, "admin1", "administrator")
    changes = (
        lambda: service.do_alone(services, service.another_role("admin1", "maker"), by="admin1"),
        lambda: service.disable(services, "admin1", by="Admin-1"),
        lambda: service.enable(services, "admin1", by="admin1"),
        lambda: service.do_alone(services, service.resetting("admin1", PASSWORD), by="ａdmin1"),
    )
    for change in changes:
        with pytest.raises(Refused):
            change()
    assert accounts(services)[0].role == "administrator"


def test_what_is_done_to_no_account_is_refused(services: Services) -> None:
    for change in (service.disable, service.enable):
        with pytest.raises(NotFound):
            change(services, "no.one", by="root")


def test_an_account_of_the_system_is_one_account_of_the_staff(services: Services) -> None:
    assert service.mapped(services, "zhang") is None, "a home without accounts knows the system's alone"
    add(services)
    with pytest.raises(Refused, match="user map"):
        service.mapped(services, "zhang")
    service.do_alone(services, service.mapping("reviewer1", "zhang"), by="root")
    assert service.mapped(services, "zhang") == "reviewer1"
    add(services, "maker1", "maker")
    with pytest.raises(Conflict):
        service.do_alone(services, service.mapping("maker1", "zhang"), by="root")
    with pytest.raises(Refused):
        service.do_alone(services, service.mapping("maker1", "no name\n"), by="root")
    service.disable(services, "reviewer1", by="root")
    with pytest.raises(Refused, match="停用"):
        service.mapped(services, "zhang")
    service.do_alone(services, service.mapping("reviewer1", None), by="root")
    service.do_alone(services, service.mapping("maker1", "zhang"), by="root")
    assert service.mapped(services, "zhang") == "maker1"
