"""The two subjects together: what closes an enrolment, and what keeps it open (R4.2, R5, R1.5)."""

from __future__ import annotations

from datetime import date

import pytest

from certsvc.errors import AttemptRefused
from certsvc.rules.admission import admit, admit_all
from certsvc.rules.decide import Decision, EnrolmentState, decide
from certsvc.rules.enrolment import Attempt, Outcome
from certsvc.rules.scheme import Subject
from certsvc.rules.wording import score_text
from tests.rules.builders import ENROLMENT, FREE, ONSITE, OVERDUE, PRACTICAL, SAT_ON, THEORY, attempt, qinghai

ABSENT = Outcome.ABSENT
MADE_UP, LATER, AFTER = date(2025, 4, 10), date(2025, 5, 1), date(2025, 6, 1)


def decided(*attempts: Attempt, on: date) -> Decision:
    return decide(ENROLMENT, attempts, qinghai(), on)


@pytest.mark.parametrize(("made_up", "missed"), [(THEORY, PRACTICAL), (PRACTICAL, THEORY)])
def test_a_subject_passed_meanwhile_keeps_two_missed_first_attempts_from_being_void(
    made_up: Subject, missed: Subject
) -> None:
    """R4.2, either way round: the one missed last has its own retake open, and passing it passes the enrolment."""
    attempts = [
        attempt(made_up, ABSENT),
        attempt(made_up, "70", kind=FREE, on=MADE_UP),
        attempt(missed, ABSENT, on=LATER),
    ]
    found = decided(*attempts, on=LATER)
    assert found.state is EnrolmentState.RETAKE_OPEN
    assert found.subjects[missed].free_retake.open
    assert found.subjects[missed].free_retake.deadline == date(2026, 5, 1)
    assert found.subjects[made_up].standing.value == "passed"
    assert decided(*attempts, attempt(missed, "60", kind=FREE, on=AFTER), on=AFTER).state is EnrolmentState.PASSED


@pytest.mark.parametrize("later", [THEORY, PRACTICAL])
def test_a_make_up_failed_before_the_other_was_missed_does_not_keep_it_open(later: Subject) -> None:
    """R4.2 asks for a pass: the make-up failed, so the enrolment had failed before the other was missed."""
    first = PRACTICAL if later is THEORY else THEORY
    attempts = [
        attempt(first, ABSENT),
        attempt(first, "50", kind=FREE, on=MADE_UP),
        attempt(later, ABSENT, on=LATER),
    ]
    assert decided(*attempts, on=LATER).state is EnrolmentState.FAILED


@pytest.mark.parametrize(("made_up", "missed"), [(THEORY, PRACTICAL), (PRACTICAL, THEORY)])
def test_a_make_up_passed_on_the_very_day_the_other_is_missed_counts(made_up: Subject, missed: Subject) -> None:
    attempts = [
        attempt(made_up, ABSENT),
        attempt(made_up, "70", kind=FREE, on=LATER),
        attempt(missed, ABSENT, on=LATER),
    ]
    assert decided(*attempts, on=LATER).state is EnrolmentState.RETAKE_OPEN


def test_what_closed_an_enrolment_first_stays_its_state() -> None:
    """R5 judges day by day: a deadline that passed is not made a failure by what was sat afterwards."""
    forfeited = [attempt(THEORY, "40"), attempt(PRACTICAL, "40", on=LATER)]
    assert decided(*forfeited, on=OVERDUE).state is EnrolmentState.FORFEITED
    sat_later = attempt(PRACTICAL, "50", kind=FREE, on=OVERDUE)
    assert decided(*forfeited, sat_later, on=OVERDUE).state is EnrolmentState.FORFEITED
    void = [attempt(THEORY, ABSENT), attempt(PRACTICAL, ABSENT)]
    assert decided(*void, on=date(2030, 1, 1)).state is EnrolmentState.VOID


@pytest.mark.parametrize(
    ("state", "lost", "closed"),
    [
        (EnrolmentState.IN_PROGRESS, False, False),
        (EnrolmentState.RETAKE_OPEN, False, False),
        (EnrolmentState.PASSED, False, True),
        (EnrolmentState.FAILED, True, True),
        (EnrolmentState.FORFEITED, True, True),
        (EnrolmentState.VOID, True, True),
    ],
)
def test_who_has_passed_or_lost_may_register_again(state: EnrolmentState, lost: bool, closed: bool) -> None:
    """R1.5: at most one open enrolment; R3.4, R4.2: what is lost needs a new registration."""
    assert (state.lost, state.closed) == (lost, closed)


@pytest.mark.parametrize(
    ("score", "text"),
    [("60.00", "60"), ("0.50", "0.5"), ("59.99", "59.99"), ("100", "100"), ("70", "70"), ("0", "0"), ("100.0", "100")],
)
def test_a_score_is_told_without_trailing_zeros_and_keeps_its_own(score: str, text: str) -> None:
    """100 does not become 1, nor 60.00 stay so."""
    score_text.cache_clear()  # 60 and 60.00 are one key: the other's answer would be given
    told = attempt(THEORY, score).score
    assert told is not None
    assert score_text(told) == text


def test_an_exponent_is_never_told() -> None:
    score_text.cache_clear()
    told = attempt(THEORY, "1E+2").score
    assert told is not None
    assert score_text(told) == "100"


def test_the_onsite_retake_counts_for_the_first_attempt_and_leaves_the_free_one() -> None:
    """R3.2: failed on site as well, the practical still has its free retake, counted from the first exam's date."""
    attempts = [attempt(THEORY, "70"), attempt(PRACTICAL, "40"), attempt(PRACTICAL, "50", kind=ONSITE)]
    found = decided(*attempts, on=SAT_ON)
    assert found.state is EnrolmentState.RETAKE_OPEN
    assert found.subjects[PRACTICAL].free_retake.open


def test_an_onsite_retake_handed_in_after_the_free_retake_is_out_of_turn() -> None:
    """R3.7: dated before an attempt of the subject on record; the rest of the rules would let it stand."""
    on_record = [attempt(PRACTICAL, "40"), attempt(PRACTICAL, "70", kind=FREE, on=LATER)]
    late = attempt(PRACTICAL, "50", kind=ONSITE)
    with pytest.raises(AttemptRefused) as caught:
        admit(ENROLMENT, on_record, late, qinghai())
    assert caught.value.rule == "R3.7"
    assert "dated before the subject's free retake of 2025-05-01, already on record" in caught.value.en
    refused = admit_all(ENROLMENT, on_record, [late], qinghai())
    assert [(one, error.en) for one, error in refused] == [(late, caught.value.en)]
    # In one file with the others, or where what is on record uses nothing up, it is in its turn.
    assert admit_all(ENROLMENT, [], [*on_record, late], qinghai()) == []
    excused = [attempt(PRACTICAL, "40"), attempt(PRACTICAL, Outcome.EXCUSED, kind=FREE, on=LATER)]
    admit(ENROLMENT, excused, late, qinghai())


def test_of_two_refusals_the_order_of_days_comes_first() -> None:
    """A first attempt dated before another is told that it comes too late, not that the two cannot stand together."""
    with pytest.raises(AttemptRefused) as caught:
        admit(ENROLMENT, [attempt(THEORY, "40", on=LATER)], attempt(THEORY, "70"), qinghai())
    assert "dated before the subject's first attempt of 2025-05-01" in caught.value.en
    assert "早于该科已登记的初考(2025年5月1日)" in caught.value.zh
