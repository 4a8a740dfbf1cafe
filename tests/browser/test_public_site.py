"""The public site in a real browser: scan, go offline, revoke and scan again, switch language, drop files."""

from __future__ import annotations

import io
import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from certsvc.services.certificates import change_status, give_out
from tests.browser.conftest import ARGUMENTS, Picture, Served, violations
from tests.builders.site import NAMES

STATES = [state for state in NAMES if state != "second"]
PAGES = ["/verify", "/my", "/api", "/offline", "/nix", "/v/aaaaaaaaaaaaaaaaaaaaaaaaaa"]


@pytest.mark.parametrize("language", ["zh-CN", "en-GB"])
@pytest.mark.parametrize("state", STATES)
def test_a_scan_shows_its_state(browser: Browser, served: Served, picture: Picture, state: str, language: str) -> None:
    for width in (390, 1280):
        context = browser.new_context(viewport={"width": width, "height": 844}, locale=language)
        page = context.new_page()
        page.goto(served.address(state))
        expect(page.locator("#verdict")).to_have_attribute("data-state", state)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if state != "forged":
            # The register that was changed by hand keeps the QR's own, genuine signature.
            expect(page.locator("#qr-note")).to_be_visible()
        picture(page)
        context.close()


@pytest.mark.parametrize("language", ["zh-CN", "en-GB"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_label_and_no_number_is_broken_in_two(browser: Browser, served: Served, language: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, locale=language)
    page = context.new_page()
    page.goto(served.address("valid"))
    lines = page.evaluate(
        """() => [...document.querySelectorAll('#facts dt, #facts .number')].map(each => {
            const words = document.createRange();
            words.selectNodeContents(each);
            const boxes = [...words.getClientRects()];
            return [each.innerText, Math.max(...boxes.map(box => box.top)) < Math.min(...boxes.map(box => box.bottom))];
        })"""
    )
    assert len(lines) > 5
    assert [text for text, is_one_line in lines if not is_one_line] == []
    context.close()


def test_the_page_needs_no_script(browser: Browser, served: Served) -> None:
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.resource_type))
    page.goto(served.address("valid"))
    expect(page.locator("h1")).to_have_text("真实有效")
    assert set(asked) <= {"document", "manifest", "other", "image"}
    held = served.register.valid
    page.fill("#m-name", held.name)
    page.fill("#m-six", held.id_number[-6:])
    page.click("#match button")
    expect(page.locator(".answer")).to_contain_text("一致")
    context.close()


def test_with_the_server_gone_the_signature_still_answers(page: Page, served: Served, picture: Picture) -> None:
    _opened_once(page, served)
    served.stop()
    try:
        page.goto("about:blank")  # the same address again would only move to its fragment
        page.goto(served.address("valid"))
        expect(page.locator("#qr-verdict")).to_have_attribute("data-state", "offline")
        expect(page.locator("#qr-verdict h1")).to_contain_text("签名真实；状态截至")
        expect(page.locator("[data-last]")).to_have_text("真实有效")
        expect(page.locator('[data-f="name"]')).to_have_text(served.register.valid.name)
        picture(page)
        # Never seen before on this device, and genuine all the same.
        page.goto(served.address("second"))
        expect(page.locator("#qr-verdict")).to_have_attribute("data-state", "offline")
        # One character of the signature changed: red, also offline.
        forged = served.address("valid")
        page.goto("about:blank")
        page.goto(forged[:-3] + ("A" if forged[-3] != "A" else "B") + forged[-2:])
        expect(page.locator("#qr-verdict")).to_have_attribute("data-state", "forged")
    finally:
        served.start()


def test_offline_no_status_is_lent_by_another_certificates_address(page: Page, served: Served) -> None:
    """What was seen is kept by what is signed: one certificate's address in front of another code says nothing."""
    _opened_once(page, served)
    valid, second = served.address("valid"), served.address("second")
    served.stop()
    try:
        page.goto("about:blank")
        page.goto(valid.partition("#")[0] + "#" + second.partition("#")[2])
        expect(page.locator("#qr-verdict")).to_have_attribute("data-state", "offline")
        expect(page.locator('[data-f="name"]')).not_to_have_text(served.register.valid.name)
        expect(page.locator("[data-seen]")).to_be_hidden()
        expect(page.locator("[data-unseen]")).to_be_visible()
        expect(page.locator("[data-unbound]")).to_be_visible()
        page.goto("about:blank")
        page.goto(valid)
        expect(page.locator("[data-last]")).to_have_text("真实有效")
        expect(page.locator("[data-unbound]")).to_be_hidden()
    finally:
        served.start()


