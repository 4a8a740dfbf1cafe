from __future__ import annotations

import pickle
from datetime import date
from itertools import permutations

import pytest

from certsvc.errors import AttemptRefused
from certsvc.rules.admission import admit, admit_all, not_counted
from certsvc.rules.decide import EnrolmentState, decide
from certsvc.rules.enrolment import Attempt, Outcome
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
ABSENT, EXCUSED, MISCONDUCT, VOID = Outcome.ABSENT, Outcome.EXCUSED, Outcome.MISCONDUCT, Outcome.VOID


def refusal(earlier: list[Attempt], new: Attempt, scheme: Scheme | None = None) -> AttemptRefused:
    with pytest.raises(AttemptRefused) as caught:
        admit(ENROLMENT, earlier, new, scheme or qinghai())
    return caught.value


def accept(earlier: list[Attempt], new: Attempt) -> None:
    admit(ENROLMENT, earlier, new, qinghai())


# R3.7


def test_a_passed_subject_is_closed() -> None:
    error = refusal([attempt(THEORY, "60")], attempt(THEORY, "90", kind=FREE, on=LATER))
    assert error.rule == "R3.7"
    assert "2025年3月24日 以 60 分合格" in error.zh
    assert "passed on 2025-03-24 with 60 points" in error.en


def test_a_second_onsite_retake_is_refused() -> None:
    earlier = [attempt(PRACTICAL, "40"), attempt(PRACTICAL, "50", kind=ONSITE)]
    error = refusal(earlier, attempt(PRACTICAL, "70", kind=ONSITE))
    assert error.rule == "R3.7"
    assert "has been used" in error.en


def test_a_retake_without_a_first_attempt_has_no_entitlement() -> None:
    error = refusal([], attempt(THEORY, "70", kind=FREE))
    assert error.rule == "R3.7"
    assert "no entitlement" in error.en


def test_an_excused_or_void_first_attempt_entitles_to_nothing() -> None:
    for outcome in (EXCUSED, VOID):
        assert refusal([attempt(THEORY, outcome)], attempt(THEORY, "70", kind=FREE, on=LATER)).rule == "R3.7"


def test_after_an_excused_or_void_first_attempt_the_next_is_still_the_first() -> None:
    for outcome in (EXCUSED, VOID):
        accept([attempt(THEORY, outcome)], attempt(THEORY, "70", on=LATER))


def test_the_one_free_retake_cannot_be_sat_twice() -> None:
    earlier = [attempt(THEORY, "40"), attempt(THEORY, "50", kind=FREE, on=LATER)]
    same_day = refusal(earlier, attempt(THEORY, "70", kind=FREE, on=LATER))
    assert same_day.rule == "R3.7"
    assert "has been used" in same_day.en


def test_absence_and_failure_share_one_free_retake() -> None:
    earlier = [attempt(THEORY, ABSENT), attempt(THEORY, "50", kind=FREE, on=LATER)]
    assert refusal(earlier, attempt(THEORY, "70", kind=FREE, on=date(2025, 9, 11))).rule == "R3.7"


def test_misconduct_takes_the_free_retake_away() -> None:
    same_day = refusal([attempt(THEORY, MISCONDUCT)], attempt(THEORY, "70", kind=FREE))
    assert same_day.rule == "R3.7"
    assert "misconduct" in same_day.en


def test_a_retake_counts_by_the_day_it_is_sat() -> None:
    earlier = [attempt(THEORY, "40")]
    accept(earlier, attempt(THEORY, "70", kind=FREE, on=DEADLINE))
    error = refusal(earlier, attempt(THEORY, "70", kind=FREE, on=OVERDUE))
    assert error.rule == "R3.7"
    assert "2026-03-24" in error.en
    assert "2026年3月24日" in error.zh


