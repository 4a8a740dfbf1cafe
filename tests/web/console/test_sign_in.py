"""Signing in at the console: two steps, one answer for everybody, and no lock that a stranger can put on."""

from __future__ import annotations

import html
import re
import time

import pyotp
import pytest

from certsvc.app import create_app
from certsvc.services.staff.accounts import do_alone, opening
from certsvc.web.console import sign_in
from tests.builders.site import settings_for
from tests.builders.staff import GIVEN, OWN, Browser, said
from tests.web.console.conftest import Office

COOKIE = "__Host-certsvc_staff"


def test_the_first_sign_in_sets_up_what_the_second_asks_for(office: Office) -> None:
    do_alone(office.services, opening("newcomer", "approver", GIVEN), by="root")
    browser = office.visitor()
    step = browser.post("/console/sign-in", name="newcomer", password=GIVEN)
    assert (step.status_code, step.location) == (303, "/console/first")
    page = browser.get("/console/first")
    secret = re.search(r"data-secret>([A-Z2-7]+)<", page.text)
    assert secret is not None
    code = pyotp.TOTP(secret[1]).at(office.clock.at)
    assert "口令应为" in said(browser.post("/console/first", code=code, password="short"))
    done = browser.post("/console/first", code=code, password=OWN)
    assert len(re.findall(r"<li>[a-z2-7]{4}(?:-[a-z2-7]{4}){3}</li>", done.text)) == 10
    assert "待办" in said(browser.get("/console"))
    assert browser.get("/console/first").status_code == 401, "what was shown once is not shown again"


def test_the_cookie_is_the_hosts_own_and_another_after_each_step(office: Office) -> None:
    member, browser = office.member("maker"), office.visitor()
    first = browser.post("/console/sign-in", name=member.name, password=OWN).headers.getlist("Set-Cookie")[0]
    browser.get("/console/second")
    second = browser.post("/console/second", again_code=member.recovery.pop()).headers.getlist("Set-Cookie")[0]
    for cookie in (first, second):
        assert cookie.startswith(f"{COOKIE}=")
        attributes = {part.strip() for part in cookie.split(";")[1:]}
        assert attributes == {"Secure", "HttpOnly", "Path=/", "SameSite=Strict"}
    assert first.split(";")[0] != second.split(";")[0]


def test_no_one_learns_who_is_known(office: Office) -> None:
    name = office.member("maker").name
    answers = [
        office.visitor().post("/console/sign-in", name=typed, password=password)
        for typed, password in ((name, "wrong password"), ("no.one", "wrong password"), ("无此人", ""))
    ]
    pages = [answer.text.replace(name, "?").replace("no.one", "?") for answer in answers]
    assert {answer.status_code for answer in answers} == {422}
    assert pages[0] == pages[1]
    assert 'value="' + name in answers[0].text, "what was typed is kept"


def test_every_answer_waits_for_the_same_time(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "UNIFORM_SECONDS", 0.7)
    for name in (office.member("maker").name, "no.one"):
        begun = time.monotonic()
        office.visitor().post("/console/sign-in", name=name, password="wrong password")
        assert time.monotonic() - begun >= 0.7


def test_a_stranger_shuts_no_one_out(office: Office) -> None:
    member = office.member("maker")
    settings = settings_for(
        office.register.settings.home, CERTSVC_LIMIT_PERSON="3/hour", CERTSVC_LIMIT_SIGN_IN="50/minute"
    )
    app = create_app(settings, services=office.services)
    stranger, owner = Browser(app, office.services), Browser(app, office.services)
    stranger.client.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    answers = [stranger.post("/console/sign-in", name=member.name, password="guess").status_code for _ in range(5)]
    assert answers == [422, 422, 422, 429, 429]
    right = stranger.post("/console/sign-in", name=member.name, password=OWN)
    assert (right.status_code, right.headers["Retry-After"]) == (429, "3600"), "from there, not even the right one"
    owner.client.environ_base["REMOTE_ADDR"] = "198.51.100.7"
    assert owner.post("/console/sign-in", name=member.name, password=OWN).status_code == 303


