"""Sittings at the desk: made, filled, their papers, the draw; each station its own alone (R1.6, R2.1, R3)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from sqlalchemy import event

from certsvc.rules.terms import Subject
from certsvc.services.examination import sittings
from certsvc.services.examination.draw import check_draw
from certsvc.services.staff.accounts import do_alone, opening
from certsvc.store import AccountRecord
from tests.builders.examining import add, admit, on_record
from tests.builders.person import Candidate
from tests.builders.site import NOW
from tests.builders.staff import GIVEN, Browser, said
from tests.web.console.conftest import Office

TODAY = NOW.date()
STATION = "测试培训机构"  # of the office's station and assessor
FIELDS = {"on": TODAY.isoformat(), "at": "09:00", "place": "二号楼", "subject": "practical", "capacity": "20"}


@pytest.fixture(scope="module")
def people(office: Office, tmp_path_factory: pytest.TempPathFactory) -> list[Candidate]:
    return on_record(office.services, tmp_path_factory.mktemp("people"), 12, first=300)


def made(office: Office, subject: Subject = Subject.PRACTICAL, **changes: object) -> sittings.Sitting:
    return add(office.services, subject, **({"on": TODAY, "station": STATION} | changes))


def test_a_station_makes_a_sitting_of_its_own_and_the_commitment_is_public_at_once(office: Office) -> None:
    browser = office.browser("station")
    assert "先新设考场" in said(browser.get("/console/sittings?state=coming"))
    assert "新设考场" in said(browser.get("/console/sittings/new"))
    done = browser.post("/console/sittings/new", **FIELDS, station="别的鉴定站")
    assert done.status_code == 303
    page = said(browser.get(done.location))
    assert (STATION in page, "别的鉴定站" in page, "名单还是空的" in page) == (True, False, True)
    number = done.location.rpartition("/")[2]
    public = json.loads(office.visitor().get(f"/draws/{number}.json").text)
    assert public["commitment"] in page
    browser.get("/console/sittings/new")
    again = browser.post("/console/sittings/new", **FIELDS)
    assert (again.status_code, "已有" in said(again), f"/console/sittings/{number}" in again.text) == (409, True, True)


@pytest.mark.parametrize(
    ("field", "value"),
    [("on", "2031-02-30"), ("at", "25:00"), ("place", " "), ("station", ""), ("subject", "x"), ("capacity", "零")],
)
def test_what_is_amiss_stands_beside_its_field_with_the_input_kept(office: Office, field: str, value: str) -> None:
    browser = office.browser("maker")
    browser.get("/console/sittings/new")
    answer = browser.post("/console/sittings/new", **(FIELDS | {"station": "某站", "place": "三号楼"} | {field: value}))
    assert answer.status_code == 422
    if field != "subject":
        assert re.search(rf'name="{field}"[^>]*aria-invalid="true"', answer.text)
    if field != "place":
        assert 'value="三号楼"' in answer.text


def test_a_batch_is_admitted_and_who_is_not_is_named_with_the_rule(office: Office, people: list[Candidate]) -> None:
    browser, first, second = office.browser("maker"), made(office, begins="10:00"), made(office, begins="10:30")
    admit(office.services, second, people[:1])
    address = f"/console/sittings/{first.id}"
    browser.get(address)
    done = said(browser.post(f"{address}/admit", batch="第一批"))
    assert "编入 11 人" in done
    assert (people[0].name in done, "R3.7" in done) == (True, True)
    again = said(browser.post(f"{address}/admit", batch="第一批"))
    assert "编入 0 人，原已在册 11 人" in again
    ticket = f"310101-{first.id:04d}-001"
    assert browser.post(f"{address}/remove", ticket=ticket).status_code == 303
    assert ticket not in browser.get(address).text
    assert browser.post(f"{address}/remove", ticket=ticket).status_code == 404
    nobody = browser.post(f"{address}/admit")
    assert (nobody.status_code, "请写明编入谁" in said(nobody)) == (422, True)
    wrong = browser.post(f"{address}/admit", id_number="1234", institution="某机构")
    assert (wrong.status_code, 'value="某机构"' in wrong.text) == (422, True)


def test_a_station_admits_one_by_document_and_no_batches(office: Office, people: list[Candidate]) -> None:
    browser, theory = office.browser("station"), made(office, Subject.THEORY)
    address = f"/console/sittings/{theory.id}"
    assert 'name="batch"' not in browser.get(address).text
    assert browser.post(f"{address}/admit", batch="第一批").status_code == 422
    assert "编入 1 人" in said(browser.post(f"{address}/admit", id_number=people[2].id_number))
    page = browser.get(address).text
    assert people[2].name in page
    assert "/draws/" not in page, "nothing is drawn in the theory test"


def test_the_papers_are_pdf(office: Office, people: list[Candidate]) -> None:
    browser, one = office.browser("assessor"), made(office, Subject.THEORY, begins="13:00")
    empty = browser.get(f"/console/sittings/{one.id}/tickets.pdf")
    assert (empty.status_code, "没有考生" in said(empty)) == (422, True)
    (seat, other) = admit(office.services, one, people[3:5]).admitted
    for paper in ("check-in.pdf", "tickets.pdf", f"tickets/{seat.ticket}.pdf"):
        answer = browser.get(f"/console/sittings/{one.id}/{paper}")
        assert (answer.mimetype, answer.data[:5], answer.headers["Cache-Control"]) == (
            "application/pdf",
            b"%PDF-",
            "no-store",
        )
    both = browser.get(f"/console/sittings/{one.id}/tickets.pdf").data
    assert both.count(b"/Type/Page/") == 2
    assert browser.get(f"/console/sittings/{one.id}/tickets/310101-9999-001.pdf").status_code == 404
    assert other.ticket in browser.get(f"/console/sittings/{one.id}").text


def test_the_draw_is_shown_on_the_day_and_revealed_when_the_roll_is_closed(office: Office, tmp_path: Path) -> None:
    browser, one = office.browser("station"), made(office, begins="14:00")
    (seat,) = admit(office.services, one, on_record(office.services, tmp_path, 1, first=350)).admitted
    address = f"/console/sittings/{one.id}"
    later = made(office, on=TODAY.replace(day=2))
    assert "公布抽签结果" not in said(browser.get(f"/console/sittings/{later.id}")).replace("可以公布抽签结果", "")
    early = browser.post(f"/console/sittings/{later.id}/draw")
    assert (early.status_code, "R2.1" in said(early)) == (422, True)
    assert "移出" in said(browser.get(address)).replace("公布后名单不能再移出", "")
    assert browser.post(f"{address}/draw").status_code == 303
    page = said(browser.get(address))
    assert "移出" not in page.replace("公布后名单不能再移出", "")
    assert browser.post(f"{address}/close").status_code == 303
    shown = said(browser.get(address))
    assert "名单已关闭" in shown
    found = check_draw(office.visitor().get(f"/draws/{one.id}.json").data, committed=one.commitment)
    assert found.ok
    assert found.tickets == 1
    assert seat.ticket in shown


def test_a_station_sees_its_own_sittings_alone(office: Office, tmp_path: Path) -> None:
    foreign = made(office, station="别的鉴定站", begins="15:00")
    (seat,) = admit(office.services, foreign, on_record(office.services, tmp_path, 1, first=360)).admitted
    own = made(office, begins="15:30")
    for role in ("station", "assessor"):
        browser = office.browser(role)
        listed = browser.get("/console/sittings?station=别的鉴定站").text
        assert (f"/console/sittings/{own.id}" in listed, f"/console/sittings/{foreign.id}" in listed) == (True, False)
        for rest in ("", "/sheet", "/check-in.pdf", "/tickets.pdf", f"/tickets/{seat.ticket}.pdf"):
            assert browser.get(f"/console/sittings/{foreign.id}{rest}").status_code == 404, rest
        browser.get(f"/console/sittings/{own.id}")
        for rest in ("admit", "remove", "draw", "close", "scores", "confirm"):
            answer = browser.post(f"/console/sittings/{foreign.id}/{rest}", ticket=seat.ticket)
            assert answer.status_code in (403, 404), rest
    listed = office.browser("reviewer").get("/console/sittings?state=open&station=别的鉴定站").text
    assert (f"/console/sittings/{own.id}" in listed, f"/console/sittings/{foreign.id}" in listed) == (False, True)


def test_an_assessor_without_a_station_sees_no_ones(office: Office) -> None:
    browser = office.browser("assessor")
    one = made(office, begins="16:00")
    with office.services.database.writing() as session:
        session.query(AccountRecord).filter_by(name="assessor1").update({"scope": None})
    try:
        assert "这里没有考场" in said(browser.get("/console/sittings"))
        assert browser.get(f"/console/sittings/{one.id}").status_code == 404
    finally:
        with office.services.database.writing() as session:
            session.query(AccountRecord).filter_by(name="assessor1").update({"scope": STATION})


def test_an_assessor_belongs_to_a_station(office: Office) -> None:
    from certsvc.errors import Refused

    with pytest.raises(Refused, match="institution or station"):
        do_alone(office.services, opening("assessor9", "assessor", GIVEN), by="root")


def questions(office: Office, browser: Browser, address: str) -> int:
    """How many statements a page asks of the register; the session's own clock, moved once a minute, left out."""
    asked: list[str] = []

    def ask(_c: object, _cur: object, statement: str, *_: object) -> None:
        asked.append(statement)

    counts = []
    event.listen(office.services.database.engine, "before_cursor_execute", ask)
    try:
        for _ in range(3):
            asked.clear()
            assert browser.get(address).status_code == 200
            counts.append(len(asked))
    finally:
        event.remove(office.services.database.engine, "before_cursor_execute", ask)
    return min(counts)


