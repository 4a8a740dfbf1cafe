"""The whole of the notice in a real browser, each step by the person who does it, and the whole of lost paper.

Nothing is done but through pages, the signed API and what falls into a telephone or a mailbox, save what is said beside
it; the clock alone is moved.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import pypdfium2
import pytest
import zxingcpp
from playwright.sync_api import Browser, Locator, Page, expect
from werkzeug.serving import make_server

from certsvc.app import create_app, open_services
from certsvc.config import Settings
from certsvc.person.identity import Sex
from certsvc.rules.terms import Subject
from certsvc.services.certificates.import_paper import import_paper
from certsvc.services.operation import sending_systems
from certsvc.services.operation.init import initialise
from certsvc.web.site import EXTENSION
from examples import results_client
from examples.portraits import draw_portrait
from tests.builders.applying import photograph
from tests.builders.gateway import Gateway, gateway, secret_file
from tests.builders.installation import Clock
from tests.builders.person import Candidate, write_csv
from tests.builders.post_office import PostOffice, post_office
from tests.builders.staff import join
from tests.web.conftest import GENEROUS

__all__ = ["gateway", "post_office", "secret_file"]  # fixtures

REGISTERED, SAT, SEEN = date(2025, 3, 3), date(2025, 3, 24), date(2025, 4, 3)
RETAKE, RETAKE_SEEN, ISSUED = date(2025, 5, 12), date(2025, 5, 20), date(2025, 5, 26)
INSTITUTION, STATION, BATCH = "河湾培训学校", "河湾鉴定站", "2025年春第一批"
SCOPES = {"institution": INSTITUTION, "station": STATION, "assessor": STATION}
ROLES = ("institution", "station", "assessor", "reviewer", "maker", "approver")
LOST, UNREGISTERED = "1763010001500077", "1763010001500099"


def candidate(serial: int, name: str) -> Candidate:
    return Candidate(
        serial,
        name,
        phone=f"1380000000{serial}",
        institution=INSTITUTION,
        registered_on=REGISTERED,
        batch=BATCH,
        photo=f"{serial}.jpg",
    )


FLUENT, ON_SITE, LATER = candidate(1, "陈一帆"), candidate(2, "周小舟"), candidate(3, "阿依古丽·买买提")
EVERYONE = (FLUENT, ON_SITE, LATER)


def mailbox(person: Candidate) -> str:
    return f"person{person.serial}@example.org"


class Authority:
    """The site of one authority on loopback, its staff, its gateway and its mail server, on a clock that is moved."""

    def __init__(self, home: Path, browser: Browser, gateway: Gateway, post_office: PostOffice, secret: Path) -> None:
        self.home, self.browser, self.gateway, self.post_office = home, browser, gateway, post_office
        self.clock = Clock()
        self.on(REGISTERED)
        self._server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
        self.base = f"http://localhost:{self._server.server_port}"
        environment = {
            "CERTSVC_HOME": str(home / "home"),
            "CERTSVC_BASE_URL": self.base,
            "CERTSVC_SMS_URL": gateway.url,
            "CERTSVC_SMS_SECRET_FILE": str(secret),
            "CERTSVC_SMTP_URL": post_office.url,
            "CERTSVC_MAIL_FROM": "notices@authority.example",
        }
        settings = Settings.from_environment(environment | GENEROUS)
        self.services = open_services(settings, now=self.clock, clock_is_right=True)
        initialise(self.services)
        self.members = {role: join(self.services, role, role, scope=SCOPES.get(role)) for role in ROLES}
        self.members["second reviewer"] = join(self.services, "second", "reviewer")
        self.app = create_app(settings, services=self.services)
        self._server.app = self.app
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for sender in (self.app.extensions[EXTENSION].sender, self.app.extensions[EXTENSION].teller):
            sender.stop()
        self.services.database.close()

    def on(self, day: date) -> None:
        """It is nine in the morning of this day, in the authority's time."""
        self.clock.at = datetime(day.year, day.month, day.day, 1, tzinfo=UTC)

    @contextmanager
    def someone(self, **options: object) -> Iterator[Page]:
        """A browser of somebody's own, which forgets everything; no page may raise, or break the site's own policy."""
        context = self.browser.new_context(locale="zh-CN", accept_downloads=True, **options)  # type: ignore[arg-type]
        page, said = context.new_page(), list[str]()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda one: said.append(one.text) if "Content Security Policy" in one.text else None)
        yield page
        context.close()
        assert said == []

    @contextmanager
    def at_work(self, role: str) -> Iterator[Page]:
        """A member of the staff, signed in with what their authenticator shows, and out again."""
        self.clock.move(minutes=1)  # a code is good once
        member = self.members[role]
        with self.someone(viewport={"width": 1180, "height": 820}) as page:
            page.goto(f"{self.base}/console")
            page.fill("#c-name", member.name)
            page.fill("#c-password", member.password)
            page.click("main form button")
            page.fill("#c-code", member.code(self.clock()))
            page.click("main form button")
            page.wait_for_url(f"{self.base}/console")
            yield page
            page.click("form[action='/console/sign-out'] button")

    @contextmanager
    def at_home(self, person: Candidate) -> Iterator[Page]:
        """A candidate or holder at their telephone, signed in by name, number and the code that is sent to it."""
        self.clock.move(minutes=1)
        with self.someone(viewport={"width": 390, "height": 844}) as page:
            before = len(self.gateway.taken)
            page.goto(f"{self.base}/my")
            page.fill("#h-name", person.name)
            page.fill("#h-number", person.id_number)
            page.click("main form button")
            message = self.comes(lambda: self.messages(person.phone, "验证码", since=before))
            code = re.search(r"[0-9]{6}", message)
            assert code is not None
            page.fill("#h-code", code[0])
            page.click("form[action='/my/sign-in'] button")
            page.wait_for_url(f"{self.base}/my")
            yield page

    def messages(self, phone: str, words: str, *, since: int = 0) -> list[str]:
        """What came to a telephone and says this."""
        texts = (str(one["text"]) for one in self.gateway.taken[since:] if one["to"] == phone)
        return [text for text in texts if words in text]

    def mails(self, person: Candidate, words: str) -> list[str]:
        """What came to a mailbox and says this."""
        both = zip(self.post_office.recipients, self.post_office.taken, strict=False)
        texts = (str(mail.get_content()) for to, mail in both if to == mailbox(person))
        return [text for text in texts if words in text]

    @staticmethod
    def comes(look: Callable[[], list[str]]) -> str:
        """The first that comes; the site's own threads send it."""
        for _ in range(200):
            if found := look():
                return found[0]
            time.sleep(0.05)
        raise AssertionError("nothing came")