def test_a_leap_days_deadline_is_the_last_of_february() -> None:
    earlier = [attempt(THEORY, "40", on=date(2028, 2, 29))]
    accept(earlier, attempt(THEORY, "70", kind=FREE, on=date(2029, 2, 28)))
    assert refusal(earlier, attempt(THEORY, "70", kind=FREE, on=date(2029, 3, 1))).rule == "R3.7"


def test_a_void_first_sitting_does_not_start_the_deadline() -> None:
    earlier = [attempt(THEORY, VOID), attempt(THEORY, "40", on=date(2025, 5, 1))]
    accept(earlier, attempt(THEORY, "70", kind=FREE, on=date(2026, 5, 1)))


def test_an_excused_free_retake_keeps_the_entitlement_and_the_deadline() -> None:
    earlier = [attempt(THEORY, "40"), attempt(THEORY, EXCUSED, kind=FREE, on=LATER)]
    accept(earlier, attempt(THEORY, "70", kind=FREE, on=DEADLINE))
    assert refusal(earlier, attempt(THEORY, "70", kind=FREE, on=OVERDUE)).rule == "R3.7"


@pytest.mark.parametrize("result", ["70", VOID, EXCUSED, ABSENT])
def test_nothing_is_dated_before_the_registration(result: str | Outcome) -> None:
    error = refusal([], attempt(THEORY, result, on=date(2025, 2, 28)))
    assert error.rule == "R3.7"
    assert "2025年3月1日" in error.zh
    accept([], attempt(THEORY, result, on=ENROLMENT.registered_on))


def test_nothing_is_dated_before_an_attempt_of_the_subject_on_record() -> None:
    on_record = [attempt(THEORY, "40", on=LATER)]
    error = refusal(on_record, attempt(THEORY, "70"))
    assert error.rule == "R3.7"
    assert "2025-09-10" in error.en
    accept(on_record, attempt(PRACTICAL, "70"))
    # What uses nothing up is not out of turn.
    accept(on_record, attempt(THEORY, EXCUSED))
    accept(on_record, attempt(THEORY, VOID))
    accept([attempt(THEORY, VOID, on=LATER)], attempt(THEORY, "70"))


def test_a_second_first_attempt_is_refused() -> None:
    error = refusal([attempt(THEORY, "40")], attempt(THEORY, "70", on=LATER))
    assert error.rule == "R3.7"
    assert "what follows it is a retake" in error.en


# R3.2


def test_the_theory_has_no_onsite_retake() -> None:
    assert refusal([attempt(THEORY, "40")], attempt(THEORY, "70", kind=ONSITE)).rule == "R3.2"


def test_a_scheme_may_have_no_onsite_retake_at_all() -> None:
    error = refusal([attempt(PRACTICAL, "40")], attempt(PRACTICAL, "70", kind=ONSITE), haiyue())
    assert error.rule == "R3.2"


def test_after_misconduct_the_onsite_retake_is_refused_for_that_reason() -> None:
    error = refusal([attempt(PRACTICAL, MISCONDUCT)], attempt(PRACTICAL, "90", kind=ONSITE))
    assert error.rule == "R2.3"
    assert "misconduct" in error.en


@pytest.mark.parametrize("first", [None, ABSENT, EXCUSED, VOID])
def test_an_onsite_retake_follows_a_failed_first_attempt(first: Outcome | None) -> None:
    earlier = [] if first is None else [attempt(PRACTICAL, first)]
    assert refusal(earlier, attempt(PRACTICAL, "70", kind=ONSITE)).rule == "R3.2"


def test_an_onsite_retake_is_sat_the_same_day() -> None:
    earlier = [attempt(PRACTICAL, "40")]
    accept(earlier, attempt(PRACTICAL, "70", kind=ONSITE))
    assert refusal(earlier, attempt(PRACTICAL, "70", kind=ONSITE, on=date(2025, 3, 25))).rule == "R3.2"


