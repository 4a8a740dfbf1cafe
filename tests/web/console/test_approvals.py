"""Approvals in the browser: another account decides, over exactly what it has seen, once (R1.6, R8.4a)."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import event

from certsvc.person.identity import IdType
from certsvc.services.approvals import desk as service
from certsvc.services.certificates.correct import Correction, propose
from certsvc.services.certificates.listing import show_certificate
from certsvc.services.trail import note
from certsvc.store.paper import FROM_HOME
from tests.builders.staff import Browser, said
from tests.web.console.conftest import Office


def asked(office: Office, by: str = "maker1", name: str = "欧阳明星") -> int:
    """A correction that waits, of a certificate in force."""
    number = office.register.valid.number
    return propose(office.services, number, Correction(name=name), reason="录入有误", by=by).approval_id


def digest_on(browser: Browser, approval_id: int) -> str:
    page = browser.get(f"/console/approvals/{approval_id}")
    found = re.search(r'name="digest" value="([0-9a-f]{64})"', page.text)
    assert found is not None
    return found[1]


def test_what_waits_for_me_is_the_first_thing_that_i_see(office: Office) -> None:
    office.member("maker")
    approval_id = asked(office)
    browser = office.browser("approver")
    assert re.search(r"[1-9]\d*\s+等我批准", said(browser.get("/console")))
    page = said(browser.get(f"/console/approvals/{approval_id}"))
    for told in ("欧阳明星", "欧阳明月", "录入有误", "maker1", office.register.valid.number):
        assert told in page
    own = said(office.browser("maker").get("/console"))
    assert re.search(r"[1-9]\d*\s+我提出、等他人批准", own)


def test_one_who_asked_can_withdraw_and_not_approve(office: Office) -> None:
    browser = office.browser("maker")
    approval_id = asked(office)
    page = browser.get(f"/console/approvals/{approval_id}")
    assert f'action="/console/approvals/{approval_id}/approve"' not in page.text
    assert browser.post(f"/console/approvals/{approval_id}/approve", digest="0" * 64).status_code == 403
    empty = browser.post(f"/console/approvals/{approval_id}/withdraw", reason=" ")
    assert (empty.status_code, "须写明原因" in said(empty)) == (422, True)
    assert browser.post(f"/console/approvals/{approval_id}/withdraw", reason="看错了").status_code == 303
    assert service.show(office.services, approval_id).note == "看错了"


def test_no_one_withdraws_what_another_asked_for(office: Office) -> None:
    approval_id = asked(office, by="another")
    answer = office.browser("maker").post(f"/console/approvals/{approval_id}/withdraw", reason="不要了")
    assert answer.status_code == 422
    assert service.show(office.services, approval_id).state == "waiting"


def test_an_approver_decides_nothing_that_they_asked_for_under_any_spelling(office: Office) -> None:
    browser = office.browser("approver")
    for spelling in ("approver1", "Approver 1", "ａｐｐｒｏｖｅｒ１"):
        approval_id = asked(office, by=spelling)
        answer = browser.post(
            f"/console/approvals/{approval_id}/approve", digest=service.show(office.services, approval_id).digest or ""
        )
        assert (answer.status_code, "不得" in said(answer)) == (422, True)
        assert service.show(office.services, approval_id).state == "waiting"


def test_what_changed_since_it_was_seen_is_not_approved(office: Office) -> None:
    approval_id = asked(office)
    browser = office.browser("approver")
    for digest in ("", "0" * 64, "é"):
        answer = browser.post(f"/console/approvals/{approval_id}/approve", digest=digest)
        assert (answer.status_code, "不一致" in said(answer)) == (409, True)
    assert service.show(office.services, approval_id).state == "waiting"


def test_a_rejection_says_why_and_is_told_to_who_comes_later(office: Office) -> None:
    approval_id = asked(office)
    browser, late = office.browser("approver"), office.browser("approver")
    digest = digest_on(late, approval_id)
    empty = browser.post(f"/console/approvals/{approval_id}/reject", reason="")
    assert (empty.status_code, "须写明原因" in said(empty)) == (422, True)
    assert browser.post(f"/console/approvals/{approval_id}/reject", reason="材料不全").status_code == 303
    assert browser.post(f"/console/approvals/{approval_id}/reject", reason="材料不全").status_code == 303, "twice"
    stale = late.post(f"/console/approvals/{approval_id}/approve", digest=digest)
    assert (stale.status_code, "已由 approver1 决定" in said(stale)) == (409, True)
    assert "材料不全" in said(browser.get("/console/approvals?state=rejected"))


def test_approving_carries_it_out_once_however_often_it_is_sent(office: Office) -> None:
    approval_id = asked(office, name="欧阳明辉")
    browser = office.browser("approver")
    digest = digest_on(browser, approval_id)
    answers = [browser.post(f"/console/approvals/{approval_id}/approve", digest=digest) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [303, 303, 303]
    found = service.show(office.services, approval_id)
    assert (found.state, found.decided_by) == ("approved", "approver1")
    token = office.register.valid.token
    assert "已被更新的版本替代" in office.visitor().get(f"/v/{token}").text
    number = office.register.valid.number
    assert (office.services.folders.certificate_pdf(number, 2)).is_file(), "drawn at once"


def test_the_queue_asks_the_register_as_often_however_long_it_is(office: Office) -> None:
    browser = office.browser("auditor")

    def questions() -> int:
        seen: list[str] = []

        def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            seen.append(statement)

        engine = office.services.database.engine
        event.listen(engine, "before_cursor_execute", count)
        for path in ("/console", "/console/approvals"):
            assert browser.get(path).status_code == 200
        event.remove(engine, "before_cursor_execute", count)
        return len([one for one in seen if one.lstrip().lower().startswith("select")])

    before = questions()
    for spelling in range(12):
        asked(office, by=f"clerk{spelling}")
    assert questions() == before


@pytest.mark.parametrize(
    "query", ["state=nonsense", "after=-1", "after=1e9", "after=９", "state=waiting&after=99999999999"]
)
def test_an_address_that_was_typed_is_a_list_and_no_fault(office: Office, query: str) -> None:
    assert office.browser("auditor").get(f"/console/approvals?{query}").status_code == 200


def test_a_correction_shows_the_new_beside_the_former_in_words(office: Office) -> None:
    number = office.register.valid.number
    former = show_certificate(office.services, number)[0].name  # others have corrected it
    right = Correction(id_number="990000199003070320", id_type=IdType.RESIDENT_ID)
    renamed = asked(office, name="欧阳明新")
    browser = office.browser("approver")
    page = said(browser.get(f"/console/approvals/{renamed}"))
    assert re.search(r"新姓名\s+欧阳明新", page)
    assert re.search(rf"原姓名\s+{former}", page)
    service.reject(office.services, renamed, by="approver1", reason="演示")
    numbered = propose(office.services, number, right, reason="录入有误", by="maker1").approval_id
    page = said(browser.get(f"/console/approvals/{numbered}"))
    assert "居民身份证" in page
    assert "resident_id" not in page
    english = said(browser.get(f"/console/approvals/{numbered}?lang=en"))
    assert "Resident identity card" in english
    assert "resident_id" not in english


def test_an_applicant_at_home_is_named_in_the_language_of_the_page(office: Office) -> None:
    with office.services.database.writing() as session:
        at = office.services.now()
        note(session, at=at, by=FROM_HOME, action="reissue.apply", object_kind="reissue", object_key="7")
    browser = office.browser("auditor")
    for language, words in (("zh", "申请人（在家申请）"), ("en", "the applicant, from home")):
        page = said(browser.get(f"/console/trail?action=reissue.apply&lang={language}"))
        assert words in page
        assert FROM_HOME not in page