@pytest.fixture
def authority(
    tmp_path: Path, browser: Browser, gateway: Gateway, post_office: PostOffice, secret_file: Path
) -> Iterator[Authority]:
    made = Authority(tmp_path, browser, gateway, post_office, secret_file)
    yield made
    made.close()


def main_of(page: Page) -> Locator:
    return page.locator("main")


# The notice from beginning to end


def an_institution_uploads_its_roster(authority: Authority) -> None:
    """The roster with its photos; each candidate then confirms in person."""
    roster = write_csv(authority.home / "roster.csv", [one.cells(email=mailbox(one)) for one in EVERYONE])
    photos = [authority.home / one.photo for one in EVERYONE]
    for serial, photo in enumerate(photos):
        photo.write_bytes(draw_portrait(serial, Sex.MALE))
    with authority.at_work("institution") as page:
        page.goto(f"{authority.base}/console/registrations/new")
        page.set_input_files("#c-roster", roster)
        page.set_input_files("#c-photos", photos)
        page.click("form[action='/console/registrations/new'] button")
        expect(page.locator("[role=status]")).to_contain_text("新增 3 份")
        for one in EVERYONE:
            page.goto(f"{authority.base}/console/registrations")
            page.click(f"main a:has-text('{one.name}')")
            page.check("input[name=face][value=pass]")
            page.fill("#c-place", "学校报名处")
            page.click("form[action$=confirm] button")
    for one in EVERYONE:
        authority.comes(lambda one=one: authority.mails(one, "报名已登记"))


