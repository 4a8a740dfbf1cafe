"""The holder's pages: who may see what, and that nobody learns whether somebody is known (R8, R10)."""

from __future__ import annotations

import itertools
import logging
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from certsvc.app import create_app
from certsvc.rendering.qr import draw_matrix
from certsvc.services import certificate_pdf, holder_access, holder_view, reissue
from certsvc.signing.keys import OPTIONAL_PURPOSES, SIGNING_PURPOSES
from certsvc.web.holder import sign_in
from certsvc.web.holder.carried import Claimed, new_carrier, seal, unseal
from certsvc.web.holder.page import ScanDay, ScanSummary, plain, summed
from certsvc.web.holder.qr_picture import draw
from certsvc.web.holder.regions import region_name
from tests.web.holders import (
    FAILED_NAME,
    PENDING_NAME,
    RETAKE_NAME,
    Place,
    Someone,
    access_code,
    enter,
    give_session,
    hidden,
    message_code,
    newest_share,
    session_of,
    share_link,
    visit,
)
from tests.web.register import CORRECTED_NAME, NAMES, PAPER_NAME, PAPER_NUMBER, REPLACED_NAME

_HAN = re.compile(r"[\u4e00-\u9fff]")
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


# Signing in


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
        VALID.typed | {"name": "张\u202e三"},
        VALID.typed | {"name": "\ud800"},
        VALID.typed | {"name": "\x00", "id_type": "x'--"},
        VALID.typed | {"name": "张" * 399},
    ],
)
def test_what_is_not_well_formed_is_said_at_once_and_does_not_come_back(place: Place, typed: dict[str, str]) -> None:
    client = place.visitor()
    data = {name: value.encode("utf-8", "surrogatepass") for name, value in typed.items()}
    answer = client.post("/my/code", data=data)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    for value in typed.values():
        assert len(value) < 3 or value not in answer.text or value == "resident_id"
    answer = client.post("/my/code", data=data, headers={"Accept": "application/json"})
    assert answer.mimetype == "application/problem+json"


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
        with place.services.database.writing() as session:
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
    with place.services.database.reading() as session:
        kept = str(session.execute(text("select * from limit_count")).all())
    assert UNKNOWN["id_number"] not in kept
    narrow = create_app(replace(place.register.settings, limit_sign_in="2/minute"), services=place.services)
    tried = [visit(narrow).post("/my/code", data=typed) for typed in (UNKNOWN, VALID.typed, UNKNOWN)]
    assert tried[2].status_code == 429


def test_no_stranger_s_tries_shut_out_a_holder_with_a_code_from_the_counter(place: Place) -> None:
    """Whoever knows a name and a number, and many do, could use up all tries about their owner, day after day."""
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
    assert not holder_access.codes_are_sent(services)
    for typed in ASKERS.values():
        client = own_site.visitor()
        assert "本站现在不发送短信" in client.get("/my").text
        step = client.post("/my/code", data=typed)
        assert "请输入发证机构柜台给您的登录码" in step.text
        assert "再发一次" not in step.text
        assert "holder messages" not in step.text
    assert VALID.name in enter(own_site.visitor(), services, VALID).text


# What a holder sees


@pytest.mark.parametrize(
    ("someone", "said"),
    [
        (VALID, ("真实有效", "下载 PDF", "生成链接", "近 30 天")),
        (Someone(NAMES["suspended"]), ("暂停使用", "请向发证机构问清原因")),
        (Someone(NAMES["revoked"]), ("撤销", "须重新报名")),
        (Someone(NAMES["forged"]), ("签名不符", "不是您的过错")),
        (Someone(NAMES["expired"]), ("已过有效期", "延期或换发")),
        (Someone(CORRECTED_NAME), ("真实有效", "第 2 版", "以前的版本", "已被更新的版本替代", NAMES["superseded"])),
        (Someone(PAPER_NAME), ("纸质证书真实有效", "申请补发电子证书", PAPER_NUMBER[:4])),
        (Someone(REPLACED_NAME), ("补发电子证书", "补发申请已批准", "原因：遗失", "第 2 版")),
        (Someone(RETAKE_NAME), ("可补考", "55.5", "最晚", "2031-12-05", "免费", "R3.1", "R3.3")),
        (Someone(PENDING_NAME), ("进行中", "成绩预计", "2031-01-12", "成绩待公布", "截至 2030-12-28")),
        (Someone(FAILED_NAME), ("未通过", "合格成绩已失效", "重新报名", "R3.4")),
    ],
)
def test_each_sees_their_own_record_whole(place: Place, someone: Someone, said: tuple[str, ...]) -> None:
    answer = enter(place.visitor(), place.services, someone)
    for words in said:
        assert words in answer.text, words
    assert someone.id_number not in answer.text
    assert len(answer.data) < 30_000
    others = [name for name in NAMES.values() if name != someone.name and name not in said]
    assert not [name for name in others if name in answer.text]


