"""Who is due is known when a result comes in: marked in its transaction, and no one else is decided (R7.1)."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from certsvc.errors import ImportRefused
from certsvc.rules.registration_review import FaceCheck
from certsvc.services.audit.check_register import check_log
from certsvc.services.context import Services
from certsvc.services.examination.import_results import import_results
from certsvc.services.issuing import issue as issue_module
from certsvc.services.issuing import sign
from certsvc.services.issuing.issue import IssueReport, issue
from certsvc.services.issuing.plan import survey
from certsvc.services.records.due import mark_due, marked
from certsvc.services.registration import review
from certsvc.services.registration.import_roster import import_candidates
from certsvc.store import CertificateRecord, EnrolmentRecord, ToDecideRecord
from tests.builders.killing import die, killed
from tests.builders.person import SAT, Candidate, candidates, write_csv

ON = date(2026, 11, 22)


def register(services: Services, folder: Path, people: list[Candidate]) -> None:
    import_candidates(services, write_csv(folder / "c.csv", [one.cells() for one in people]), by="登记员")


def record(services: Services, folder: Path, *rows: dict[str, str]) -> None:
    import_results(services, write_csv(folder / "r.csv", rows), by="考评员")


def marks(services: Services) -> list[int]:
    with services.database.reading() as session:
        return list(session.scalars(select(ToDecideRecord.enrolment_id).order_by(ToDecideRecord.enrolment_id)))


def run(services: Services, on: date = ON) -> IssueReport:
    return issue(services, by="签发员", on=on)


def test_a_result_marks_its_enrolment_and_issuing_takes_the_mark_away(either: Services, tmp_path: Path) -> None:
    one, two = candidates(2)
    register(either, tmp_path, [one, two])
    assert marks(either) == [], "a registration alone makes no one due"
    record(either, tmp_path, *one.passes())
    assert marks(either) == [1]
    report = run(either)
    assert ([each.name for each in report.issued], report.already) == ([one.name], 0)
    assert marks(either) == []
    assert run(either).already == 1


def test_a_file_that_is_refused_or_only_rehearsed_marks_no_one(services: Services, tmp_path: Path) -> None:
    (one,) = candidates(1)
    register(services, tmp_path, [one])
    import_results(services, write_csv(tmp_path / "r.csv", one.passes()), by="考评员", dry_run=True)
    assert marks(services) == []


def test_who_has_not_passed_is_decided_once_and_again_when_something_comes(either: Services, tmp_path: Path) -> None:
    (one,) = candidates(1)
    register(either, tmp_path, [one])
    record(either, tmp_path, one.result("theory", "50"), one.result("practical", "90"))
    assert run(either).issued == []
    assert marks(either) == []
    retake = (SAT + timedelta(days=60)).isoformat()
    record(either, tmp_path, one.result("theory", "60", sat_on=retake, kind="free_retake"))
    assert [each.name for each in run(either).issued] == [one.name]


def test_a_result_dated_ahead_keeps_its_mark_until_its_day(either: Services, tmp_path: Path) -> None:
    (one,) = candidates(1)
    register(either, tmp_path, [one])
    record(either, tmp_path, *one.passes())
    early = run(either, SAT - timedelta(days=1))
    assert (early.issued, early.already, marks(either)) == ([], 0, [1])
    assert len(run(either, SAT).issued) == 1
    assert run(either, SAT - timedelta(days=1)).already == 0, "by then no one had one"


def test_who_is_refused_stays_marked(services: Services, tmp_path: Path) -> None:
    unknown = Candidate(name="测试\U0003fffd")
    register(services, tmp_path, [unknown])
    record(services, tmp_path, *unknown.passes())
    for _ in range(2):
        assert len(run(services).refusals) == 1
        assert marks(services) == [1]


def test_an_approval_by_the_review_marks(services: Services, tmp_path: Path) -> None:
    (one,) = candidates(1)
    roster = write_csv(tmp_path / "c.csv", [one.cells()])
    import_candidates(services, roster, by="登记员", for_review=True)
    review.confirm(services, 1, by="登记员", face=FaceCheck.PASS, place="报名点")
    assert marks(services) == []
    review.approve(services, [1], by="审核员")
    assert marks(services) == [1]


def test_one_marked_wrongly_is_decided_and_that_is_all(services: Services, tmp_path: Path) -> None:
    people = candidates(3)
    register(services, tmp_path, people)
    record(services, tmp_path, *people[0].passes())
    run(services)
    with services.database.writing() as session:
        mark_due(session, [1, 2, 3, 1])
    report = run(services)
    assert (report.issued, report.refusals, report.already, marks(services)) == ([], [], 1, [])


def test_a_mark_that_comes_while_others_are_decided_stays(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between deciding an enrolment and taking its mark away, another host records the result that makes it due."""
    (one,) = candidates(1)
    register(services, tmp_path, [one])
    record(services, tmp_path, one.result("theory", "88"))
    decided = issue_module.survey

    def meanwhile(*given: object, **named: object) -> object:
        found = decided(*given, **named)  # type: ignore[arg-type]
        record(services, tmp_path, one.result("practical", "90"))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(issue_module, "survey", meanwhile)
        assert run(services).issued == []
    assert marks(services) == [1]
    assert len(run(services).issued) == 1


