"""The holder's pages in a real browser: the whole journey, without a script too; every page in both languages, themes
and widths, a picture of each in `artefacts/screenshots/holder`, and nothing for axe-core to find."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from certsvc.services.certificates import give_out, import_paper
from certsvc.services.holders import sign_in
from certsvc.services.holders.codes_by_message import send_due
from certsvc.web.site import EXTENSION
from tests.browser.conftest import Served, violations
from tests.builders.holders import (
    FAILED_NAME,
    PENDING_NAME,
    REJECTED_NAME,
    RETAKE_NAME,
    RETURNED_NAME,
    SUBMITTED_NAME,
    Someone,
    access_code,
    bring_holders,
)
from tests.builders.site import CORRECTED_NAME, NAMES, PAPER_NAME, REPLACED_NAME

SCREENSHOTS = Path(__file__).parents[2] / "artefacts" / "screenshots" / "holder"
THEMES = ("light", "dark")
WIDTHS = (390, 1280)
LANGUAGES = {"zh": "zh-CN", "en": "en-GB"}
# Each travels in one language; both also have a paper certificate, to apply for a reissue of.
TRAVELLERS = {"zh": ("valid", "2010630500020001"), "en": ("second", "2010630500020002")}
PEOPLE = {
    "valid": NAMES["valid"],
    "suspended": NAMES["suspended"],
    "revoked": NAMES["revoked"],
    "forged": NAMES["forged"],
    "expired": NAMES["expired"],
    "corrected": CORRECTED_NAME,
    "paper": PAPER_NAME,
    "replaced": REPLACED_NAME,
    "retake": RETAKE_NAME,
    "pending": PENDING_NAME,
    "failed": FAILED_NAME,
    "submitted": SUBMITTED_NAME,
    "returned": RETURNED_NAME,
    "rejected": REJECTED_NAME,
}
SAYS = {
    "zh": {
        "genuine": "真实有效",
        "opened": "打开过 1 次",
        "checked": "总共 {} 次",
        "applied": "补发申请已收到",
        "gone": "没有这个分享链接，或已失效",
        "out": "已退出",
        "refused": "没有登录",
    },
    "en": {
        "genuine": "Genuine and in force",
        "opened": "Opened (1)",
        "checked": "{} in all",
        "applied": "Your application was received",
        "gone": "There is no such link, or it has ended",
        "out": "Signed out",
        "refused": "You are not signed in",
    },
}


@pytest.fixture(scope="module")
def holders(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("holders"))
    bring_holders(served.register)
    rows = ["证书编号,姓名,证件类型,证件号码,职业,等级,发证日期,发证机构"]
    for state, number in TRAVELLERS.values():
        someone = Someone(NAMES[state])
        rows.append(f"{number},{someone.name},居民身份证,{someone.id_number},应急救援员,5,2019-04-01,青海省示例鉴定站")
    papers = tmp_path_factory.mktemp("papers") / "papers.csv"
    papers.write_text("\n".join(rows) + "\n", encoding="utf-8")
    import_paper.import_paper(served.register.services, papers, by="archive")
    yield served
    served.stop()
    served.app.extensions[EXTENSION].sender.stop()
    served.register.services.database.close()


@pytest.fixture
def contexts(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    made: list[BrowserContext] = []

    def make(**more: Any) -> BrowserContext:
        made.append(browser.new_context(**more))
        return made[-1]

    yield make
    for context in made:
        context.close()


def _sent_code(holders: Served, before: set[Path]) -> str:
    """The code of the message that came since; the site's own thread may be the one that sends it."""
    outbox = holders.register.services.folders.outbox
    for _ in range(200):
        send_due(holders.register.services)
        for path in set(outbox.glob("*.json")) - before:
            code: str = json.loads(path.read_text("utf-8"))["code"]
            return code
        time.sleep(0.1)
    raise AssertionError("no message came")


def _sign_in(page: Page, holders: Served, someone: Someone, refused: str) -> None:
    outbox = holders.register.services.folders.outbox
    before = set(outbox.glob("*.json"))
    page.goto(holders.base + "/my")
    page.fill("#h-name", someone.name)
    page.fill("#h-number", someone.id_number)
    page.click("main button")
    code = _sent_code(holders, before)
    page.fill("#h-code", "000000" if code != "000000" else "111111")
    page.click("form[action='/my/sign-in'] button")
    expect(page.locator("[role=alert]")).to_contain_text(refused)
    page.fill("#h-code", code)
    page.click("form[action='/my/sign-in'] button")
    expect(page).to_have_url(holders.base + "/my")


