"""Signing in at the authority's own directory: a bound person alone, no account opened, and shown again for a deed."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from certsvc.app import create_app
from certsvc.directory.oidc import Provider
from certsvc.errors import Conflict, Refused
from certsvc.services.staff import accounts, sessions
from certsvc.web.console.directory import ASKED
from certsvc.web.site import EXTENSION, Site
from tests.builders.provider import RunningProvider, provider
from tests.builders.staff import HOST, Browser, said
from tests.web.console.conftest import Office

__all__ = ["provider"]  # fixture
BACK = f"https://{HOST}/console/directory/back"

pytestmark = pytest.mark.usefixtures("socket_enabled")


@pytest.fixture
def joined(office: Office, provider: RunningProvider) -> Office:
    """The office, with a directory."""
    office.clock.at = datetime.now(UTC)  # the directory's own clock is the machine's
    there: Site = office.app.extensions[EXTENSION]
    if there.directory is None:
        directory = Provider(provider.issuer, "certsvc", provider.secret_file, BACK)
        office.app.extensions[EXTENSION] = dataclasses.replace(there, directory=directory)
    return office


def bind(office: Office, role: str, subject: str, provider: RunningProvider) -> str:
    name = office.member(role).name
    accounts.do_alone(office.services, accounts.binding(name, provider.issuer, subject), by="root")
    return name


def back(browser: Browser, provider: RunningProvider, start: str, subject: str) -> str:
    """Off to the directory, sign in there; the address that it sends the browser back to."""
    off = browser.get(start)
    assert off.status_code == 303, off.text
    return "/console/directory/back?" + urlencode(provider.sign_in(off.location, subject))


def test_a_bound_person_is_signed_in_with_the_role_of_the_account(joined: Office, provider: RunningProvider) -> None:
    name = bind(joined, "reviewer", "u-reviewer", provider)
    browser = joined.visitor()
    assert "用本机构的目录登录" in browser.get("/console").text
    answer = browser.get(back(browser, provider, "/console/directory?to=/console/registrations", "u-reviewer"))
    assert 'content="0; url=/console/registrations"' in answer.text
    page = browser.get("/console/registrations")
    assert (page.status_code, name in page.text, "审核员" in page.text) == (200, True, True)
    assert browser.get("/console/accounts").status_code == 403


def test_one_whom_no_account_is_bound_to_gets_none_opened(joined: Office, provider: RunningProvider) -> None:
    before = len(accounts.accounts(joined.services))
    browser = joined.visitor()
    answer = browser.get(back(browser, provider, "/console/directory", "u-stranger"))
    assert (answer.status_code, "u-stranger" in said(answer)) == (422, True)
    assert "没有可用的账户" in said(answer)
    assert len(accounts.accounts(joined.services)) == before
    assert browser.get("/console/me").status_code == 401


def test_a_disabled_account_is_not_signed_in(joined: Office, provider: RunningProvider) -> None:
    name = bind(joined, "assessor", "u-assessor", provider)
    accounts.disable(joined.services, name, by="root")
    browser = joined.visitor()
    assert browser.get(back(browser, provider, "/console/directory", "u-assessor")).status_code == 422
    accounts.enable(joined.services, name, by="root")


def test_an_answer_is_good_once_and_in_its_own_browser_alone(joined: Office, provider: RunningProvider) -> None:
    bind(joined, "auditor", "u-auditor", provider)
    browser, thief = joined.visitor(), joined.visitor()
    address = back(browser, provider, "/console/directory", "u-auditor")
    stolen = thief.get(address)
    assert (stolen.status_code, "已用过或已过期" in said(stolen)) == (422, True)
    kept = browser.client.get_cookie(f"__Host-{ASKED}", HOST)
    assert kept is not None
    assert browser.get(address).status_code == 200
    assert "已用过或已过期" in said(browser.get(address)), "what was asked is spent"
    browser.client.set_cookie(f"__Host-{ASKED}", kept.value, domain=HOST, secure=True)
    assert "登录凭据已用过" in said(browser.get(address)), "and so is the code"


def test_an_answer_of_another_request_is_refused(joined: Office, provider: RunningProvider) -> None:
    bind(joined, "auditor", "u-auditor", provider)
    browser, other = joined.visitor(), joined.visitor()
    mine = back(browser, provider, "/console/directory", "u-auditor")
    back(other, provider, "/console/directory", "u-auditor")
    answer = other.get(mine)
    assert (answer.status_code, "不是对这次请求的答复" in said(answer)) == (422, True)


def test_no_address_outside_the_console_is_led_to(joined: Office, provider: RunningProvider) -> None:
    bind(joined, "auditor", "u-auditor", provider)
    browser = joined.visitor()
    start = "/console/directory?" + urlencode({"to": "https://evil.example/console/"})
    assert 'content="0; url=/console"' in browser.get(back(browser, provider, start, "u-auditor")).text


def test_signing_in_there_again_stands_for_the_second_factor(joined: Office, provider: RunningProvider) -> None:
    bind(joined, "administrator", "u-administrator", provider)
    browser = joined.visitor()
    browser.get(back(browser, provider, "/console/directory", "u-administrator"))
    browser.get("/console/accounts")
    joined.clock.move(minutes=6)
    fields = {"name": "opened1", "role": "auditor"}
    asked = browser.post("/console/accounts", **fields)
    assert (asked.status_code, "/console/directory/again" in asked.text) == (422, True)
    form = browser.form
    provider.knows("u-administrator", auth_time=int(joined.clock().timestamp()) - 3600)
    stale = browser.get(back(browser, provider, "/console/directory/again", "u-administrator"))
    assert "没有重新验证您的身份" in said(stale)
    provider.knows("u-administrator", auth_time=int(joined.clock().timestamp()))
    another = browser.get(back(browser, provider, "/console/directory/again", "u-someone-else"))
    assert another.status_code in (200, 422)
    refused = browser.get("/console/directory/confirmed")
    assert refused.status_code == 422
    onward = browser.get(back(browser, provider, "/console/directory/again", "u-administrator"))
    assert 'content="0; url=/console/directory/confirmed"' in onward.text
    assert "已重新验证" in browser.get("/console/directory/confirmed").text
    browser.form = form
    done = browser.post("/console/accounts", **fields)
    assert done.status_code == 200
    assert accounts.account_named(joined.services, "opened1").role.value == "auditor"


def test_one_who_is_not_bound_has_no_such_way(joined: Office) -> None:
    assert joined.browser("maker").get("/console/directory/again").status_code == 404


def test_what_vouches_for_one_session_confirms_no_other(joined: Office, provider: RunningProvider) -> None:
    bind(joined, "administrator", "u-administrator", provider)
    provider.knows("u-administrator", auth_time=int(joined.clock().timestamp()))
    first, second = joined.visitor(), joined.visitor()
    for browser in (first, second):
        browser.get(back(browser, provider, "/console/directory", "u-administrator"))
    first.get(back(first, provider, "/console/directory/again", "u-administrator"))
    vouched = first.client.get_cookie("__Host-certsvc_vouched", HOST)
    assert vouched is not None
    second.client.set_cookie("__Host-certsvc_vouched", vouched.value, domain=HOST, secure=True)
    assert second.get("/console/directory/confirmed").status_code == 422


def test_a_person_is_bound_to_one_account_by_another_than_its_owner(joined: Office, provider: RunningProvider) -> None:
    name = bind(joined, "approver", "u-approver", provider)
    with pytest.raises(Conflict):
        accounts.do_alone(
            joined.services, accounts.binding(joined.member("station").name, provider.issuer, "u-approver"), by="root"
        )
    with pytest.raises(Refused):
        accounts.do_alone(joined.services, accounts.binding(name, provider.issuer, "u-other"), by=name)
    with pytest.raises(Refused):
        accounts.do_alone(joined.services, accounts.binding(name, None, "u-other"), by="root")
    secret = sessions.sign_in_vouched(joined.services, provider.issuer, "u-approver")
    assert secret is not None
    accounts.do_alone(joined.services, accounts.binding(name, provider.issuer, None), by="root")
    assert sessions.whose(joined.services, secret) is None, "its sessions end"
    assert sessions.sign_in_vouched(joined.services, provider.issuer, "u-approver") is None


def test_an_administrator_binds_in_the_accounts_desk(joined: Office, provider: RunningProvider) -> None:
    browser = joined.browser("administrator")
    name = joined.member("station").name
    page = browser.get(f"/console/accounts/{name}")
    assert re.search(r'action="/console/accounts/[^"]*/directory"', page.text)
    assert browser.post(f"/console/accounts/{name}/directory", sub="u-station").status_code == 303
    assert accounts.account_named(joined.services, name).oidc_subject == "u-station"


def test_a_directory_that_is_away_leaves_the_other_way_in(joined: Office, provider: RunningProvider) -> None:
    there: Site = joined.app.extensions[EXTENSION]
    away = Provider("http://localhost:9", "certsvc", provider.secret_file, BACK)
    joined.app.extensions[EXTENSION] = dataclasses.replace(there, directory=away)
    try:
        answer = joined.visitor().get("/console/directory")
    finally:
        joined.app.extensions[EXTENSION] = there
    assert (answer.status_code, "暂时连不上机构的目录" in said(answer)) == (422, True)
    assert 'name="password"' in answer.text


def test_settings_name_the_directory(office: Office, provider: RunningProvider) -> None:
    settings = dataclasses.replace(
        office.register.settings, oidc_issuer=provider.issuer, oidc_client_id="certsvc", oidc_secret_file=None
    )
    with pytest.raises(Refused, match="CERTSVC_OIDC_SECRET_FILE"):
        create_app(settings, services=office.services)
    whole = dataclasses.replace(settings, oidc_secret_file=provider.secret_file)
    there: Site = create_app(whole, services=office.services).extensions[EXTENSION]
    assert there.directory == Provider(provider.issuer, "certsvc", provider.secret_file, BACK)
    public = create_app(dataclasses.replace(whole, console=False), services=office.services)
    assert public.extensions[EXTENSION].directory is None


def test_without_a_directory_there_is_no_such_door(office: Office) -> None:
    app = create_app(office.register.settings, services=office.services)
    browser = Browser(app, office.services)
    assert "/console/directory" not in browser.get("/console").text
    for address in ("/console/directory", "/console/directory/back?code=a&state=b"):
        answer = browser.get(address)
        assert (answer.status_code, "没有配置机构的目录" in said(answer)) == (422, True)
