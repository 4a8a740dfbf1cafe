"""The figures of oversight, on each engine: by subject, institution and sitting, as results count (R2.4)."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import event

from certsvc.rules.enrolment import AttemptKind
from certsvc.rules.terms import Subject
from certsvc.services.context import Services
from certsvc.services.issuing.issue import issue
from certsvc.services.operation.overview import Rate, overview
from certsvc.services.operation.scan_counts import Place, add
from tests.builders import examining
from tests.builders.correcting import correct, correction, record, register
from tests.builders.person import SAT, Candidate
from tests.builders.plans import read_whole

SINCE, UNTIL = SAT - timedelta(days=30), SAT + timedelta(days=30)
FIRST = Candidate(1, "统计甲")
SECOND = Candidate(2, "统计乙", institution="另一机构")
THIRD = Candidate(3, "统计丙", institution="另一机构")


def bring(services: Services, folder: Path) -> None:
    register(services, folder, [FIRST, SECOND, THIRD])
    record(
        services,
        folder,
        *FIRST.passes(),
        SECOND.result("theory", "59.99"),
        SECOND.result("practical", "55"),
        SECOND.result("practical", "60", kind="onsite_retake"),
        THIRD.result("theory", "", outcome="absent"),
        THIRD.result("practical", "", outcome="misconduct"),
    )


def test_pass_rates_count_who_sat_and_the_kinds_apart(either: Services, tmp_path: Path) -> None:
    bring(either, tmp_path)
    found = overview(either, SINCE, UNTIL)
    by_subject = {(one.subject, one.kind): one.rate for one in found.subjects}
    assert by_subject == {
        (Subject.THEORY, AttemptKind.FIRST): Rate(sat=2, passed=1, absent=1),
        (Subject.PRACTICAL, AttemptKind.FIRST): Rate(sat=3, passed=1, absent=0),
        (Subject.PRACTICAL, AttemptKind.ONSITE_RETAKE): Rate(sat=1, passed=1, absent=0),
    }
    assert {one.institution: one.rate for one in found.institutions} == {
        "另一机构": Rate(sat=3, passed=0, absent=1),
        FIRST.institution: Rate(sat=2, passed=2, absent=0),
    }
    assert Rate(0, 0, 3).percent is None
    assert Rate(3, 2, 0).percent == 66.7


def test_a_correction_counts_and_so_does_the_day_it_gives(either: Services, tmp_path: Path) -> None:
    bring(either, tmp_path)
    later = UNTIL + timedelta(days=5)
    correct(either, tmp_path, correction(SECOND.result("theory", "60")))
    found = {(one.subject, one.kind): one.rate for one in overview(either, SINCE, UNTIL).subjects}
    assert found[Subject.THEORY, AttemptKind.FIRST] == Rate(sat=2, passed=2, absent=1)
    correct(either, tmp_path, correction(SECOND.result("theory", "60"), corrected_sat_on=later.isoformat()))
    found = {(one.subject, one.kind): one.rate for one in overview(either, SINCE, UNTIL).subjects}
    assert found[Subject.THEORY, AttemptKind.FIRST] == Rate(sat=1, passed=1, absent=1)
    (moved,) = overview(either, later, later).exams
    assert (moved.day, moved.rate) == (later, Rate(sat=1, passed=1, absent=0))


def test_exams_are_told_apart_by_sitting(either: Services, tmp_path: Path) -> None:
    register(either, tmp_path, [FIRST, SECOND])
    sitting = examining.add(either, Subject.THEORY)
    examining.admit(either, sitting, [FIRST])
    record(either, tmp_path, FIRST.result(), SECOND.result(score="10"))
    found = {one.sitting: (one.station, one.rate) for one in overview(either, SINCE, UNTIL).exams}
    assert found == {sitting.id: (examining.STATION, Rate(1, 1, 0)), None: (None, Rate(1, 0, 0))}


def test_days_to_the_certificate_run_from_the_completing_exam(either: Services, tmp_path: Path) -> None:
    register(either, tmp_path, [FIRST])
    today = either.today()
    completed = today - timedelta(days=25)
    record(either, tmp_path, FIRST.result(), FIRST.result("practical", sat_on=completed.isoformat()))
    issue(either, by="签发员")
    found = overview(either, today, today).certificates
    assert (found.count, found.median) == (1, 25)
    assert [one.count for one in found.spans] == [0, 0, 1, 0, 0, 0]
    assert overview(either, SINCE, UNTIL).certificates.median is None


def test_scans_are_added_up_by_day_and_by_place(either: Services) -> None:
    places = {("1", "CN-63"): 3, ("2", "CN-63"): 2, ("1", "-"): 1}
    add(either.database, {Place(SAT, number, origin): count for (number, origin), count in places.items()})
    add(either.database, {Place(UNTIL + timedelta(days=1), "1", "-"): 9})
    found = overview(either, SINCE, UNTIL)
    assert found.scans == ((SAT, 6),)
    assert found.places == (("CN-63", 5), ("-", 1))


def test_what_waits_says_since_when(either: Services, tmp_path: Path) -> None:
    bring(either, tmp_path)
    waits = {one.kind: one for one in overview(either, SINCE, UNTIL).waits}
    assert (waits["results"].count, waits["results"].since) == (7, SAT)
    assert (waits["approvals"].count, waits["approvals"].since) == (0, None)


def test_as_many_questions_are_asked_however_much_there_is(services: Services, tmp_path: Path) -> None:
    def questions() -> int:
        seen: list[str] = []

        def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            seen.append(statement)

        event.listen(services.database.engine, "before_cursor_execute", count)
        overview(services, date(2000, 1, 1), date(2030, 1, 1))
        event.remove(services.database.engine, "before_cursor_execute", count)
        return len(seen)

    before = questions()
    bring(services, tmp_path)
    assert questions() == before


def test_no_figure_reads_a_table_whole(services: Services) -> None:
    assert read_whole(services, lambda: overview(services, SINCE, UNTIL)) <= {"scheme"}
