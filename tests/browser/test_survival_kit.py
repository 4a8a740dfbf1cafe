"""The service and its database are gone: the exported folder alone, behind a plain static server, still answers.

In a browser by the kit's own page, and by `certsvc verify --offline`. A whole register is marked slow.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, expect

from certsvc.credential.compact import qr_text
from certsvc.credential.verdict import Verdict
from certsvc.person.identity import resident_check_character
from certsvc.rendering import qr
from certsvc.services.certificates import change_status
from certsvc.services.certificates.correct import Correction, correct
from certsvc.services.certificates.give_out import pdf_of
from certsvc.services.kit.export import export_kit
from certsvc.services.kit.parts import CREDENTIALS, path_of
from certsvc.services.verification.verify import Options, verify_offline
from certsvc.signing.trust import TrustBundle
from tests.browser.conftest import Picture, violations
from tests.builders.installation import Installation, Person, made_up

BASE = "https://certsvc.example"
CERTIFICATES = int(os.environ.get("CERTSVC_KIT_CERTIFICATES", "150"))  # a thousand in `make soak`
STATES = {"valid": "offline", "suspended": "suspended", "revoked": "revoked", "superseded": "superseded"}


@dataclass(frozen=True)
class Held:
    """What one holder has in hand."""

    number: str
    token: str
    code: str
    credential: bytes
    pdf: bytes

    @property
    def path(self) -> str:
        return self.code.removeprefix(f"{BASE.upper()}").replace("/V/", "/v/")


def held(home: Installation, number: str, pdf: bool = True) -> Held:
    row = home.row(number)
    assert row.cose is not None
    assert row.credential is not None
    code = qr_text(BASE, row.token, row.cose)
    return Held(number, row.token, code, row.credential, pdf_of(home.services, number) if pdf else b"")


class _Quiet(SimpleHTTPRequestHandler):
    """`python -m http.server`, silent."""

    def log_message(self, format: str, *args: object) -> None:
        pass


class _With404(_Quiet):
    """What hosts of static sites do besides: an unknown address gets 404.html."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        if code != HTTPStatus.NOT_FOUND or Path(self.path).suffix:
            super().send_error(code, message, explain)
            return
        content = (Path(self.directory) / "404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@dataclass(frozen=True)
class Kit:
    folder: Path
    base: str
    held: dict[str, Held]


def _serve(folder: Path, handler: type[_Quiet] = _With404) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Kit]:
    root = tmp_path_factory.mktemp("survival")
    home = Installation(root / "home")
    people = [made_up(serial, name) for serial, name in enumerate(("测试甲", "阿依古丽·买买提", "测试丙", "测试丁"))]
    holders = {state: held(home, one.number) for state, one in zip(STATES, home.issue(*people), strict=True)}
    change_status.suspend(home.services, holders["suspended"].number, reason="核查", by="甲")
    change_status.revoke(home.services, holders["revoked"].number, reason="错发", by="甲")
    correct(
        home.services,
        holders["superseded"].number,
        Correction(name="测试新"),
        reason="更正",
        by="甲",
        approved_by="复核员",
    )
    export_kit(home.services, root / "kit")
    home.services.database.close()
    shutil.rmtree(home.home)
    server = _serve(root / "kit")
    yield Kit(root / "kit", f"http://127.0.0.1:{server.server_port}", holders)
    server.shutdown()
    server.server_close()


def _verdict(page: Page, state: str) -> None:
    expect(page.locator("#verdict")).to_have_attribute("data-state", state)


def _other(text: str, place: int) -> str:
    return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("state", STATES)
