"""Role by route by object: the table made from the routes themselves, and each cell tried."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask

from certsvc.rules.terms import Subject
from certsvc.services.certificates.correct import Correction, propose
from certsvc.services.examination import sittings
from certsvc.services.staff.accounts import do_alone, opening
from certsvc.services.staff.roles import Deed, Role, may
from certsvc.web.console.desk import AGAIN, DEEDS, OPEN
from tests.builders.site import NOW
from tests.builders.staff import GIVEN, said
from tests.web.console.conftest import ROLES, Office

NUMBER = "2010630500012345"  # of a paper certificate
AT_STATION: dict[str, Any] = {
    "sat_on": NOW.date(),
    "begins": "09:00",
    "place": "一号楼",
    "subject": Subject.PRACTICAL,
    "capacity": 9,
}
CHANGES = {
    "add",
    "role",
    "disable",
    "enable",
    "reset",
    "bind",
    "map_os",
    "approve",
    "reject",
    "close",
    "confirm_scores",
    "publish",
}


def routes(app: Flask) -> list[tuple[str, str, str]]:
    """(endpoint, method, rule) of every route under /console."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/console"):
            found += [(rule.endpoint, method, rule.rule) for method in (rule.methods or set()) & {"GET", "POST"}]
    return sorted(found)


THERE = {
    "approval_id": "1",
    "passkey_id": "1",
    "enrolment_id": "1",
    "request_id": "1",
    "at": "0",
    "notice_id": "1",
    "sitting_id": "1",
    "ticket": "310101-0001-001",
    "number": NUMBER,
    "name": "victim1",
}


def addresses(rule: str) -> list[str]:
    """The address of an object that is there, and of one that is not."""
    if "<" not in rule:
        return [rule]
    kind = re.compile(r"<(?:[^<>]*:)?(\w+)>")
    missing = {name: "no.one" if name in ("name", "number", "ticket") else "999999" for name in THERE}
    return [kind.sub(lambda found, where=where: where[found[1]], rule) for where in (THERE, missing)]


def test_every_route_names_a_deed(office: Office) -> None:
    endpoints = {endpoint for endpoint, _, _ in routes(office.app)}
    assert endpoints == set(DEEDS)
    assert {endpoint for endpoint in endpoints if DEEDS[endpoint] == OPEN} == {
        f"console_sign_in.{name}"
        for name in ("enter", "first_step", "second_page", "second_step", "first_page", "set_up", "sign_out")
    } | {"console_directory.begin", "console_directory.back"}


def test_what_changes_something_for_others_asks_for_the_second_factor_again() -> None:
    for endpoint in DEEDS:
        if endpoint.rpartition(".")[2] in CHANGES:
            assert endpoint in AGAIN, endpoint


@pytest.mark.parametrize("role", ROLES)
def test_each_cell_of_the_table(office: Office, role: str) -> None:
    if "victim" not in office.members:
        do_alone(office.services, opening("victim1", "station", GIVEN, scope="第一站"), by="root")
        office.members["victim"] = office.member("maker")
        number = office.register.valid.number
        sittings.add(office.services, **AT_STATION, station="测试培训机构", by="maker1")
        propose(office.services, number, Correction(name="欧阳明日"), reason="录入有误", by="maker1")
    browser = office.browser(role)
    for endpoint, method, rule in routes(office.app):
        deed = DEEDS[endpoint]
        if deed == OPEN:
            continue
        for address in addresses(rule):
            answer = browser.get(address) if method == "GET" else browser.post(address, nothing="x")
            allowed = isinstance(deed, Deed) and may(Role.of(role), deed)
            assert (answer.status_code == 403) is not allowed, (role, method, address, answer.status_code)
            assert answer.status_code < 500, (role, method, address)
            assert answer.headers["Cache-Control"] == "no-store"
            if not allowed:
                assert "您的角色不办理这一项" in said(answer)
    browser.renew(office.member(role))  # one of the routes has made new ones


def test_without_a_session_every_route_leads_to_the_form_and_does_nothing(office: Office) -> None:
    for endpoint, method, rule in routes(office.app):
        if DEEDS[endpoint] == OPEN:
            continue
        visitor = office.visitor()
        for address in addresses(rule):
            answer = visitor.get(address) if method == "GET" else visitor.post(address)
            assert answer.status_code == 401, (method, address)
            assert ("登录" in said(answer)) is True


def test_half_way_through_signing_in_no_desk_opens(office: Office) -> None:
    member, browser = office.member("approver"), office.visitor()
    browser.post("/console/sign-in", name=member.name, password=member.password)
    browser.get("/console/second")
    for endpoint, method, rule in routes(office.app):
        if DEEDS[endpoint] != OPEN:
            address = addresses(rule)[0]
            answer = browser.get(address) if method == "GET" else browser.post(address)
            assert answer.status_code == 401, (method, address)
            browser.post("/console/sign-in", name=member.name, password=member.password)
            browser.get("/console/second")


@pytest.mark.parametrize("forged", ["", "0" * 32, "é"])
def test_a_form_of_another_page_is_refused_at_every_route(office: Office, forged: str) -> None:
    browser = office.browser("administrator")
    for endpoint, method, rule in routes(office.app):
        deed = DEEDS[endpoint]
        if method == "POST" and isinstance(deed, Deed) and may(Role.ADMINISTRATOR, deed):
            assert browser.post(addresses(rule)[0], form=forged).status_code == 403, rule
