"""The front page's three doors, the pages behind the third, and whose a certificate is in the first view (R10, R11)."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from certsvc.credential.wording import STATES, say
from tests.builders.site import NAMES, PAPER_NAME, PAPER_NUMBER, Register

ELSEWHERE = ["/", "/institutions", "/poster", "/verify", "/my", "/api", "/r/x", "/s/x", "/nix"]


def test_the_front_page_has_three_doors_and_each_opens(client: FlaskClient) -> None:
    page = client.get("/").text
    doors = re.findall(r'<a class="card door" href="([^"]+)"', page)
    assert doors == ["/verify", "/my", "/console"]
    assert [client.get(door).status_code for door in doors] == [200, 200, 200]


def test_the_third_door_leads_on(client: FlaskClient) -> None:
    main = client.get("/institutions").text.partition("<main")[2].partition("</main>")[0]
    links = re.findall(r'href="([^"]+)"', main)
    assert set(links) == {"/verify#list", "/api", "/poster", "/console"}
    assert all(client.get(link).status_code == 200 for link in links)
    assert 'id="list"' in client.get("/verify").text


@pytest.mark.parametrize("address", ELSEWHERE)
@pytest.mark.parametrize(("language", "issuer"), [("zh", "示例发证机构（样例）"), ("en", "Sample Issuing Authority")])
def test_the_issuers_name_stands_on_top_of_every_page(
    client: FlaskClient, address: str, language: str, issuer: str
) -> None:
    top = client.get(address, headers={"Accept-Language": language}).text.partition("<main")[0]
    assert f"<b>{issuer}</b>" in top.partition("<header")[2]


@pytest.mark.parametrize("state", list(NAMES))
def test_the_issuers_name_stands_on_top_of_a_certificates_page(
    client: FlaskClient, register: Register, state: str
) -> None:
    page = client.get(f"/v/{register.held[state].token}").text
    assert "<b>示例发证机构（样例）</b>" in page.partition("<main")[0].partition("<header")[2]


def test_the_poster_teaches_this_sites_domain_and_the_words_that_pages_say(client: FlaskClient) -> None:
    for language in ("zh", "en"):
        page = client.get("/poster", headers={"Accept-Language": language}).text
        assert '<p class="host">certsvc.example</p>' in page
        shown = re.findall(r'<li class="s-(\w+)">.*?</svg>([^<]+)</li>', page)
        assert [state for state, _ in shown] == ["valid", "suspended", "revoked", "forged"]
        for state, words in shown:
            said = say(state)
            assert (said.zh if language == "zh" else said.en).startswith(words), state


@pytest.mark.parametrize("address", ["/", "/institutions", "/poster", "/verify"])
def test_the_switch_of_language_is_remembered_on_each_page(client: FlaskClient, address: str) -> None:
    assert "certsvc_language=en" in client.get(f"{address}?lang=en").headers["Set-Cookie"]
    for plain in (address, f"{address}?lang=xx"):
        assert "Set-Cookie" not in client.get(plain).headers


@pytest.mark.parametrize("state", [state for state in NAMES if state not in {"forged", "second"}])
def test_the_state_is_said_before_whose_it_is_and_before_what_was_signed(
    client: FlaskClient, register: Register, state: str
) -> None:
    page = client.get(f"/v/{register.held[state].token}").text
    places = [page.index(part) for part in ('id="verdict"', 'id="person"', 'id="facts"')]
    assert places == sorted(places)
    # Where it is not in force, what that means comes before the person too.
    assert (page.index('id="meaning"') < places[1]) == (state != "valid")


def test_a_bare_address_shows_the_name_masked(client: FlaskClient, register: Register) -> None:
    held = register.valid
    page = client.get(f"/v/{held.token}").text
    assert '<p class="holder" data-holder>欧***</p>' in page
    assert held.name not in page
    assert client.get(f"/api/v1/certificates/{held.token}").json["certificate"]["full_name"] is None


def test_who_gave_number_and_name_sees_the_full_name(client: FlaskClient, register: Register) -> None:
    for number, name in ((register.valid.number, register.valid.name), (PAPER_NUMBER, PAPER_NAME)):
        typed = {"number": number, "name": f"{name} "}
        page = client.post("/verify/number", data=typed).text
        assert f'<p class="holder" data-holder data-full>{name}</p>' in page
        said = client.post("/api/v1/verifications", json=typed).json["certificate"]
        assert (said["full_name"], said["name"]) == (name, name[0] + "*" * (len(name) - 1))


def test_who_matched_sees_the_full_name_and_is_asked_no_more(client: FlaskClient, register: Register) -> None:
    held = register.valid
    for last_six, right in ((held.id_number[-6:], True), ("000000", False)):
        page = client.post(f"/v/{held.token}/match", data={"name": held.name, "last_six": last_six}).text
        assert (held.name in page) is right
        assert ('id="m-six"' in page) is not right


def test_the_portrait_stands_beside_the_name_where_the_scheme_shows_it(client: FlaskClient, register: Register) -> None:
    held = register.held["expired"]  # of the scheme that shows photos
    found = client.post("/verify/number", data={"number": held.number, "name": held.name}).text
    person = found.partition('id="person"')[2].partition("</section>")[0]
    assert f'src="/v/{held.token}/portrait"' in person
    assert held.name in person


def test_a_changed_register_names_no_one(client: FlaskClient, register: Register) -> None:
    held = register.held["forged"]
    for page in (
        client.post("/verify/number", data={"number": held.number, "name": held.name}).text,
        client.post(f"/v/{held.token}/match", data={"name": held.name, "last_six": held.id_number[-6:]}).text,
    ):
        assert 'data-state="forged"' in page
        assert held.name not in page
        assert 'id="person"' not in page


def test_the_reading_aid_is_on_english_pages_alone_and_marked(client: FlaskClient, register: Register) -> None:
    address = f"/v/{register.valid.token}"
    english = client.get(address, headers={"Accept-Language": "en"}).text
    assert re.search(r"<p class=\"quiet\" data-aid [^>]*hidden><b></b> · reading aid only</p>", english)
    assert "data-aid" not in client.get(address, headers={"Accept-Language": "zh"}).text
    assert STATES["valid"].en in english
