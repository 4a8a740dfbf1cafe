"""Keeping a check, and finding it again by what is printed on it (R10, R11)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
import zxingcpp
from flask.testing import FlaskClient
from PIL import Image, ImageDraw
from sqlalchemy import text

from certsvc.app import create_app
from certsvc.services.certificates import change_status
from certsvc.web.public import kept
from tests.builders.site import NAMES, PAPER_NAME, PAPER_NUMBER, REASON, Held, Register, id_number_of


def _reference(page: str) -> str:
    found = re.search(r'<dd class="reference">([A-Z2-9-]{14})</dd>', page)
    assert found, page[:2000]
    return found[1]


def _compared(page: str) -> str:
    found = re.search(r'data-compared="(\w+)"', page)
    assert found
    return found[1]


def _ticket(page: str) -> str:
    found = re.search(r'name="ticket" value="([^"]+)"', page)
    assert found
    return found[1]


def _by_match(client: FlaskClient, held: Held) -> str:
    """The page of a comparison that was right."""
    typed = {"name": held.name, "last_six": held.id_number[-6:]}
    return client.post(f"/v/{held.token}/match", data=typed).text


def test_a_kept_scan_bears_no_name_that_the_server_was_not_told(client: FlaskClient, register: Register) -> None:
    held = register.valid
    page = client.post(f"/v/{held.token}/keep").text
    assert _compared(page) == "none"
    assert held.name not in page
    assert "欧***" in page
    # The code's own payload names its holder on the device alone: what the script needs for it is there.
    for needed in ("data-holder", "data-masked", "data-whole", "data-begun", f'data-token="{held.token}"', "record.js"):
        assert needed in page


def test_a_record_after_a_match_names_whom_it_was_about(client: FlaskClient, register: Register) -> None:
    held = register.valid
    page = client.post(f"/v/{held.token}/keep", data={"ticket": _ticket(_by_match(client, held))}).text
    assert (_compared(page), held.name in page) == ("match", True)
    assert held.id_number[-6:] not in page


def test_a_record_after_number_and_name_names_whom_it_was_about(client: FlaskClient, register: Register) -> None:
    held = register.valid
    found = client.post("/verify/number", data={"number": held.number, "name": held.name}).text
    page = client.post(f"/v/{held.token}/keep", data={"ticket": _ticket(found)}).text
    assert (_compared(page), held.name in page) == ("name", True)


@pytest.mark.parametrize("last_six", [None, id_number_of(80)[-6:]], ids=["number", "match"])
def test_paper_is_kept_by_the_ticket_of_its_answer(client: FlaskClient, last_six: str | None) -> None:
    typed = {"number": PAPER_NUMBER, "name": PAPER_NAME} | ({"last_six": last_six} if last_six else {})
    found = client.post("/verify/match" if last_six else "/verify/number", data=typed).text
    page = client.post("/verify/keep", data={"ticket": _ticket(found)}).text
    assert (_compared(page), PAPER_NAME in page) == ("match" if last_six else "name", True)
    again = client.get(f"/r/{_reference(page)}").text
    assert ('data-state="paper_valid"' in again, PAPER_NAME in again) == (True, False)


def test_no_ticket_but_the_right_one_puts_a_name_on_a_record(
    register: Register, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, other = register.valid, register.held["second"]
    ticket = _ticket(_by_match(client, held))
    for wrong in ("", "x", ticket[:-1], ticket + "x", "." + ticket, "\x00"):
        page = client.post(f"/v/{held.token}/keep", data={"ticket": wrong}).text
        assert (_compared(page), held.name in page) == ("none", False)
    page = client.post(f"/v/{other.token}/keep", data={"ticket": ticket}).text
    assert (_compared(page), held.name in page, other.name in page) == ("none", False, False)
    assert client.post("/verify/keep", data={"ticket": ticket}).location == "/verify"
    assert client.post("/verify/keep").location == "/verify"
    now = register.services.now()
    late = create_app(
        register.settings, services=replace(register.services, now=lambda: now + kept.TICKET_LIFE)
    ).test_client()
    assert _compared(late.post(f"/v/{held.token}/keep", data={"ticket": ticket}).text) == "none"


def test_a_wrong_guess_gives_no_ticket(client: FlaskClient, register: Register) -> None:
    held = register.valid
    page = client.post(f"/v/{held.token}/match", data={"name": held.name, "last_six": "000000"}).text
    assert ('name="ticket"' in page, 'id="keep"' in page) == (False, True)
    assert 'name="ticket"' not in client.get(f"/v/{held.token}").text


def test_what_is_not_genuine_or_not_there_is_not_kept(client: FlaskClient, register: Register) -> None:
    forged = register.held["forged"].token
    assert 'id="keep"' not in client.get(f"/v/{forged}").text
    for token, back in ((forged, f"/v/{forged}"), ("a" * 26, "/v/" + "a" * 26), ("x", "/verify")):
        answer = client.post(f"/v/{token}/keep")
        assert (answer.status_code, answer.location) == (303, back)


@pytest.mark.parametrize("state", [state for state in NAMES if state != "forged"])
def test_each_state_is_kept_in_its_own_words_and_says_whom_to_ask(
    client: FlaskClient, register: Register, state: str
) -> None:
    wanted = "valid" if state == "second" else state
    page = client.post(f"/V/{register.held[state].token.upper()}/keep").text
    said = re.search(r"<dd data-then>(.*?)</dd>", page)
    heading = re.search(r"<h1>(.*?)</h1>", page)
    assert said
    assert heading
    assert said[1] == re.sub("<[^>]+>", "", heading[1])
    assert f'data-state="{wanted}"' in page
    assert "可以问谁" in page


def test_a_reference_is_found_again_with_the_name_masked(client: FlaskClient, register: Register) -> None:
    held = register.valid
    made = client.post(f"/v/{held.token}/keep", data={"ticket": _ticket(_by_match(client, held))}).text
    reference = _reference(made)
    for address in (f"/r/{reference}", f"/R/{reference.replace('-', '')}", f"/r/{reference.lower()}"):
        answer = client.get(address)
        assert answer.status_code == 200
        assert (_reference(answer.text), _compared(answer.text)) == (reference, "match")
        for hidden in (held.name, held.token, held.token.upper(), held.id_number[-6:]):
            assert hidden not in answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Robots-Tag"].startswith("noindex")
    english = client.get(f"/r/{reference}?lang=en")
    assert "Full name and last six characters" in english.text
    assert "certsvc_language=en" in english.headers["Set-Cookie"]


def test_the_name_on_a_record_is_checked_one_bit_at_a_time(client: FlaskClient, register: Register) -> None:
    held = register.valid
    reference = _reference(client.post(f"/v/{held.token}/keep").text)
    right = client.post(f"/r/{reference}", data={"name": f" {held.name}"}).text
    assert ('class="answer yes"' in right, 'class="answer no"' in right) == (True, False)
    for name in ("张三", "", "欧***"):
        wrong = client.post(f"/r/{reference}", data={"name": name}).text
        assert ('class="answer no"' in wrong, held.name in wrong) == (True, False)


def test_the_code_of_a_record_leads_to_it(client: FlaskClient, register: Register) -> None:
    page = client.post(f"/v/{register.valid.token}/keep").text
    box = re.search(r'<svg class="code" viewBox="-4 -4 (\d+) ', page)
    path = re.search(r'<path class="dark" d="([^"]+)"', page)
    assert box
    assert path
    (found,) = zxingcpp.read_barcodes(_drawn(path[1], int(box[1])), formats=zxingcpp.BarcodeFormat.QRCode)
    assert found.text == f"HTTPS://CERTSVC.EXAMPLE/R/{_reference(page).replace('-', '')}"


def _drawn(path: str, side: int, scale: int = 8) -> Image.Image:
    """What an SVG shows of `M0 y.5` followed by moves and strokes along the row."""
    image = Image.new("L", (side * scale, side * scale), 255)
    draw = ImageDraw.Draw(image)
    x = y = 0
    for kind, number in re.findall(r"(M0|m|h)\s?([\d.]+)", path):
        if kind == "M0":
            x, y = 0, int(float(number))
        elif kind == "m":
            x += int(number)
        else:
            left, top = (x + 4) * scale, (y + 4) * scale
            draw.rectangle((left, top, left + int(number) * scale - 1, top + scale - 1), fill=0)
            x += int(number)
    return image


def test_what_changed_since_is_said(own: Register) -> None:
    client = create_app(own.settings, services=own.services).test_client()
    made = client.post(f"/v/{own.valid.token}/keep").text
    reference = _reference(made)
    assert "现在的回答与留存时不同" not in made + client.get(f"/r/{reference}").text
    change_status.revoke(own.services, own.valid.number, reason="错发", by="issuer", code=REASON)
    found = client.get(f"/r/{reference}").text
    assert 'data-state="revoked"' in found
    assert "<dd data-then>真实有效</dd>" in found
    assert "现在的回答与留存时不同" in found


def test_a_row_that_contradicts_the_log_is_neither_kept_nor_shown(own: Register) -> None:
    client = create_app(own.settings, services=own.services).test_client()
    token = own.valid.token
    reference = _reference(client.post(f"/v/{token}/keep").text)
    change_status.revoke(own.services, own.valid.number, reason="错发", by="issuer", code=REASON)
    with own.services.database.writing() as session:
        session.execute(text("update certificate set status = 'valid' where token = :token"), {"token": token})
    for answer in (client.get(f"/r/{reference}"), client.post(f"/r/{reference}", data={"name": own.valid.name})):
        assert (answer.status_code, 'data-state="unavailable"' in answer.text) == (503, True)
        assert own.valid.name[0] + "***" not in answer.text
    assert client.post(f"/v/{token}/keep").location == f"/v/{token}"


def test_unknown_and_too_old_are_one_answer(register: Register, client: FlaskClient) -> None:
    reference = _reference(client.post(f"/v/{register.valid.token}/keep").text)
    now = register.services.now()
    late = create_app(
        register.settings, services=replace(register.services, now=lambda: now + timedelta(days=367))
    ).test_client()
    answers = [late.get(f"/r/{reference}"), client.get("/r/AAAA-AAAA-AAAA"), client.get("/r/张三")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert client.post("/r/AAAA-AAAA-AAAA", data={"name": "张三"}).status_code == 404


def test_a_reload_of_the_sheet_leads_back(client: FlaskClient, register: Register) -> None:
    token = register.valid.token
    assert client.get(f"/v/{token}/keep").location == f"/v/{token}"
    assert client.get("/verify/keep").location == "/verify"


def test_keeping_and_guessing_are_limited(register: Register) -> None:
    settings = replace(register.settings, limit_file="1/minute", limit_guess="2/minute", limit_page="3/minute")
    client = create_app(settings, services=register.services).test_client()
    address = {"REMOTE_ADDR": "198.51.100.77"}
    first = client.post(f"/v/{register.valid.token}/keep", environ_base=address)
    assert first.status_code == 200
    for path in (f"/v/{register.valid.token}/keep", "/verify/keep"):
        assert client.post(path, environ_base=address).status_code == 429
    reference = _reference(first.text)
    guesses = [client.post(f"/r/{reference}", data={"name": "张三"}, environ_base=address) for _ in range(3)]
    assert [answer.status_code for answer in guesses] == [200, 200, 429]
    seen = [client.get("/r/x", environ_base=address).status_code for _ in range(4)]
    assert seen == [404, 404, 404, 429]