def test_the_marked_are_all_who_are_due_whatever_came_in_and_when(either: Services, tmp_path: Path) -> None:
    """Against the walk over everything, after each of many files, and as of days before, between and after."""
    chance = random.Random(20261127)
    people = candidates(24)
    register(either, tmp_path, people)
    days = [SAT + timedelta(days=7 * n) for n in range(4)]
    for day in days:
        for one in people:
            for subject in ("theory", "practical"):
                if chance.random() < 0.4:
                    row = one.result(subject, str(chance.choice([40, 60, 95])), sat_on=day.isoformat())
                    with suppress(ImportRefused):  # a second first attempt: no matter here
                        record(either, tmp_path, row)
        for on in (SAT - timedelta(days=1), *days):
            by_marks, by_all = survey(either, on), survey(either, on, everyone=True)
            assert (by_marks.due, by_marks.already) == (by_all.due, by_all.already)
            assert {code: by_all.passed[code] for code in by_marks.passed} == by_marks.passed
        issue(either, by="签发员", on=day)
    assert check_log(either).ok
    with either.database.reading() as session:
        assert len(session.scalars(select(CertificateRecord.id)).all()) > 5


def test_one_due_whom_no_one_marked_is_found_by_the_check_and_issued_to_on_demand(
    services: Services, tmp_path: Path
) -> None:
    people = candidates(2)
    register(services, tmp_path, people)
    record(services, tmp_path, *people[0].passes(), *people[1].passes())
    with services.database.writing() as session:
        session.execute(text("delete from to_decide where enrolment_id = 2"))
    assert len(run(services).issued) == 1
    found = check_log(services)
    assert [problem.rule for problem in found.problems] == ["G9"]
    assert "issue --all" in found.problems[0].en
    report = issue(services, by="签发员", on=ON, everyone=True)
    assert ([one.name for one in report.issued], report.already) == ([people[1].name], 1)
    assert check_log(services).ok


def test_killed_between_the_result_and_the_issue_the_mark_is_there(services: Services, tmp_path: Path) -> None:
    (one,) = candidates(1)
    register(services, tmp_path, [one])
    results = write_csv(tmp_path / "r.csv", one.passes())

    def import_and_die() -> None:
        import_results(services, results, by="考评员")
        die()

    killed(import_and_die)
    assert marks(services) == [1]
    assert len(run(services).issued) == 1


def test_killed_within_the_import_there_is_neither_result_nor_mark(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = candidates(1)
    register(services, tmp_path, [one])
    with monkeypatch.context() as patch:
        patch.setattr("certsvc.services.examination.import_results.mark_due", die)
        killed(lambda: record(services, tmp_path, *one.passes()))
    assert marks(services) == []
    assert run(services).issued == []
    record(services, tmp_path, *one.passes())
    assert len(run(services).issued) == 1


@pytest.mark.parametrize("place", [(issue_module, "unmark"), (issue_module, "reserve_batch"), (sign, "unmark_issued")])
def test_killed_between_the_mark_and_the_certificate_each_gets_one(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: tuple[object, str]
) -> None:
    people = candidates(3)
    register(services, tmp_path, people)
    failed = people[2]
    record(services, tmp_path, *people[0].passes(), *people[1].passes(), failed.result("theory", "10"))
    with monkeypatch.context() as patch:
        patch.setattr(*place, die)
        killed(lambda: run(services))
    run(services)
    with services.database.reading() as session:
        assert sorted(session.scalars(select(CertificateRecord.enrolment_id))) == [1, 2]
    assert marks(services) == []
    assert check_log(services).ok


def test_marks_come_in_portions_and_each_enrolment_once(services: Services, tmp_path: Path) -> None:
    people = candidates(1_100)
    register(services, tmp_path, people)
    with services.database.writing() as session:
        ids = list(session.scalars(select(EnrolmentRecord.id)))
        mark_due(session, ids)
        mark_due(session, ids[:10])
    with services.database.reading() as session:
        seen = [(enrolment_id, len(some[enrolment_id])) for some in marked(session) for enrolment_id in some]
    assert [enrolment_id for enrolment_id, _ in seen] == ids
    assert {count for _, count in seen[:10]} == {2}
    assert {count for _, count in seen[10:]} == {1}
