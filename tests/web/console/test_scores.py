"""The scoring sheet at the desk: one enters, another confirms what they saw, then it is locked (R2, R3.2, R1.6)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from certsvc.services.examination import sheet
from certsvc.services.examination.draw import draw
from certsvc.services.examination.sittings import Seat, Sitting
from certsvc.store import AttemptRecord, ScoreEntryRecord, SittingRecord
from tests.builders.examining import REQUIRED, add, admit, on_record
from tests.builders.site import NOW
from tests.builders.staff import Browser, join, said
from tests.web.console.conftest import Office

STATION = "测试培训机构"
JSON = {"Accept": "application/json"}


class Day:
    """A practical sitting of two candidates whose draw was shown."""

    count = 0

    def __init__(self, office: Office, folder: Any) -> None:
        Day.count += 1
        self.office = office
        people = on_record(office.services, folder, 2, first=300 + 10 * Day.count)
        self.sitting: Sitting = add(office.services, on=NOW.date(), station=STATION, begins=f"08:{Day.count:02d}")
        self.seats: tuple[Seat, ...] = admit(office.services, self.sitting, people).admitted
        shown = draw(office.services, self.sitting.id, by="考务员")
        self.drawn = {one.ticket: [item.code for item in one.items] for one in shown}
        self.address = f"/console/sittings/{self.sitting.id}"

    def items(self, seat: int, drawn: str = "8") -> dict[str, str]:
        scores = {**REQUIRED, **dict.fromkeys(self.drawn[self.seats[seat].ticket], drawn)}
        return {f"item-{code}": score for code, score in scores.items()}

    def fields(self, seat: int = 0, **changes: str) -> dict[str, str]:
        given = {"id": f"{Day.count}-{seat}-1", "sequence": "1", "ticket": self.seats[seat].ticket, "kind": "first"}
        return given | {"outcome": "scored"} | changes

    def enter(self, browser: Browser, seat: int = 0, **changes: str) -> TestResponse:
        browser.get(f"{self.address}/sheet")
        return browser.post(f"{self.address}/scores", **self.fields(seat, **changes))

    def send(self, browser: Browser, seat: int = 0, **changes: str) -> TestResponse:
        """As the sheet's program does."""
        sent = {"form": browser.form} | self.fields(seat, **changes)
        return browser.client.post(
            f"{self.address}/scores", base_url="https://certsvc.example", data=sent, headers=JSON
        )

    def confirm(self, browser: Browser, digest: str | None = None) -> TestResponse:
        page = browser.get(f"{self.address}/sheet").text
        seen = re.search(r'name="digest" value="([0-9a-f]{64})"', page)
        return browser.post(f"{self.address}/confirm", digest=digest or (seen[1] if seen else ""))

    def attempts(self) -> list[tuple[str, int | None, str]]:
        with self.office.services.database.reading() as session:
            query = select(AttemptRecord).where(
                AttemptRecord.enrolment_id.in_([one.enrolment_id for one in self.seats])
            )
            rows = session.scalars(query.order_by(AttemptRecord.id))
            return [(one.kind, one.score_hundredths, one.recorded_by) for one in rows]


@pytest.fixture
def day(office: Office, tmp_path: Any) -> Day:
    return Day(office, tmp_path)


def test_items_are_entered_by_one_and_confirmed_by_another_and_then_locked(office: Office, day: Day) -> None:
    assessor, station = office.browser("assessor"), office.browser("station")
    page = assessor.get(f"{day.address}/sheet").text
    for code in (*REQUIRED, *day.drawn[day.seats[0].ticket]):
        assert f'name="item-{code}"' in page
    done = day.enter(assessor, 0, **day.items(0))
    assert (done.status_code, done.location) == (303, f"{day.address}/sheet#t001")
    assert "81.5 合格" in said(assessor.get(f"{day.address}/sheet"))
    assert "还有 1 人没有登记" in said(station.get(f"{day.address}/sheet"))
    day.enter(assessor, 1, **day.items(1, "0"))
    assert "65.5 合格" in said(assessor.get(f"{day.address}/sheet"))
    assert day.confirm(station).status_code == 303
    shown = said(station.get(f"{day.address}/sheet"))
    assert ("station1 已确认" in shown, "确认并锁定" in shown) == (True, False)
    assert day.attempts() == [("first", 8150, "assessor1"), ("first", 6550, "assessor1")]
    late = day.enter(assessor, 0, id="late", sequence="2", outcome="absent")
    assert (late.status_code, "R2.4" in said(late)) == (422, True)
    assert "确认并锁定" not in said(assessor.get(f"{day.address}/sheet"))