@pytest.mark.parametrize("first", ["40", ABSENT])
def test_no_onsite_retake_on_the_day_of_a_free_retake_or_absence_make_up(first: str | Outcome) -> None:
    earlier = [attempt(PRACTICAL, first), attempt(PRACTICAL, "50", kind=FREE, on=LATER)]
    error = refusal(earlier, attempt(PRACTICAL, "70", kind=ONSITE, on=LATER))
    assert error.rule == "R3.2"


def test_a_free_retake_is_not_sat_on_the_day_of_an_onsite_one() -> None:
    earlier = [attempt(PRACTICAL, "40"), attempt(PRACTICAL, "50", kind=ONSITE)]
    assert refusal(earlier, attempt(PRACTICAL, "70", kind=FREE)).rule == "R3.2"
    accept(earlier, attempt(PRACTICAL, "70", kind=FREE, on=date(2025, 3, 25)))


def test_a_late_onsite_retake_does_not_undo_a_free_one_of_that_day() -> None:
    on_record = [attempt(PRACTICAL, "40"), attempt(PRACTICAL, "50", kind=FREE)]
    assert refusal(on_record, attempt(PRACTICAL, "70", kind=ONSITE)).rule == "R3.7"


def test_an_excused_onsite_retake_uses_nothing_up() -> None:
    accept([attempt(PRACTICAL, "40"), attempt(PRACTICAL, EXCUSED, kind=ONSITE)], attempt(PRACTICAL, "70", kind=ONSITE))


# Closed enrolments


def test_a_lost_enrolment_takes_no_retake_and_no_second_first_attempt() -> None:
    failed = [attempt(THEORY, "40"), attempt(THEORY, "50", kind=FREE, on=date(2025, 4, 1))]
    assert refusal([*failed, attempt(PRACTICAL, "40")], attempt(PRACTICAL, "70", kind=FREE, on=LATER)).rule == "R3.7"
    assert refusal([*failed, attempt(PRACTICAL, "40")], attempt(PRACTICAL, "70", on=LATER)).rule == "R3.4"
    missed = [attempt(THEORY, ABSENT), attempt(PRACTICAL, ABSENT)]
    assert refusal(missed, attempt(PRACTICAL, "70", on=LATER)).rule == "R4.2"
    assert refusal(missed, attempt(PRACTICAL, "70", kind=FREE, on=LATER)).rule == "R3.7"


CLOSED_BY_THE_THEORY = {
    "misconduct": [attempt(THEORY, MISCONDUCT)],
    "free retake failed": [attempt(THEORY, "40"), attempt(THEORY, "50", kind=FREE, on=date(2025, 4, 1))],
    "free retake missed": [attempt(THEORY, ABSENT), attempt(THEORY, ABSENT, kind=FREE, on=date(2025, 4, 1))],
    "deadline passed": [attempt(THEORY, "40")],
}


# R3.8


@pytest.mark.parametrize("earlier", CLOSED_BY_THE_THEORY.values(), ids=CLOSED_BY_THE_THEORY)
@pytest.mark.parametrize("result", ["70", "40", ABSENT, MISCONDUCT, EXCUSED])
def test_a_first_attempt_after_the_other_subject_closed_is_recorded_and_not_counted(
    earlier: list[Attempt], result: str | Outcome
) -> None:
    late = attempt(PRACTICAL, result, on=OVERDUE)
    accept(earlier, late)
    for rows in permutations([*earlier, late]):
        assert admit_all(ENROLMENT, [], rows, qinghai()) == []
        assert not_counted(ENROLMENT, rows, qinghai()) == [late]
    without, beside = (decide(ENROLMENT, rows, qinghai(), OVERDUE) for rows in (earlier, [late, *earlier]))
    assert without.state.lost
    assert (beside.state, beside.subjects) == (without.state, without.subjects)
    told = [reason for reason in beside.reasons if reason.rule == "R3.8"]
    assert len(told) == 1
    assert "技能考核初考" in told[0].zh
    assert "不计入" in told[0].zh
    assert "not counted" in told[0].en
    assert not any("has not been sat" in reason.en for reason in beside.reasons)


