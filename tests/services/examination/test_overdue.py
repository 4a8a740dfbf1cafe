"""What is later than was said (R6): scores by sitting, results without one, passes without a certificate."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from certsvc.rules.terms import Subject
from certsvc.services.context import Services
from certsvc.services.examination.overdue import overdue
from certsvc.services.examination.publish_results import publish_results
from certsvc.services.issuing.issue import issue
from tests.builders.examining import STATION, add, admit, on_record, results
from tests.builders.person import SAT

EXPECTED = SAT + timedelta(days=15)
LATEST = SAT + timedelta(days=30)


def test_a_sitting_without_scores_is_overdue_after_the_expected_day(services: Services, tmp_path: Path) -> None:
    people = on_record(services, tmp_path, 3)
    sitting = add(services, Subject.THEORY)
    admit(services, sitting, people)
    results(services, tmp_path, people[0].result("theory", "80"))
    assert overdue(services, on=EXPECTED).scores == ()
    (late,) = overdue(services, on=EXPECTED + timedelta(days=1)).scores
    assert (late.sitting, late.station, late.expected_on) == (sitting.id, STATION, EXPECTED)
    assert (late.missing, late.unpublished) == (2, 1)


def test_results_without_a_sitting_are_overdue_by_day_and_subject(services: Services, tmp_path: Path) -> None:
    people = on_record(services, tmp_path, 2)
    results(services, tmp_path, *(one.result("practical", "80") for one in people))
    after = EXPECTED + timedelta(days=1)
    (late,) = overdue(services, on=after).scores
    assert (late.sitting, late.subject, late.sat_on, late.unpublished) == (None, Subject.PRACTICAL, SAT, 2)
    publish_results(services, by="考务员", on=SAT)
    assert overdue(services, on=after).scores == ()


def test_what_is_published_only_later_was_not_there_yet(services: Services, tmp_path: Path) -> None:
    (one,) = on_record(services, tmp_path, 1)
    results(services, tmp_path, one.result("theory", "80"))
    publish_results(services, by="考务员", on=date(2025, 6, 1))
    assert overdue(services, on=date(2025, 5, 31)).scores[0].unpublished == 1
    assert overdue(services, on=date(2025, 6, 1)).scores == ()


def test_a_pass_without_a_certificate_is_overdue_until_it_is_issued(services: Services, tmp_path: Path) -> None:
    people = on_record(services, tmp_path, 2)
    results(services, tmp_path, *people[0].passes(), people[1].result("theory", "80"))
    assert overdue(services, on=LATEST).certificates == ()
    (late,) = overdue(services, on=LATEST + timedelta(days=1)).certificates
    assert (late.name, late.completed_on, late.expected_by) == (people[0].name, SAT, LATEST)
    issue(services, by="签发员")
    assert overdue(services, on=LATEST + timedelta(days=1)).certificates == ()
