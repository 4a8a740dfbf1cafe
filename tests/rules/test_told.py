"""What a candidate is told, and that it hangs on nothing but what took place (R5)."""

from __future__ import annotations

from datetime import date
from itertools import combinations, permutations

import pytest

from certsvc.errors import AttemptRefused
from certsvc.rules.admission import admit
from certsvc.rules.decide import Decision, decide
from certsvc.rules.enrolment import Attempt, Outcome
from certsvc.rules.registration_review import LONGEST_PLACE, LONGEST_REMARK
from certsvc.rules.scheme import Subject
from tests.rules.builders import ENROLMENT, FREE, ONSITE, OVERDUE, PRACTICAL, SAT_ON, THEORY, attempt, qinghai

LATER = date(2025, 9, 10)


def decided(*attempts: Attempt, on: date = SAT_ON) -> Decision:
    return decide(ENROLMENT, attempts, qinghai(), on)


def told(one: Decision) -> str:
    return "\n".join(reason.en for reason in one.reasons)


@pytest.mark.parametrize(("sat", "waiting"), [(THEORY, PRACTICAL), (PRACTICAL, THEORY)])
def test_a_subject_without_any_attempt_is_told_to_be_unsat(sat: Subject, waiting: Subject) -> None:
    one = decided(attempt(sat))
    assert f"The {waiting.en} has not been sat yet." in told(one)
    assert f"The {sat.en} has not been sat yet." not in told(one)
    assert [reason.rule for reason in one.reasons if reason.zh == f"{waiting.zh}尚无考试记录。"] == ["R4.3"]


def test_what_used_nothing_up_is_told_itself_and_not_as_unsat() -> None:
    one = decided(attempt(THEORY, Outcome.VOID))
    assert "The theory test has not been sat yet." not in told(one)
    assert one.subjects[THEORY].standing.value == "not_sat"


@pytest.mark.parametrize("first", [Outcome.ABSENT, Outcome.MISCONDUCT, Outcome.EXCUSED, Outcome.VOID])
def test_only_a_failed_first_attempt_is_told_of_the_onsite_retake(first: Outcome) -> None:
    """R3.2, R2.3, R4.1: an absence has its free retake, misconduct has none at all."""
    assert "on site on" in told(decided(attempt(PRACTICAL, "40")))
    assert "on site on" not in told(decided(attempt(PRACTICAL, first)))


def test_a_retake_sat_the_same_day_ends_the_onsite_one() -> None:
    """R3.2: none on the day of a free retake."""
    assert "on site on" not in told(decided(attempt(PRACTICAL, "40"), attempt(PRACTICAL, "50", kind=FREE)))


@pytest.mark.parametrize("kind", [None, ONSITE, FREE])
def test_two_attempts_of_one_day_decide_the_same_in_either_order(kind: object) -> None:
    """R5: the order of rows does not matter, whatever two rows of one key say."""
    first = [] if kind is None else [attempt(PRACTICAL, "40")]
    results: list[Outcome | str] = ["40", "59.99", "60", "100", *(o for o in Outcome if o is not Outcome.SCORED)]
    chosen = {"kind": kind} if kind is not None else {}
    for pair in combinations([attempt(PRACTICAL, result, **chosen) for result in results], 2):  # type: ignore[arg-type]
        one, other = (decided(*first, *order, on=LATER) for order in permutations(pair))
        assert one == other, pair


def test_the_second_first_attempt_after_the_deadline_is_refused_for_the_closed_enrolment() -> None:
    """R3.4: only a retake is told of the deadline; who starts again is told to register again."""
    with pytest.raises(AttemptRefused) as caught:
        admit(ENROLMENT, [attempt(THEORY, "40")], attempt(THEORY, "70", on=OVERDUE), qinghai())
    assert caught.value.rule == "R3.4"
    with pytest.raises(AttemptRefused) as caught:
        admit(ENROLMENT, [attempt(THEORY, "40")], attempt(THEORY, "70", kind=FREE, on=OVERDUE), qinghai())
    assert "deadline of the free retake was 2026-03-24" in caught.value.en


def test_a_remark_and_a_place_have_their_length() -> None:
    """The page that takes them says so (R1.6)."""
    assert (LONGEST_REMARK, LONGEST_PLACE) == (500, 100)
