"""Signing in as a holder: codes as people type them, and one answer for everybody, known or not (R10)."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from certsvc.app import create_app
from certsvc.services.holders.sign_in import codes_are_sent
from certsvc.signing.keys import OPTIONAL_PURPOSES, SIGNING_PURPOSES
from certsvc.web.holder import sign_in
from certsvc.web.holder.carried import Claimed, new_carrier, seal, unseal
from tests.builders.holders import (
    Place,
    Someone,
    access_code,
    enter,
    hidden,
    message_code,
    visit,
)
from tests.builders.site import NAMES, PAPER_NAME, PAPER_NUMBER

CARRIER = "__Host-certsvc_carrier"
PHONE = "12000000001"
VALID = Someone(NAMES["valid"])
UNKNOWN = {"name": "无此人", "id_type": "resident_id", "id_number": "11010519491231002X"}
WRONG_NAME = VALID.typed | {"name": "张三"}
ASKERS = {"known": VALID.typed, "unknown": UNKNOWN, "wrong name": WRONG_NAME, "paper": Someone(PAPER_NAME).typed}


def _settle(page: str) -> str:
    """A page without what is random in it."""
    return re.sub(r'name="carried" value="[^"]*"', "", page)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers leave at once here; that they otherwise wait is tested below."""
    monkeypatch.setattr(sign_in, "UNIFORM_SECONDS", 0.0)


def test_a_code_from_the_phone_opens_ones_own_record(place: Place) -> None:
    client = place.visitor()
    step = client.post("/my/code", data=VALID.typed)
    assert step.status_code == 200
    assert "one-time-code" in step.text
    fields = {"carried": hidden(step.text, "carried"), "code": message_code(place.services)}
    answer = client.post("/my/sign-in", data=fields)
    assert (answer.status_code, answer.location) == (303, "/my")
    cookie = answer.headers.getlist("Set-Cookie")[0]
    assert cookie.startswith("__Host-certsvc_holder=")
    attributes = {part.strip() for part in cookie.split(";")[1:]}
    assert attributes == {"Secure", "HttpOnly", "Path=/", "SameSite=Strict"}
    page = client.get("/my").text
    for said in (
        VALID.name,
        "99**************",
        "真实有效",
        place.register.valid.token,
        "青海 3、不明 1",
        "总共 17 次",
    ):
        assert said in page
    assert VALID.id_number not in page
    assert PHONE not in page


def test_a_code_from_the_counter_goes_into_the_same_field(place: Place) -> None:
    client = place.visitor()
    assert PAPER_NUMBER[:4] in enter(client, place.services, Someone(PAPER_NAME)).text


def test_a_code_as_people_type_it_is_taken(place: Place) -> None:
    client = place.visitor()
    wide = VALID.id_number.translate({ord(str(n)): chr(0xFF10 + n) for n in range(10)})
    typed = VALID.typed | {"name": f" {VALID.name}　", "id_number": f"{wide[:6]} {wide[6:14]} {wide[14:].lower()}"}
    step = client.post("/my/code", data=typed)
    code = access_code(place.services, VALID).lower().replace("-", " ")
    fields = {"carried": hidden(step.text, "carried"), "code": f" {code} "}
    assert client.post("/my/sign-in", data=fields).status_code == 303


def test_nobody_learns_from_the_first_step_who_is_known(place: Place) -> None:
    answers = {who: place.visitor().post("/my/code", data=typed) for who, typed in ASKERS.items()}
    known = answers["known"]
    for who, answer in answers.items():
        assert answer.status_code == 200, who
        assert _settle(answer.text) == _settle(known.text), who
        assert len(answer.data) == len(known.data), who
        assert [name for name, _ in answer.headers] == [name for name, _ in known.headers], who
        assert re.sub("=[^;]+", "", answer.headers["Set-Cookie"]) == re.sub("=[^;]+", "", known.headers["Set-Cookie"])


