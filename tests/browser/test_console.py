"""The console in a real browser: signing in, a passkey that signs what is approved, every page in both themes and three
widths, a picture of each in `artefacts/screenshots/console`, and nothing for axe-core to find."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pyotp
import pytest
from playwright.sync_api import Browser, Error, Page, Route
from werkzeug.serving import make_server

from certsvc.app import create_app
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.rules.enrolment import AttemptKind, Outcome
from certsvc.rules.result_correction import CorrectionReason
from certsvc.services.approvals import desk
from certsvc.services.certificates.correct import Correction, propose
from certsvc.services.examination import sheet
from certsvc.services.examination.draw import draw
from certsvc.services.examination.scores import enter
from certsvc.services.examination.sittings import Seat
from certsvc.services.notices.deliver import deliver
from certsvc.services.registration.import_roster import import_candidates
from certsvc.services.results import one
from certsvc.services.results.one import Correction as ResultCorrection
from tests.browser.conftest import violations
from tests.builders.applying import apply_from_home
from tests.builders.examining import add, admit, entry, on_record
from tests.builders.person import Candidate, write_csv
from tests.builders.site import PAPER_NAME, PAPER_NUMBER, Register, id_number_of, make_register
from tests.builders.staff import Member, join
from tests.web.conftest import GENEROUS

SCREENSHOTS = Path(__file__).parents[2] / "artefacts" / "screenshots" / "console"
WIDTHS = (390, 820, 1280)
PAPER_IDENTITY = IdentityDocument(IdType.RESIDENT_ID, id_number_of(80))
PAGES = {
    "reviewer": (
        "/console",
        "/console/registrations",
        "/console/registrations/ROW",
        "/console/reissues",
        "/console/reissues/HOME",
        "/console/me",
        "/console/results?since=2025-01-01&until=2025-12-31",
        "/console/results/exam?day=2025-03-24&subject=theory",
    ),
    "maker": (
        "/console/issuing",
        "/console/registrations/new",
        "/console/certificates?name=欧阳明月",
        "/console/certificates/NUMBER",
        "/console/results/new",
        "/console/results/corrections",
        "/console/results/correct?attempt=1",
    ),
    "approver": ("/console", "/console/approvals", "/console/approvals/ASKED", "/console/approvals/CORRECTED"),
    "auditor": (
        "/console/trail",
        "/console/accounts",
        "/console/overview?since=2025-01-01&until=2026-12-31",
        "/console/retakes?within=all",
        "/console/results/of/1",
        "/console/notices?state=sent",
    ),
    "administrator": ("/console/accounts", "/console/accounts/maker1"),
    "station": (
        "/console/sittings",
        "/console/sittings/new",
        "/console/sittings/SITTING",
        "/console/sittings/SITTING/sheet",
    ),
    "assessor": ("/console", "/console/sittings?state=confirmed", "/console/sittings/SITTING/sheet"),
}


class Console:
    """The site at a name that passkeys can be bound to, on a clock that runs."""

    def __init__(self, register: Register) -> None:
        self._server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
        self.base = f"http://localhost:{self._server.server_port}"
        self.register = register
        # Passkeys are bound to the domain; a clock that stands still gives each one-time code once.
        self.services = dataclasses.replace(register.services, base_url=self.base, now=lambda: datetime.now(UTC))
        settings = dataclasses.replace(register.settings, base_url=self.base)
        self._server.app = create_app(settings, services=self.services)
        self.members = {role: join(self.services, f"{role}1", role) for role in PAGES}
        self.row = self._bring(register.settings.home)
        self.sitting, self.seats = self.practical(register.settings.home, first=400)
        self.enter(0, "first", "12")
        self.enter(1, "first", "4")
        enter(self.services, self.sitting, [entry(self.seats[2].ticket, outcome="absent")], by="assessor1")

    def _bring(self, home: Path) -> int:
        number = self.register.valid.number
        self.asked = propose(
            self.register.services, number, Correction(name="欧阳明日"), reason="录入有误", by="maker1"
        ).approval_id
        wanted = ResultCorrection(Outcome.MISCONDUCT, reason="录像查实", code=CorrectionReason.MISCONDUCT)
        self.corrected = one.propose(self.services, 1, wanted, by="maker1").approval_id
        rows = [Candidate(serial, name=f"测试{'甲乙丙丁戊'[serial % 5]}").cells() for serial in range(5)]
        import_candidates(self.services, write_csv(home / "r.csv", rows), by="clerk", for_review=True)
        told = dataclasses.replace(self.services, notices_on=True)
        import_candidates(told, write_csv(home / "t.csv", [Candidate(7, name="测试己").cells()]), by="clerk")
        deliver(told)
        apply_from_home(self.register.services, number=PAPER_NUMBER, name=PAPER_NAME, identity=PAPER_IDENTITY)
        with self.services.database.reading() as session:
            self.home = session.connection().exec_driver_sql("select max(id) from reissue_request").scalar_one()
            submitted = "select max(id) from enrolment where review_state = 'submitted'"
            return session.connection().exec_driver_sql(submitted).scalar_one()

    def practical(self, home: Path, first: int) -> tuple[int, tuple[Seat, ...]]:
        """A sitting of today of four candidates, whose draw was shown."""
        made = add(self.services, on=self.services.today(), station="测试培训机构", begins=f"{first % 24:02d}:00")
        seats = admit(self.services, made, on_record(self.services, home, 4, first=first)).admitted
        draw(self.services, made.id, by="station1")
        return made.id, seats

    def enter(self, seat: int, kind: str, score: str) -> None:
        (line,) = (one for one in sheet.sheet(self.services, self.sitting) if one.seat.id == self.seats[seat].id)
        items = {item.code: min(score, str(item.maximum), key=float) for item in line.items}
        given = entry(self.seats[seat].ticket, kind=AttemptKind.of(kind), items=items)
        assert enter(self.services, self.sitting, [given], by="assessor1")[0].state == "taken"

    def address(self, page: str) -> str:
        places = {
            "ROW": self.row,
            "NUMBER": self.register.valid.number,
            "ASKED": self.asked,
            "CORRECTED": self.corrected,
            "SITTING": self.sitting,
            "HOME": self.home,
        }
        for name, value in places.items():
            page = page.replace(name, str(value))
        return self.base + page


@contextmanager
def serving(register: Register) -> Iterator[Console]:
    """The console of a register that has had none yet."""
    made = Console(register)
    thread = threading.Thread(target=made._server.serve_forever, daemon=True)
    thread.start()
    yield made
    made._server.shutdown()
    thread.join()
    made._server.server_close()


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Console]:
    with serving(make_register(tmp_path_factory.mktemp("console"), **GENEROUS)) as made:
        yield made


class HasAddress(Protocol):
    """A site that is served at `base`."""

    base: str


def sign_in(page: Page, console: HasAddress, member: Member) -> None:
    page.goto(f"{console.base}/console")
    page.fill("#c-name", member.name)
    page.fill("#c-password", member.password)
    page.click("main form button")
    page.fill("#c-code", member.recovery.pop())
    page.click("main form button")
    page.wait_for_url(f"{console.base}/console")


@pytest.mark.parametrize("role", PAGES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_for_everyone(browser: Browser, console: Console, axe: str, role: str, theme: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(color_scheme=theme, locale="zh-CN" if theme == "light" else "en-GB")
    page = context.new_page()
    sign_in(page, console, console.members[role])
    for at, address in enumerate(PAGES[role]):
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(console.address(address))
            page.screenshot(path=SCREENSHOTS / f"{role}-{at}-{width}-{theme}.png", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (address, width)
        assert violations(page, axe) == "", address
    context.close()


def test_a_passkey_signs_in_and_signs_what_is_approved(browser: Browser, console: Console) -> None:
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    devices = context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasUserVerification": True, "isUserVerified": True}
    options |= {"hasResidentKey": True, "automaticPresenceSimulation": True}
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    member = console.members["approver"]
    sign_in(page, console, member)
    page.goto(f"{console.base}/console/me")
    page.click("form[action='/console/me/passkey'] button")
    page.fill("#c-label", "虚拟安全密钥")
    page.click("[data-passkey]")
    page.wait_for_url(f"{console.base}/console/me?added")
    assert "虚拟安全密钥" in page.content()
    page.click("form[action='/console/sign-out'] button")
    page.fill("#c-name", member.name)
    page.fill("#c-password", member.password)
    page.click("main form button")
    page.click("[data-passkey]")
    page.wait_for_url(f"{console.base}/console")
    with console.services.database.writing() as session:  # five minutes pass
        session.connection().exec_driver_sql(
            "update staff_session set confirmed_at = '2020-01-01 00:00:00' where factor is not null"
        )
    page.goto(f"{console.base}/console/approvals/{console.asked}")
    page.fill("#c-reason", "材料不全")
    page.click("form[action$=reject] button")
    page.click("[data-passkey]")
    page.wait_for_url(f"{console.base}/console/approvals/{console.asked}")
    found = desk.show(console.services, console.asked)
    assert (found.state, found.decided_by, found.note) == ("rejected", "approver1", "材料不全")
    context.close()


def test_the_console_works_without_a_script(browser: Browser, console: Console) -> None:
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    sign_in(page, console, console.members["reviewer"])
    page.goto(f"{console.base}/console/registrations")
    page.check(f"input[value='{console.row}']")
    page.fill("#c-reason", "缺近期照片")
    page.click("button[name=return]")
    assert "已办理 1 份" in page.content()
    context.close()


def entries(console: Console, sitting: int) -> list[tuple[int, str, str]]:
    """(Number, outcome, who) of each entry of a sitting, history included."""
    with console.services.database.reading() as session:
        query = (
            "select seat.number, score_entry.outcome, score_entry.entered_by from score_entry join seat"
            f" on seat.id = score_entry.seat_id where seat.sitting_id = {sitting} order by score_entry.id"
        )
        return [tuple(row) for row in session.connection().exec_driver_sql(query)]


def marks(page: Page, number: int, score: str) -> None:
    """Score a candidate: so much for each item."""
    seat = page.locator(f"#t{number:03d}")
    if seat.get_attribute("open") is None:
        seat.locator("summary").first.click()
    for field in seat.locator("form[data-main] input[data-max]").all():
        field.fill(score)
    seat.locator("form[data-main] button:not([name])").click()


def pill(page: Page, number: int, text: str) -> None:
    page.locator(f"#t{number:03d} [data-pill=main]", has_text=text).wait_for()


def test_the_sheet_works_through_a_lost_connection_and_enters_nothing_twice(
    browser: Browser, console: Console, axe: str
) -> None:
    sitting, seats = console.practical(console.register.settings.home, first=420)
    context = browser.new_context(locale="zh-CN", viewport={"width": 820, "height": 1180})
    page = context.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda one: said.append(one.text) if "Content Security Policy" in one.text else None)
    member, address = console.members["assessor"], f"{console.base}/console/sittings/{sitting}/sheet"
    sign_in(page, console, member)
    page.goto(address)
    page.wait_for_selector("[data-sheet][data-ready]")
    page.locator("#t001 form[data-main] input[data-max]").first.fill("10")
    assert page.locator("#t001 [data-total]").first.inner_text() == "10"
    marks(page, 1, "10")
    pill(page, 1, "60 合格")
    page.screenshot(path=SCREENSHOTS / "sheet-entered-820.png", full_page=True)

    context.set_offline(True)
    marks(page, 2, "5")
    pill(page, 2, "本机待送")
    page.locator("[data-line]", has_text="连接中断").wait_for()
    page.screenshot(path=SCREENSHOTS / "sheet-offline-820.png", full_page=True)
    stored = page.evaluate("JSON.stringify(localStorage)")
    assert seats[1].ticket not in stored, "what is kept is sealed"
    page.click("#t003 summary >> nth=0")
    page.check("#t003 form[data-main] input[value=absent]")
    page.click("#t003 form[data-main] button:not([name])")
    pill(page, 3, "本机待送")
    page.wait_for_selector("#t004[open]")
    page.click("#t003 summary >> nth=0")
    page.check("#t003 form[data-main] input[value=excused]")  # put right before it ever left
    page.click("#t003 form[data-main] button:not([name])")
    page.locator("[data-kept] li", has_text="缓考").wait_for()
    assert page.locator("[data-kept] li").count() == 2
    assert entries(console, sitting) == [(1, "scored", "assessor1")]
    context.set_offline(False)
    pill(page, 2, "30 不合格")
    pill(page, 3, "缓考")
    assert page.locator("[data-kept]").is_hidden()
    assert sorted(entries(console, sitting)) == [
        (1, "scored", "assessor1"),
        (2, "scored", "assessor1"),
        (3, "excused", "assessor1"),
    ], "nothing is lost, nothing is there twice"

    # The register takes it, and its answer is lost: sent again, it is the same entry.
    def lose(route: Route) -> None:
        with suppress(Error):  # the page is closed meanwhile
            route.fetch()
            route.abort()

    page.route("**/scores", lose)
    marks(page, 4, "3")
    page.locator("[data-line]", has_text="连接中断").wait_for()
    assert len(entries(console, sitting)) == 4
    page.close()
    page = context.new_page()
    page.goto(address)
    pill(page, 4, "18 不合格")
    assert len(entries(console, sitting)) == 4
    assert page.evaluate("localStorage.length") == 0

    # A tablet that comes back after a day: the session is over, and the sheet was confirmed meanwhile.
    context.set_offline(True)
    marks(page, 1, "9")
    pill(page, 1, "本机待送")
    with console.services.database.writing() as session:
        session.connection().exec_driver_sql("update staff_session set ended_at = seen_at")
    second = browser.new_context(locale="zh-CN", viewport={"width": 820, "height": 1180})
    confirming = second.new_page()
    sign_in(confirming, console, console.members["station"])
    confirming.goto(address)
    confirming.screenshot(path=SCREENSHOTS / "sheet-to-confirm-820.png", full_page=True)
    assert violations(confirming, axe) == ""
    confirming.click("form[action$=confirm] button")
    confirming.locator("[role=status]", has_text="station1 已确认").wait_for()
    second.close()
    context.set_offline(False)
    page.locator("[data-line]", has_text="登录已结束").wait_for()
    assert page.evaluate("localStorage.length") == 1
    sign_in(page, console, member)
    page.goto(f"{console.base}/console/sittings?state=confirmed")
    page.locator(f"[data-unsent='{sitting}']").wait_for()
    page.goto(address)
    page.locator("[data-kept] li", has_text="安全评估 9").filter(has_text="已确认并锁定").wait_for()
    page.screenshot(path=SCREENSHOTS / "sheet-a-day-later-820.png", full_page=True)
    assert violations(page, axe) == ""
    page.click("[data-kept] li button")
    assert page.locator("[data-kept]").is_hidden()
    assert len(entries(console, sitting)) == 4
    assert page.evaluate("localStorage.length") == 0
    assert said == []
    context.close()


def test_the_secret_on_the_page_is_the_one_in_its_code(browser: Browser, console: Console) -> None:
    import io

    import zxingcpp
    from PIL import Image

    from certsvc.services.staff.accounts import do_alone, opening

    do_alone(console.services, opening("newcomer", "auditor", "given by another"), by="root")
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{console.base}/console")
    page.fill("#c-name", "newcomer")
    page.fill("#c-password", "given by another")
    page.click("main form button")
    secret = page.inner_text("[data-secret]")
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(page.locator("svg.qr").screenshot())))
    assert pyotp.parse_uri(code.text).secret == secret
    context.close()
