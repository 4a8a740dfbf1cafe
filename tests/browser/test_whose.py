"""Whose a certificate is, in the first view; the check that is kept; the pages behind the front page's doors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pypdfium2
import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.browser.conftest import ARGUMENTS, Picture, Served, violations

LANGUAGES = ["zh-CN", "en-GB"]
PHONE = {"width": 390, "height": 844}
# With the readings of GB/T 28039: surname first, its own reading, given name in one word.
READ = {
    "王芳": "Wáng Fāng",
    "欧阳明月": "Ōuyáng Míngyuè",
    "单雄信": "Shàn Xióngxìn",
    "李西安": "Lǐ Xī'ān",
    "买买提·阿依古丽": "Mǎimǎití · Āyīgǔlì",
    "José Inventado": None,
    "王䶮": None,
    "": None,
}


@pytest.fixture(params=LANGUAGES)
def phone(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE, locale=request.param)  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


def _sent(page: Page) -> list[str]:
    """All that a page sends from here on: addresses and bodies."""
    said: list[str] = []

    def note(request: Request) -> None:
        said.append(unquote(request.url) + unquote(request.post_data or ""))

    page.on("request", note)
    return said


def test_the_name_in_the_code_is_shown_in_the_first_view_and_sent_nowhere(phone: Page, served: Served) -> None:
    sent, held = _sent(phone), served.register.valid
    phone.goto(served.address("valid"))
    expect(phone.locator("[data-holder]")).to_have_text(held.name)
    expect(phone.locator("[data-whole]")).to_be_visible()
    expect(phone.locator("[data-masked]")).to_be_hidden()
    assert _bottom(phone, "[data-holder]") < PHONE["height"]
    assert sent
    assert not [each for each in sent if held.name in each]


def test_a_code_that_is_of_another_certificate_names_no_one(page: Page, served: Served) -> None:
    payload = served.address("second").partition("#")[2]
    page.goto(served.address("valid").partition("#")[0] + "#" + payload)
    expect(page.locator("#qr-verdict")).to_have_attribute("data-state", "forged")
    text = page.locator("main").inner_text()
    assert served.register.valid.name not in text
    assert "真实有效" not in text


def test_a_bare_address_stays_masked(phone: Page, served: Served) -> None:
    phone.goto(f"{served.base}/v/{served.register.valid.token}")
    phone.wait_for_load_state("networkidle")
    expect(phone.locator("[data-holder]")).to_have_text("欧***")
    expect(phone.locator("[data-masked]")).to_be_visible()


def _bottom(page: Page, selector: str) -> float:
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box["y"] + box["height"]


@pytest.mark.parametrize("state", ["valid", "second"])
def test_the_match_form_stands_before_the_fold_of_a_phone(phone: Page, served: Served, state: str) -> None:
    phone.goto(served.address(state))
    expect(phone.locator("#qr-note")).to_be_visible()
    expect(phone.locator("[data-whole]")).to_be_visible()
    if phone.evaluate("document.documentElement.lang") == "en":
        expect(phone.locator("[data-aid]")).to_be_visible()
    assert _bottom(phone, "#match button") <= PHONE["height"]


def test_the_answer_of_a_match_stands_in_the_first_view_under_the_state(phone: Page, served: Served) -> None:
    held = served.register.valid
    phone.goto(served.address("valid"))
    phone.fill("#m-name", held.name)
    phone.fill("#m-six", held.id_number[-6:])
    phone.click("#match button")
    expect(phone.locator(".answer.yes")).to_be_visible()
    assert phone.evaluate("scrollY") == 0
    assert _bottom(phone, ".answer.yes") <= PHONE["height"]
    expect(phone.locator("#m-six")).to_have_count(0)


def test_an_english_page_says_how_a_chinese_name_is_read(browser: Browser, served: Served) -> None:
    context = browser.new_context(viewport=PHONE, locale="en-GB")  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(served.address("valid"))
    expect(page.locator("[data-aid]")).to_have_text("Ōuyáng Míngyuè · reading aid only")
    read = page.evaluate(
        """async (names) => {
          const { module, table } = document.querySelector("[data-aid]").dataset;
          const { romanise } = await import(module);
          return Promise.all(names.map((name) => romanise(name, table)));
        }""",
        list(READ),
    )
    assert dict(zip(READ, read, strict=True)) == READ
    context.close()


def test_a_check_kept_from_a_scan_bears_the_name_that_only_the_device_knows(
    phone: Page, served: Served, picture: Picture
) -> None:
    held = served.register.valid
    phone.goto(served.address("valid"))
    expect(phone.locator("[data-whole]")).to_be_visible()
    sent = _sent(phone)
    phone.click("#keep button")
    expect(phone.locator("#kept [data-holder]")).to_have_text(held.name)
    expect(phone.locator("#kept [data-whole]")).to_be_visible()
    assert sent
    assert not [each for each in sent if held.name in each]
    picture(phone)
    reference = phone.locator(".reference").inner_text()
    # Printed it is one sheet, with what finds it again.
    printed = pypdfium2.PdfDocument(phone.pdf(prefer_css_page_size=True))
    assert len(printed) == 1
    words = printed[0].get_textpage().get_text_bounded()
    assert reference in words
    assert held.name in words
    phone.goto(f"{served.base}/r/{reference}")
    assert held.name not in phone.content()
    phone.fill("#k-name", held.name)
    phone.click("#match button")
    expect(phone.locator(".answer.yes")).to_be_visible()


def test_a_check_is_kept_without_a_script_too(browser: Browser, served: Served) -> None:
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    page, held = context.new_page(), served.register.valid
    page.goto(f"{served.base}/v/{held.token}")
    page.fill("#m-name", held.name)
    page.fill("#m-six", held.id_number[-6:])
    page.click("#match button")
    page.click("#keep button")
    expect(page.locator("#kept")).to_contain_text(held.name)
    expect(page.locator("[data-compared=match]")).to_be_visible()
    context.close()


def test_the_poster_prints_on_one_sheet(phone: Page, served: Served) -> None:
    phone.goto(served.base + "/poster")
    expect(phone.locator("[data-print]")).to_be_visible()
    assert len(pypdfium2.PdfDocument(phone.pdf(format="A4"))) == 1


def _open(page: Page, served: Served, name: str) -> None:
    """One of the pages that are looked at below."""
    if name in {"made", "found"}:
        page.goto(f"{served.base}/v/{served.register.valid.token}")
        page.click("#keep button")
        expect(page.locator("#kept")).to_be_visible()
        if name == "found":
            page.goto(f"{served.base}/r/{page.locator('.reference').inner_text()}")
    else:
        page.goto(served.address(name) if name.isalpha() else served.base + name)
    page.wait_for_load_state("networkidle")


SEEN = ["/", "/institutions", "/poster", "/r/x", "valid", "revoked", "made", "found"]


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_behind_the_doors_and_on_a_record(
    browser: Browser, served: Served, axe: str, theme: Any
) -> None:
    context = browser.new_context(viewport=PHONE, color_scheme=theme, locale="en-GB")  # type: ignore[arg-type]
    page, found = context.new_page(), {}
    for name in SEEN:
        _open(page, served, name)
        if said := violations(page, axe):
            found[name] = said
    context.close()
    assert found == {}, json.dumps(found, indent=1, ensure_ascii=False)


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("pixels", [16, 32], ids=["100%", "200%"])
def test_nothing_is_cut_off_at_320_pixels_and_with_text_twice_as_large(
    browser: Browser, chromium: str, served: Served, language: str, pixels: int, picture: Picture
) -> None:
    # The size that a reader sets in the browser, which rem and em in media queries follow.
    large = f"--blink-settings=defaultFontSize={pixels}"
    started = browser.browser_type.launch(executable_path=chromium, args=[*ARGUMENTS, large])
    context = started.new_context(viewport={"width": 320, "height": 700}, locale=language)
    page, wide = context.new_page(), {}
    for name in SEEN:
        _open(page, served, name)
        assert page.evaluate("getComputedStyle(document.documentElement).fontSize") == f"{pixels}px"
        over = page.evaluate(
            """() => document.documentElement.scrollWidth <= 320 ? [] : [...document.querySelectorAll("body *")]
              .filter((each) => each.getBoundingClientRect().right > 321)
              .map((each) => each.outerHTML.slice(0, 80))"""
        )
        if over:
            wide[name] = over
    picture(page)
    started.close()
    assert wide == {}, json.dumps(wide, indent=1, ensure_ascii=False)


def test_the_issuer_is_the_first_word_of_a_page(phone: Page, served: Served) -> None:
    phone.goto(served.address("valid"))
    top = phone.locator("header .mark b").bounding_box()
    assert top is not None
    assert top["y"] < 60
    assert re.search("示例发证机构|Sample Issuing Authority", phone.locator("header").inner_text())