def a_reviewer_approves(authority: Authority) -> None:
    with authority.at_work("reviewer") as page:
        page.goto(f"{authority.base}/console/registrations")
        for one in EVERYONE:
            page.get_by_role("row").filter(has_text=one.name).locator("input[name=id]").check()
        page.click("button[name=approve]")
        expect(page.locator("[role=status]")).to_contain_text("已办理 3 份")
    authority.comes(lambda: authority.mails(LATER, "审核通过"))


def a_sitting(authority: Authority, subject: Subject, on: date, **whom: str) -> str:
    """The maker makes a sitting and puts candidates on its roll; its address."""
    with authority.at_work("maker") as page:
        page.goto(f"{authority.base}/console/sittings/new")
        page.check(f"input[name=subject][value={subject.value}]")
        page.fill("#c-on", on.isoformat())
        page.fill("#c-place", "河湾实训楼二层")
        page.fill("#c-station", STATION)
        page.fill("#c-capacity", "20")
        page.click("form[action='/console/sittings/new'] button")
        page.wait_for_url(re.compile(r"/console/sittings/[0-9]+$"))
        address = page.url
        for field, value in whom.items():
            page.fill(f"form[action$=admit] input[name={field}]", value)
        page.click("form[action$=admit] button")
        expect(page.locator("section[role=status]")).to_contain_text("未编入 0 人")
    return address


def the_candidates_are_told_where(authority: Authority) -> None:
    for one in EVERYONE:
        said = authority.comes(lambda one=one: authority.mails(one, f"{SAT} 09:00"))
        assert "河湾实训楼二层" in said


def the_theory_system_sends(authority: Authority, delivery: str, *rows: dict[str, str]) -> None:
    """The theory's own system sends results with the reference client; sent twice, it is one."""
    body = json.dumps({"rows": rows}, ensure_ascii=False).encode()
    key = results_client.read_key(authority.home / "theory.pem")
    key_id = (authority.home / "theory.keyid").read_text("utf-8")
    for _ in range(2):
        status, answer = results_client.send(authority.base, body, key, key_id, delivery)
        assert (status, answer["new"]) == (200, len(rows)), answer


