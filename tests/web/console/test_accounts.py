"""The administrator's desk where keys are real: what is asked for there counts once an approver approves it (R1.6)."""

from __future__ import annotations

import pytest

from certsvc.services.approvals import desk
from certsvc.services.staff.accounts import account_named, accounts
from certsvc.signing.keystore import Keystore
from tests.builders.staff import join, said
from tests.web.console.conftest import Office
from tests.web.console.test_approvals import digest_on


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, office: Office) -> None:
    for role in ("administrator", "approver"):
        office.member(role)
    monkeypatch.setattr(Keystore, "development", property(lambda _: False))


@pytest.mark.usefixtures("real")
def test_an_account_is_opened_once_an_approver_approves_it(office: Office) -> None:
    page = office.browser("administrator").post("/console/accounts", name="newcomer", role="maker", of="")
    assert "待批准人批准后，此口令才能使用" in said(page)
    assert "newcomer" not in [one.name for one in accounts(office.services)]
    approval = desk.list_approvals(office.services)[-1]
    approver = office.browser("approver")
    digest = digest_on(approver, approval.id)
    told = said(approver.get(f"/console/approvals/{approval.id}"))
    assert all(word in told for word in ("工作人员账户", "newcomer", "maker"))
    assert approver.post(f"/console/approvals/{approval.id}/approve", digest=digest).status_code == 303
    assert account_named(office.services, "newcomer").role == "maker"


@pytest.mark.usefixtures("real")
def test_another_role_is_asked_for_and_the_account_stays_as_it_is(office: Office) -> None:
    join(office.services, "auditor9", "auditor")
    browser = office.browser("administrator")
    browser.get("/console/accounts/auditor9")
    answer = browser.post("/console/accounts/auditor9/role", role="approver", of="")
    assert answer.headers["Location"].endswith("/console/accounts/auditor9?waits=1")
    assert "待批准人批准后生效" in said(browser.get(answer.headers["Location"]))
    assert account_named(office.services, "auditor9").role == "auditor"
