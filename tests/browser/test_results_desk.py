"""Results put right in a real browser, by two people: a score review that makes one pass, and one that takes a
certificate away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from certsvc.app import create_app, open_services
from certsvc.services.certificates.listing import find_certificates
from certsvc.services.issuing.issue import issue
from certsvc.services.operation.init import initialise
from certsvc.services.publishing.static import publish_static
from tests.browser.conftest import violations
from tests.browser.test_console import SCREENSHOTS, WIDTHS, sign_in
from tests.builders.correcting import record, register
from tests.builders.person import Candidate
from tests.builders.site import settings_for
from tests.builders.staff import join
from tests.web.conftest import GENEROUS

PASSES, LOSES = Candidate(901, "复核甲"), Candidate(902, "撤证乙")


class Desks:
    """A site of its own with a maker and an approver, one who failed by a hundredth and one who holds a certificate."""

    def __init__(self, home: Path) -> None:
        self._server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
        self.base = f"http://localhost:{self._server.server_port}"
        settings = settings_for(home, CERTSVC_BASE_URL=self.base, **GENEROUS)
        self.services = open_services(settings, now=lambda: datetime.now(UTC), clock_is_right=True)
        initialise(self.services)
        register(self.services, home, [PASSES, LOSES])
        rows = [PASSES.result("theory", "59.99"), PASSES.result("practical", "80"), *LOSES.passes()]
        record(self.services, home, *rows)
        issue(self.services, by="issuer")
        publish_static(self.services)
        self.members = {role: join(self.services, f"{role}1", role) for role in ("maker", "approver")}
        self._server.app = create_app(settings, services=self.services)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.services.database.close()


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Desks]:
    home = tmp_path_factory.mktemp("desks") / "home"
    home.mkdir()
    made = Desks(home)
    yield made
    made.stop()


def at_the_desk(browser: Browser, console: Desks, role: str) -> Page:
    page = browser.new_context(locale="zh-CN").new_page()
    sign_in(page, console, console.members[role])
    return page


def look(page: Page, console: Desks, person: Candidate, **typed: str) -> None:
    """Find a candidate and look at what would follow from a correction of the theory."""
    page.goto(f"{console.base}/console/results")
    page.fill("#c-id", person.id_number)
    page.click("form[action='/console/results/find'] button")
    page.click(f"main a:has-text('{person.name}')")
    page.locator("tr", has_text="理论知识考试").get_by_text("更正这一条").click()
    page.select_option("#c-outcome", typed["outcome"])
    page.fill("#c-score", typed["score"])
    page.select_option("#c-code", typed["code"])
    page.fill("#c-reason", typed["reason"])
    page.click("form[action='/console/results/correct'] button")


def is_for_everyone(page: Page, axe: str, name: str) -> None:
    """A page that only a form leads to: looked at as the others are (`test_console`)."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=SCREENSHOTS / f"{name}-{width}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)
    assert violations(page, axe) == "", name


def approve(page: Page, address: str) -> None:
    page.goto(address)
    page.click("form[action$=approve] button")
    page.wait_for_url(address + "*")


def test_a_score_review_turns_a_fail_into_a_pass(browser: Browser, desks: Desks) -> None:
    maker, approver = at_the_desk(browser, desks, "maker"), at_the_desk(browser, desks, "approver")
    maker.goto(f"{desks.base}/console/issuing")
    assert PASSES.name not in maker.inner_text("main")
    look(maker, desks, PASSES, outcome="scored", score="60", code="review", reason="成绩复核：漏加一题")
    assert "1 人由此通过" in maker.inner_text(".foreseen")
    maker.click("form[action='/console/results/correct/propose'] button")
    maker.wait_for_url(f"{desks.base}/console/approvals/*")
    assert maker.locator("form[action$=approve]").count() == 0, "not by the one who asked"
    approver.goto(maker.url)
    assert "1 人由此通过" in approver.inner_text("main")
    approve(approver, maker.url)
    assert "已批准" in approver.inner_text("main")
    maker.goto(f"{desks.base}/console/issuing")
    assert PASSES.name in maker.inner_text("main"), "due in the next batch"
    for page in (maker, approver):
        page.context.close()


def test_a_correction_takes_a_certificate_away(browser: Browser, desks: Desks, axe: str) -> None:
    (held,) = find_certificates(desks.services, name=LOSES.name)
    maker, approver = at_the_desk(browser, desks, "maker"), at_the_desk(browser, desks, "approver")
    look(maker, desks, LOSES, outcome="misconduct", score="", code="misconduct", reason="录像查实替考")
    assert "1 份证书撤销" in maker.inner_text(".foreseen")
    is_for_everyone(maker, axe, "foreseen")
    maker.click("form[action='/console/results/correct/propose'] button")
    maker.wait_for_url(f"{desks.base}/console/approvals/*")
    public = browser.new_context(locale="zh-CN").new_page()
    public.goto(f"{desks.base}/v/{held.token}")
    assert "真实有效" in public.inner_text("main"), "nothing happens before it is approved"
    approver.goto(maker.url)
    assert "1 份证书撤销" in approver.inner_text("main")
    is_for_everyone(approver, axe, "approval-of-results")
    approve(approver, maker.url)
    public.reload()
    seen = public.inner_text("main")
    assert "已撤销" in seen
    assert "替考" not in seen, "why stays inside"
    for page in (maker, approver, public):
        page.context.close()