def test_the_original_part_of_an_altered_file_is_downloaded_and_holds(page: Page, served: Served) -> None:
    genuine = give_out.pdf_of(served.register.services, served.register.valid.number)
    page.goto(served.base + "/verify")
    page.set_input_files("#f-file", {"name": "a.pdf", "mimeType": "application/pdf", "buffer": genuine + b"\r\n"})
    page.click("#file button")
    expect(page.locator(".verdict")).to_have_attribute("data-state", "altered", timeout=60_000)
    with page.expect_download() as downloaded:
        page.click("[data-original]")
    assert Path(downloaded.value.path()).read_bytes() == genuine
    assert downloaded.value.suggested_filename == f"{served.register.valid.number}.pdf"


def test_a_code_of_another_certificate_is_red(page: Page, served: Served, picture: Picture) -> None:
    fragment = served.address("second").partition("#")[2]
    page.goto(served.address("valid").partition("#")[0] + "#" + fragment)
    expect(page.locator("#qr-verdict")).to_have_attribute("data-state", "forged")
    expect(page.locator("#verdict")).to_be_hidden()
    # It says what differs, and nothing that was said of the genuine certificate is left, not even in the title.
    expect(page.locator('[data-why="number"]')).to_contain_text(served.register.held["second"].number)
    expect(page.locator('[data-why="number"]')).to_contain_text(served.register.valid.number)
    expect(page.locator('[data-why="level"]')).to_be_hidden()
    expect(page.locator("#rest")).to_have_count(0)
    expect(page).to_have_title(re.compile("不要接受"))
    assert "真实有效" not in page.locator("body").inner_text()
    picture(page)


def test_a_mismatch_without_its_words_says_nothing_at_all(browser: Browser, served: Served) -> None:
    context = browser.new_context(locale="zh-CN", service_workers="block")
    page = context.new_page()
    page.route("**/offline?*", lambda route: route.abort())
    page.goto(served.address("valid"))
    page.wait_for_load_state("networkidle")
    # The code agrees: there is nothing to add to the answer.
    expect(page.locator("#verdict")).to_be_visible()
    fragment = served.address("second").partition("#")[2]
    page.goto("about:blank")
    page.goto(served.address("valid").partition("#")[0] + "#" + fragment)
    expect(page.locator("#unread")).to_be_visible()
    expect(page.locator("#verdict")).to_be_hidden()
    assert "真实有效" not in page.locator("main").inner_text()
    context.close()


def _opened_once(page: Page, served: Served) -> None:
    """The page was read with its server there, and its worker is at work."""
    page.goto(served.address("valid"))
    expect(page.locator("#qr-note")).to_be_visible()
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_function("navigator.serviceWorker.controller !== null")


def _refuse(environ: Any, start_response: Any) -> list[bytes]:
    start_response("502 Bad Gateway", [("Content-Type", "text/html")])
    return [b"<h1>502 Bad Gateway</h1>"]


def test_a_proxy_that_lost_its_server_is_no_answer(page: Page, served: Served) -> None:
    _opened_once(page, served)
    served.stop()
    proxy = make_server("127.0.0.1", served.port, _refuse, threaded=True)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        page.goto("about:blank")
        page.goto(served.address("valid"))
        expect(page.locator("#qr-verdict")).to_have_attribute("data-state", "offline")
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()
        served.start()


def test_the_language_chosen_stays_with_the_server_gone(page: Page, served: Served) -> None:
    _opened_once(page, served)
    page.click(".switch")
    expect(page.locator("#verdict h1")).to_have_text("Genuine and in force")
    page.wait_for_function("caches.match('/language').then((kept) => kept.text()).then((text) => text === 'en')")
    served.stop()
    try:
        page.goto("about:blank")
        page.goto(served.address("valid"))
        expect(page.locator("#qr-verdict h1")).to_contain_text("Signature genuine")
        expect(page.locator("#qr-verdict .also:visible")).to_contain_text("Last answer seen on this device")
        # Every certificate of this register is a sample, and says so without a server too.
        expect(page.locator(".sample")).to_be_visible()
        page.click(".switch")
        expect(page.locator("#qr-verdict h1")).to_contain_text("签名真实")
    finally:
        served.start()


def test_a_tampered_code_is_red(page: Page, served: Served) -> None:
    address = served.address("valid")
    place = address.index("#") + 60
    page.goto(address[:place] + ("A" if address[place] != "A" else "B") + address[place + 1 :])
    expect(page.locator("#qr-verdict")).to_have_attribute("data-state", "forged")


