"""Certificates and reissues at the desks: asked for by one, decided by another, public at once (R7.5, R8)."""

from __future__ import annotations

import re

from certsvc.person.identity import IdentityDocument, IdType
from certsvc.services.certificates import reissue
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