def test_a_failed_first_attempt_opens_the_onsite_retake_and_no_other_does(office: Office, day: Day) -> None:
    assessor = office.browser("assessor")
    day.enter(assessor, 0, **(day.items(0) | {"item-cpr": "0"}))
    day.enter(assessor, 1, **day.items(1))
    page = assessor.get(f"{day.address}/sheet").text
    assert "59 不合格" in page
    assert len(re.findall(r'<details class="again" data-after open>', page)) == 1
    assert len(re.findall(r'<details class="again" data-after hidden>', page)) == 1
    day.enter(assessor, 0, id=f"{day.sitting.id}-again", kind="onsite_retake", **day.items(0))
    assert day.confirm(office.browser("station")).status_code == 303
    assert [one[:2] for one in day.attempts()] == [("first", 5900), ("onsite_retake", 8150), ("first", 8150)]


@pytest.mark.parametrize("outcome", ["absent", "excused", "misconduct"])
def test_what_is_no_score_is_entered_without_one(office: Office, day: Day, outcome: str) -> None:
    assessor = office.browser("assessor")
    beside = day.enter(assessor, 0, outcome=outcome, **day.items(0))
    assert (beside.status_code, "R2.2" in said(beside)) == (422, True)
    assert day.enter(assessor, 0, outcome=outcome).status_code == 303
    shown = said(assessor.get(f"{day.address}/sheet"))
    assert {"absent": "缺考", "excused": "缓考", "misconduct": "违纪"}[outcome] in shown


def test_what_is_refused_stands_at_its_candidate_with_the_input_kept(office: Office, day: Day) -> None:
    answer = day.enter(office.browser("assessor"), 1, **(day.items(1) | {"item-cpr": "26"}))
    assert (answer.status_code, "超过满分" in said(answer)) == (422, True)
    assert re.search(r'name="item-cpr"[^>]*value="26"[^>]*aria-invalid="true"', answer.text)
    assert 'value="12"' in answer.text
    assert re.search(r'id="t002" open>', answer.text)
    for wrong in ({"ticket": "x"}, {"kind": "x"}, {"outcome": "void"}, {"sequence": "é"}, {"id": ""}):
        assert day.enter(office.browser("assessor"), 0, **wrong).status_code in (404, 422), wrong


def test_a_form_sent_twice_is_one_entry_and_a_stale_one_names_who_was_first(office: Office, day: Day) -> None:
    assessor = office.browser("assessor")
    if "other" not in office.members:
        office.members["other"] = join(office.services, "assessor2", "assessor")
    other = Browser(office.app, office.services).enter(office.members["other"])
    other.get(f"{day.address}/sheet")
    assert day.enter(assessor, 0, **day.items(0)).status_code == 303
    assert day.enter(assessor, 0, **day.items(0)).status_code == 303
    with office.services.database.reading() as session:
        query = select(func.count()).where(ScoreEntryRecord.seat_id == day.seats[0].id)
        assert session.scalar(query) == 1
    stale = other.post(f"{day.address}/scores", **day.fields(0, id="other", outcome="absent"))
    assert (stale.status_code, "assessor1" in said(stale)) == (409, True)
    assert "81.5 合格" in said(stale), "what counts is shown beside it"


def test_the_program_of_the_sheet_is_answered_with_what_became_of_it_and_what_counts(office: Office, day: Day) -> None:
    assessor = office.browser("assessor")
    assessor.get(f"{day.address}/sheet")
    taken = day.send(assessor, 0, **day.items(0)).get_json()
    assert (taken["state"], taken["sequence"], taken["passed"]) == ("taken", 1, True)
    assert (taken["counts"]["total"], taken["counts"]["entered_by"]) == ("81.5", "assessor1")
    assert day.send(assessor, 0, **day.items(0)).get_json()["state"] == "unchanged"
    conflict = day.send(assessor, 0, id="b", outcome="absent")
    told = conflict.get_json()
    assert (conflict.status_code, told["state"], told["counts"]["total"]) == (409, "refused", "81.5")
    back = day.send(assessor, 0, id="c", sequence="2", withdraw="1", **day.items(0)).get_json()
    assert (back["state"], back["counts"], back["sequence"]) == ("taken", None, 2)
    late = day.send(assessor, 0, id="d", sequence="1", outcome="absent").get_json()
    assert late["state"] == "refused"
    unknown = day.send(assessor, 0, id="e", ticket="310101-9999-001")
    assert (unknown.status_code, unknown.get_json()["state"]) == (404, "refused"), "an answer of ours, to be shown"
    assert day.send(assessor, 0, form="0" * 32).status_code == 403
    assert day.send(office.visitor(), 0).status_code == 401