def test_a_result_is_not_seen_before_it_is_published(place: Place) -> None:
    page = enter(place.visitor(), place.services, Someone(PENDING_NAME)).text
    assert "91" not in re.sub(r"<style>.*?</style>|\d{4}-\d\d-\d\d|[\w-]{20,}", "", page, flags=re.DOTALL)


@pytest.mark.parametrize("someone", [VALID, Someone(RETAKE_NAME), Someone(PAPER_NAME), Someone(REPLACED_NAME)])
def test_an_english_page_speaks_english(place: Place, someone: Someone) -> None:
    client = place.visitor()
    enter(client, place.services, someone)
    page = client.get("/my?lang=en")
    assert "certsvc_language=en" in page.headers["Set-Cookie"]
    rest = re.sub(r"<style>.*?</style>|中文|样例", "", page.text, flags=re.DOTALL)
    for name in (someone.name, "示例培训学校", "青海省示例鉴定站", "应急救援员"):
        rest = rest.replace(name, "")
    assert not _HAN.search(rest), _HAN.search(rest)


def test_the_pdf_is_the_same_file_every_time(place: Place) -> None:
    client, number = place.visitor(), place.register.valid.number
    enter(client, place.services, VALID)
    due = certificate_pdf.pdf_of(place.services, number)
    for _ in range(2):
        answer = client.get(f"/my/certificates/{number}/1.pdf")
        assert answer.data == due
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{number}-v1.pdf"'
        assert answer.headers["Cache-Control"] == "no-store"


def test_the_code_to_hold_out_is_the_certificates_own(place: Place) -> None:
    client, number = place.visitor(), place.register.valid.number
    enter(client, place.services, VALID)
    holder = holder_access.holder_of(place.services, session_of(client))
    assert holder is not None
    wanted = holder_view.qr_text_of(place.services, holder, number, 1)
    page = client.get(f"/my/certificates/{number}/1")
    assert draw(wanted).path in page.text
    assert len(page.data) < 30_000
    assert _rows(draw(wanted).path) == list(draw_matrix(wanted).rows)


def _rows(path: str) -> list[str]:
    """The rows of modules that an SVG path draws."""
    rows = []
    for line in path.split("M0 ")[1:]:
        steps = re.findall(r"([mh])(\d+)", line.partition(".5")[2])
        rows.append("".join(("0" if move == "m" else "1") * int(length) for move, length in steps))
    return [row.ljust(len(rows), "0") for row in rows]


def test_a_scan_is_seen_by_the_holder_at_once(place: Place) -> None:
    held = place.register.held["expired"]
    client = place.visitor()
    assert "总共 0 次" in enter(client, place.services, Someone(held.name)).text
    place.visitor().get(f"/v/{held.token}")
    assert "总共 1 次" in client.get("/my").text


# What is another's


def test_what_is_anothers_is_not_there(place: Place) -> None:
    other, mine = place.register.held["suspended"].number, place.register.valid.number
    client, theirs = place.visitor(), place.visitor()
    enter(theirs, place.services, Someone(NAMES["suspended"]))
    share_link(theirs, other)
    share_id = newest_share(place.services)
    form = hidden(enter(client, place.services, VALID).text, "form")
    posted = {"form": form, "days": "7", "reason": "lost"}
    for number in (other, "2563010001599999", "x", "%00", VALID.id_number):
        for address in (f"/my/certificates/{number}/1.pdf", f"/my/certificates/{number}/1"):
            assert client.get(address).status_code == 404, address
        for address in (f"/my/certificates/{number}/shares", f"/my/papers/{number}/reissue"):
            assert client.post(address, data=posted).status_code == 404, address
    for known in (share_id, 10**9, 10**30):
        address = f"/my/certificates/{mine}/shares/{known}/withdraw"
        assert client.post(address, data=posted).status_code == 404, known
    assert client.get(f"/my/certificates/{mine}/2.pdf").status_code == 404
    assert client.get(f"/my/certificates/{mine}/{10**30}.pdf").status_code == 404
    assert client.post(f"/my/papers/{PAPER_NUMBER}/reissue", data=posted).status_code == 404
    assert reissue.list_requests(place.services, reissue.APPLIED) == []