def test_nobody_learns_from_a_refused_code_who_is_known(place: Place) -> None:
    answers = {}
    for who, typed in ASKERS.items():
        client = place.visitor()
        carried = hidden(client.post("/my/code", data=typed).text, "carried")
        for code in ("000000", "AAAA-AAAA-AAAA", "", "\x00" * 50, "一二三", "9" * 500):
            fields = {"carried": carried, "code": code}
            answers[who, code] = client.post("/my/sign-in", data=fields)
            as_json = client.post("/my/sign-in", data=fields, headers={"Accept": "application/json"})
            assert (as_json.status_code, as_json.json["code"]) == (422, "code-refused")
    assert {answer.status_code for answer in answers.values()} == {422}
    assert len({_settle(answer.text) for answer in answers.values()}) == 1


def test_every_answer_leaves_at_the_same_moment(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "UNIFORM_SECONDS", 0.25)
    slept: list[float] = []

    class Clock:
        """Time stands still, so that what is slept is what there was to wait."""

        monotonic = staticmethod(lambda: 1000.0)
        sleep = staticmethod(slept.append)

    monkeypatch.setattr(sign_in, "time", Clock)
    for typed in ASKERS.values():
        client = place.visitor()
        carried = hidden(client.post("/my/code", data=typed).text, "carried")
        client.post("/my/code", data={"carried": carried})
        client.post("/my/sign-in", data={"carried": carried, "code": "000000"})
    assert slept == [sign_in.UNIFORM_SECONDS] * 3 * len(ASKERS)


@pytest.mark.parametrize(
    "typed",
    [
        {},
        {"name": "", "id_number": ""},
        VALID.typed | {"id_number": VALID.id_number[:-1] + "Y"},
        VALID.typed | {"id_number": "1" * 400},
        VALID.typed | {"name": "<script>alert(1)</script>"},
        VALID.typed | {"name": "\u202e\u200b"},
        VALID.typed | {"name": "\ud800"},
        VALID.typed | {"name": "\x00", "id_type": "x'--"},
        VALID.typed | {"name": "张" * 399},
    ],
)
def test_what_is_not_well_formed_is_said_at_once(place: Place, typed: dict[str, str]) -> None:
    client = place.visitor()
    data = {name: value.encode("utf-8", "surrogatepass") for name, value in typed.items()}
    answer = client.post("/my/code", data=data)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "<script>alert" not in answer.text
    answer = client.post("/my/code", data=data, headers={"Accept": "application/json"})
    assert answer.mimetype == "application/problem+json"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"id_number": VALID.id_number[:-1] + ("0" if VALID.id_number[-1] != "0" else "1")}, "id_number"),
        ({"id_type": "passport", "id_number": "?"}, "id_number"),
        ({"name": "<b>"}, "name"),
    ],
)
def test_what_is_wrong_is_put_right_in_its_place_and_the_rest_is_kept(
    place: Place, wrong: dict[str, str], field: str
) -> None:
    typed = {"id_type": "resident_id"} | VALID.typed | wrong
    answer = place.visitor().post("/my/code", data=typed)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (422, "no-store")
    inputs = {name: tag for tag, name in re.findall(r'(<input[^>]* name="(\w+)"[^>]*>)', answer.text)}
    for name in ("name", "id_number"):
        assert f'value="{html.escape(typed[name])}"' in inputs[name]
        assert ('aria-invalid="true"' in inputs[name]) == (name == field)
    assert f'value="{typed["id_type"]}" selected' in answer.text
    # Beside the field, not above the form.
    assert answer.text.index(inputs[field]) < answer.text.index('id="said"') < answer.text.index("<button>")
    assert answer.text.count('id="said"') == 1
    assert VALID.id_number not in place.visitor().get("/my").text


def test_what_is_carried_opens_in_its_own_browser_only(place: Place) -> None:
    mine, other = place.visitor(), place.visitor()
    carried = hidden(mine.post("/my/code", data=VALID.typed).text, "carried")
    other.post("/my/code", data=UNKNOWN)
    code = access_code(place.services, VALID)
    fields = {"carried": carried, "code": code}
    for client in (other, place.visitor()):
        answer = client.post("/my/sign-in", data=fields)
        assert "请重新填写" in answer.text
        assert "certsvc_holder" not in str(answer.headers)
    for broken in ("", carried[:-4], carried[4:], "ä", "A" * 1100, carried * 9):
        answer = mine.post("/my/sign-in", data={"carried": broken, "code": code})
        assert "请重新填写" in answer.text
    assert mine.post("/my/sign-in", data=fields).status_code == 303