@pytest.mark.parametrize("language", ["zh", pytest.param("en", marks=pytest.mark.slow)])
def test_the_whole_journey(contexts: Callable[..., BrowserContext], holders: Served, language: str) -> None:
    state, paper = TRAVELLERS[language]
    held, said = holders.register.held[state], SAYS[language]
    # In Chinese without any script, in English with one.
    phone = {"viewport": {"width": 390, "height": 844}, "locale": LANGUAGES[language]}
    context = contexts(java_script_enabled=language == "en", accept_downloads=True, **phone)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page, faults = context.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    _sign_in(page, holders, Someone(held.name), said["refused"])
    faults.clear()  # Chromium names the refused code's 422

    expect(page.locator(".cert .verdict h2")).to_contain_text(said["genuine"])
    expect(page.locator(".enrolment .score").first).to_contain_text("81.5")
    with page.expect_download() as download:
        page.click("a[href$='.pdf']")
    assert download.value.suggested_filename == f"应急救援员证书-{held.name}-{held.number}.pdf"
    services = holders.register.services
    assert Path(download.value.path()).read_bytes() == give_out.pdf_of(services, held.number)

    page.select_option("select[name=days]", "7")
    page.click(".inline button")
    link = page.locator("#link").inner_text().strip()
    stranger = contexts(**phone).new_page()
    stranger.goto(link)
    expect(stranger.locator("#verdict h1")).to_contain_text(said["genuine"])
    assert held.name not in stranger.content()
    page.goto(holders.base + "/my")
    counted = _total(page)
    stranger.goto(f"{holders.base}/v/{held.token}")
    page.reload()
    expect(page.locator(".scans")).to_contain_text(said["checked"].format(counted + 1))
    expect(page.locator(".links").first).to_contain_text(said["opened"])

    open_links = page.locator(".links button").count()
    page.click(".links button")
    expect(page.locator(".links button")).to_have_count(open_links - 1)
    stranger.goto(link)
    expect(stranger.locator("h1")).to_contain_text(said["gone"])

    page.check(f"#p-{paper} input[value=lost]")
    page.click(f"#p-{paper} button")
    expect(page.locator(f"#p-{paper} [role=status]")).to_contain_text(said["applied"])
    expect(page.locator(f"#p-{paper} form")).to_have_count(0)

    page.click(".out")
    expect(page.locator("h1")).to_have_text(said["out"])
    page.go_back()
    assert held.name not in page.content()
    page.goto(holders.base + "/my")
    expect(page.locator("#h-name")).to_be_visible()
    for address in asked:
        for word in (held.name, held.id_number):
            assert word not in unquote(address)
    assert faults == []


def _total(page: Page) -> int:
    """All scans that the page counts: the last number of the line."""
    words = "".join(c if c.isdigit() else " " for c in page.locator(".scans span").inner_text()).split()
    return int(words[-1])


def test_a_worker_keeps_nothing_of_a_holder(contexts: Callable[..., BrowserContext], holders: Served) -> None:
    context = contexts(locale="zh-CN")
    page = context.new_page()
    page.goto(holders.base + "/verify")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_function("navigator.serviceWorker.controller !== null")
    _enter(context, holders, Someone(NAMES["valid"]))
    page.goto(holders.base + "/my")
    expect(page.locator("h1")).to_have_text("我的证书")
    page.click(".inline button")
    page.goto(page.locator("#link").inner_text().strip())
    kept = page.evaluate(
        """async () => {
          const found = [];
          for (const name of await caches.keys())
            for (const request of await (await caches.open(name)).keys()) found.push(new URL(request.url).pathname);
          return found;
        }"""
    )
    assert kept
    assert not [path for path in kept if path.startswith(("/my", "/s/"))]
    holders.stop()
    try:
        page.goto(holders.base + "/my")
        expect(page.locator("#verdict")).to_have_attribute("data-state", "unavailable")
        assert NAMES["valid"] not in page.content()
    finally:
        holders.start()


