"""With real keys no one makes a second hand for themselves: accounts take two people (R1.6)."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from sqlalchemy import select

from certsvc.errors import Conflict, Refused
from certsvc.services.approvals import desk
from certsvc.services.context import Services
from certsvc.services.staff import accounts, sessions
from certsvc.services.staff.account_work import ProposedWork, do_or_ask
from certsvc.services.staff.accounts import AccountWork, another_role, binding, mapping, opening, resetting
from certsvc.signing.keystore import Keystore
from certsvc.store import AuditEventRecord
from tests.builders.staff import GIVEN, OWN, join

WORKS: dict[str, Callable[[], AccountWork]] = {
    "open": lambda: opening("newcomer", "approver", GIVEN),
    "role": lambda: another_role("auditor1", "approver"),
    "reset": lambda: resetting("auditor1", GIVEN),
    "map": lambda: mapping("auditor1", "zhang"),
    "bind": lambda: binding("auditor1", "https://id.example", "0815"),
}


@pytest.fixture
def staffed(services: Services, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Real keys; an administrator, an approver and an auditor who have all signed in."""
    for name, role in (("admin1", "administrator"), ("approver1", "approver"), ("auditor1", "auditor")):
        join(services, name, role)
    monkeypatch.setattr(Keystore, "development", property(lambda _: False))
    return services


def state(services: Services) -> list[dict[str, object]]:
    return [one.as_json() for one in accounts.accounts(services)]


@pytest.mark.parametrize("work", WORKS)
def test_an_administrator_alone_changes_nothing(staffed: Services, work: str) -> None:
    before = state(staffed)
    with pytest.raises(Refused, match=r"R1\.6"):
        accounts.do_alone(staffed, WORKS[work](), by="admin1")
    asked = do_or_ask(staffed, WORKS[work](), by="admin1")
    assert isinstance(asked, ProposedWork)
    for spelling in ("admin1", "ADMIN1", "ａdmin1", " admin1 ", "ad-min1"):
        with pytest.raises(Refused):
            desk.approve(staffed, asked.approval_id, by=spelling)
    assert state(staffed) == before
    assert sessions.begin(staffed, "auditor1", OWN) is not None


@pytest.mark.parametrize("work", WORKS)
def test_another_lets_it_be_done(staffed: Services, work: str) -> None:
    before = state(staffed)
    asked = do_or_ask(staffed, WORKS[work](), by="admin1")
    assert isinstance(asked, ProposedWork)
    desk.approve(staffed, asked.approval_id, by="approver1")
    assert state(staffed) != before
    with staffed.database.reading() as session:
        *_, (by, detail) = session.execute(
            select(AuditEventRecord.by, AuditEventRecord.detail).where(AuditEventRecord.object_kind == "account")
        )
    assert (by, json.loads(detail)["approved_by"]) == ("admin1", "approver1")


def test_what_waits_says_what_shall_be_and_no_password(staffed: Services) -> None:
    do_or_ask(staffed, WORKS["open"](), by="admin1")
    (waits,) = desk.list_approvals(staffed)
    assert dict(waits.wants) == {"name": "newcomer", "role": "approver", "work": "open"}


def test_a_password_of_an_account_that_waits_opens_nothing(staffed: Services) -> None:
    asked = do_or_ask(staffed, WORKS["open"](), by="admin1")
    assert sessions.begin(staffed, "newcomer", GIVEN) is None
    assert isinstance(asked, ProposedWork)
    desk.approve(staffed, asked.approval_id, by="approver1")
    assert sessions.begin(staffed, "newcomer", GIVEN) is not None


def test_no_one_approves_a_change_of_their_own_account(staffed: Services) -> None:
    asked = do_or_ask(staffed, another_role("approver1", "administrator"), by="admin1")
    assert isinstance(asked, ProposedWork)
    with pytest.raises(Refused, match=r"R1\.6"):
        desk.approve(staffed, asked.approval_id, by="approver1")


def test_who_disables_the_others_first_is_still_one(staffed: Services) -> None:
    for name in ("approver1", "auditor1"):
        accounts.disable(staffed, name, by="admin1")
    assert isinstance(do_or_ask(staffed, WORKS["open"](), by="admin1"), ProposedWork)


def test_what_cannot_be_done_is_refused_where_it_is_asked(staffed: Services) -> None:
    with pytest.raises(Conflict):
        do_or_ask(staffed, opening("auditor-1", "approver", GIVEN), by="admin1")
    with pytest.raises(Refused):
        do_or_ask(staffed, resetting("admin1", GIVEN), by="admin1")
    assert desk.list_approvals(staffed) == []


def test_of_two_requests_for_one_name_the_second_is_refused(staffed: Services) -> None:
    first, second = (do_or_ask(staffed, WORKS["open"](), by="admin1") for _ in range(2))
    assert isinstance(first, ProposedWork)
    assert isinstance(second, ProposedWork)
    desk.approve(staffed, first.approval_id, by="approver1")
    with pytest.raises(Conflict):
        desk.approve(staffed, second.approval_id, by="approver1")


def test_the_first_accounts_are_one_persons_to_open(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keystore, "development", property(lambda _: False))
    join(services, "admin1", "administrator")
    opened = do_or_ask(services, WORKS["open"](), by="admin1")
    assert isinstance(opened, accounts.Account)
    # Nobody has signed in there yet, so nobody could approve: the next one is still hers alone.
    assert isinstance(do_or_ask(services, opening("maker1", "maker", GIVEN), by="admin1"), accounts.Account)


def test_who_signs_in_by_the_directory_alone_is_another_too(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    join(services, "admin1", "administrator")
    accounts.do_alone(services, opening("approver1", "approver", GIVEN), by="root")
    accounts.do_alone(services, binding("approver1", "https://id.example", "0815"), by="root")
    monkeypatch.setattr(Keystore, "development", property(lambda _: False))
    assert isinstance(do_or_ask(services, WORKS["open"](), by="admin1"), ProposedWork)


def test_with_development_keys_one_is_enough(services: Services) -> None:
    for name in ("admin1", "admin2"):
        join(services, name, "administrator")
    assert isinstance(do_or_ask(services, WORKS["open"](), by="admin1"), accounts.Account)
