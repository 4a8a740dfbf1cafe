"""The scan: each state its own answer, in both languages and both forms (R10, R11)."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from certsvc.app import create_app
from certsvc.credential.wording import STATES
from certsvc.services.certificates import change_status
from tests.builders.site import NAMES, NOTE, PAPER_NAME, PAPER_NUMBER, REASON, REPLACED_NAME, REPLACED_NUMBER, Register

ELECTRONIC = [state for state in NAMES if state != "second"]


@pytest.mark.parametrize("state", ELECTRONIC)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_each_state_has_its_own_words_colour_and_icon(
    client: FlaskClient, register: Register, state: str, language: str
) -> None:
    answer = client.get(f"/v/{register.held[state].token}", headers={"Accept-Language": language})
    assert answer.status_code == 200
    page = answer.text
    said = re.search(r"<h1>(.*?)</h1>", re.sub(r"</?span[^>]*>", "", page))
    assert said is not None
    wanted = STATES[state].zh if language == "zh" else STATES[state].en
    assert said[1].startswith(re.split(r"[\[{(]", wanted)[0].strip())
    assert f'class="verdict s-{state}"' in page
    assert f'data-state="{state}"' in page


def test_the_states_share_no_icon_and_no_colour(client: FlaskClient, register: Register) -> None:
    icons = set()
    for state in ELECTRONIC:
        page = client.get(f"/v/{register.held[state].token}").text
        drawn = re.search(r'data-state="\w+">\s*(<svg.*?</svg>)', page, re.DOTALL)
        assert drawn is not None
        icons.add(drawn[1])
        assert len(re.findall(rf"--{state}:(#\w+)", page)) == 2
    assert len(icons) == len(ELECTRONIC)
    colours = re.findall(r"--(\w+):(#\w+)", page.split("@media")[0])
    state_colours = [colour for name, colour in colours if name in STATES]
    assert len(state_colours) == len(set(state_colours)) == len(STATES)


@pytest.mark.parametrize("state", [*ELECTRONIC])
def test_json_is_given_for_every_state_that_asks_for_it(client: FlaskClient, register: Register, state: str) -> None:
    held = register.held[state]
    for address in (f"/v/{held.token}", f"/api/v1/certificates/{held.token}"):
        answer = client.get(address, headers={"Accept": "application/json"})
        assert answer.content_type == "application/json"
        assert answer.json["state"] == state
        assert (answer.json["certificate"] is None) == (state == "forged")


def test_any_letter_case_of_the_address_opens_the_page(client: FlaskClient, register: Register) -> None:
    token = register.valid.token
    pages = {client.get(address).text for address in (f"/v/{token}", f"/V/{token.upper()}", f"/v/{token.title()}")}
    assert len(pages) == 1


@pytest.mark.parametrize("state", ["valid", "revoked"])
@pytest.mark.parametrize("way", ["/v/", "/V/", "/api/v1/certificates/"])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_slash_at_the_end_of_the_address_changes_no_answer(
    client: FlaskClient, register: Register, state: str, way: str, accept: str
) -> None:
    """Some scanners and people add one; "unknown" would frighten, and a redirect is not followed by every program."""
    plain, slashed = (
        client.get(f"{way}{register.held[state].token}{end}", headers={"Accept": accept}) for end in ("", "/")
    )
    assert (slashed.status_code, list(slashed.headers.keys())) == (200, list(plain.headers.keys()))
    assert (slashed.content_type, slashed.cache_control) == (plain.content_type, plain.cache_control)
    assert len(slashed.data) == len(plain.data)
    assert (slashed.json["state"] if slashed.is_json else slashed.text.split('data-state="')[1]).startswith(state)


@pytest.mark.parametrize("address", ["/v/{}/more", "/v/{}/x/", "/v/more/{}/", "/v/a/"])
def test_more_than_a_slash_after_a_token_is_another_address(
    client: FlaskClient, register: Register, address: str
) -> None:
    answer = client.get(address.format(register.valid.token), headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["state"]) == (404, "unknown")


def test_what_was_signed_is_shown_and_no_more(client: FlaskClient, register: Register) -> None:
    page = client.get(f"/v/{register.valid.token}").text
    for shown in ("欧***", "应急救援员", "五级/初级工", "2025-06-01", "certsvc.example", "样例 SAMPLE"):
        assert shown in page
    for hidden in (register.valid.name, register.valid.id_number, register.valid.id_number[-6:], "1990", "81.5"):
        assert hidden not in page


def test_a_revocation_shows_on_the_very_next_request(own: Register) -> None:
    client = create_app(own.settings, services=own.services).test_client()
    address = f"/v/{own.valid.token}"
    assert client.get(address).status_code == 200
    assert 'data-state="valid"' in client.get(address).text
    change_status.revoke(own.services, own.valid.number, reason=NOTE, by="issuer", code=REASON)
    page = client.get(address).text
    assert 'data-state="revoked"' in page
    assert REASON.zh in page
    assert NOTE not in page
    english = client.get(address, headers={"Accept-Language": "en"}).text
    assert REASON.en in english
    said = client.get(address, headers={"Accept": "application/json"}).json["certificate"]["reason"]
    assert said == {"code": REASON.value, "zh": REASON.zh, "en": REASON.en}


def test_an_older_version_is_told_by_which_it_was_replaced(client: FlaskClient, register: Register) -> None:
    answer = client.get(f"/api/v1/certificates/{register.held['superseded'].token}").json
    assert answer["certificate"]["successor"] == {
        "number": register.held["superseded"].number,
        "version": 2,
        "state": "valid",
    }


def test_what_is_not_there_is_unknown_and_never_forged(client: FlaskClient) -> None:
    answer = client.get("/v/" + "a" * 26)
    assert answer.status_code == 404
    assert 'data-state="unknown"' in answer.text
    assert "不等于伪造" in answer.text


def test_a_database_that_is_gone_is_unavailable_and_never_unknown(own: Register) -> None:
    client = create_app(own.settings, services=own.services).test_client()
    with own.services.database.writing() as session:
        session.execute(text("alter table certificate rename to certificate_gone"))
    for address in (f"/v/{own.valid.token}", "/v/" + "a" * 26):
        page = client.get(address)
        assert page.status_code == 503
        assert 'data-state="unavailable"' in page.text
        said = client.get(address, headers={"Accept": "application/json"})
        assert (said.status_code, said.json["state"]) == (503, "unavailable")
    found = client.post("/verify/number", data={"number": own.valid.number, "name": own.valid.name})
    assert (found.status_code, 'data-state="unavailable"' in found.text) == (503, True)


def test_paper_is_checked_by_number_and_name(client: FlaskClient) -> None:
    for number, name, state in (
        (PAPER_NUMBER, PAPER_NAME, "paper_valid"),
        (REPLACED_NUMBER, REPLACED_NAME, "paper_replaced"),
    ):
        page = client.post("/verify/number", data={"number": number, "name": name}).text
        assert f'data-state="{state}"' in page
        said = client.post("/api/v1/verifications", json={"number": number, "name": name}).json
        assert said["state"] == state


def test_the_language_of_the_switch_stays(client: FlaskClient, register: Register) -> None:
    address = f"/v/{register.valid.token}"
    assert 'lang="zh-CN"' in client.get(address).text
    first = client.get(f"{address}?lang=en")
    assert "Secure; HttpOnly" in first.headers["Set-Cookie"] or "HttpOnly" in first.headers["Set-Cookie"]
    assert "Secure" in first.headers["Set-Cookie"]
    client.set_cookie("certsvc_language", "en")
    assert 'lang="en"' in client.get(address).text.split(">")[1]
    client.delete_cookie("certsvc_language")


def test_match_mode_answers_one_bit(client: FlaskClient, register: Register) -> None:
    held = register.valid
    address = f"/v/{held.token}/match"
    right = client.post(address, data={"name": held.name, "last_six": held.id_number[-6:].lower()}).text
    assert ("一致" in right, "不一致<" in right) == (True, False)
    for name, last_six in (("张三", held.id_number[-6:]), (held.name, "000000"), ("", ""), (held.name, "")):
        wrong = client.post(address, data={"name": name, "last_six": last_six}).text
        assert "不一致<" in wrong
        assert held.name not in wrong


def test_paper_has_match_mode_too(client: FlaskClient) -> None:
    from tests.builders.site import id_number_of

    typed = {"number": PAPER_NUMBER, "name": PAPER_NAME, "last_six": id_number_of(80)[-6:]}
    assert 'class="answer yes"' in client.post("/verify/match", data=typed).text
    assert 'class="answer no"' in client.post("/verify/match", data=typed | {"last_six": "000000"}).text


def test_a_first_visit_weighs_less_than_30_kilobytes(client: FlaskClient, register: Register) -> None:
    packed = {"Accept-Encoding": "gzip"}
    address = f"/v/{register.held['suspended'].token}"
    page = client.get(address).text
    linked = re.findall(r'(?:src|href)="(/(?:static|manifest)[^"]*)"', page)
    assert linked
    # All that the worker brings in for later use is counted too: both shells, its own script, the keys.
    # The reader is kept from the first visit to /verify on, not from here.
    worker = re.sub(r"const READER=.*?;", "", client.get("/sw.js").text)
    kept = re.findall(r"'(/(?:static/|offline\?)[^']+)'", worker)
    assert len(kept) == 6
    brought = {address, *linked, *kept, "/sw.js", "/.well-known/certsvc-keys.json"}
    assert sum(len(client.get(each, headers=packed).data) for each in brought) < 30_000
    # What the answer needs stands in it: no stylesheet, no picture, no font to wait for.
    assert not re.findall(r'<link rel="stylesheet"|<img|@import|url\(', page)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_page_holds_no_word_of_another_state(client: FlaskClient, register: Register, language: str) -> None:
    # What a text search of a genuine certificate's page finds is about that certificate alone.
    for state in ELECTRONIC:
        page = client.get(f"/v/{register.held[state].token}", headers={"Accept-Language": language}).text
        words = re.sub(r"<style>.*?</style>|<[^>]*>", "", page, flags=re.DOTALL)
        for other in {"forged", "unknown", "unavailable", "offline"} - {state}:
            said = STATES[other].zh if language == "zh" else STATES[other].en
            assert re.split(r"[,;:]", said)[0] not in words, (state, other)
        assert ("必要时报警" in words or "call the police" in words) == (state == "forged")


def test_whom_to_ask_stands_on_every_page_where_it_is_set(register: Register) -> None:
    settings = replace(register.settings, issuer_contact="0971-<b>1234567")
    client = create_app(settings, services=register.services).test_client()
    for address in (f"/v/{register.held['forged'].token}", "/v/" + "a" * 26, "/verify", "/offline"):
        assert "0971-&lt;b&gt;1234567" in client.get(address).text
    without = create_app(register.settings, services=register.services).test_client()
    assert "向发证机构询问" not in without.get("/v/" + "a" * 26).text


def test_a_heading_says_the_answer_first_and_breaks_no_number(client: FlaskClient, register: Register) -> None:
    page = client.get(f"/v/{register.held['superseded'].token}").text
    number = register.held["superseded"].number
    heading = re.search(r"<h1>(.*?)</h1>", page)
    assert heading is not None
    answer, _, details = heading[1].partition('<span class="more">')
    assert answer == "已被更新的版本替代"
    assert f'<span class="nb">{number}</span>' in details
    # That it was genuinely issued stands among the details (R11).
    for state, whole in (("suspended", "已暂停使用"), ("revoked", "已撤销")):
        heading = re.search(r"<h1>(.*?)</h1>", client.get(f"/v/{register.held[state].token}").text)
        assert heading is not None
        answer, _, details = heading[1].partition('<span class="more">')
        assert answer == whole
        assert "曾真实签发" in details
