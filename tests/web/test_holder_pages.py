"""The holder's pages: who may see what, and that no one learns whether somebody is known (R8, R10)."""

from __future__ import annotations

import html
import io
import itertools
import logging
import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import zxingcpp
from PIL import Image
from sqlalchemy import text

from certsvc.rendering.qr import draw_matrix
from certsvc.rules.wording import score_text
from certsvc.services.certificates import give_out, reissue
from certsvc.services.certificates.listing import list_certificates
from certsvc.services.certificates.reissue_request import RequestState
from certsvc.services.examination.publish_results import publish_results
from certsvc.services.holders import own_record
from certsvc.services.holders.sign_in import holder_of
from certsvc.web.holder import sign_in
from certsvc.web.holder.page import ScanDay, ScanSummary, summed
from certsvc.web.holder.regions import region_name
from certsvc.web.qr_picture import draw
from tests.builders import holders
from tests.builders.correcting import correct, correction, record, register
from tests.builders.holders import (
    FAILED_NAME,
    PENDING_NAME,
    REASON,
    REJECTED_NAME,
    RETAKE_NAME,
    RETURNED_NAME,
    SUBMITTED_NAME,
    Place,
    Someone,
    enter,
    give_session,
    hidden,
    message_code,
    newest_share,
    session_of,
    share_link,
)
from tests.builders.person import Candidate
from tests.builders.site import CORRECTED_NAME, NAMES, PAPER_NAME, PAPER_NUMBER, REPLACED_NAME

_HAN = re.compile(r"[\u4e00-\u9fff]")
PHONE = "12000000001"
VALID = Someone(NAMES["valid"])


