"""The reissue applied for from home in a real browser, by a phone without a script: apply with pictures, follow, send
what is missing, be told; pictures of each page in `artefacts/screenshots/paper`, and nothing for axe-core to find."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from certsvc.services.certificates import home_review, reissue
from certsvc.store import ReissueRequestRecord
from tests.browser.conftest import Served, violations
from tests.builders.applying import PHONE, photograph
from tests.builders.site import PAPER_NAME, PAPER_NUMBER, id_number_of

SCREENSHOTS = Path(__file__).parents[2] / "artefacts" / "screenshots" / "paper"
LANGUAGES = {"zh": "zh-CN", "en": "en-GB"}


@pytest.fixture
def traveller(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    language, width = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 844}, locale=LANGUAGES[language], java_script_enabled=False
    )
    yield context.new_page()
    context.close()


def keep(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    width = page.viewport_size["width"] if page.viewport_size else 0
    page.screenshot(
        path=str(SCREENSHOTS / f"{name}-{page.locator('html').get_attribute('lang')}-{width}.png"), full_page=True
    )


def newest(served: Served) -> int:
    with served.register.services.database.reading() as session:
        query = select(ReissueRequestRecord.id).order_by(ReissueRequestRecord.id.desc())
        return session.scalars(query).first() or 0


@pytest.mark.parametrize("traveller", [("zh", 390), ("en", 1280)], indirect=True, ids=["zh-390", "en-1280"])
def test_the_whole_way_without_a_script(served: Served, traveller: Page, tmp_path: Path) -> None:
    page, services = traveller, served.register.services
    for name in ("document", "paper"):
        (tmp_path / f"{name}.jpg").write_bytes(photograph(words=name, size=(2400, 1800)))
    page.goto(f"{served.base}/my")
    page.locator('a[href="/my/paper"]').first.click()
    keep(page, "form")
    page.locator("#p-number").fill(PAPER_NUMBER)
    page.locator("#p-name").fill(PAPER_NAME)
    page.locator("#p-id").fill(id_number_of(80)[:-1] + "?")
    page.locator("#p-phone").fill(PHONE)
    page.locator('input[value="damaged"]').check()
    page.locator("#p-document").set_input_files(tmp_path / "document.jpg")
    page.locator("form button").click()
    expect(page.locator("#said-id_number")).to_be_visible()
    expect(page.locator("#said-paper")).to_be_visible()
    expect(page.locator("#p-name")).to_have_value(PAPER_NAME)
    keep(page, "refused")
    page.locator("#p-id").fill(id_number_of(80))
    page.locator("#p-document").set_input_files(tmp_path / "document.jpg")
    page.locator("#p-paper").set_input_files(tmp_path / "paper.jpg")
    page.locator("form button").click()
    reference = page.locator("#reference").inner_text()
    keep(page, "received")
    home_review.return_for(services, newest(served), missing="身份证背面 / the back of the card", by="审核员")
    page.goto(f"{served.base}/my/paper/state")
    keep(page, "ask")
    page.locator("#s-reference").fill(reference.lower())
    page.locator("#s-phone").fill(PHONE[-4:])
    page.locator("form button").click()
    expect(page.locator('[data-state="returned"]')).to_be_visible()
    keep(page, "returned")
    page.locator("#m-document").set_input_files(tmp_path / "document.jpg")
    page.locator("form button").click()
    expect(page.locator('[data-state="received"]')).to_be_visible()
    reissue.reject(services, newest(served), by="审核员", decision_note="照片与登记不符 / not as registered")
    page.goto(f"{served.base}/my/paper/state")
    page.locator("#s-reference").fill(reference)
    page.locator("#s-phone").fill(PHONE[-4:])
    page.locator("form button").click()
    expect(page.locator('[data-state="rejected"]')).to_be_visible()
    keep(page, "rejected")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("address", ["/my/paper", "/my/paper/state"])
def test_axe_finds_nothing(served: Served, browser: Browser, axe: str, address: str, theme: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN", color_scheme=theme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(served.base + address)
    assert violations(page, axe) == ""
    context.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_form_fits_the_smallest_phone(served: Served, browser: Browser, language: str) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 640}, locale=LANGUAGES[language])
    page = context.new_page()
    page.goto(f"{served.base}/my/paper")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    context.close()