def test_what_closed_the_enrolment_may_come_in_after_the_attempt_that_it_makes_uncounted() -> None:
    practical = attempt(PRACTICAL, "70", on=date(2025, 3, 25))
    accept([practical], attempt(THEORY, MISCONDUCT))
    assert not_counted(ENROLMENT, [practical, attempt(THEORY, MISCONDUCT)], qinghai()) == [practical]
    assert not_counted(ENROLMENT, [practical], qinghai()) == []


def test_what_was_sat_on_the_day_of_the_closing_counts() -> None:
    same_day = [attempt(THEORY, MISCONDUCT), attempt(PRACTICAL, "70")]
    assert not_counted(ENROLMENT, same_day, qinghai()) == []


def test_the_onsite_retake_of_an_uncounted_sitting_is_part_of_it() -> None:
    day = date(2025, 3, 25)
    sat = [attempt(THEORY, MISCONDUCT), attempt(PRACTICAL, "40", on=day)]
    onsite = attempt(PRACTICAL, "70", kind=ONSITE, on=day)
    accept(sat, onsite)
    for rows in permutations([*sat, onsite]):
        assert not_counted(ENROLMENT, rows, qinghai()) == [sat[1], onsite]
        assert decide(ENROLMENT, rows, qinghai(), LATER).state is EnrolmentState.FAILED
    assert refusal([*sat, onsite], attempt(PRACTICAL, "80", kind=ONSITE, on=day)).rule == "R3.7"
    assert refusal(sat[:1], onsite).rule == "R3.7"
    assert refusal(sat, attempt(PRACTICAL, "70", kind=ONSITE, on=LATER)).rule == "R3.2"


def test_an_uncounted_attempt_entitles_to_no_free_retake_and_is_the_only_first() -> None:
    sat = [attempt(THEORY, MISCONDUCT), attempt(PRACTICAL, "40", on=date(2025, 3, 25))]
    assert refusal(sat, attempt(PRACTICAL, "70", kind=FREE, on=LATER)).rule == "R3.7"
    assert refusal(sat, attempt(PRACTICAL, "70", on=LATER)).rule == "R3.7"
    annulled = attempt(PRACTICAL, VOID, on=LATER)
    accept(sat, annulled)
    assert annulled not in not_counted(ENROLMENT, [*sat, annulled], qinghai())
    # An excused one uses nothing up, here as elsewhere (R2.3).
    excused = [sat[0], attempt(PRACTICAL, EXCUSED, on=date(2025, 3, 25))]
    accept(excused, attempt(PRACTICAL, "70", on=LATER))


def test_a_subject_annulled_before_is_told_beside_its_uncounted_attempt() -> None:
    attempts = [attempt(PRACTICAL, VOID), attempt(THEORY, MISCONDUCT), attempt(PRACTICAL, "70", on=LATER)]
    rules = [reason.rule for reason in decide(ENROLMENT, attempts, qinghai(), LATER).reasons]
    assert rules == ["R2.3", "R2.3", "R3.8", "R3.4"]


def test_a_file_of_which_one_row_is_refused_still_takes_the_uncounted_one() -> None:
    late = attempt(PRACTICAL, "70", on=LATER)
    bad = attempt(THEORY, "70", kind=FREE, on=LATER)
    for rows in permutations([attempt(THEORY, MISCONDUCT), late, bad]):
        assert [one for one, _ in admit_all(ENROLMENT, [], rows, qinghai())] == [bad]


def test_what_was_sat_on_the_day_of_the_closing_is_recorded() -> None:
    earlier = [attempt(THEORY, "40"), attempt(PRACTICAL, "40"), attempt(THEORY, "50", kind=FREE, on=LATER)]
    accept(earlier, attempt(PRACTICAL, "70", kind=FREE, on=LATER))


