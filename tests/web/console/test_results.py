"""The results' desk: entered by one, published by another, put right by two as they have seen it (R2.2 to R2.7, R6)."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, select
from werkzeug.test import TestResponse

from certsvc.rules.terms import Subject
from certsvc.services.certificates.listing import find_certificates
from certsvc.services.issuing.issue import issue
from certsvc.services.results.candidate import find, results
from certsvc.store import AttemptRecord
from tests.builders import examining
from tests.builders.correcting import correction, record, register
from tests.builders.person import SAT, Candidate, Cells, write_csv
from tests.builders.staff import Browser, said
from tests.web.console.conftest import Office
from tests.web.console.test_certificates import approve

PERIOD = f"since={SAT - timedelta(days=5)}&until={SAT + timedelta(days=400)}"


def person(serial: int, name: str) -> Candidate:
    return Candidate(serial=serial, name=name)


def send(browser: Browser, path: Path, address: str = "/console/results/new", **more: str) -> TestResponse:
    """Upload a file through a page of the desk."""
    browser.get(address)
    files = {"file": (io.BytesIO(path.read_bytes()), path.name)}
    return browser._seen(
        browser.client.post(
            address,
            base_url="https://certsvc.example",
            data={"form": browser.form} | more | files,
            content_type="multipart/form-data",
        )
    )


def fields(answer: TestResponse, action: str) -> dict[str, str]:
    """The hidden fields of a form of a page, as a browser would send them."""
    form = answer.text.partition(f'action="{action}"')[2].partition("</form>")[0]
    return {
        html.unescape(name): html.unescape(value)
        for name, value in re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', form)
        if name != "form"
    }


def enrolment(office: Office, one: Candidate) -> int:
    return find(office.services, id_number=one.id_number)[0].enrolment_id


def attempt(office: Office, one: Candidate, subject: str = "theory") -> int:
    shown = results(office.services, enrolment(office, one))
    return next(each.id for each in shown.attempts if each.subject == subject)


def ask(browser: Browser, attempt_id: int, **typed: str) -> TestResponse:
    """Look at what would follow from a correction, then ask for it as it was shown."""
    browser.get(f"/console/results/correct?attempt={attempt_id}")
    given = {
        "attempt": str(attempt_id),
        "outcome": "scored",
        "code": "review",
        "reason": "复核",
        "evidence": "",
    } | typed
    looked = browser.post("/console/results/correct", **given)
    assert looked.status_code == 200, said(looked)
    return browser.post("/console/results/correct/propose", **fields(looked, "/console/results/correct/propose"))


@contextmanager
def counted(office: Office) -> Iterator[list[str]]:
    """The questions asked of the register meanwhile."""
    seen: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip().lower().startswith(("select", "with")):
            seen.append(statement)

    event.listen(office.services.database.engine, "before_cursor_execute", count)
    yield seen
    event.remove(office.services.database.engine, "before_cursor_execute", count)


def test_a_file_with_an_error_is_told_by_row_and_column_and_stores_nothing(office: Office, tmp_path: Path) -> None:
    good, bad = person(601, "成绩甲"), person(602, "成绩乙")
    register(office.services, tmp_path, [good, bad])
    maker = office.browser("maker")
    path = write_csv(tmp_path / "r.csv", [good.result(), bad.result(score="101")])
    answer = send(maker, path)
    assert answer.status_code == 422
    assert "101" in said(answer)
    assert "R2.2" in said(answer)
    assert results(office.services, enrolment(office, good)).attempts == ()
    checked = send(maker, write_csv(tmp_path / "r.csv", [good.result(), bad.result()]), check="1")
    assert "仅检查" in said(checked)
    assert results(office.services, enrolment(office, good)).attempts == ()
    assert "新增 2 条" in said(send(maker, path))
    assert "新增 0 条，未变 2 条" in said(send(maker, path)), "the same file again is nothing new"
    assert len(results(office.services, enrolment(office, good)).attempts) == 1


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4", b"\x00" * 50])
def test_what_is_no_file_of_results_is_refused_in_words(office: Office, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.csv").write_bytes(content)
    answer = send(office.browser("maker"), tmp_path / "r.csv")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


def test_no_one_publishes_what_they_entered_and_then_the_candidate_sees_it(office: Office, tmp_path: Path) -> None:
    one, day = person(610, "公布甲"), SAT + timedelta(days=10)
    register(office.services, tmp_path, [one])
    send(office.browser("maker"), write_csv(tmp_path / "r.csv", [one.result(sat_on=day.isoformat())]))
    reviewer = office.browser("reviewer")
    listed = said(reviewer.get(f"/console/results?{PERIOD}&state=overdue"))
    assert day.isoformat() in listed
    exam = {"day": day.isoformat(), "subject": "theory", "sitting": "0"}
    page = reviewer.get(f"/console/results/exam?day={day}&subject=theory")
    assert one.name in said(page)
    assert "公布这一场" in page.text
    assert "公布这一场" not in office.browser("maker").get(f"/console/results/exam?day={day}&subject=theory").text
    office.services.database.engine.dispose()
    with office.services.database.writing() as session:
        session.connection().exec_driver_sql(
            "update attempt set recorded_by = 'Reviewer 1' where sat_on = ?", (str(day),)
        )
    refused = reviewer.post("/console/results/publish", **exam)
    assert (refused.status_code, "登记人以外的人" in said(refused)) == (422, True)
    with office.services.database.writing() as session:
        session.connection().exec_driver_sql("update attempt set recorded_by = 'maker1' where sat_on = ?", (str(day),))
    assert reviewer.post("/console/results/publish", **exam).status_code == 303
    assert "已公布" in said(reviewer.get(f"/console/results/exam?day={day}&subject=theory"))
    again = reviewer.post("/console/results/publish", **exam)
    assert (again.status_code, "没有待公布" in said(again)) == (404, True), "sent twice, told once"


def test_each_sitting_is_published_by_itself(office: Office, tmp_path: Path) -> None:
    day = SAT + timedelta(days=20)
    people = [person(620 + n, f"场次{'甲乙丙'[n]}") for n in range(3)]
    register(office.services, tmp_path, people)
    rolls = [
        examining.add(office.services, Subject.THEORY, day, place=f"{n}号楼", station=examining.STATION) for n in "一二"
    ]
    for sitting, one in zip(rolls, people, strict=False):
        examining.admit(office.services, sitting, [one])
    record(office.services, tmp_path, *(one.result(sat_on=day.isoformat()) for one in (people[0], people[2])))
    reviewer = office.browser("reviewer")
    page = said(reviewer.get(f"/console/results?since={day}&until={day}"))
    assert page.count(examining.STATION) == 2
    assert "无场次" in page
    first = {"day": day.isoformat(), "subject": "theory", "sitting": str(rolls[0].id)}
    shown = said(reviewer.get(f"/console/results/exam?day={day}&subject=theory&sitting={rolls[0].id}"))
    assert people[0].name in shown
    assert people[2].name not in shown
    assert reviewer.post("/console/results/publish", **first).status_code == 303
    with office.services.database.reading() as session:
        query = select(AttemptRecord.published_on).where(AttemptRecord.sat_on == day).order_by(AttemptRecord.id)
        assert [one is not None for one in session.scalars(query)] == [True, False]
    missing = reviewer.get(f"/console/results/exam?day={day}&subject=theory&sitting={rolls[1].id}")
    assert re.search(r"1\s+缺成绩", said(missing)), "admitted, and no result on record"


def test_a_correction_shows_what_follows_before_it_is_asked_for_and_before_it_is_approved(
    office: Office, tmp_path: Path
) -> None:
    one = person(630, "更正甲")
    register(office.services, tmp_path, [one])
    retake = (SAT + timedelta(days=30)).isoformat()
    record(
        office.services,
        tmp_path,
        one.result("theory", "50"),
        one.result("theory", "70", sat_on=retake, kind="free_retake"),
        one.result("practical", "80"),
    )
    issue(office.services, by="issuer")
    maker, approver = office.browser("maker"), office.browser("approver")
    (held,) = find_certificates(office.services, name=one.name)
    looked = maker.post(
        "/console/results/correct",
        attempt=str(attempt(office, one)),
        outcome="misconduct",
        score="",
        code="misconduct",
        reason="录像查实",
    )
    main = said(looked)
    assert re.search(r"1\s+次补考不再计入", main)
    assert re.search(r"1\s+份证书撤销", main)
    assert "录像查实" in looked.text
    assert "更正甲" in main
    send_ = fields(looked, "/console/results/correct/propose")
    stale = maker.post("/console/results/correct/propose", **(send_ | {"seen": "0" * 64}))
    assert (stale.status_code, "再看一遍" in said(stale)) == (422, True), "only what was seen is asked for"
    asked = maker.post("/console/results/correct/propose", **send_)
    assert asked.status_code == 303
    before = said(approver.get(asked.location))
    assert re.search(r"1\s+次补考不再计入", before)
    assert re.search(r"1\s+份证书撤销", before)
    assert find_certificates(office.services, name=one.name)[0].status == "valid"
    assert approve(approver, asked.location) == 303
    assert find_certificates(office.services, name=one.name)[0].status == "revoked"
    shown = said(office.browser("auditor").get(f"/console/results/of/{enrolment(office, one)}"))
    assert "更正前" in shown
    assert held.number in shown.replace(" ", "")
    assert "不再计入的考试" not in said(approver.get(asked.location)), "what followed is done"


def test_a_score_review_that_makes_someone_pass_brings_a_certificate(office: Office, tmp_path: Path) -> None:
    one = person(631, "更正乙")
    register(office.services, tmp_path, [one])
    record(office.services, tmp_path, one.result("theory", "59.99"), one.result("practical", "80"))
    maker, approver = office.browser("maker"), office.browser("approver")
    asked = ask(maker, attempt(office, one), score="60")
    assert asked.status_code == 303, said(asked)
    assert re.search(r"1\s+人由此通过", said(approver.get(asked.location)))
    assert approve(approver, asked.location) == 303
    assert one.name in said(maker.get("/console/issuing"))


def test_a_correction_of_items_is_added_up(office: Office, tmp_path: Path) -> None:
    one = person(632, "更正丙")
    register(office.services, tmp_path, [one])
    items = examining.REQUIRED | {"rescue_rope": "8", "triage": "8"}
    record(office.services, tmp_path, one.result("practical", "") | items)
    maker, key = office.browser("maker"), attempt(office, one, "practical")
    page = maker.get(f"/console/results/correct?attempt={key}")
    assert 'value="22.5"' in page.text
    typed = {f"item-{code}": text for code, text in (items | {"cpr": "20"}).items()}
    assert ask(maker, key, **typed).status_code == 303
    wrong = maker.post(
        "/console/results/correct",
        attempt=str(key),
        outcome="scored",
        code="entry",
        reason="x",
        **(typed | {"item-cpr": "99"}),
    )
    assert (wrong.status_code, 'name="item-cpr" maxlength="10" value="99" aria-invalid' in wrong.text) == (422, True)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"score": "80"}, "与登记的一致"),
        ({"score": "101"}, "超过满分"),
        ({"outcome": "absent", "score": "70"}, "不应有成绩"),
        ({"outcome": "?"}, "请选择"),
        ({"reason": ""}, "须写明原因"),
    ],
    ids=["the same", "too much", "beside absent", "no outcome", "no reason"],
)
def test_what_cannot_be_corrected_so_is_told_and_what_was_typed_stays(
    office: Office, tmp_path: Path, typed: dict[str, str], words: str
) -> None:
    one = person(633, "更正丁")
    if not find(office.services, id_number=one.id_number):
        register(office.services, tmp_path, [one])
        record(office.services, tmp_path, one.result("theory", "80"))
    given = {
        "attempt": str(attempt(office, one)),
        "outcome": "scored",
        "score": "70",
        "code": "entry",
        "reason": "笔误",
    }
    answer = office.browser("maker").post("/console/results/correct", **(given | typed))
    assert (answer.status_code, words in said(answer)) == (422, True), said(answer)
    assert "如果批准" not in said(answer)
    assert f'value="{(given | typed)["score"]}"' in answer.text


def test_a_whole_sitting_is_withdrawn_before_and_annulled_after_it_is_published(office: Office, tmp_path: Path) -> None:
    day = SAT + timedelta(days=40)
    people = [person(640 + n, f"整场{'甲乙'[n]}") for n in range(2)]
    register(office.services, tmp_path, people)
    record(office.services, tmp_path, *(one.result(sat_on=day.isoformat()) for one in people))
    maker, approver, reviewer = (office.browser(role) for role in ("maker", "approver", "reviewer"))
    exam = {"day": day.isoformat(), "subject": "theory", "sitting": "0", "reason": "机房断电"}
    for act in ("withdraw", "annul"):
        looked = maker.post("/console/results/exam/look", **exam, act=act)
        assert re.search(r"2\s+条成绩变更", said(looked)), act
        asked = maker.post("/console/results/exam/propose", **fields(looked, "/console/results/exam/propose"))
        assert asked.status_code == 303, said(asked)
        assert approve(approver, asked.location) == 303
        if act == "annul":
            break
        assert results(office.services, enrolment(office, people[0])).attempts == ()
        record(office.services, tmp_path, *(one.result(sat_on=day.isoformat()) for one in people))
        reviewer.get("/console/results")
        assert reviewer.post("/console/results/publish", **exam).status_code == 303
        refused = maker.post("/console/results/exam/look", **exam, act="withdraw")
        assert (refused.status_code, "已公布" in said(refused)) == (422, True)
    assert {one.outcome for one in results(office.services, enrolment(office, people[1])).attempts} == {"void"}


def test_a_file_of_corrections_is_looked_at_and_then_asked_for_as_it_was_seen(office: Office, tmp_path: Path) -> None:
    one = person(650, "文件甲")
    register(office.services, tmp_path, [one])
    record(office.services, tmp_path, one.result("theory", "50"))
    maker = office.browser("maker")
    path = write_csv(tmp_path / "更正.csv", [correction(one.result("theory", "66"))])
    looked = send(maker, path, "/console/results/corrections")
    assert re.search(r"1\s+人的结论改变", said(looked))
    asked = maker.post("/console/results/corrections/propose", **fields(looked, "/console/results/corrections/propose"))
    assert asked.status_code == 303, said(asked)
    assert "更正.csv" in said(maker.get(asked.location))
    same = send(maker, write_csv(path, [correction(one.result("theory", "50"))]), "/console/results/corrections")
    assert "没有要更正的" in said(same)
    bad = send(maker, write_csv(path, [correction(one.result("theory", "6 6"))]), "/console/results/corrections")
    assert (bad.status_code, "须改正" in said(bad)) == (422, True)
    broken = maker.post("/console/results/corrections/propose", name="a.csv", file="%%%")
    assert broken.status_code == 422
    path.write_bytes(b"x" * (256 * 1024 + 1))
    assert "256 KB" in said(send(maker, path, "/console/results/corrections"))


def test_a_candidate_is_found_by_number_or_name_and_no_number_stands_in_an_address(
    office: Office, tmp_path: Path
) -> None:
    one = person(660, "查找甲")
    register(office.services, tmp_path, [one])
    browser = office.browser("auditor")
    browser.get("/console/results")
    for typed in ({"id_number": f"{one.id_number[:6]} {one.id_number[6:].lower()}"}, {"name": one.name}):
        assert one.name in said(browser.post("/console/results/find", **typed)), typed
    assert "没有查到" in said(browser.post("/console/results/find", id_number=one.id_number, name="别人"))
    assert "请输入" in said(browser.post("/console/results/find"))
    page = browser.get(f"/console/results/of/{enrolment(office, one)}")
    assert one.id_number not in page.text, "masked"
    assert "更正这一条" not in page.text, "who only reads has no form"
    assert browser.get("/console/results/of/999999").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "",
        "day=2025-03-24",
        "day=2025-02-31&subject=theory",
        "day=2025-03-24&subject=theory&sitting=x",
        "day=1900-01-01&subject=theory",
    ],
)
def test_an_address_that_names_no_exam_finds_none(office: Office, query: str) -> None:
    assert office.browser("auditor").get(f"/console/results/exam?{query}").status_code == 404


def rows_of(people: list[Candidate], day: date) -> list[Cells]:
    return [one.result(sat_on=day.isoformat()) for one in people]


def test_each_page_asks_the_register_as_often_however_much_there_is(office: Office, tmp_path: Path) -> None:
    browser, day = office.browser("auditor"), SAT + timedelta(days=60)
    few, many = [person(700, "数量甲")], [Candidate(serial=701 + n, name="数量乙") for n in range(30)]
    addresses = (
        f"/console/results?since={day}&until={day + timedelta(days=40)}",
        f"/console/results/exam?day={day}&subject=theory",
        "/console/retakes?within=all",
    )
    register(office.services, tmp_path, few)
    record(office.services, tmp_path, *rows_of(few, day))
    asked = []
    for more in (False, True):
        if more:
            register(office.services, tmp_path, many)
            record(office.services, tmp_path, *rows_of(many, day), *rows_of(many, day + timedelta(days=1))[:0])
            record(office.services, tmp_path, *(one.result("practical", "40", sat_on=str(day)) for one in many))
        numbers = []
        for address in addresses:
            with counted(office) as seen:
                assert browser.get(address).status_code == 200, address
            numbers.append(len(seen))
        asked.append(numbers)
    assert asked[0] == asked[1]
