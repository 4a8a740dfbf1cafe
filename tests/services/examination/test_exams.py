"""Exams as the office sees them: what is in, seen, missing and late, by sitting, as results count (R2.4, R6)."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from certsvc.errors import NotFound, Refused
from certsvc.rules.terms import Subject
from certsvc.services.context import Services
from certsvc.services.examination.exams import Exam, exam_results, exams, overdue_exams, results_of
from certsvc.services.examination.publish_results import publish_exam
from certsvc.services.examination.retakes import open_retakes
from certsvc.store import EnrolmentRecord
from tests.builders.correcting import correct, correction
from tests.builders.examining import STATION, add, admit, on_record, results
from tests.builders.person import SAT
from tests.builders.plans import read_whole

LATER = SAT + timedelta(days=9)


def test_an_exam_tells_what_is_in_seen_and_missing(either: Services, tmp_path: Path) -> None:
    people = on_record(either, tmp_path, 3)
    sitting = add(either, Subject.THEORY)
    admit(either, sitting, people[:2])
    results(either, tmp_path, people[0].result("theory", "80"), people[2].result("theory", "40"))
    on_roll, without = Exam(SAT, Subject.THEORY, sitting.id), Exam(SAT, Subject.THEORY)
    found = {one.exam: one for one in exams(either, SAT, SAT)}
    assert set(found) == {on_roll, without}
    one = found[on_roll]
    assert (one.station, one.entered, one.published, one.missing, one.state) == (STATION, 1, 0, 1, "overdue")
    assert (found[without].station, found[without].entered, found[without].missing) == (None, 1, 0)
    assert overdue_exams(either, SAT, SAT) == 2
    assert publish_exam(either, without, by="复核员") == 1
    assert overdue_exams(either, SAT, SAT) == 1
    assert exam_results(either, without).state == "published"
    assert exam_results(either, on_roll).published == 0
    shown, listed = results_of(either, without)
    assert [(each.name, each.passed) for each in listed] == [(people[2].name, False)]
    assert (shown.entered, shown.published) == (1, 1)


def test_an_exam_is_late_only_after_the_expected_day(either: Services, tmp_path: Path) -> None:
    people, today = on_record(either, tmp_path, 1), either.today()
    sitting = add(either, Subject.THEORY, today)
    admit(either, sitting, people)
    exam = Exam(today, Subject.THEORY, sitting.id)
    assert exam_results(either, exam).state == "awaited"
    results(either, tmp_path, people[0].result("theory", "80", sat_on=today.isoformat()))
    assert exam_results(either, exam).state == "entered"


def test_a_result_is_of_the_day_that_it_was_corrected_to(either: Services, tmp_path: Path) -> None:
    people = on_record(either, tmp_path, 2)
    results(either, tmp_path, *(one.result("theory", "50") for one in people))
    correct(either, tmp_path, correction(people[0].result("theory", "70"), corrected_sat_on=LATER.isoformat()))
    assert {one.exam.day: one.entered for one in exams(either, SAT, LATER)} == {SAT: 1, LATER: 1}
    _, (moved,) = results_of(either, Exam(LATER, Subject.THEORY))
    assert (moved.name, moved.score, moved.corrected, moved.passed) == (people[0].name, "70", True, True)
    assert publish_exam(either, Exam(LATER, Subject.THEORY), by="复核员") == 1
    with pytest.raises(NotFound):
        publish_exam(either, Exam(LATER, Subject.THEORY), by="复核员")


@pytest.mark.parametrize("by", ["考评员", " 考 评 员 "])
def test_who_recorded_results_does_not_publish_them(either: Services, tmp_path: Path, by: str) -> None:
    people = on_record(either, tmp_path, 1)
    results(either, tmp_path, people[0].result("theory", "80"))
    with pytest.raises(Refused, match="登记人以外"):
        publish_exam(either, Exam(SAT, Subject.THEORY), by=by)
    assert exam_results(either, Exam(SAT, Subject.THEORY)).published == 0


def test_results_of_a_day_to_come_are_not_published(either: Services, tmp_path: Path) -> None:
    people, day = on_record(either, tmp_path, 1), either.today() + timedelta(days=1)
    results(either, tmp_path, people[0].result("theory", "80", sat_on=day.isoformat()))
    with pytest.raises(Refused, match="还没有到"):
        publish_exam(either, Exam(day, Subject.THEORY), by="复核员")


def test_what_is_not_there_is_told(services: Services) -> None:
    with pytest.raises(NotFound):
        exam_results(services, Exam(date(2025, 1, 1), Subject.PRACTICAL))


def test_results_come_in_pages_by_their_number(services: Services, tmp_path: Path) -> None:
    people = on_record(services, tmp_path, 5)
    results(services, tmp_path, *(one.result("theory", "80") for one in people))
    exam = Exam(SAT, Subject.THEORY)
    _, first = results_of(services, exam, most=3)
    _, rest = results_of(services, exam, after=first[-1].attempt_id, most=3)
    assert [one.name for one in (*first, *rest)] == [one.name for one in people]


def test_no_question_of_the_desk_reads_a_table_whole(services: Services) -> None:
    period = (date(2026, 1, 1), date(2026, 6, 30))
    for ask in (
        lambda: exams(services, *period),
        lambda: overdue_exams(services, *period),
        lambda: open_retakes(services, 30),
    ):
        assert read_whole(services, ask) <= {"scheme"}
    assert read_whole(services, lambda: decide_everyone(services)) >= {"enrolment"}, "it would be seen"


def decide_everyone(services: Services) -> list[object]:
    """Of the kind that no page may ask."""
    with services.database.reading() as session:
        return list(session.scalars(select(EnrolmentRecord).where(EnrolmentRecord.level == 5)))