def test_a_scan_is_answered_from_the_folder_alone(
    browser: Browser, kit: Kit, picture: Picture, state: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, locale="zh-CN")
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if "Content Security" in message.text else None)
    page.goto(kit.base + kit.held[state].path)
    _verdict(page, STATES[state])
    if state == "valid":
        expect(page.locator("#verdict h1")).to_contain_text("签名真实；状态截至 20")
        expect(page.locator('[data-f="name"]')).to_have_text("测试甲")
    expect(page.locator('[data-f="number"]')).to_have_text(kit.held[state].number)
    expect(page.locator(".sample")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(url.startswith(kit.base) for url in asked)
    assert said == []
    picture(page)
    context.close()


def test_the_box_works_on_any_server_and_at_any_place(page: Page, kit: Kit, picture: Picture) -> None:
    server = _serve(kit.folder.parent, _Quiet)  # knows no 404.html, and the kit is not at its root
    try:
        for place in ("kit/", "kit/v/"):
            page.goto(f"http://127.0.0.1:{server.server_port}/{place}")
            expect(page.locator("#ways")).to_be_visible()
            picture(page)
            page.fill("#p-text", kit.held["valid"].code)
            page.click("#paste button")
            _verdict(page, "offline")
            # Without the code's own signature: genuine all the same, the name masked.
            page.fill("#p-text", kit.held["valid"].code.partition("#")[0].lower())
            page.click("#paste button")
            expect(page.locator('[data-f="name"]')).to_have_text("测***")
    finally:
        server.shutdown()
        server.server_close()


def test_what_is_tampered_with_or_mixed_is_red(page: Page, kit: Kit) -> None:
    valid, revoked = kit.held["valid"], kit.held["revoked"]
    mixed = valid.code.partition("#")[0] + "#" + revoked.code.partition("#")[2]
    foreign = valid.code.replace("CERTSVC.EXAMPLE", "CERTSVC-EXAMPLE.TEST")
    for code in (_other(valid.code, len(valid.code) - 20), _other(valid.code, 90), mixed, foreign):
        page.goto("about:blank")
        page.goto(f"{kit.base}/#{code}")
        _verdict(page, "forged")
    page.goto("about:blank")
    page.goto(f"{kit.base}/#" + _other(valid.code, 30))
    _verdict(page, "unknown")
    page.goto(f"{kit.base}/#nonsense")
    _verdict(page, "unknown")


def test_a_picture_of_the_code_is_read_in_the_page(page: Page, kit: Kit, tmp_path: Path) -> None:
    rows = qr.draw_matrix(kit.held["valid"].code).rows
    drawn = Image.new("1", (len(rows) + 8, len(rows) + 8), 1)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            drawn.putpixel((x + 4, y + 4), 0 if dark == "1" else 1)
    drawn.resize((drawn.width * 8, drawn.height * 8)).save(tmp_path / "code.png")
    page.goto(f"{kit.base}/v/")
    page.set_input_files("#s-picture", tmp_path / "code.png")
    _verdict(page, "offline")
    expect(page.locator('[data-f="number"]')).to_have_text(kit.held["valid"].number)


def test_files_are_held_against_what_was_issued(page: Page, kit: Kit, tmp_path: Path, picture: Picture) -> None:
    valid = kit.held["valid"]
    flipped = bytearray(valid.pdf)
    flipped[len(flipped) // 3] ^= 1
    edited = valid.credential.replace("测试甲".encode(), "测试乙".encode())
    assert edited != valid.credential
    specimens = {
        "genuine.pdf": (valid.pdf, "offline"),
        "credential.json": (valid.credential, "offline"),
        "flipped.pdf": (bytes(flipped), "forged"),
        "appended.pdf": (valid.pdf + b"\n%%EOF", "unavailable"),
        "cut.pdf": (valid.pdf[:-100], "unavailable"),
        "edited.json": (edited, "forged"),
        "other.pdf": (b"%PDF-1.7\n%%EOF", "unknown"),
        "notes.txt": (b"hello", "unknown"),
    }
    for name, (content, state) in specimens.items():
        page.goto("about:blank")
        page.goto(f"{kit.base}/")
        expect(page.locator("#ways")).to_be_visible()
        (tmp_path / name).write_bytes(content)
        page.set_input_files("#f-file", tmp_path / name)
        _verdict(page, state)
        if state == "forged":
            picture(page)


def test_a_folder_that_was_tampered_with_is_not_believed(page: Page, kit: Kit, tmp_path: Path) -> None:
    folder = tmp_path / "kit"
    shutil.copytree(kit.folder, folder)
    lists = sorted((folder / "status").glob("*revocation*")) or sorted((folder / "status").iterdir())
    for path in lists:
        document = json.loads(path.read_bytes())
        document["validUntil"] = "2099-01-01T00:00:00Z"
        path.write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True))
    sealed = folder / path_of(CREDENTIALS, kit.held["suspended"].token)
    content = bytearray(sealed.read_bytes())
    content[-30] ^= 1
    sealed.write_bytes(content)
    server = _serve(folder)
    base = f"http://127.0.0.1:{server.server_port}"
    try:
        # A list that its own key did not sign says nothing, not even "revoked": the date is then that of the issue.
        page.goto(base + kit.held["valid"].path)
        _verdict(page, "offline")
        expect(page.locator("[data-status]")).to_have_text("")
        page.goto(base + kit.held["suspended"].path)
        _verdict(page, "unknown")
        trust = json.loads((folder / "trust.json").read_text())
        for key in trust["keys"]:
            if key["purpose"] == "credential":
                key["distrusted_from"] = 0
        (folder / "trust.json").write_text(json.dumps(trust))
        page.goto("about:blank")
        page.goto(base + kit.held["valid"].path)
        _verdict(page, "unavailable")
        (folder / "trust.json").unlink()
        page.goto("about:blank")
        page.goto(base + kit.held["valid"].path)
        _verdict(page, "unavailable")
    finally:
        server.shutdown()
        server.server_close()