def _settle(page: str) -> str:
    """A page without what is random in it."""
    return re.sub(r'name="carried" value="[^"]*"', "", page)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers leave at once here; that they otherwise wait is tested below."""
    monkeypatch.setattr(sign_in, "UNIFORM_SECONDS", 0.0)


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
        (Someone(SUBMITTED_NAME), ("待审核", "正在审核", "您已确认照片", "人工核对", "西宁市第一报名点")),
        (Someone(RETURNED_NAME), ("已退回补充", "近期一寸照片 &lt;b&gt;白底", "重新提交", "做人脸核验")),
        (Someone(REJECTED_NAME), ("审核未通过", REASON, "可以重新报名")),
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


def test_a_corrected_result_bears_the_mark_what_it_said_and_why(
    own_site: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, services = Candidate(name="更正人"), own_site.services
    monkeypatch.setitem(holders._NUMBERS, one.name, one.id_number)
    register(services, tmp_path, [one])
    record(services, tmp_path, one.result(score="55.5"))
    publish_results(services, by="office")
    correct(services, tmp_path, correction(one.result(score="58.5"), "复核：李四阅卷有误"))
    client = own_site.visitor()
    page = enter(client, services, Someone(one.name)).text
    for words in ("58.5", "已更正", "<b>更正</b>", "成绩复核", "原为 55.5（2025-03-24）"):
        assert words in page, words
    assert "李四" not in page
    english = client.get("/my?lang=en").text
    assert "it said 55.5 (2025-03-24)" in english
    assert "the score was reviewed" in english


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
    due = give_out.pdf_of(place.services, number)
    for _ in range(2):
        answer = client.get(f"/my/certificates/{number}/1.pdf")
        assert answer.data == due
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("ending", "way", "media_type"),
    [
        (".pdf", "attachment", "application/pdf"),
        (".json", "attachment", "application/json"),
        (".jpg", "inline", "image/jpeg"),
        (".jpg?keep", "attachment", "image/jpeg"),
    ],
)
def test_each_file_has_a_name_its_holder_finds_again(place: Place, ending: str, way: str, media_type: str) -> None:
    client, number = place.visitor(), place.register.valid.number
    enter(client, place.services, VALID)
    answer = client.get(f"/my/certificates/{number}/1{ending}")
    assert (answer.status_code, answer.mimetype) == (200, media_type)
    suffix = ending.partition("?")[0]
    shown, plain, named = answer.headers["Content-Disposition"].split("; ")
    assert (shown, plain) == (way, f'filename="{number}-v1{suffix}"')
    assert unquote(named.removeprefix("filename*=UTF-8''")) == f"应急救援员证书-{VALID.name}-{number}{suffix}"
    assert client.get(f"/my/certificates/{number}/2{ending}").status_code == 404
    other = place.visitor()
    enter(other, place.services, Someone(NAMES["suspended"]))
    assert other.get(f"/my/certificates/{number}/1{ending}").status_code == 404
    assert place.visitor().get(f"/my/certificates/{number}/1{ending}").status_code == 303


def test_the_signed_data_is_given_verbatim_and_a_picture_shows_the_page_with_its_code(place: Place) -> None:
    client, number = place.visitor(), place.register.valid.number
    enter(client, place.services, VALID)
    signed = client.get(f"/my/certificates/{number}/1.json").data
    assert signed == give_out.credential_of(place.services, number)
    with Image.open(io.BytesIO(client.get(f"/my/certificates/{number}/1.jpg").data)) as picture:
        assert picture.size == (1754, 1241)
        (code,) = zxingcpp.read_barcodes(picture)
    holder = holder_of(place.services, session_of(client))
    assert holder is not None
    assert code.text == own_record.qr_text_of(place.services, holder, number, 1)


def test_an_earlier_version_is_named_as_such(place: Place) -> None:
    client = place.visitor()
    enter(client, place.services, Someone(CORRECTED_NAME))
    number = next(entry.number for entry in list_certificates(place.services) if entry.name == CORRECTED_NAME)
    names = [
        client.get(f"/my/certificates/{number}/{version}.pdf").headers["Content-Disposition"] for version in (1, 2)
    ]
    assert [unquote(name).endswith(f"-{number}-v1.pdf") for name in names] == [True, False]


def test_a_card_shows_who_what_and_the_code(place: Place) -> None:
    client, number = place.visitor(), place.register.valid.number
    enter(client, place.services, VALID)
    page = client.get(f"/my/certificates/{number}/1/card")
    holder = holder_of(place.services, session_of(client))
    assert holder is not None
    assert draw(own_record.qr_text_of(place.services, holder, number, 1)).path in page.text
    for words in (VALID.name, "应急救援员", "五级/初级工", "2025", "certsvc.example"):
        assert words in page.text, words
    assert VALID.id_number not in page.text


def test_linkedin_is_told_title_number_and_public_page_and_no_name(place: Place) -> None:
    page = enter(place.visitor(), place.services, VALID).text
    (address,) = re.findall(r'href="(https://www\.linkedin\.com/[^"]*)"', page)
    told = parse_qs(urlsplit(html.unescape(address)).query)
    assert told["certUrl"] == [f"https://certsvc.example/v/{place.register.valid.token}"]
    assert told["certId"] == [place.register.valid.number]
    assert set(told) <= {
        "startTask", "name", "organizationName", "issueYear", "issueMonth", "expirationYear", "expirationMonth",
        "certUrl", "certId",
    }  # fmt: skip
    assert VALID.name not in unquote(address)
    assert "linkedin.com" not in enter(place.visitor(), place.services, Someone(NAMES["revoked"])).text


def test_the_code_to_hold_out_is_the_certificates_own(place: Place) -> None:
    client, number = place.visitor(), place.register.valid.number
    enter(client, place.services, VALID)
    holder = holder_of(place.services, session_of(client))
    assert holder is not None
    wanted = own_record.qr_text_of(place.services, holder, number, 1)
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
    assert reissue.list_requests(place.services, RequestState.APPLIED) == []


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
    assert reissue.list_requests(place.services, RequestState.APPLIED) == []


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
    (request,) = reissue.list_requests(own_site.services, RequestState.APPLIED)
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
    with place.services.database.counts.reading() as session:
        rows = str(session.execute(text("select * from limit_count")).all())
        assert not any(canary in rows for canary in (*canaries[:2], PHONE, secret[1]))


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
    assert score_text(Decimal(given)) == said