def test_who_entered_does_not_confirm(office: Office, day: Day) -> None:
    station = office.browser("station")
    for seat in (0, 1):
        day.enter(office.browser("assessor"), seat, outcome="absent")
    with office.services.database.writing() as session:
        session.query(ScoreEntryRecord).filter_by(seat_id=day.seats[0].id).update({"entered_by": "Station-1"})
    answer = day.confirm(station)
    assert (answer.status_code, "登记人以外" in said(answer)) == (422, True)
    assert day.confirm(office.browser("reviewer")).status_code == 303


def test_a_sheet_that_changed_since_it_was_seen_is_refused(office: Office, day: Day) -> None:
    assessor, station = office.browser("assessor"), office.browser("station")
    for seat in (0, 1):
        day.enter(assessor, seat, **day.items(seat))
    seen = sheet.digest_of(day.sitting.id, sheet.sheet(office.services, day.sitting.id))
    day.enter(assessor, 0, id="changed", sequence="2", outcome="absent")
    for digest in (seen, "0" * 64):
        answer = day.confirm(station, digest)
        assert (answer.status_code, "有变动" in said(answer)) == (409, True)
    assert day.attempts() == []
    assert day.confirm(station).status_code == 303
    twice = station.post(f"{day.address}/confirm", digest=seen)
    assert twice.status_code == 303, "who confirmed and clicks again is led to the sheet"
    reviewer = office.browser("reviewer")
    reviewer.get(f"{day.address}/sheet")
    other = reviewer.post(f"{day.address}/confirm", digest=seen)
    assert (other.status_code, "已确认" in said(other)) == (422, True)


def test_confirming_asks_for_the_second_factor_again(office: Office, day: Day) -> None:
    station = office.browser("station")
    with office.services.database.writing() as session:
        session.connection().exec_driver_sql(
            "update staff_session set confirmed_at = '2020-01-01 00:00:00' where factor is not null"
        )
    answer = day.confirm(station)
    assert (answer.status_code, 'name="again_code"' in answer.text) == (422, True)


def test_what_the_rules_refuse_is_named_by_ticket(office: Office, day: Day) -> None:
    assessor = office.browser("assessor")
    for seat in (0, 1):
        day.enter(assessor, seat, **day.items(seat))
    day.enter(assessor, 0, id=f"{day.sitting.id}-again", kind="onsite_retake", **day.items(0))
    answer = day.confirm(office.browser("station"))
    assert answer.status_code == 422
    assert (day.seats[0].ticket in said(answer), "R3.7" in said(answer)) == (True, True)
    assert day.attempts() == []


def test_before_the_day_and_before_the_draw_nothing_is_scored(office: Office, day: Day) -> None:
    assessor = office.browser("assessor")
    later = add(office.services, on=NOW.date().replace(day=5), station=STATION)
    assert "起登记成绩" in said(assessor.get(f"/console/sittings/{later.id}/sheet"))
    with office.services.database.writing() as session:
        session.query(SittingRecord).filter_by(id=day.sitting.id).update({"drawn_at": None})
    page = assessor.get(f"{day.address}/sheet")
    assert ("公布抽签结果" in said(page), 'name="item-' in page.text) == (True, False)
    assert 'value="absent"' in page.text


def test_what_is_kept_on_a_device_is_sealed_for_one_account_and_sitting(office: Office, day: Day) -> None:
    seal = re.compile(r'data-seal="([0-9a-f]{64})"')
    assessor = office.browser("assessor")
    own = seal.search(assessor.get(f"{day.address}/sheet").text)
    again = seal.search(office.browser("assessor").get(f"{day.address}/sheet").text)
    assert own is not None
    assert again is not None
    assert own[1] == again[1], "a new session of the same account opens what was kept"
    if "other" not in office.members:
        office.members["other"] = join(office.services, "assessor2", "assessor")
    other = Browser(office.app, office.services).enter(office.members["other"])
    assert own[1] not in other.get(f"{day.address}/sheet").text
    assert seal.search(office.browser("auditor").get(f"{day.address}/sheet").text) is None
