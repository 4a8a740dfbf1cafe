"""Rosters handed in and reviewed in the browser: scoped, all or nothing, decided by another than entered them (R1)."""

from __future__ import annotations

import io
import re

import pytest
from sqlalchemy import event

from certsvc.services.registration.review_list import list_registrations
from tests.builders.person import Candidate, write_csv
from tests.builders.staff import Browser, said
from tests.web.console.conftest import Office

OURS = "测试培训机构"


def csv_of(office: Office, *rows: dict[str, str]) -> bytes:
    path = write_csv(office.register.settings.home / "upload.csv", rows)
    return path.read_bytes()


def send(browser: Browser, content: bytes, *photos: tuple[str, bytes], **more: str):  # type: ignore[no-untyped-def]
    """Upload a roster through the page."""
    browser.get("/console/registrations/new")
    files = {"roster": (io.BytesIO(content), "名册.csv"), "photos": [(io.BytesIO(one), name) for name, one in photos]}
    return browser._seen(
        browser.client.post(
            "/console/registrations/new",
            base_url="https://certsvc.example",
            data={"form": browser.form} | more | files,
            content_type="multipart/form-data",
        )
    )


def entered(office: Office, serial: int, **changes: str) -> int:
    """One put to review by the institution, and confirmed; its id."""
    person = Candidate(serial, name=f"测试{'甲乙丙丁戊己庚辛壬癸'[serial % 10]}")
    browser = office.browser("institution")
    answer = send(browser, csv_of(office, person.cells(**changes)))
    assert answer.status_code == 200, said(answer)
    found = next(one.id for one in list_registrations(office.services) if one.id_number == person.id_number)
    browser.get(f"/console/registrations/{found}")
    done = browser.post(f"/console/registrations/{found}/confirm", face="pass", place="第一报名点")
    assert done.status_code == 303, said(done)
    return found


def test_a_roster_is_put_to_review_and_counts_once_another_approved_it(office: Office) -> None:
    enrolment = entered(office, 101)
    reviewer = office.browser("reviewer")
    assert re.search(r"[1-9]\d*\s+待审核的报名", said(reviewer.get("/console")))
    page = reviewer.get("/console/registrations?state=submitted")
    assert f'value="{enrolment}"' in page.text
    assert Candidate(101).id_number not in page.text, "masked in the queue"
    assert Candidate(101).id_number in reviewer.get(f"/console/registrations/{enrolment}").text
    reviewer.get("/console/registrations")
    assert reviewer.post("/console/registrations/decide", id=str(enrolment), approve="1").status_code == 303
    again = reviewer.post("/console/registrations/decide", id=str(enrolment), approve="1")
    assert (again.status_code, "不能批准" in said(again)) == (422, True), "a stale form, told"


def test_errors_are_told_by_row_and_column_and_nothing_is_stored(office: Office) -> None:
    browser = office.browser("institution")
    before = len(list(list_registrations(office.services)))
    bad = Candidate(102).cells(phone="12", birth_date="1990-02-31")
    answer = send(browser, csv_of(office, Candidate(103).cells(), bad))
    assert answer.status_code == 422
    main = said(answer)
    assert "全部未导入" in main
    assert "1990-02-31" in main
    assert len(list(list_registrations(office.services))) == before


def test_a_check_alone_stores_nothing(office: Office) -> None:
    before = len(list(list_registrations(office.services)))
    answer = send(office.browser("institution"), csv_of(office, Candidate(104).cells()), check="1")
    assert (answer.status_code, "仅检查" in said(answer)) == (200, True)
    assert len(list(list_registrations(office.services))) == before


def test_an_institution_registers_its_own_candidates_alone(office: Office) -> None:
    answer = send(office.browser("institution"), csv_of(office, Candidate(105).cells(institution="另一机构")))
    assert (answer.status_code, "本机构" in said(answer)) == (422, True)