def test_the_page_is_accessible(page: Page, kit: Kit, axe: str) -> None:
    page.goto(kit.base + kit.held["valid"].path)
    _verdict(page, "offline")
    assert violations(page, axe) == ""


def _people(count: int) -> list[Person]:
    """People who do not exist, at most a thousand, each with a number of their own."""
    people = []
    for serial in range(count):
        first17 = f"63280119{80 + serial % 20}{1 + serial % 12:02d}15{serial:03d}"
        name = "测试" + "甲乙丙丁戊己庚辛壬癸"[serial % 10] + "赵钱孙李周吴郑王冯陈"[serial // 10 % 10]
        people.append(Person(name, first17 + resident_check_character(first17)))
    return people


def _command(*arguments: str) -> tuple[int, Any]:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("certsvc")), "verify", "--offline", "--json", *arguments],
        capture_output=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


@pytest.mark.slow
def test_every_certificate_verifies_when_server_and_database_are_gone(
    page: Page, tmp_path: Path, pdfs_dropped: int
) -> None:
    home = Installation(tmp_path / "home")
    holders = [held(home, one.number) for one in home.issue(*_people(CERTIFICATES))]
    assert len({one.token for one in holders}) == CERTIFICATES
    folder = tmp_path / "kit"
    report = export_kit(home.services, folder)
    assert (report.certificates, report.pdfs) == (CERTIFICATES, CERTIFICATES)
    now = home.clock()
    home.services.database.close()
    shutil.rmtree(home.home)

    trust = TrustBundle.load(folder)  # pinned from the kit: nothing else is left
    for one in holders:
        for content in (one.code, one.credential, one.pdf):
            # What `certsvc verify --offline` runs; the command itself, with a process apart for the PDF, follows below.
            found = verify_offline(content, trust, Options(published=folder, now=now, bounded=False))
            assert found.verdict is Verdict.VALID, (one.number, found.as_json())
            said = {check.name: check.ok for check in found.checks}
            assert said["status"] is True
            assert content is not one.pdf or (said["log-receipt"] and said["identity-opening"]), one.number
    tampered = bytearray(holders[0].pdf)
    tampered[len(tampered) // 2] ^= 1
    (tmp_path / "tampered.pdf").write_bytes(tampered)
    (tmp_path / "genuine.pdf").write_bytes(holders[0].pdf)
    assert _command("--trust", str(folder), str(tmp_path / "genuine.pdf"))[0] == 0
    assert _command("--trust", str(folder), holders[0].code)[0] == 0
    assert _command("--trust", str(folder), str(tmp_path / "tampered.pdf"))[0] != 0
    assert _command("--trust", str(folder), _other(holders[0].code, len(holders[0].code) - 20))[0] != 0

    server = _serve(folder)
    try:
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        for one in holders:
            page.evaluate("code => { location.hash = '#' + code; }", one.code)
            expect(page.locator('[data-f="number"]')).to_have_text(one.number)
            _verdict(page, "offline")
            expect(page.locator(".checks .ok")).to_have_count(4)
        for one in holders[:: len(holders) // pdfs_dropped]:
            page.goto("about:blank")
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            expect(page.locator("#ways")).to_be_visible()  # hidden until the keys have been read
            file = FilePayload(name=f"{one.number}.pdf", mimeType="application/pdf", buffer=one.pdf)
            page.set_input_files("#f-file", files=[file])
            expect(page.locator('[data-f="number"]')).to_have_text(one.number)
            _verdict(page, "offline")
        page.evaluate("code => { location.hash = '#' + code; }", _other(holders[0].code, len(holders[0].code) - 20))
        _verdict(page, "forged")
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def pdfs_dropped() -> int:
    """How many of the PDFs are dropped on the page too; more by hand with CERTSVC_ALL_PDFS."""
    return min(int(os.environ.get("CERTSVC_ALL_PDFS", "25")), CERTIFICATES)
