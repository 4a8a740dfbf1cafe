"""Certificates and reissues at the desks: asked for by one, decided by another, public at once (R7.5, R8)."""

from __future__ import annotations

import re

from certsvc.person.identity import IdentityDocument, IdType
from certsvc.services.certificates import reissue
from tests.builders.applying import PHONE, apply_from_home
from tests.builders.site import PAPER_NAME, PAPER_NUMBER, id_number_of
from tests.builders.staff import Browser, said
from tests.web.console.conftest import Office


def approve(browser: Browser, address: str) -> int:
    page = browser.get(address)
    digest = re.search(r'name="digest" value="([0-9a-f]{64})"', page.text)
    assert digest is not None
    return browser.post(f"{address}/approve", digest=digest[1]).status_code


def test_a_certificate_is_found_by_number_and_by_name_folded(office: Office) -> None:
    browser, held = office.browser("auditor"), office.register.valid
    for query in (f"number={held.number[:4]}-{held.number[4:]}", f"name=%20{held.name[:2]}%20{held.name[2:]}"):
        assert held.number in said(browser.get(f"/console/certificates?{query}")), query
    assert "没有查到" in said(browser.get("/console/certificates?name=查无此人"))
    page = browser.get(f"/console/certificates/{held.number}").text
    assert "提出申请" not in page, "who only reads has no form"
    assert browser.get("/console/certificates/0000").status_code == 404


def test_a_suspension_is_one_persons_at_once_and_its_end_takes_two(office: Office) -> None:
    held = office.register.held["second"]
    maker, approver = office.browser("maker"), office.browser("approver")
    address = f"/console/certificates/{held.number}"
    maker.get(address)
    empty = maker.post(f"{address}/change", change="suspend", code="other", reason="")
    assert (empty.status_code, "须写明原因" in said(empty)) == (422, True)
    assert maker.post(f"{address}/change", change="", reason="x").status_code == 422
    done = maker.post(f"{address}/change", change="suspend", code="under_review", reason="资格复核")
    assert (done.status_code, done.location) == (303, address)
    shown = office.visitor().get(f"/v/{held.token}").text
    assert "已暂停使用" in shown
    assert "资格复核" not in shown
    maker.get(address)
    back = maker.post(f"{address}/change", change="reinstate", reason="复核无误")
    twice = maker.post(f"{address}/change", change="revoke", code="other", reason="另一份")
    assert "已暂停使用" in office.visitor().get(f"/v/{held.token}").text, "nothing happens before it is approved"
    page = said(approver.get(back.location))
    assert "变更证书状态" in page
    assert "暂停使用" in page
    assert approve(approver, back.location) == 303
    assert "真实有效" in office.visitor().get(f"/v/{held.token}").text
    assert approve(approver, twice.location) == 422, "the certificate is another since it was asked for"


def test_a_correction_of_both_name_and_number_is_not_even_asked_for(office: Office) -> None:
    maker, held = office.browser("maker"), office.register.valid
    maker.get(f"/console/certificates/{held.number}")
    both = {"name": "别人", "id_number": id_number_of(60), "id_type": "resident_id", "reason": "误写"}
    answer = maker.post(f"/console/certificates/{held.number}/correct", **both)
    assert (answer.status_code, "R8.4a" in said(answer)) == (422, True)
    assert 'value="别人"' in answer.text, "what was typed stays"


def test_a_reissue_is_decided_by_another_than_recorded_it_and_once(office: Office) -> None:
    identity = IdentityDocument(IdType.RESIDENT_ID, id_number_of(80))
    asked = reissue.apply(
        office.services, number=PAPER_NUMBER, name=PAPER_NAME, identity=identity, reason="lost", by="reviewer1"
    )
    browser = office.browser("reviewer")
    assert re.search(r"[1-9]\d*\s+待定的补发申请", said(browser.get("/console")))
    browser.get("/console/reissues")
    own = browser.post(f"/console/reissues/{asked.id}/approve")
    assert (own.status_code, "R8.2" in said(own) or "R8.1a" in said(own)) == (422, True)
    with office.services.database.writing() as session:
        session.connection().exec_driver_sql("update reissue_request set applied_by = 'desk'")
    changed = browser.post(f"/console/reissues/{asked.id}/approve")
    assert changed.status_code in (303, 422)
    assert browser.post("/console/reissues/999/approve").status_code == 404
    assert browser.get("/console/reissues?state=approved").status_code == 200


def test_an_application_from_home_is_seen_whole_by_reviewers_alone_and_each_look_is_on_record(office: Office) -> None:
    identity = IdentityDocument(IdType.RESIDENT_ID, id_number_of(85))
    apply_from_home(office.services, number="1763010001500099", name="李远山", identity=identity)
    (asked,) = (one for one in reissue.list_requests(office.services, "applied") if one.home)
    address = f"/console/reissues/{asked.id}"
    for role in ("maker", "approver", "auditor"):
        browser = office.browser(role)
        assert "李远山" in said(browser.get("/console/reissues"))
        assert [browser.get(address).status_code, browser.get(f"{address}/pictures/0").status_code] == [403, 403]
    browser = office.browser("reviewer")
    page = said(browser.get(address))
    assert all(word in page for word in (identity.number, PHONE, "登记册中没有这个编号"))
    picture = browser.get(f"{address}/pictures/0")
    assert (picture.mimetype, picture.data[:2]) == ("image/jpeg", b"\xff\xd8")
    assert b"CANARY" not in picture.data
    assert browser.get(f"{address}/pictures/9").status_code == 404
    with office.services.database.reading() as session:
        query = f"select by from audit_event where action = 'reissue.evidence' and object_key = '{asked.id}'"
        assert [row[0] for row in session.connection().exec_driver_sql(query)] == ["reviewer1"]


def test_what_the_register_has_not_is_vouched_for_by_one_reviewer_and_not_approved_by_them(office: Office) -> None:
    (asked,) = (one for one in reissue.list_requests(office.services, "applied") if one.home)
    browser, address = office.browser("reviewer"), f"/console/reissues/{asked.id}"
    browser.get(address)
    assert browser.post(f"{address}/approve", here="1").status_code == 422, "there is no evidence yet"
    typed = browser.post(f"{address}/confirm", here="1", evidence="照片清晰", issued_on="昨天", issuer="原鉴定中心")
    assert (typed.status_code, "请填写原发证日期" in said(typed), 'value="照片清晰"' in typed.text) == (422, True, True)
    done = browser.post(f"{address}/confirm", here="1", evidence="照片清晰", issued_on="2018-05-06", issuer="")
    assert (done.status_code, done.location) == (303, address)
    assert f"{address}/approve" not in browser.get(address).text
    own = browser.post(f"{address}/approve", here="1")
    assert (own.status_code, "登记证明材料的人不得审批该申请" in said(own)) == (422, True)
    assert browser.post(f"{address}/return", here="1", missing="").status_code == 422
    assert browser.post(f"{address}/reject", here="1", note="照片系伪造").status_code == 303
    assert "已决定" in said(browser.get(address))