def test_nobody_who_is_not_signed_in_sees_or_does_anything(place: Place) -> None:
    number = place.register.valid.number
    asked = (
        ("GET", f"/my/certificates/{number}/1.pdf"),
        ("GET", f"/my/certificates/{number}/1"),
        ("POST", f"/my/certificates/{number}/shares"),
        ("POST", f"/my/certificates/{number}/shares/1/withdraw"),
        ("POST", f"/my/papers/{PAPER_NUMBER}/reissue"),
    )
    for (method, address), cookie in itertools.product(asked, (None, "x", "A" * 43, "A" * 3000)):
        client = place.visitor()
        if cookie is not None:
            give_session(client, cookie)
        answer = client.open(address, method=method)
        assert (answer.status_code, answer.location) == (303, "/my"), address
        answer = client.open(address, method=method, headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json["code"]) == (401, "sign-in-required")
    client = place.visitor()
    give_session(client, "A" * 43)
    assert client.get("/my", headers={"Accept": "application/json"}).status_code == 401
    page = client.get("/my")
    assert "您已退出登录" in page.text
    assert "Max-Age=0" in page.headers["Set-Cookie"]


def test_signing_out_ends_the_session_and_not_the_cookie_alone(place: Place) -> None:
    client, again = place.visitor(), place.visitor()
    form = hidden(enter(client, place.services, VALID).text, "form")
    secret = session_of(client)
    assert client.post("/my/sign-out", data={"form": form}).status_code == 200
    assert "您已退出登录" not in client.get("/my").text
    give_session(again, secret)
    assert VALID.name not in again.get("/my").text


# Forms


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://certsvc.example.evil.example"},
        {"Origin": "http://["},
    ],
)
def test_a_form_from_another_site_is_refused(place: Place, headers: dict[str, str]) -> None:
    client = place.visitor()
    form = hidden(enter(client, place.services, Someone(PAPER_NAME)).text, "form")
    for address, data in (
        (f"/my/papers/{PAPER_NUMBER}/reissue", {"form": form, "reason": "lost"}),
        ("/my/code", VALID.typed),
        ("/my/sign-in", {"code": "1"}),
        ("/my/sign-out", {"form": form}),
    ):
        assert client.post(address, data=data, headers=headers).status_code == 403, address
    assert PAPER_NAME in client.get("/my").text
    assert reissue.list_requests(place.services, reissue.APPLIED) == []


def test_a_form_carries_the_key_of_its_own_session(place: Place) -> None:
    mine, other = place.visitor(), place.visitor()
    form = hidden(enter(mine, place.services, VALID).text, "form")
    foreign = hidden(enter(other, place.services, Someone(NAMES["suspended"])).text, "form")
    address = f"/my/certificates/{place.register.valid.number}/shares"
    for wrong in ("", foreign, form[:-1], form + "X", "密"):
        answer = mine.post(address, data={"form": wrong, "days": "7"})
        assert (answer.status_code, "/s/" in answer.text) == (403, False), wrong
    assert mine.post("/my/sign-out", data={"form": foreign}).status_code == 403
    own = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    assert mine.post(address, data={"form": form, "days": "7"}, headers=own).status_code == 200


def test_a_link_lives_as_long_as_one_of_the_lives_offered(place: Place) -> None:
    client = place.visitor()
    form = hidden(enter(client, place.services, VALID).text, "form")
    address = f"/my/certificates/{place.register.valid.number}/shares"
    for days in ("", "0", "-1", "2", "365", "7.0", "七", "９０"):
        assert client.post(address, data={"form": form, "days": days}).status_code == 400, days
    assert client.get(address).location == "/my"