def test_an_annulled_sitting_may_be_recorded_even_then() -> None:
    accept([attempt(THEORY, ABSENT), attempt(PRACTICAL, ABSENT)], attempt(PRACTICAL, VOID, kind=FREE, on=LATER))


def test_a_late_row_that_would_undo_a_recorded_one_is_refused() -> None:
    on_record = [attempt(THEORY, ABSENT), attempt(THEORY, "70", kind=FREE, on=LATER)]
    error = refusal(on_record, attempt(PRACTICAL, ABSENT, on=date(2025, 5, 1)))
    assert error.rule == "R3.7"
    assert "already on record" in error.en
    # A row the rules refuse for itself is not made worse by the new one.
    admit(ENROLMENT, [attempt(THEORY, "70", kind=FREE)], attempt(PRACTICAL, "70"), qinghai())


# Files


ROLL = [
    attempt(THEORY, "40"),
    attempt(PRACTICAL, "40"),
    attempt(PRACTICAL, "50", kind=ONSITE),
    attempt(THEORY, "70", kind=FREE, on=LATER),
    attempt(PRACTICAL, "80", kind=FREE, on=LATER),
]


def test_the_order_of_a_files_rows_does_not_matter() -> None:
    for rows in permutations(ROLL):
        assert admit_all(ENROLMENT, [], rows, qinghai()) == []


def test_rows_that_stand_together_are_not_judged_one_by_one() -> None:
    """Where both failed closes, a failed practical alone would undo the theory's retake; the next row saves it."""
    scheme = changed("qinghai-2025", ('both_failed = "retake"', 'both_failed = "failed"'))
    existing = [attempt(THEORY, "40"), attempt(THEORY, "70", kind=FREE, on=LATER)]
    new = [attempt(PRACTICAL, "40"), attempt(PRACTICAL, "70", kind=ONSITE)]
    assert admit_all(ENROLMENT, existing, new, scheme) == []
    assert admit_all(ENROLMENT, existing, new[:1], scheme)[0][1].rule == "R3.7"


def test_a_row_out_of_turn_is_refused_among_others() -> None:
    early = attempt(THEORY, "70", on=date(2025, 3, 10))
    refused = admit_all(ENROLMENT, [attempt(THEORY, "40")], [early, attempt(PRACTICAL, "70")], qinghai())
    assert [one for one, _ in refused] == [early]


def test_only_the_row_that_breaks_a_rule_is_refused() -> None:
    bad = attempt(PRACTICAL, "90", kind=FREE, on=date(2025, 12, 1))
    for rows in permutations([*ROLL[1:], bad]):
        refused = admit_all(ENROLMENT, ROLL[:1], rows, qinghai())
        assert [one for one, _ in refused] == [bad]
        assert refused[0][1].rule == "R3.7"


def test_a_refusal_says_which_attempt_and_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(refusal([], attempt(THEORY, "70", kind=FREE))))
    assert error.zh.startswith("理论知识考试补考(2025年3月24日)不予登记")
    assert error.en.startswith("theory test, free retake of 2025-03-24, is refused")
    assert error.code == "attempt-refused"


def test_a_correction_that_leaves_a_retake_without_ground_is_shown_in_the_decision() -> None:
    attempts = [attempt(THEORY, VOID), attempt(THEORY, "70", kind=FREE, on=LATER)]
    decision = decide(ENROLMENT, attempts, qinghai(), LATER)
    assert decision.state is EnrolmentState.IN_PROGRESS
    assert any(reason.rule == "R3.7" and "no effect" in reason.en for reason in decision.reasons)


def test_attempts_are_dated_by_their_sitting() -> None:
    assert decide(ENROLMENT, ROLL, qinghai(), SAT_ON).state is EnrolmentState.RETAKE_OPEN
    assert decide(ENROLMENT, ROLL, qinghai(), LATER).state is EnrolmentState.PASSED
