"""A registration made to look approved past every service gets nothing, and the register's auditor sees it (R1.6)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from certsvc.errors import Refused, RegistrationRefused
from certsvc.services.audit.check_register import check_log
from certsvc.services.issuing.issue import issue
from certsvc.services.issuing.plan import intend
from certsvc.services.registration import review
from certsvc.store import EnrolmentRecord, IssueBatchRecord
from tests.builders.person import Candidate
from tests.builders.reviewing import CLERK, REVIEWER, Desk, desk

__all__ = ["desk"]  # a fixture
ONE = Candidate()
ON = date(2025, 4, 1)


def raised_by_hand(desk: Desk) -> None:
    """Submitted, passed, and then marked approved past every service."""
    desk.take(ONE.cells())
    desk.by_sql("update enrolment set review_state = 'approved'")
    desk.results(*ONE.passes())


def test_a_state_raised_by_hand_gets_no_certificate(desk: Desk) -> None:
    raised_by_hand(desk)
    assert desk.decided(ON) == []
    assert issue(desk.services, by="签发员").issued == []
    with desk.services.database.writing() as session:  # not even to anyone who has found it due by other means
        batch = IssueBatchRecord(on=ON, at=desk.services.now(), by="签发员", approved_by=None, count=0)
        assert intend(desk.services, session, [1], batch) == []
    with pytest.raises(RegistrationRefused, match="lead to submitted"):
        review.return_(desk.services, [1], by=REVIEWER, missing="缺照片")


def test_an_approval_by_whoever_entered_it_is_none_even_as_a_row(desk: Desk) -> None:
    raised_by_hand(desk)
    confirmed = (
        "insert into review_step (enrolment_id, move, at, by, changed, face, checked_at, place) "
        "select 1, 'confirm', at, by, changed, 'pass', at, '某处' from review_step where id = 1"
    )
    approved = (
        "insert into review_step (enrolment_id, move, at, by, changed) "
        "select 1, 'approve', at, '{}', changed from review_step where id = 1"
    )
    desk.by_sql(confirmed, approved.format(CLERK))
    assert issue(desk.services, by="签发员").issued == []
    desk.by_sql("delete from review_step where move = 'approve'", approved.format(REVIEWER))
    # The run before has seen that nothing was due: what was then changed by hand, a run over everyone finds.
    assert len(issue(desk.services, by="签发员", everyone=True).issued) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "update enrolment set review_state = 'rejected'",
        "delete from review_step where move = 'approve'",
        "update review_step set by = '登记员' where move = 'approve'",
        "update review_step set face = 'fail' where move = 'confirm'",
    ],
)
def test_the_registers_auditor_sees_that_no_review_had_approved_it(desk: Desk, statement: str) -> None:
    desk.take(ONE.cells())
    desk.approve()
    desk.results(*ONE.passes())
    assert len(issue(desk.services, by="签发员").issued) == 1
    assert check_log(desk.services).ok
    desk.by_sql(statement)
    assert {problem.rule for problem in check_log(desk.services).problems} == {"G6"}


def test_an_approval_after_the_issue_comes_too_late(desk: Desk) -> None:
    desk.take(ONE.cells())
    desk.approve()
    desk.results(*ONE.passes())
    issue(desk.services, by="签发员")
    with desk.services.database.writing() as session:
        later = session.scalars(select(EnrolmentRecord.recorded_at)).one() + timedelta(days=1)
        session.connection().exec_driver_sql(
            f"update review_step set at = '{later:%Y-%m-%d %H:%M:%S}' where move = 'approve'"
        )
    assert {problem.rule for problem in check_log(desk.services).problems} == {"G6"}
    desk.by_sql("update review_step set at = (select max(at) from review_step)")
    assert {problem.rule for problem in check_log(desk.services).problems} == {"G6"}


def test_a_row_that_no_steps_explain_is_neither_decided_nor_handed_in_again(desk: Desk) -> None:
    desk.take(ONE.cells())
    desk.by_sql("delete from review_step")
    with pytest.raises(Refused, match="lead to draft"):
        review.reject(desk.services, [1], by=REVIEWER, reason="不是本人")
    desk.by_sql("update enrolment set review_state = 'returned'")
    assert desk.refused(ONE.cells()) == [(2, "registered_on", "R1.6")]