def a_theory_system_is_let_in(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its public key; there is no page for it. Its clock goes as the authority's."""
    public = results_client.new_key(authority.home / "theory.pem").read_bytes()
    system = sending_systems.register(
        authority.services, "机考系统", public, [Subject.THEORY], station=None, by="administrator"
    )
    (authority.home / "theory.keyid").write_text(system.key_id, "utf-8")
    monkeypatch.setattr(results_client, "time", SimpleNamespace(time=lambda: authority.clock().timestamp()))


def a_station_shows_the_draw(authority: Authority, sitting: str) -> None:
    with authority.at_work("station") as page:
        page.goto(sitting)
        page.click("form[action$=draw] button")
        drawn = main_of(page).inner_text()
        assert "救援绳索" in drawn or "气道梗塞" in drawn


def an_assessor_scores(authority: Authority, sitting: str) -> None:
    """On a tablet: one passes, one fails and passes again the same day, one passes."""
    with authority.at_work("assessor") as page:
        page.set_viewport_size({"width": 820, "height": 1180})
        page.goto(f"{sitting}/sheet")
        page.wait_for_selector("[data-sheet][data-ready]")
        scored(page, FLUENT, "10", "60 合格")
        scored(page, ON_SITE, "5", "30 不合格")
        scored(page, ON_SITE, "10", "60 合格", again=True)
        scored(page, LATER, "9.5", "57 不合格")
        scored(page, LATER, "10", "60 合格", again=True)


def scored(page: Page, person: Candidate, mark: str, says: str, *, again: bool = False) -> None:
    """So much for each item, and what the sheet then says."""
    seat = page.locator("details.seat").filter(has_text=person.name)
    if seat.get_attribute("open") is None:
        seat.locator("summary").first.click()
    form = seat.locator("details.again form" if again else "form[data-main]")
    for field in form.locator("input[data-max]").all():
        field.fill(mark)
    form.locator("button:not([name])").click()
    expect(seat.locator(f"[data-pill={'again' if again else 'main'}]")).to_have_text(says)


def a_station_confirms(authority: Authority, sitting: str) -> None:
    with authority.at_work("station") as page:
        page.goto(f"{sitting}/sheet")
        expect(main_of(page)).to_contain_text("现场补考")
        page.click("form[action$=confirm] button")
        expect(page.locator("[role=status]")).to_contain_text("station 已确认")
        page.goto(sitting)
        page.click("form[action$=close] button")
        expect(main_of(page)).to_contain_text("公布的抽签文件，含种子")


def a_reviewer_publishes(authority: Authority, exams: int) -> None:
    with authority.at_work("reviewer") as page:
        for left in range(exams, 0, -1):
            page.goto(f"{authority.base}/console/results?state=entered")
            expect(page.locator("main tbody tr")).to_have_count(left)
            page.locator("main tbody a").first.click()
            page.click("form[action='/console/results/publish'] button")
            expect(page.locator("[role=status]")).to_contain_text("已公布")


def the_one_who_failed_learns_of_a_free_retake(authority: Authority) -> None:
    authority.comes(lambda: authority.mails(LATER, "须在 2026-03-24 前"))
    with authority.at_home(LATER) as page:
        expect(main_of(page)).to_contain_text("2026-03-24")
        expect(main_of(page)).to_contain_text("55")


def the_office_sees_who_has_a_retake(authority: Authority) -> None:
    with authority.at_work("maker") as page:
        page.goto(f"{authority.base}/console/retakes?within=all")
        expect(page.locator("main tbody tr")).to_have_count(1)
        expect(page.locator("main tbody tr")).to_contain_text(LATER.name)


def the_maker_asks_for_the_batch(authority: Authority) -> str:
    """The address of the request."""
    with authority.at_work("maker") as page:
        page.goto(f"{authority.base}/console/issuing")
        for one in EVERYONE:
            expect(main_of(page)).to_contain_text(one.name)
        page.click("form[action='/console/issuing/propose'] button")
        page.wait_for_url(f"{authority.base}/console/approvals/*")
        assert page.locator("form[action$=approve]").count() == 0, "not by the one who asked"
        return page.url


def the_approver_approves(authority: Authority, request: str) -> None:
    with authority.at_work("approver") as page:
        expect(main_of(page)).to_contain_text("签发")
        page.goto(request)
        page.click("form[action$=approve] button")
        expect(main_of(page)).to_contain_text("已批准")
        assert not page.url.endswith("?later"), "signed, published and drawn at once"


def the_holder_is_told_and_downloads(authority: Authority, person: Candidate) -> bytes:
    authority.comes(lambda: authority.mails(person, "电子证书已签发"))
    with authority.at_home(person) as page:
        expect(page.locator(".cert .verdict h2")).to_contain_text("真实有效")
        with page.expect_download() as download:
            page.click("a[href$='.pdf']")
        return Path(download.value.path()).read_bytes()


def an_employer_scans(authority: Authority, pdf: bytes, person: Candidate) -> None:
    """The code as it stands on the page that the holder hands in."""
    with pypdfium2.PdfDocument(pdf) as document:
        paper = document[0].render(scale=3).to_pil()
    (code,) = zxingcpp.read_barcodes(paper, formats=zxingcpp.BarcodeFormat.QRCode)
    with authority.someone(viewport={"width": 390, "height": 844}) as page:
        page.goto(code.text)
        expect(page.locator("h1")).to_contain_text("真实有效")
        expect(main_of(page)).to_contain_text(person.name)


def test_the_notice_from_beginning_to_end(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    a_theory_system_is_let_in(authority, monkeypatch)
    an_institution_uploads_its_roster(authority)
    a_reviewer_approves(authority)
    sitting = a_sitting(authority, Subject.PRACTICAL, SAT, batch=BATCH)
    the_candidates_are_told_where(authority)

    authority.on(SAT)
    theory = [(FLUENT, "88"), (ON_SITE, "60"), (LATER, "55.5")]
    the_theory_system_sends(
        authority, f"{SAT}/hall-1", *(one.result("theory", score, sat_on=str(SAT)) for one, score in theory)
    )
    a_station_shows_the_draw(authority, sitting)
    an_assessor_scores(authority, sitting)
    a_station_confirms(authority, sitting)

    authority.on(SEEN)
    a_reviewer_publishes(authority, exams=2)
    the_one_who_failed_learns_of_a_free_retake(authority)
    the_office_sees_who_has_a_retake(authority)
    a_sitting(authority, Subject.THEORY, RETAKE, id_number=LATER.id_number)

    authority.on(RETAKE)
    retaken = LATER.result("theory", "72", sat_on=str(RETAKE), kind="free_retake")
    the_theory_system_sends(authority, f"{RETAKE}/hall-1", retaken)
    authority.on(RETAKE_SEEN)
    a_reviewer_publishes(authority, exams=1)

    authority.on(ISSUED)
    request = the_maker_asks_for_the_batch(authority)
    the_approver_approves(authority, request)
    for one in (LATER, ON_SITE):
        pdf = the_holder_is_told_and_downloads(authority, one)
        an_employer_scans(authority, pdf, one)


# Lost paper


OLD_HANDS = Candidate(4, "孙长江", phone="13900001234"), Candidate(5, "李远山", phone="13900005678")


def the_archive_is_on_record(authority: Authority) -> None:
    """One of the two papers stands in the register of former paper. It is imported by command; no page does so."""
    row = ("姓名", OLD_HANDS[0].name), ("证件类型", "居民身份证"), ("证件号码", OLD_HANDS[0].id_number)
    paper = {"证书编号": LOST, **dict(row), "职业": "应急救援员", "等级": "5"}
    paper |= {"发证日期": "2019-04-01", "发证机构": "河湾鉴定中心"}
    import_paper(authority.services, write_csv(authority.home / "paper.csv", [paper]), by="archive")


def a_holder_applies(authority: Authority, person: Candidate, number: str) -> str:
    """With pictures taken by the telephone; the reference of the application."""
    pictures = [authority.home / f"{number}-{what}.jpg" for what in ("document", "paper")]
    for at, picture in enumerate(pictures):
        picture.write_bytes(photograph(person.serial + at, words=picture.stem[-8:]))
    with authority.someone(viewport={"width": 390, "height": 844}) as page:
        page.goto(f"{authority.base}/my/paper")
        page.fill("#p-number", number)
        page.fill("#p-name", person.name)
        page.fill("#p-id", person.id_number)
        page.fill("#p-phone", person.phone)
        page.check("input[name=reason][value=lost]")
        page.set_input_files("#p-document", pictures[0])
        page.set_input_files("#p-paper", pictures[1])
        page.click("form[action='/my/paper'] button")
        return page.locator("#reference").inner_text()


@contextmanager
def the_application(authority: Authority, reviewer: str, person: Candidate) -> Iterator[Page]:
    """A reviewer opens it from the queue and sees its pictures."""
    with authority.at_work(reviewer) as page:
        page.goto(f"{authority.base}/console/reissues")
        page.get_by_role("row").filter(has_text=person.name).get_by_role("link", name="看材料并决定").click()
        expect(main_of(page)).to_contain_text(person.id_number)
        assert page.locator("figure.sent img").count() >= 2
        for picture in page.locator("figure.sent img").all():
            picture.scroll_into_view_if_needed()
            expect(picture).to_have_js_property("complete", value=True)
            assert picture.evaluate("image => image.naturalWidth") > 0
        yield page


def a_reviewer_asks_for_more(authority: Authority, person: Candidate) -> None:
    with the_application(authority, "reviewer", person) as page:
        page.fill("#c-missing", "身份证背面")
        page.click("form[action$=return] button")
        expect(main_of(page)).to_contain_text("已请申请人补充：身份证背面")
    authority.comes(lambda: authority.messages(person.phone, "需要补充材料"))


def the_state(authority: Authority, page: Page, person: Candidate, reference: str) -> None:
    page.goto(f"{authority.base}/my/paper/state")
    page.fill("#s-reference", reference)
    page.fill("#s-phone", person.phone[-4:])
    page.click("form[action='/my/paper/state'] button")


def the_holder_sends_more(authority: Authority, person: Candidate, reference: str) -> None:
    more = authority.home / "more.jpg"
    more.write_bytes(photograph(9, words="BACK"))
    with authority.someone(viewport={"width": 390, "height": 844}) as page:
        the_state(authority, page, person, reference)
        expect(main_of(page)).to_contain_text("身份证背面")
        page.set_input_files("#m-document", more)
        page.click("form[action='/my/paper/more'] button")
        expect(page.locator("[data-state=received]")).to_be_visible()


def a_reviewer_records_what_the_pictures_show(authority: Authority, person: Candidate) -> None:
    """The register has no such paper: one reviewer vouches, and cannot approve."""
    with the_application(authority, "reviewer", person) as page:
        expect(page.locator("[role=status]").first).to_contain_text("登记册中没有这个编号")
        assert page.locator("form[action$=approve]").count() == 0
        page.fill("#c-evidence", "纸质证书照片清晰，姓名、编号与身份证一致")
        page.fill("#c-on", "2018-05-06")
        page.click("form[action$=confirm] button")
        expect(main_of(page)).to_contain_text("证明材料由您登记，须由另一人批准")
        assert page.locator("form[action$=approve]").count() == 0


def a_reviewer_reissues(authority: Authority, reviewer: str, person: Candidate) -> None:
    with the_application(authority, reviewer, person) as page:
        page.click("form[action$=approve] button")
        page.wait_for_url(f"{authority.base}/console/certificates/*")
        expect(main_of(page)).to_contain_text(person.name)
    authority.comes(lambda: authority.messages(person.phone, "补发申请已批准"))


def the_applicant_sees_that_it_is_done(authority: Authority, person: Candidate, reference: str) -> None:
    with authority.someone(viewport={"width": 390, "height": 844}) as page:
        the_state(authority, page, person, reference)
        expect(page.locator("[data-state=approved]")).to_be_visible()


def who_checks_the_paper(authority: Authority, person: Candidate, number: str, says: str) -> None:
    with authority.someone(viewport={"width": 390, "height": 844}) as page:
        page.goto(f"{authority.base}/verify")
        page.fill("#n-number", number)
        page.fill("#n-name", person.name)
        page.click("form[action='/verify/number'] button")
        expect(page.locator("#verdict h1")).to_contain_text(says)


def test_lost_paper(authority: Authority) -> None:
    first, second = OLD_HANDS
    the_archive_is_on_record(authority)
    who_checks_the_paper(authority, first, LOST, "纸质证书真实有效")
    registered = a_holder_applies(authority, first, LOST)
    a_reviewer_reissues(authority, "reviewer", first)
    the_applicant_sees_that_it_is_done(authority, first, registered)
    who_checks_the_paper(authority, first, LOST, "该纸质证书已报遗失")

    unregistered = a_holder_applies(authority, second, UNREGISTERED)
    a_reviewer_asks_for_more(authority, second)
    the_holder_sends_more(authority, second, unregistered)
    a_reviewer_records_what_the_pictures_show(authority, second)
    a_reviewer_reissues(authority, "second reviewer", second)
    the_applicant_sees_that_it_is_done(authority, second, unregistered)
    who_checks_the_paper(authority, second, UNREGISTERED, "该纸质证书已报遗失")
