"""A candidate sees what was put right of their results: the mark, what it said, why by its code (R2.4, R10)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from certsvc.rules.enrolment import Outcome
from certsvc.rules.progress import EnrolmentState
from certsvc.rules.result_correction import CorrectionReason
from certsvc.services.examination.publish_results import publish_results
from certsvc.services.holders.own_record import view
from certsvc.services.holders.shown import EnrolmentView
from tests.builders.correcting import correct, correction, record, register
from tests.builders.holding import holder, installed
from tests.builders.installation import Installation, Person
from tests.builders.person import Candidate

ONE = Candidate()


@pytest.fixture
def at(home: Path, tmp_path: Path) -> Iterator[Installation]:
    installation = installed(home)
    register(installation.services, tmp_path, [ONE])
    yield installation
    installation.services.database.close()


def sees(at: Installation) -> EnrolmentView:
    (enrolment,) = view(at.services, holder(at, Person(ONE.name, ONE.id_number))).enrolments
    return enrolment


def test_a_published_result_that_was_corrected_says_what_it_said_and_why(at: Installation, tmp_path: Path) -> None:
    record(at.services, tmp_path, ONE.result(score="58.5"), ONE.result("practical", "80"))
    publish_results(at.services, by="发布员")
    correct(at.services, tmp_path, correction(ONE.result(score="59"), "录入有误：张三丰经手"))
    correct(at.services, tmp_path, correction(ONE.result(score="61"), "成绩复核", corrected_sat_on="2025-03-23"))
    shown = sees(at)
    assert shown.state is EnrolmentState.PASSED
    theory = shown.subjects[0]
    assert (theory.score, theory.corrected, shown.subjects[1].corrected) == (61, True, False)
    (attempt,) = theory.attempts
    assert (attempt.sat_on, attempt.score) == (date(2025, 3, 23), 61)
    assert [(one.reason, one.sat_on, one.outcome, one.score) for one in attempt.corrections] == [
        (CorrectionReason.REVIEW, date(2025, 3, 24), Outcome.SCORED, Decimal(59)),
        (CorrectionReason.ENTRY, date(2025, 3, 24), Outcome.SCORED, Decimal("58.5")),
    ]
    assert "张三丰" not in repr(shown)


def test_what_was_corrected_before_it_was_published_was_never_theirs_to_see(at: Installation, tmp_path: Path) -> None:
    record(at.services, tmp_path, ONE.result(score="58.5"), ONE.result("practical", "80"))
    correct(at.services, tmp_path, correction(ONE.result(score="59")))
    assert "59" not in repr(sees(at).subjects)
    at.clock.move(days=1)
    publish_results(at.services, by="发布员")
    shown = sees(at)
    assert shown.subjects[0].score == 59
    assert not shown.subjects[0].corrected
    assert "58.5" not in repr(shown)


def test_another_persons_result_is_not_shown_once_it_was_taken_out(at: Installation, tmp_path: Path) -> None:
    record(at.services, tmp_path, ONE.result(score="97.5"))
    publish_results(at.services, by="发布员")
    correct(at.services, tmp_path, correction(ONE.result(outcome="void", score=""), "录给他人"))
    shown = sees(at)
    (attempt,) = shown.subjects[0].attempts
    assert attempt.outcome is Outcome.VOID
    assert [one.reason for one in attempt.corrections] == [CorrectionReason.WRONG_PERSON]
    assert "97.5" not in repr(shown)