def test_a_holder_applies_once_and_sees_the_request(own_site: Place) -> None:
    client = own_site.visitor()
    form = hidden(enter(client, own_site.services, Someone(PAPER_NAME)).text, "form")
    address = f"/my/papers/{PAPER_NUMBER}/reissue"
    assert client.post(address, data={"form": form, "reason": "bored"}).status_code == 422
    for _ in range(2):
        answer = client.post(address, data={"form": form, "reason": "damaged"})
        assert (answer.status_code, answer.location) == (303, f"/my#p-{PAPER_NUMBER}")
    (request,) = reissue.list_requests(own_site.services, reissue.APPLIED)
    assert (request.number, request.reason, request.applied_by) == (PAPER_NUMBER, "damaged", "holder")
    page = client.get("/my").text
    assert "补发申请已收到" in page
    assert "损毁" in page
    assert "申请补发电子证书" not in page
    reissue.reject(own_site.services, request.id, by="审核", decision_note="<b>照片不清</b>")
    page = client.get("/my").text
    assert "补发申请未通过" in page
    assert "&lt;b&gt;照片不清" in page
    assert "申请补发电子证书" in page


# What stands nowhere


def test_the_canary_is_in_no_address_header_log_or_public_page(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client, seen = place.visitor(), []
    canary_of = Someone(NAMES["second"])

    def ask(method: str, address: str, **fields: str) -> str:
        answer = client.open(address, method=method, data=fields or None)
        seen.append(address + str(answer.headers))
        assert answer.headers["Cache-Control"] == "no-store", address
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        return answer.text

    step = ask("POST", "/my/code", **canary_of.typed)
    code = message_code(place.services)
    carried = hidden(step, "carried")
    public = [ask("GET", "/my"), step, ask("POST", "/my/sign-in", carried=carried, code="000000")]
    ask("POST", "/my/sign-in", carried=carried, code=code)
    form = hidden(ask("GET", "/my"), "form")
    number = place.register.held["second"].number
    ask("GET", f"/my/certificates/{number}/1")
    secret = re.search(r"/s/([a-z2-7]{26})", ask("POST", f"/my/certificates/{number}/shares", form=form, days="1"))
    assert secret
    public.append(ask("GET", f"/s/{secret[1]}"))
    ask("POST", f"/my/papers/{PAPER_NUMBER}/reissue", form=form, reason="lost")
    ask("POST", "/my/sign-out", form=form)
    canaries = [canary_of.name, canary_of.id_number, canary_of.id_number[-6:], PHONE, code]
    for canary in canaries:
        assert canary not in "".join(seen), canary
        assert canary not in "".join(_settle(page) for page in public), canary
    for canary in (*canaries, secret[1], form):
        assert canary not in caplog.text, canary
    with place.services.database.reading() as session:
        for table in ("limit_count", "audit_event", "share_link", "holder_session", "holder_code", "message"):
            rows = str(session.execute(text(f"select * from {table}")).all())
            for canary in (*canaries[:2], PHONE, secret[1]):
                assert canary not in rows, table


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


# A page that adds up


def test_scans_are_added_up_by_day_and_place() -> None:
    today = date(2026, 11, 22)
    scans = [(today, "CN-63", 3), (today, "CN-QH", 2), (today, "-", 1)]
    scans += [(today - timedelta(days=back), "US", 1) for back in range(1, 40)]
    summary = summed(scans, today, "zh")
    assert summary.days[0] == ScanDay(today, "青海 5、不明 1", 6)
    assert (summary.recent, summary.total, summary.earlier) == (6 + 29, 6 + 39, 30)
    assert summary.bars.count("M") == 30
    assert summed([], today, "en") == ScanSummary(0, 0, (), 0, "")


@pytest.mark.parametrize(
    ("origin", "zh", "en"),
    [
        ("-", "不明", "unknown"),
        ("CN-63", "青海", "Qinghai"),
        ("CN-QH", "青海", "Qinghai"),
        ("CN", "中国", "China"),
        ("TW", "台湾", "Taiwan"),
        ("US-CA", "美国", "United States"),
        ("XX", "XX", "XX"),
    ],
)
def test_an_origin_has_a_name_in_both_languages(origin: str, zh: str, en: str) -> None:
    assert (region_name(origin, "zh"), region_name(origin, "en")) == (zh, en)


@pytest.mark.parametrize(("given", "said"), [("81.50", "81.5"), ("60.00", "60"), ("100", "100"), ("0.00", "0")])
def test_a_score_is_shown_without_idle_zeros(given: str, said: str) -> None:
    assert plain(Decimal(given)) == said
