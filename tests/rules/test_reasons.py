from __future__ import annotations

from datetime import date

import pytest

from certsvc.rules.decide import Decision, EnrolmentState, Standing, decide
from certsvc.rules.enrolment import Attempt, Outcome
from certsvc.rules.reasons import Reason
from certsvc.rules.scheme import Scheme
from tests.rules.builders import (
    DEADLINE,
    ENROLMENT,
    FREE,
    ONSITE,
    OVERDUE,
    PRACTICAL,
    SAT_ON,
    THEORY,
    attempt,
    changed,
    haiyue,
    qinghai,
)

LATER = date(2025, 9, 10)


def decision(*attempts: Attempt, on: date = LATER, scheme: Scheme | None = None) -> Decision:
    return decide(ENROLMENT, attempts, scheme or qinghai(), on)


def the(rule: str, one: Decision) -> list[Reason]:
    return [reason for reason in one.reasons if reason.rule == rule]


def test_the_pass_mark_itself_passes_and_a_hundredth_less_does_not() -> None:
    reasons = decision(attempt(THEORY, "60"), attempt(PRACTICAL, "59.99")).reasons
    assert "得 60 分，达到合格线 60 分，合格" in reasons[0].zh
    assert "scored 59.99, below the pass mark of 60: failed" in reasons[1].en


def test_a_failed_theory_has_a_free_retake_until_a_year_later() -> None:
    one = decision(attempt(THEORY, "59.99"), attempt(PRACTICAL, "80"))
    retake = one.subjects[THEORY].free_retake
    assert (retake.open, retake.deadline, retake.fee) == (True, DEADLINE, 0)
    assert "免费" in the("R3.1", one)[0].zh
    assert "2026年3月24日（含当日）" in the("R3.3", one)[0].zh
    assert "2026-03-24 inclusive" in the("R3.3", one)[0].en


def test_a_failed_practical_is_told_of_the_onsite_retake_that_day_only() -> None:
    same_day = decision(attempt(THEORY), attempt(PRACTICAL, "40"), on=SAT_ON)
    assert any("on site on 2025-03-24" in reason.en for reason in the("R3.2", same_day))
    assert not any(
        "on site on" in reason.en for reason in the("R3.2", decision(attempt(THEORY), attempt(PRACTICAL, "40")))
    )
    used = decision(attempt(PRACTICAL, "40"), attempt(PRACTICAL, "41", kind=ONSITE), on=SAT_ON)
    assert not any("on site on" in reason.en for reason in used.reasons)


def test_a_declined_onsite_retake_leaves_the_free_one() -> None:
    one = decision(attempt(PRACTICAL, "40"), attempt(PRACTICAL, Outcome.ABSENT, kind=ONSITE))
    assert one.subjects[PRACTICAL].free_retake.open
    assert one.subjects[PRACTICAL].score == 40
    assert any("视为放弃现场补考" in reason.zh for reason in the("R3.2", one))


def test_an_absence_has_its_own_deadline() -> None:
    scheme = changed("qinghai-2025", ("[absence]\ndeadline_months = 12", "[absence]\ndeadline_months = 6"))
    one = decision(attempt(THEORY, Outcome.ABSENT), attempt(PRACTICAL, "40"), scheme=scheme)
    assert one.subjects[THEORY].free_retake.deadline == date(2025, 9, 24)
    assert one.subjects[PRACTICAL].free_retake.deadline == DEADLINE
    assert any("2025年9月24日" in reason.zh for reason in the("R4.1", one))


def test_the_later_score_stands() -> None:
    one = decision(attempt(THEORY, "55"), attempt(THEORY, "41", kind=FREE, on=LATER))
    assert one.subjects[THEORY].score == 41


def test_a_missed_free_retake_leaves_the_earlier_score() -> None:
    one = decision(attempt(THEORY, "55"), attempt(THEORY, Outcome.ABSENT, kind=FREE, on=LATER))
    assert (one.state, one.subjects[THEORY].standing, one.subjects[THEORY].score) == (
        EnrolmentState.FAILED,
        Standing.FAILED,
        55,
    )
    assert any("was missed, and with it the free retake" in reason.en for reason in the("R3.4", one))