def test_a_first_step_that_lay_too_long_is_begun_again(place: Place) -> None:
    client = place.visitor()
    late = replace(place.services, now=lambda: place.services.now() + timedelta(minutes=31))
    carried = hidden(client.post("/my/code", data=VALID.typed).text, "carried")
    later = visit(create_app(place.register.settings, services=late))
    carrier = client.get_cookie(CARRIER)
    assert carrier is not None
    later.set_cookie(CARRIER, carrier.value, secure=True)
    answer = later.post("/my/sign-in", data={"carried": carried, "code": "000000"})
    assert "这一步放得太久" in answer.text


def test_too_many_requests_are_refused_alike_for_known_and_unknown(place: Place) -> None:
    settings = replace(place.register.settings, limit_person="2/minute")
    for typed in (VALID.typed, UNKNOWN):
        narrow = create_app(settings, services=place.services)
        with place.services.database.counts.writing() as session:
            session.execute(text("delete from limit_count"))
        tried = [visit(narrow).post("/my/code", data=typed) for _ in range(3)]
        assert [answer.status_code for answer in tried] == [200, 200, 200]
        assert ["马上会收到" in answer.text for answer in tried] == [True, True, False]
        client = visit(narrow)
        carried = hidden(client.post("/my/code", data=typed).text, "carried")
        tried = [client.post("/my/sign-in", data={"carried": carried, "code": "000000"}) for _ in range(3)]
        assert [answer.status_code for answer in tried] == [422, 422, 429]
        assert "Retry-After" in tried[2].headers
        assert "一小时后再来" in tried[2].text
    with place.services.database.counts.reading() as session:
        kept = str(session.execute(text("select * from limit_count")).all())
    assert UNKNOWN["id_number"] not in kept
    narrow = create_app(replace(place.register.settings, limit_sign_in="2/minute"), services=place.services)
    tried = [visit(narrow).post("/my/code", data=typed) for typed in (UNKNOWN, VALID.typed, UNKNOWN)]
    assert tried[2].status_code == 429


def test_no_stranger_s_tries_shut_out_a_holder_with_a_code_from_the_counter(place: Place) -> None:
    """Anyone who knows a name and a number, and many do, could use up all tries about their owner, day after day."""
    narrow = create_app(replace(place.register.settings, limit_person="2/hour"), services=place.services)
    code = access_code(place.services, VALID)
    stranger, holder = visit(narrow), visit(narrow)
    for _ in range(4):
        carried = hidden(stranger.post("/my/code", data=VALID.typed).text, "carried")
        for typed in ("123456", "AAAA-AAAA-AAAA"):
            stranger.post("/my/sign-in", data={"carried": carried, "code": typed})
    carried = hidden(holder.post("/my/code", data=VALID.typed).text, "carried")
    assert holder.post("/my/sign-in", data={"carried": carried, "code": code}).location == "/my"


def test_a_site_that_sends_nothing_says_so_to_all_and_takes_codes_from_the_counter(own_site: Place) -> None:
    services = own_site.services
    for purpose in SIGNING_PURPOSES - OPTIONAL_PURPOSES:
        # No development key is in use: the folder for developers is no messenger any more.
        services.keystore.retire(services.keystore.active_kid(purpose))
    assert not codes_are_sent(services)
    for typed in ASKERS.values():
        client = own_site.visitor()
        assert "本站现在不发送短信" in client.get("/my").text
        step = client.post("/my/code", data=typed)
        assert "请输入发证机构柜台给您的登录码" in step.text
        assert "再发一次" not in step.text
        assert "holder messages" not in step.text
    assert VALID.name in enter(own_site.visitor(), services, VALID).text


def test_what_is_sealed_is_never_the_same_and_always_as_long() -> None:
    now, key = datetime(2026, 11, 22, 4, tzinfo=UTC), b"k" * 32
    fields = set()
    for name in ("张三", "𠮷" * 100, "阿依古丽·买买提"):
        claimed = Claimed(name, VALID.identity)
        for _ in range(20):
            carrier = new_carrier()
            field = seal(key, carrier, claimed, now)
            assert unseal(key, carrier, field, now) == claimed
            assert unseal(key, new_carrier(), field, now) is None
            assert unseal(b"K" * 32, carrier, field, now) is None
            fields.add(field)
    assert len(fields) == 60
    assert len({len(field) for field in fields}) == 1
