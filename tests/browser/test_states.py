"""Every state of R11 as a person sees it: both languages, phone and desk, light and dark; a picture of each.

The pictures go to `artefacts/screenshots/STATE-LANGUAGE-WIDTH.png`, for a person to judge. axe-core must find nothing
on any of them, nor on the results and the error pages.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import text
from werkzeug.serving import make_server

from certsvc.app import create_app
from certsvc.credential.wording import RECORD_STATES, STATES
from certsvc.services.certificates import give_out
from certsvc.store import open_database
from certsvc.store.migrate import upgrade
from tests.browser.conftest import Served, violations
from tests.builders.site import NAMES, PAPER_NAME, PAPER_NUMBER, REPLACED_NAME, REPLACED_NUMBER

SCREENSHOTS = Path(__file__).parents[2] / "artefacts" / "screenshots"
THEMES = ("light", "dark")
WIDTHS = (390, 1280)
LANGUAGES = {"zh": "zh-CN", "en": "en-GB"}
PAPER = {"paper_valid": (PAPER_NUMBER, PAPER_NAME), "paper_replaced": (REPLACED_NUMBER, REPLACED_NAME)}


def _serve(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def broken(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The site on a database that has lost its tables."""
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('broken') / 'certsvc.sqlite3'}")
    upgrade(database)
    services = replace(served.register.services, database=database)
    app = create_app(served.register.settings, services=services)
    with database.writing() as session:
        session.execute(text("drop table share_opening"))
        session.execute(text("pragma foreign_keys=off"))
        session.execute(text("alter table certificate rename to certificate_gone"))
        session.execute(text("alter table paper_certificate rename to paper_gone"))
    yield from _serve(app)
    database.close()


@pytest.fixture(scope="session")
def narrow(served: Served) -> Iterator[str]:
    """The site with room for next to nothing: one scan a minute, one megabyte."""
    settings = replace(served.register.settings, limit_page="1/minute", max_upload_mb=1)
    yield from _serve(create_app(settings, services=served.register.services))


def _bring(page: Page, served: Served, broken: str, state: str) -> None:
    """The page with the answer `state`; for offline, the server is stopped and must be started again."""
    if state == "unknown":
        page.goto(f"{served.base}/v/{'a' * 26}")
    elif state == "unavailable":
        page.goto(f"{broken}/v/{served.register.valid.token}")
    elif state == "offline":
        page.goto(served.address("valid"))
        expect(page.locator("#qr-note")).to_be_visible()
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.wait_for_function("navigator.serviceWorker.controller !== null")
        served.stop()
        page.goto("about:blank")  # the same address again would only move to its fragment
        page.goto(served.address("valid"))
    elif state in PAPER:
        page.goto(served.base + "/verify")
        number, name = PAPER[state]
        page.fill("#n-number", number)
        page.fill("#n-name", name)
        page.click("form[action='/verify/number'] button")
    else:
        page.goto(served.address(state))


def _judge(page: Page, axe: str) -> dict[str, str]:
    found = {}
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        if said := violations(page, axe):
            found[theme] = said
    return found


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
# An erased one's words are those of where it stands first: tests/web/test_erased.py.
@pytest.mark.parametrize("state", [*(state for state in RECORD_STATES if state != "erased"), "offline"])
def test_a_state_is_told_in_words_icon_and_colour(
    browser: Browser, served: Served, broken: str, axe: str, state: str, language: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, locale=LANGUAGES[language])
    page = context.new_page()
    try:
        _bring(page, served, broken, state)
        place = "#qr-verdict" if state == "offline" else "#verdict"
        verdict = page.locator(place)
        expect(verdict).to_have_attribute("data-state", state)
        words = STATES[state].zh if language == "zh" else STATES[state].en
        said = unicodedata.normalize("NFKC", verdict.locator("h1").text_content() or "")
        assert said.startswith(unicodedata.normalize("NFKC", re.split(r"[\[{(…]", words)[0]).strip())
        expect(verdict.locator("svg.i").first).to_be_visible()
        if state in NAMES and state != "forged":
            # A genuine code beside the server's answer: the two agree.
            expect(page.locator("#qr-note")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # The verdict cuts off what sticks out of it, so its words must fit.
        edges = [
            place.evaluate("each => each.getBoundingClientRect().right") for place in (verdict.locator("h1"), verdict)
        ]
        assert edges[0] <= edges[1]
        assert verdict.locator("h1").evaluate("each => each.scrollWidth <= each.clientWidth")
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(SCREENSHOTS / f"{state}-{language}-{width}.png"), full_page=True)
        assert _judge(page, axe) == {}
        if width == WIDTHS[0]:
            # What an employer files is one sheet.
            assert len(pypdfium2.PdfDocument(page.pdf(format="A4"))) == 1
    finally:
        if state == "offline" and not served.is_running:
            served.start()
        context.close()