@pytest.mark.parametrize("page", ["", "/sheet", "/check-in.pdf", "/tickets.pdf"])
def test_a_page_asks_as_many_questions_however_long_the_roll(
    office: Office, people: list[Candidate], page: str
) -> None:
    browser = office.browser("assessor")
    theory = Subject.THEORY
    few = made(office, theory, begins="17:00", place=f"短 {page}")
    admit(office.services, few, people[5:6])
    one = questions(office, browser, f"/console/sittings/{few.id}{page}")
    sittings.remove(office.services, few.id, f"310101-{few.id:04d}-001", by="考务员")
    many = made(office, theory, begins="17:00", place=f"长 {page}")
    seats = admit(office.services, many, people[5:12]).admitted
    assert len(seats) == 7
    assert questions(office, browser, f"/console/sittings/{many.id}{page}") == one
    for seat in seats:
        sittings.remove(office.services, many.id, seat.ticket, by="考务员")


def test_the_list_asks_as_many_questions_however_many_sittings(office: Office) -> None:
    browser = office.browser("reviewer")
    made(office, station="计数站", begins="08:00")
    one = questions(office, browser, "/console/sittings?station=计数站")
    for minute in range(10, 30):
        made(office, station="计数站", begins=f"08:{minute}")
    assert questions(office, browser, "/console/sittings?station=计数站") == one