def test_a_pass_lapses_with_its_enrolment() -> None:
    one = decision(attempt(THEORY, "40"), attempt(PRACTICAL, "80"), on=OVERDUE)
    assert one.state is EnrolmentState.FORFEITED
    assert (one.subjects[PRACTICAL].standing, one.subjects[PRACTICAL].score) == (Standing.LAPSED, 80)
    assert "技能考核的合格成绩只在本次报名内有效" in the("R3.6", one)[0].zh
    assert "deadline 2026-03-24" in the("R3.4", one)[0].en
    assert not one.subjects[THEORY].free_retake.open


def test_failed_beats_forfeited() -> None:
    one = decision(
        attempt(THEORY, "40"), attempt(PRACTICAL, "40"), attempt(PRACTICAL, "50", kind=FREE, on=LATER), on=OVERDUE
    )
    assert one.state is EnrolmentState.FAILED


def test_who_missed_both_is_told_to_register_again() -> None:
    one = decision(attempt(THEORY, Outcome.ABSENT), attempt(PRACTICAL, Outcome.ABSENT))
    assert [subject.standing for subject in one.subjects.values()] == [Standing.ABSENT, Standing.ABSENT]
    assert "重新报名参加全部考试并缴纳考务费" in the("R4.2", one)[0].zh
    assert "with the exam fee;" in the("R4.2", one)[0].en


def test_an_absence_after_the_other_was_made_up_does_not_void() -> None:
    one = decision(
        attempt(THEORY, Outcome.ABSENT),
        attempt(THEORY, "70", kind=FREE, on=date(2025, 5, 1)),
        attempt(PRACTICAL, Outcome.ABSENT, on=date(2025, 5, 1)),
    )
    assert one.state is EnrolmentState.RETAKE_OPEN


def test_both_missed_and_a_make_up_failed_on_one_day_is_void() -> None:
    one = decision(
        attempt(THEORY, Outcome.ABSENT),
        attempt(THEORY, "50", kind=FREE, on=date(2025, 5, 1)),
        attempt(PRACTICAL, Outcome.ABSENT, on=date(2025, 5, 1)),
    )
    assert one.state is EnrolmentState.VOID


def test_a_published_fee_is_named() -> None:
    both_failed = decision(attempt(THEORY, "40"), attempt(PRACTICAL, "40"), scheme=haiyue())
    assert both_failed.state is EnrolmentState.FAILED
    assert "考务费 180 元" in the("R4.3", both_failed)[0].zh
    dear = changed("haiyue-2026", ("free_retake = 0", "free_retake = 30.5"))
    one = decision(attempt(THEORY, "40"), scheme=dear, on=SAT_ON)
    assert one.subjects[THEORY].free_retake.fee is not None
    assert "补考费 30.5 元" in the("R3.1", one)[0].zh


def test_a_practical_without_an_onsite_retake_is_retaken_by_the_common_rule() -> None:
    one = decision(attempt(THEORY, "80"), attempt(PRACTICAL, "40"), scheme=haiyue(), on=SAT_ON)
    assert the("R3.1", one)
    assert not the("R3.2", one)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.EXCUSED, "不占用考试机会"),
        (Outcome.VOID, "视为未考"),
        (Outcome.MISCONDUCT, "取消该科免费补考"),
    ],
)
def test_every_outcome_is_told(outcome: Outcome, words: str) -> None:
    assert words in the("R2.3", decision(attempt(THEORY, outcome)))[0].zh


def test_what_is_not_sat_is_told() -> None:
    one = decision()
    assert one.state is EnrolmentState.IN_PROGRESS
    assert "理论知识考试、技能考核尚未考" in one.reasons[-1].zh
    assert "the theory test and the practical test" in one.reasons[-1].en


def test_the_day_of_completion_is_that_of_the_later_pass() -> None:
    one = decision(attempt(THEORY, "40"), attempt(PRACTICAL, "80"), attempt(THEORY, "60", kind=FREE, on=LATER))
    assert (one.state, one.completed_on) == (EnrolmentState.PASSED, LATER)
    assert decision(attempt(THEORY), attempt(PRACTICAL)).completed_on == SAT_ON


def test_every_state_has_its_words() -> None:
    assert EnrolmentState.VOID.zh == "作废"
    assert [state for state in EnrolmentState if state.lost] == [
        EnrolmentState.FAILED,
        EnrolmentState.FORFEITED,
        EnrolmentState.VOID,
    ]