def _files(page: Page, served: Served, folder: Path) -> None:
    """A genuine file, one altered, one that is none of ours, one with a public photo."""
    services = served.register.services
    genuine = give_out.pdf_of(services, served.register.valid.number)
    flipped = bytearray(genuine)
    flipped[len(flipped) // 3] ^= 1
    named = {
        "genuine.pdf": genuine,
        "flipped.pdf": bytes(flipped),
        "other.pdf": b"%PDF-1.4",
        "photo.pdf": give_out.pdf_of(services, served.register.held["expired"].number),
    }
    for name, content in named.items():
        (folder / name).write_bytes(content)
    page.goto(served.base + "/verify")
    page.set_input_files("#f-file", [folder / name for name in named])
    page.click("#file button")
    expect(page.locator(".examined .verdict")).to_have_count(len(named), timeout=60_000)


def _list(page: Page, served: Served, folder: Path) -> None:
    rows = ["证书编号,姓名", *(f"{held.number},{held.name}" for held in served.register.held.values())]
    (folder / "list.csv").write_text("\n".join(rows), encoding="utf-8")
    page.goto(served.base + "/verify")
    page.set_input_files("#f-file", folder / "list.csv")
    page.click("#file button")
    expect(page.locator("[data-download]")).to_be_visible(timeout=30_000)


def _match(page: Page, served: Served, *, right: bool) -> None:
    page.goto(served.address("valid"))
    page.fill("#m-name", served.register.valid.name)
    page.fill("#m-six", served.register.valid.id_number[-6:] if right else "000000")
    page.click("#match button")
    expect(page.locator(".answer.yes" if right else ".answer.no")).to_be_visible()


def _send(page: Page, address: str, kilobytes: int = 0) -> None:
    """Post a form as a browser does, to where the site has none."""
    with page.expect_navigation():
        page.evaluate(
            """([address, length]) => {
              const form = document.createElement("form");
              form.method = "post"; form.enctype = "multipart/form-data"; form.action = address;
              const field = document.createElement("input");
              field.name = "name"; field.value = "x".repeat(length);
              form.append(field); document.body.append(form); form.submit();
            }""",
            [address, kilobytes * 1024],
        )


def _error(page: Page, status: int, served: Served, broken: str, narrow: str) -> None:
    if status == 404:
        page.goto(served.base + "/nothing-here")
    elif status == 405:
        page.goto(served.base + "/verify")
        _send(page, "/verify")
    elif status == 413:
        page.goto(narrow + "/verify")
        _send(page, "/verify/number", 1100)
    elif status == 429:
        for _ in range(2):
            page.goto(f"{narrow}/v/{served.register.valid.token}")
    else:
        page.goto(broken + "/verify")
        _send(page, "/verify/match")


SHOWN = {"files": _files, "list": _list}
ERRORS = (404, 405, 413, 429, 503)


@pytest.fixture
def contexts(browser: Browser) -> Iterator[Callable[[int, str], BrowserContext]]:
    made: list[BrowserContext] = []

    def make(width: int, language: str) -> BrowserContext:
        viewport: Any = {"width": width, "height": 844}
        made.append(browser.new_context(viewport=viewport, locale=LANGUAGES[language]))
        return made[-1]

    yield make
    for context in made:
        context.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("what", [*SHOWN, "match-yes", "match-no", *ERRORS])
def test_results_and_refusals_are_as_plain_as_the_states(
    contexts: Callable[[int, str], BrowserContext],
    served: Served,
    broken: str,
    narrow: str,
    axe: str,
    tmp_path: Path,
    what: Any,
    width: int,
) -> None:
    page = contexts(width, "zh" if width == 390 else "en").new_page()
    statuses: list[int] = []
    page.on(
        "response", lambda answer: statuses.append(answer.status) if answer.request.is_navigation_request() else None
    )
    if what in SHOWN:
        SHOWN[what](page, served, tmp_path)
    elif isinstance(what, int):
        _error(page, what, served, broken, narrow)
        assert statuses[-1] == what
        expect(page.locator("h1")).to_be_visible()
        # An error of the site never reads as a word about a certificate.
        expect(page.locator(".verdict")).to_have_class("verdict s-unavailable")
    else:
        _match(page, served, right=what == "match-yes")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SCREENSHOTS / f"{what}-{'zh' if width == 390 else 'en'}-{width}.png"), full_page=True)
    assert _judge(page, axe) == {}