@pytest.mark.parametrize(
    "to", ["https://evil.example/", "//evil.example", "/my", "/console/\\evil", "/console//x", "/console/a\nb"]
)
def test_no_sign_in_leads_elsewhere(office: Office, to: str) -> None:
    office.browser("maker")  # which renews the recovery codes
    member, browser = office.member("maker"), office.visitor()
    step = browser.post("/console/sign-in", name=member.name, password=OWN, to=to)
    assert step.location == "/console/second"
    page = browser.get("/console/second")
    assert 'name="to"' not in page.text
    assert browser.post("/console/second", again_code=member.recovery.pop(), to=to).location == "/console"


def test_one_who_was_sent_to_the_form_comes_back_to_the_page(office: Office) -> None:
    member, browser = office.member("auditor"), office.visitor()
    form = browser.get("/console/trail?action=account.&by=root")
    assert form.status_code == 401
    to = html.unescape(re.search(r'name="to" value="([^"]+)"', form.text)[1])  # type: ignore[index]
    assert to == "/console/trail?action=account.&by=root"
    step = browser.post("/console/sign-in", name=member.name, password=OWN, to=to)
    second = browser.get(step.location)
    again = html.unescape(re.search(r'name="to" value="([^"]+)"', second.text)[1])  # type: ignore[index]
    assert browser.post("/console/second", again_code=member.recovery.pop(), to=again).location == to


def test_a_form_of_a_session_that_ended_does_nothing_and_says_so(office: Office) -> None:
    browser = office.browser("administrator")
    office.clock.move(minutes=31)
    answer = browser.post("/console/accounts", name="late1", role="maker")
    assert answer.status_code == 401
    assert "没有办理" in said(answer)
    assert f"{COOKIE}=;" in answer.headers["Set-Cookie"]
    office.clock.move(minutes=-31)


def test_signing_out_ends_the_session_and_not_the_cookie_alone(office: Office) -> None:
    browser = office.browser("approver")
    kept = browser.client.get_cookie(COOKIE, "certsvc.example")
    assert kept is not None
    assert browser.post("/console/sign-out", form="0" * 32).status_code == 403
    assert browser.post("/console/sign-out").status_code == 303
    browser.client.set_cookie(COOKIE, kept.value, domain="certsvc.example", secure=True)
    assert browser.get("/console/me").status_code == 401


def test_after_five_minutes_a_deed_asks_again_and_keeps_what_was_typed(office: Office) -> None:
    browser, member = office.browser("administrator"), office.member("administrator")
    office.clock.move(minutes=6)
    asked = browser.post("/console/accounts", name="clerk1", role="institution", of="<b>测试 & 学校</b>")
    assert asked.status_code == 422
    fields = {
        html.unescape(name): html.unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', asked.text)
    }
    assert (fields["name"], fields["role"], fields["of"]) == ("clerk1", "institution", "<b>测试 & 学校</b>")
    wrong = browser.post("/console/accounts", **(fields | {"again_code": "000000"}))
    assert (wrong.status_code, "不对" in said(wrong)) == (422, True)
    right = fields | {"again_code": member.code(office.clock.at)}
    made = browser.post("/console/accounts", **right)
    assert (made.status_code, "clerk1" in said(made)) == (200, True)
    office.clock.move(minutes=-6)


def test_a_page_of_another_site_signs_no_one_in(office: Office) -> None:
    typed = {"name": office.member("maker").name, "password": OWN}
    for header in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        answer = office.visitor().client.post(
            "/console/sign-in", base_url="https://certsvc.example", data=typed, headers=header
        )
        assert answer.status_code == 403


def test_where_the_console_is_not_served_there_is_nothing(office: Office) -> None:
    app = create_app(settings_for(office.register.settings.home, CERTSVC_CONSOLE="off"), services=office.services)
    assert app.test_client().get("/console", base_url="https://certsvc.example").status_code == 404
