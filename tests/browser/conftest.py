"""Debian's chromium, driven by Playwright against the site on loopback. Without it: skipped, in CI a failure.

Its headless shell, where that is installed too, does the same work in two thirds of the time.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import text
from werkzeug.serving import make_server

from certsvc.app import create_app
from certsvc.credential.compact import qr_text
from tests.builders.site import Register, make_register
from tests.conftest import IN_CI
from tests.programs import NODE, node_modules
from tests.web.conftest import GENEROUS

INSTALLED = ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")
CHROMIUM = os.environ.get("CERTSVC_CHROMIUM") or next(filter(os.path.exists, INSTALLED), INSTALLED[-1])
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# Pictures of every state, for a person to judge; outside the repository.
PICTURES = os.environ.get("CERTSVC_PICTURES")
Picture = Callable[[Page], None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)  # each opens pages for seconds; two minutes of them are not `make test`'s


@pytest.fixture(scope="session")
def chromium() -> str:
    if not Path(CHROMIUM).exists():
        if os.environ.get("CI"):
            pytest.fail("no chromium in CI")
        pytest.skip("no chromium")
    return CHROMIUM


# Not for the whole session: an open Playwright leaves a running event loop, in which pyHanko cannot start its own.
@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
    page = context.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if "Content Security Policy" in message.text else None)
    yield page
    context.close()
    assert said == []


class Served:
    """The site on a port of loopback that can be taken away and brought back."""

    def __init__(self, home: Path) -> None:
        self._server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
        self.port = self._server.server_port
        self.base = f"http://127.0.0.1:{self.port}"
        self._server.server_close()
        self.register: Register = make_register(home, CERTSVC_BASE_URL=self.base, **GENEROUS)
        self.app = create_app(self.register.settings, services=self.register.services)
        self.start()

    def start(self) -> None:
        self._server = make_server("127.0.0.1", self.port, self.app, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.is_running = True

    def stop(self) -> None:
        self.is_running = False
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def qr(self, state: str) -> str:
        """The text of a certificate's QR, as issued."""
        token = self.register.held[state].token
        with self.register.services.database.reading() as session:
            cose = session.execute(text("select cose from certificate where token = :t"), {"t": token}).scalar_one()
        return qr_text(self.base, token, cose)

    def address(self, state: str) -> str:
        """The address a phone opens for it."""
        upper = self.qr(state)
        path, _, fragment = upper.partition("#")
        return f"{self.base}/v/{path.rsplit('/', 1)[1]}#{fragment}"


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("browser"))
    yield served
    served.stop()
    served.register.services.database.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, as `make conformance` fetches it; here it is fetched in CI alone."""
    source = NODE / "node_modules" / "axe-core" / "axe.min.js"
    if IN_CI:
        node_modules()
    elif not source.exists():
        pytest.skip("axe-core is not there yet: make conformance fetches it")
    return source.read_text(encoding="utf-8")


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Callable[[object], None]:
    """Keep a picture of a page where CERTSVC_PICTURES names a folder."""

    def keep(page: object) -> None:
        if PICTURES:
            Path(PICTURES).mkdir(parents=True, exist_ok=True)
            name = "".join(c if c.isalnum() or c in "-_" else "_" for c in request.node.name)
            page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)  # type: ignore[attr-defined]

    return keep


def violations(page: object, axe: str) -> str:
    """What axe-core finds at levels A and AA, as text; "" for none."""
    # By the debugger, not by a script element: the page's own policy stays as strict as it is.
    page.evaluate(axe)  # type: ignore[attr-defined]
    found = page.evaluate(  # type: ignore[attr-defined]
        "() => axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
    )
    return "\n".join(
        f"{each['id']}: {each['help']}: " + json.dumps([node["html"][:160] for node in each["nodes"][:3]])
        for each in found["violations"]
    )