def test_a_revocation_shows_on_the_next_scan(page: Page, served: Served) -> None:
    page.goto(served.address("second"))
    expect(page.locator("#verdict")).to_have_attribute("data-state", "valid")
    services = served.register.services
    change_status.suspend(services, served.register.held["second"].number, reason="复核", by="test")
    page.goto(served.address("second") + "")
    page.reload()
    expect(page.locator("#verdict")).to_have_attribute("data-state", "suspended")
    change_status.reinstate(services, served.register.held["second"].number, reason="无误", by="test")


def test_the_switch_of_language_stays_and_keeps_the_code(page: Page, served: Served) -> None:
    page.goto(served.address("valid"))
    page.click(".switch")
    expect(page.locator("h1").first).to_have_text("Genuine and in force")
    assert "#" in page.url
    page.goto(served.base + "/verify")
    expect(page.locator("h1")).to_have_text("Check a certificate")


@pytest.fixture(scope="session")
def pdf(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frozen PDF of the valid certificate."""
    path = tmp_path_factory.mktemp("pdf") / "certificate.pdf"
    path.write_bytes(give_out.pdf_of(served.register.services, served.register.valid.number))
    return path


def test_dropped_files_each_get_their_own_answer(
    page: Page, served: Served, pdf: Path, tmp_path: Path, picture: Picture
) -> None:
    genuine = pdf.read_bytes()
    flipped = bytearray(genuine)
    flipped[len(flipped) // 3] ^= 1
    specimens = {
        "genuine.pdf": genuine,
        "appended.pdf": genuine + b"\n%%EOF",
        "flipped.pdf": bytes(flipped),
        "other.pdf": b"%PDF-1.4",
    }
    for name, content in specimens.items():
        (tmp_path / name).write_bytes(content)
    page.goto(served.base + "/verify")
    page.set_input_files("#f-file", [tmp_path / name for name in specimens])
    page.click("#file button")
    verdicts = page.locator(".examined .verdict")
    expect(verdicts).to_have_count(4, timeout=60_000)
    found = [verdicts.nth(i).get_attribute("data-state") for i in range(4)]
    assert found[0] == "valid"
    assert "valid" not in found[1:]
    assert found[1:3] == ["altered", "forged"]
    # Who has the genuine file, or its whole sealed part, has the name and compares it whole; beside a forged one stands
    # the public record, which is where a swapped photo or an edited name is seen.
    for i in (0, 1):
        expect(page.locator(".examined").nth(i)).to_contain_text(served.register.valid.name)
    expect(page.locator(".examined").nth(2)).to_contain_text("欧***")
    expect(page.locator(".examined").nth(2)).not_to_contain_text(served.register.valid.name)
    picture(page)


def test_a_list_shows_progress_and_gives_a_file(page: Page, served: Served, tmp_path: Path) -> None:
    rows = ["证书编号,姓名"] + [f"{held.number},{held.name}" for held in served.register.held.values()]
    (tmp_path / "list.csv").write_text("\n".join(rows), encoding="utf-8")
    page.goto(served.base + "/verify")
    page.set_input_files("#f-file", tmp_path / "list.csv")
    page.click("#file button")
    expect(page.locator("[data-download]")).to_be_visible(timeout=30_000)
    expect(page.locator("#answers tbody tr")).to_have_count(len(rows) - 1)
    with page.expect_download() as download:
        page.click("[data-download] a")
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert served.register.valid.number in text


def test_a_bad_row_and_a_refused_list_say_what_to_do(page: Page, served: Served) -> None:
    held = served.register.valid
    rows = f"证书编号,姓名\n{held.number},{held.name}\n2.66301E+15,王芳\n"
    page.goto(served.base + "/verify")
    for content, waits in ((rows, "[data-download]"), ("姓名,手机\n王芳,1\n", "[data-remedy]")):
        page.set_input_files("#f-file", {"name": "a.csv", "mimeType": "text/csv", "buffer": content.encode()})
        page.click("#file button")
        expect(page.locator(f"#answers {waits}")).to_be_visible(timeout=30_000)
        if waits == "[data-download]":
            expect(page.locator('#answers tr[data-state="damaged"]')).to_contain_text("设为文本格式")
            expect(page.locator(f'#answers a[href="/v/{held.token}"]')).to_be_visible()
    expect(page.locator("#answers [data-said]")).to_contain_text("证书编号")
    expect(page.locator('#answers a[href$="template.xlsx"]')).to_be_visible()


def test_each_of_several_pictures_says_its_state_and_nothing_is_uploaded(page: Page, served: Served) -> None:
    sent = []
    page.on("request", lambda request: sent.append(request.method) if request.method != "GET" else None)
    states = ("valid", "revoked")
    files = [{"name": f"{state}.png", "mimeType": "image/png", "buffer": _drawn(served.qr(state))} for state in states]
    stranger = {"name": "other.png", "mimeType": "image/png", "buffer": _drawn(served.qr("valid")[:-4] + "AAAA")}
    page.goto(served.base + "/verify")
    page.set_input_files("#f-file", [*files, stranger])  # type: ignore[list-item]
    page.click("#file button")
    verdicts = page.locator(".examined .verdict")
    expect(verdicts).to_have_count(3, timeout=60_000)
    expect(page.locator("[data-box] [data-said]")).to_have_text("查完了，结果在下面。", timeout=60_000)
    found = [verdicts.nth(place).get_attribute("data-state") for place in range(3)]
    # A code whose own signature does not hold gets no state here: its page says what is wrong with it.
    assert found == ["valid", "revoked", "offline"]
    expect(page.locator(".examined").first).to_contain_text(served.register.valid.name)
    assert sent == []


def _drawn(text: str) -> bytes:
    import qrcode

    out = io.BytesIO()
    qrcode.make(text, border=4).get_image().save(out, "PNG")
    return out.getvalue()


def _printed_code(pdf: Path, size: tuple[int, int]) -> Image.Image:
    """The page as printed, its QR large in the picture, as a phone held close sees it."""
    import pypdfium2
    import zxingcpp

    page = pypdfium2.PdfDocument(pdf)[0].render(scale=300 / 72).to_pil().convert("RGB")
    found = zxingcpp.read_barcodes(page, formats=zxingcpp.BarcodeFormat.QRCode)[0].position
    corners = [found.top_left, found.top_right, found.bottom_right, found.bottom_left]
    xs, ys = [c.x for c in corners], [c.y for c in corners]
    edge = (max(xs) - min(xs)) // 6
    code = page.crop((min(xs) - edge, min(ys) - edge, max(xs) + edge, max(ys) + edge))
    side = min(size) - 40
    picture = Image.new("RGB", size, "white")
    picture.paste(code.resize((side, side)), ((size[0] - side) // 2, 20))
    return picture


def test_the_camera_reads_the_code_of_a_printed_certificate(
    browser: Browser, chromium: str, served: Served, pdf: Path, tmp_path: Path, picture: Picture
) -> None:
    frame = _printed_code(pdf, (1280, 960))
    frame.save(tmp_path / "camera.mjpeg", "JPEG", quality=95)
    fake = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={tmp_path / 'camera.mjpeg'}",
    ]
    started = browser.browser_type.launch(executable_path=chromium, args=[*ARGUMENTS, *fake])
    try:
        context = started.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN", permissions=["camera"])
        page = context.new_page()
        page.goto(served.base + "/verify")
        page.click("[data-start]")
        page.wait_for_url("**/v/*", timeout=30_000)
        expect(page.locator("#verdict")).to_have_attribute("data-state", "valid")
        expect(page.locator("#qr-note")).to_be_visible()
        picture(page)
    finally:
        started.close()


def test_a_picture_of_the_code_is_read_without_a_camera(page: Page, served: Served, pdf: Path, tmp_path: Path) -> None:
    _printed_code(pdf, (900, 900)).save(tmp_path / "code.png")
    page.goto(served.base + "/verify")
    page.set_input_files("#f-file", tmp_path / "code.png")
    page.click("#file button")
    page.wait_for_url("**/v/*", timeout=30_000)
    expect(page.locator("#verdict")).to_have_attribute("data-state", "valid")


def test_the_scanner_opens_and_reads_a_code_with_the_server_gone(
    page: Page, served: Served, pdf: Path, tmp_path: Path
) -> None:
    _printed_code(pdf, (900, 900)).save(tmp_path / "code.png")
    _opened_once(page, served)
    page.goto(served.base + "/verify")  # once; the reader is kept without being used
    expect(page.locator("[data-kept]")).to_be_visible()
    served.stop()
    try:
        page.goto(served.base + "/verify")
        page.set_input_files("#f-file", tmp_path / "code.png")
        page.click("#file button")
        page.wait_for_url("**/v/*", timeout=30_000)
        expect(page.locator("#qr-verdict")).to_have_attribute("data-state", "offline")
    finally:
        served.start()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(browser: Browser, served: Served, axe: str, width: int, theme: Any) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=theme, locale="zh-CN")
    page = context.new_page()
    found = {}
    addresses = [served.base + path for path in PAGES] + [served.address(state) for state in STATES]
    for address in addresses:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        if said := violations(page, axe):
            found[address[:60]] = said
    context.close()
    assert found == {}, json.dumps(found, indent=1, ensure_ascii=False)
