"""A share link shows the public record and no more, ends for good, and tells its holder when it was opened (R10)."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from certsvc.app import create_app
from certsvc.services.certificates import change_status
from certsvc.services.holders import share_links
from certsvc.web.holder import sign_in
from tests.builders.holders import Place, Someone, enter, hidden, newest_share, share_link, visit
from tests.builders.site import BORN, NAMES

VALID = Someone(NAMES["valid"])


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "UNIFORM_SECONDS", 0.0)


@pytest.fixture
def holder(place: Place) -> FlaskClient:
    client = place.visitor()
    enter(client, place.services, VALID)
    return client


def _openings(place: Place) -> int:
    """How often the newest link of the valid certificate was opened."""
    newest = newest_share(place.services)
    links = share_links.list_links(place.services, place.register.valid.token)
    return next(len(link.opened_at) for link in links if link.id == newest)


def test_a_link_shows_the_public_record_and_no_more(place: Place, holder: FlaskClient) -> None:
    held = place.register.valid
    address = share_link(holder, held.number)
    for asked in (address, address.upper().replace("/S/", "/s/"), address.upper()):
        page = place.visitor().get(asked)
        assert page.status_code == 200
        for said in ("真实有效", "核验时间", "欧***", "应急救援员", "五级/初级工"):
            assert said in page.text
        # The token looks the certificate up for good, and a link ends.
        for hidden_word in (held.name, held.token, held.token.upper(), held.id_number[-6:], BORN.isoformat(), "81.5"):
            assert hidden_word not in page.text
        assert "<script" not in page.text
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["X-Robots-Tag"].startswith("noindex")
        assert 'name="robots" content="noindex' in page.text
        assert len(page.data) < 30_000
    assert _openings(place) == 1  # within one minute
    english = place.visitor().get(address + "?lang=en")
    assert "Genuine and in force" in english.text
    assert "certsvc_language=en" in english.headers["Set-Cookie"]


@pytest.mark.parametrize("shows", [("name",), ("portrait",), ("name", "portrait")])
def test_a_link_shows_what_its_holder_chose(place: Place, holder: FlaskClient, shows: tuple[str, ...]) -> None:
    held = place.register.valid
    address = share_link(holder, held.number, shows=shows)
    page = place.visitor().get(address)
    assert (held.name in page.text) is ("name" in shows)
    assert (f'src="{address}/portrait"' in page.text) is ("portrait" in shows)
    assert "有效到 2031-01-08 12:00" in re.sub("</?span[^>]*>", "", page.text)
    for hidden_word in (held.token, held.id_number[-6:], BORN.isoformat(), "81.5"):
        assert hidden_word not in page.text
    photo = place.visitor().get(f"{address}/portrait")
    assert photo.status_code == (200 if "portrait" in shows else 404)
    assert (photo.content_type == "image/jpeg") is ("portrait" in shows)
    assert _openings(place) == 1  # the photo is no opening of its own
    listed = {("name",): "显示全名", ("portrait",): "显示照片，姓名遮盖"}.get(shows, "显示全名和照片")
    assert listed in holder.get("/my").text


def test_a_revoked_certificate_shows_no_face_by_any_link(own_site: Place) -> None:
    holder, held = own_site.visitor(), own_site.register.valid
    enter(holder, own_site.services, Someone(held.name))
    address = share_link(holder, held.number, shows=("name", "portrait"))
    assert own_site.visitor().get(f"{address}/portrait").status_code == 200
    change_status.revoke(own_site.services, held.number, reason="错发", by="test")
    page = own_site.visitor().get(address).text
    assert ('data-state="revoked"' in page, "<img" in page, held.name in page) == (True, False, True)
    assert own_site.visitor().get(f"{address}/portrait").status_code == 404


@pytest.mark.parametrize("shows", [(), ("name",)])
def test_the_reader_of_a_link_confirms_by_the_last_six(
    place: Place, holder: FlaskClient, shows: tuple[str, ...]
) -> None:
    held = place.register.valid
    address = share_link(holder, held.number, shows=shows)
    asked = place.visitor().get(address).text
    assert ('name="name"' in asked, 'name="last_six"' in asked) == (not shows, True)
    typed = {"last_six": held.id_number[-6:].lower()} | ({} if shows else {"name": held.name})
    right = place.visitor().post(f"{address}/match", data=typed)
    assert (right.status_code, 'class="answer yes"' in right.text, held.name in right.text) == (200, True, True)
    wrong = place.visitor().post(f"{address}/match", data=typed | {"last_six": "000000"})
    assert ('class="answer no"' in wrong.text, held.name in wrong.text) == (True, bool(shows))
    for page in (right, wrong):
        assert held.token not in page.text
        assert held.id_number[-6:] not in page.text
    if not shows:
        nameless = place.visitor().post(f"{address}/match", data={"last_six": held.id_number[-6:]})
        assert 'class="answer no"' in nameless.text
    again = place.visitor().get(f"{address}/match")
    assert (again.status_code, again.location) == (303, address)


def test_a_link_is_no_second_way_to_guess(place: Place, holder: FlaskClient) -> None:
    held = place.register.valid
    address = share_link(holder, held.number, shows=("name",))
    narrow = visit(create_app(replace(place.register.settings, limit_guess="2/minute"), services=place.services))
    from_here = {"REMOTE_ADDR": "198.51.100.99"}
    wrong = {"name": held.name, "last_six": "000000"}
    assert narrow.post(f"/v/{held.token}/match", data=wrong, environ_base=from_here).status_code == 200
    answers = [narrow.post(f"{address}/match", data=wrong, environ_base=from_here) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert "核对次数过多" in answers[1].text


def test_a_link_that_ended_answers_no_match_and_shows_no_face(place: Place, holder: FlaskClient) -> None:
    address = share_link(holder, place.register.valid.number, days=1, shows=("name", "portrait"))
    now = place.services.now()
    late = create_app(place.register.settings, services=replace(place.services, now=lambda: now + timedelta(days=1)))
    assert visit(late).get(f"{address}/portrait").status_code == 404
    ended = visit(late).post(f"{address}/match", data={"last_six": "000000"})
    assert (ended.status_code, ended.text) == (404, visit(late).get("/s/x").text)


def test_a_holder_sees_when_a_link_was_opened(place: Place, holder: FlaskClient) -> None:
    address = share_link(holder, place.register.valid.number, days=30)
    assert "2031-01-31 12:00 到期" in holder.get("/my").text
    before = holder.get("/my").text.count("打开过 1 次：2031-01-01 12:00")
    place.visitor().get(address)
    assert holder.get("/my").text.count("打开过 1 次：2031-01-01 12:00") == before + 1


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("HEAD", {}),
        ("GET", {"Sec-Purpose": "prefetch;prerender"}),
        ("GET", {"Purpose": "prefetch"}),
        ("GET", {"User-Agent": "WhatsApp/2.23.20.0"}),
        ("GET", {"User-Agent": "facebookexternalhit/1.1"}),
        ("GET", {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}),
        ("GET", {"User-Agent": "TelegramBot (like TwitterBot)"}),
    ],
)
def test_what_opens_a_link_without_a_person_is_not_counted(
    place: Place, holder: FlaskClient, method: str, headers: dict[str, str]
) -> None:
    address = share_link(holder, place.register.valid.number)
    answer = place.visitor().open(address, method=method, headers=headers)
    assert answer.status_code == 200
    assert _openings(place) == 0
    # The browser inside WeChat is a person's.
    place.visitor().get(address, headers={"User-Agent": "Mozilla/5.0 (iPhone) MicroMessenger/8.0.49"})
    assert _openings(place) == 1


def test_unknown_expired_and_withdrawn_are_one_answer(place: Place, holder: FlaskClient) -> None:
    number = place.register.valid.number
    withdrawn, expiring = share_link(holder, number), share_link(holder, number, days=1)
    share_id = newest_share(place.services) - 1
    form = hidden(holder.get("/my").text, "form")
    ended = holder.post(f"/my/certificates/{number}/shares/{share_id}/withdraw", data={"form": form})
    assert (ended.status_code, ended.location) == (303, f"/my#s-{number}")
    assert "已撤回" in holder.get("/my").text
    now = place.services.now()
    late = create_app(place.register.settings, services=replace(place.services, now=lambda: now + timedelta(days=1)))
    asked = [
        visit(late).get(expiring),
        place.visitor().get(withdrawn),
        *(place.visitor().get(f"/s/{text}") for text in ("a" * 26, "x", "%00", "张三", "a" * 5000, VALID.id_number)),
    ]
    assert {answer.status_code for answer in asked} == {404}
    assert len({answer.text for answer in asked}) == 1
    assert len({str(answer.headers) for answer in asked}) == 1
    assert place.visitor().get(expiring).status_code == 200
    problems = [place.visitor().get(address, headers={"Accept": "application/json"}) for address in (withdrawn, "/s/x")]
    assert problems[0].json == problems[1].json
    assert problems[0].json["code"] == "not-found"


def test_a_link_says_what_became_of_its_certificate(place: Place) -> None:
    holder, held = place.visitor(), place.register.held["second"]
    enter(holder, place.services, Someone(held.name))
    address = share_link(holder, held.number)
    change_status.suspend(place.services, held.number, reason="复核", by="test")
    page = place.visitor().get(address)
    assert 'data-state="suspended"' in page.text
    change_status.reinstate(place.services, held.number, reason="无误", by="test")
    assert 'data-state="valid"' in place.visitor().get(address).text


def test_a_secret_stands_in_no_log(place: Place, holder: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    address = share_link(holder, place.register.valid.number)
    place.visitor().get(address)
    place.visitor().post(address)
    place.visitor().get(address + "x")
    secret = re.sub("^/s/", "", address)
    assert secret not in caplog.text


def test_links_are_opened_only_so_often_from_one_address(place: Place) -> None:
    narrow = visit(create_app(replace(place.register.settings, limit_page="2/minute"), services=place.services))
    assert [narrow.get("/s/x").status_code for _ in range(3)] == [404, 404, 429]