def test_the_code_held_out_on_a_screen_is_read(contexts: Callable[..., BrowserContext], holders: Served) -> None:
    for theme in THEMES:
        context = contexts(viewport={"width": 390, "height": 844}, color_scheme=theme, device_scale_factor=2)
        _enter(context, holders, Someone(NAMES["valid"]))
        page = context.new_page()
        page.goto(f"{holders.base}/my/certificates/{holders.register.valid.number}/1")
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        (found,) = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
        assert found.text == holders.qr("valid")


def test_one_button_copies_a_link(contexts: Callable[..., BrowserContext], holders: Served) -> None:
    context = contexts(locale="zh-CN", permissions=["clipboard-read", "clipboard-write"])
    _enter(context, holders, Someone(NAMES["valid"]))
    page = context.new_page()
    page.goto(holders.base + "/my")
    page.click(".inline button")
    page.click("[data-copy]")
    expect(page.locator("[data-copy]")).to_have_text("已复制")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#link").inner_text().strip()


def _enter(context: BrowserContext, holders: Served, someone: Someone) -> None:
    """Signed in as this person from here on, with a code from the counter."""
    services = holders.register.services
    begun = sign_in.sign_in(services, someone.name, someone.identity, access_code(services, someone))
    assert begun is not None
    context.add_cookies([{"name": "certsvc_holder", "value": begun.secret, "url": holders.base}])


class _Judge:
    """Keeps a picture of each page in each theme, and what axe-core finds on it with everything opened."""

    def __init__(self, page: Page, axe: str, language: str, width: int) -> None:
        self.found: dict[str, str] = {}
        self._page, self._axe, self._language, self._width = page, axe, language, width

    def judge(self, name: str) -> None:
        page = self._page
        assert page.evaluate("document.documentElement.scrollWidth") <= self._width, name
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            SCREENSHOTS.mkdir(parents=True, exist_ok=True)
            page.screenshot(
                path=str(SCREENSHOTS / f"{name}-{self._language}-{theme}-{self._width}.png"), full_page=True
            )
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= self._width, name
        # The theme that stands is the dark one; all that a theme changes is colours.
        page.evaluate(self._axe)
        dark = page.evaluate("() => axe.run({runOnly: ['color-contrast']})")
        if dark["violations"]:
            self.found[f"{name} dark"] = json.dumps(dark["violations"][0]["nodes"][:3])
        page.emulate_media(color_scheme="light")
        if said := violations(page, self._axe):
            self.found[f"{name} light"] = said


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_fit_to_be_seen(
    contexts: Callable[..., BrowserContext], holders: Served, axe: str, language: str, width: int
) -> None:
    context = contexts(viewport={"width": width, "height": 844}, locale=LANGUAGES[language])
    page, valid = context.new_page(), Someone(NAMES["valid"])
    judge = _Judge(page, axe, language, width)
    page.goto(holders.base + "/my")
    judge.judge("sign-in")
    page.fill("#h-name", valid.name)
    page.fill("#h-number", valid.id_number[:-1] + ("1" if valid.id_number[-1] != "1" else "2"))
    page.click("main button")
    expect(page.locator("[role=alert]")).to_be_visible()
    judge.judge("sign-in-mistyped")
    page.fill("#h-name", valid.name)
    page.fill("#h-number", valid.id_number)
    page.click("main button")
    expect(page.locator("#h-code")).to_be_visible()
    judge.judge("code")
    page.fill("#h-code", "AAAA-AAAA-AAAA")
    page.click("form[action='/my/sign-in'] button")
    expect(page.locator("[role=alert]")).to_be_visible()
    judge.judge("code-refused")
    for name, who in PEOPLE.items():
        _enter(context, holders, Someone(who))
        page.goto(holders.base + "/my")
        judge.judge(f"my-{name}")
    _enter(context, holders, valid)
    page.goto(f"{holders.base}/my/certificates/{holders.register.valid.number}/1")
    judge.judge("show")
    page.goto(holders.base + "/my")
    page.select_option("select[name=days]", "30")
    page.click(".inline button")
    expect(page.locator("#link")).to_be_visible()
    judge.judge("share")
    page.goto(page.locator("#link").inner_text().strip())
    judge.judge("shared")
    page.goto(holders.base + "/s/abc")
    judge.judge("shared-gone")
    page.goto(holders.base + "/my")
    page.click(".out")
    expect(page.locator(".out")).to_have_count(0)
    judge.judge("signed-out")
    assert judge.found == {}, json.dumps(judge.found, indent=1, ensure_ascii=False)