def test_an_institution_sees_its_own_candidates_alone(office: Office) -> None:
    maker, institution = office.browser("maker"), office.browser("institution")
    assert (
        send(maker, csv_of(office, Candidate(106, name="别人的考生").cells(institution="另一机构"))).status_code == 200
    )
    theirs = next(one.id for one in list_registrations(office.services) if one.name == "别人的考生")
    assert "别人的考生" in said(maker.get("/console/registrations"))
    assert "别人的考生" not in said(institution.get("/console/registrations"))
    for address in (f"/console/registrations/{theirs}", f"/console/registrations/{theirs}/portrait"):
        assert institution.get(address).status_code == 404
    institution.get("/console/registrations/new")
    assert institution.post(f"/console/registrations/{theirs}/confirm", face="pass", place="x").status_code == 404
    taken = send(institution, csv_of(office, Candidate(106, name="别人的考生").cells()))
    assert (taken.status_code, "另一机构" in said(taken)) == (422, True), "nor takes it over"


@pytest.mark.parametrize(("deed", "state"), [("return", "returned"), ("reject", "rejected")])
def test_what_is_sent_back_says_why_and_many_are_decided_together(office: Office, deed: str, state: str) -> None:
    ids = [entered(office, serial) for serial in ((110, 111) if deed == "return" else (112, 113))]
    reviewer = office.browser("reviewer")
    chosen = [str(one) for one in ids]
    empty = reviewer.post("/console/registrations/decide", id=chosen, **{deed: "1"}, reason="")
    assert (empty.status_code, "须写明" in said(empty)) == (422, True)
    assert empty.text.count(" checked") == 2, "what was ticked stays ticked"
    done = reviewer.post("/console/registrations/decide", id=chosen, **{deed: "1"}, reason="缺近期照片")
    assert done.status_code == 303
    assert said(reviewer.get(f"/console/registrations?state={state}")).count("缺近期照片") >= 2


def test_one_that_may_not_be_decided_stops_them_all(office: Office) -> None:
    good = entered(office, 120)
    reviewer = office.browser("reviewer")
    answer = reviewer.post("/console/registrations/decide", id=[str(good), "999999"], approve="1")
    assert answer.status_code == 422
    assert next(one.state for one in list_registrations(office.services) if one.id == good) == "submitted"


@pytest.mark.parametrize("fields", [{}, {"id": "1"}, {"id": "x", "approve": "1"}, {"id": "9" * 40, "approve": "1"}])
def test_a_form_with_nothing_to_decide_is_told_so(office: Office, fields: dict[str, str]) -> None:
    assert office.browser("reviewer").post("/console/registrations/decide", **fields).status_code == 422


@pytest.mark.parametrize(
    ("content", "status"), [(b"", 422), (b"%PDF-1.4", 422), (b"\x00" * 100, 422), ("姓名\n甲\n".encode(), 422)]
)
def test_what_is_no_roster_is_refused_in_words(office: Office, content: bytes, status: int) -> None:
    answer = send(office.browser("institution"), content)
    assert answer.status_code == status
    assert "名册" in said(answer)


def test_a_photo_comes_beside_the_roster_and_stands_beside_the_data(office: Office) -> None:
    from certsvc.person.identity import Sex
    from examples.portraits import draw_portrait

    person = Candidate(130, name="有照片的人")
    browser = office.browser("institution")
    missing = send(browser, csv_of(office, person.cells(photo="a.jpg")))
    assert (missing.status_code, "a.jpg" in said(missing)) == (422, True)
    assert (
        send(browser, csv_of(office, person.cells(photo="a.jpg")), ("../a.jpg", draw_portrait(1, Sex.MALE))).status_code
        == 200
    )
    found = next(one.id for one in list_registrations(office.services) if one.name == person.name)
    picture = office.browser("reviewer").get(f"/console/registrations/{found}/portrait")
    assert (picture.status_code, picture.mimetype, picture.data[:2]) == (200, "image/jpeg", b"\xff\xd8")


def test_the_queue_asks_the_register_as_often_however_long_it_is(office: Office) -> None:
    reviewer = office.browser("reviewer")

    def questions() -> int:
        seen: list[str] = []

        def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            seen.append(statement)

        event.listen(office.services.database.engine, "before_cursor_execute", count)
        assert reviewer.get("/console/registrations").status_code == 200
        event.remove(office.services.database.engine, "before_cursor_execute", count)
        return len([one for one in seen if one.lstrip().lower().startswith("select")])

    entered(office, 140)
    before = questions()
    send(office.browser("institution"), csv_of(office, *(Candidate(serial).cells() for serial in range(200, 220))))
    assert questions() == before
