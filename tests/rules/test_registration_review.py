"""R1.6: which step may follow which, who may take it, and what must have been confirmed before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.errors import RegistrationRefused
from certsvc.rules.registration_review import (
    LONGEST_PLACE,
    LONGEST_REMARK,
    WAITING,
    Confirmation,
    FaceCheck,
    Move,
    RegistrationState,
    Review,
    ReviewStep,
    review_of,
    take,
)

AT = datetime(2026, 11, 22, 4, tzinfo=UTC)
ENTERED, REVIEWER = "登记员", "审核员"
CONFIRMED = Confirmation(FaceCheck.PASS, AT, "第一报名点")
DRAFT, SUBMITTED, APPROVED, RETURNED, REJECTED = RegistrationState


def step(move: Move, by: str = REVIEWER, **changes: object) -> ReviewStep:
    """A step as it should be."""
    remark = "缺照片" if move in (Move.RETURN, Move.REJECT) else None
    confirmation = CONFIRMED if move is Move.CONFIRM else None
    return replace(ReviewStep(move, by, AT, remark, confirmation=confirmation), **changes)  # type: ignore[arg-type]


def standing(state: RegistrationState, **changes: object) -> Review:
    """A registration that only lacks the next step."""
    return replace(Review(state, frozenset({ENTERED}), CONFIRMED), **changes)  # type: ignore[arg-type]


# Every state × every step: where it leads, or that it is refused.
TABLE = {
    (DRAFT, Move.SUBMIT): SUBMITTED,
    (SUBMITTED, Move.CONFIRM): SUBMITTED,
    (SUBMITTED, Move.APPROVE): APPROVED,
    (SUBMITTED, Move.RETURN): RETURNED,
    (SUBMITTED, Move.REJECT): REJECTED,
    (RETURNED, Move.SUBMIT): SUBMITTED,
    (RETURNED, Move.CONFIRM): RETURNED,
}


@pytest.mark.parametrize("state", list(RegistrationState))
@pytest.mark.parametrize("move", list(Move))
def test_each_step_leads_where_the_rule_says_or_nowhere(state: RegistrationState, move: Move) -> None:
    to = TABLE.get((state, move))
    if to is not None:
        assert take(standing(state), step(move)).state is to
    else:
        assert refusal(standing(state), step(move)) == (state.zh, state.value)


def refusal(review: Review, taken: ReviewStep) -> tuple[str, str]:
    """The state that a refusal names, in both languages."""
    with pytest.raises(RegistrationRefused) as caught:
        take(review, taken)
    assert caught.value.rule == "R1.6"
    return caught.value.zh.split("“")[1].split("”")[0], caught.value.en.split(": ")[0].removeprefix("it is ")


def test_those_that_wait_are_those_with_a_way_on() -> None:
    assert set(WAITING) == {state for state, _ in TABLE} - {DRAFT}


@pytest.mark.parametrize("move", [Move.APPROVE, Move.RETURN, Move.REJECT])
@pytest.mark.parametrize("by", [ENTERED, f" {ENTERED} "])
def test_whoever_entered_it_may_not_decide_it(move: Move, by: str) -> None:
    with pytest.raises(RegistrationRefused, match=r"may not decide.*R1\.6"):
        take(standing(SUBMITTED), step(move, by))


@pytest.mark.parametrize(
    "by",
    [
        "Clerk",
        "clerk ",
        "CLERK",
        "ｃｌｅｒｋ",
        "cl erk",
        "clerk\u3000",
        "cle\u200brk",
        "\ufeffclerk",
        "clerk\u00ad",
        "clerk\ufe0f",
    ],
)
def test_no_spelling_makes_somebody_another_person(by: str) -> None:
    with pytest.raises(RegistrationRefused, match="may not decide"):
        take(review_of([step(Move.SUBMIT, "clerk"), step(Move.CONFIRM, "other")], "clerk"), step(Move.APPROVE, by))


@pytest.mark.parametrize("by", ["", "  ", "\u200b", "\u3000\u2060"])
def test_nobody_takes_no_step(by: str) -> None:
    with pytest.raises(RegistrationRefused, match="who does it"):
        take(standing(SUBMITTED), step(Move.APPROVE, by))


def test_who_handed_it_in_again_or_recorded_the_confirmation_entered_it_too() -> None:
    review = review_of(
        [
            step(Move.SUBMIT, ENTERED),
            step(Move.RETURN),
            step(Move.SUBMIT, "另一登记员"),
            step(Move.CONFIRM, "报名点"),
        ],
        ENTERED,
    )
    for by in (ENTERED, "另一登记员", "报名点"):
        with pytest.raises(RegistrationRefused, match="may not decide"):
            take(review, step(Move.APPROVE, by))
    assert take(review, step(Move.APPROVE)).state is APPROVED  # who returned it may decide it


def test_it_is_not_approved_before_the_candidate_confirmed_it() -> None:
    with pytest.raises(RegistrationRefused, match="has not confirmed"):
        take(standing(SUBMITTED, confirmation=None), step(Move.APPROVE))
    for move in (Move.RETURN, Move.REJECT):
        assert take(standing(SUBMITTED, confirmation=None), step(move)).state is not SUBMITTED


@pytest.mark.parametrize(("face", "passes"), [("pass", True), ("manual", True), ("fail", False)])
def test_a_failed_face_check_is_not_approved(face: str, passes: bool) -> None:
    checked = replace(CONFIRMED, face=next(one for one in FaceCheck if one.value == face))
    review = take(standing(SUBMITTED, confirmation=None), step(Move.CONFIRM, "报名点", confirmation=checked))
    if passes:
        assert take(review, step(Move.APPROVE)).state is APPROVED
        return
    with pytest.raises(RegistrationRefused, match="face check failed"):
        take(review, step(Move.APPROVE))
    again = take(review, step(Move.CONFIRM, "报名点"))
    assert take(again, step(Move.APPROVE)).state is APPROVED


def test_other_values_must_be_confirmed_anew() -> None:
    returned = standing(RETURNED)
    assert take(returned, step(Move.SUBMIT, ENTERED)).confirmation == CONFIRMED
    changed = take(returned, step(Move.SUBMIT, ENTERED, changed=True))
    with pytest.raises(RegistrationRefused, match="has not confirmed"):
        take(changed, step(Move.APPROVE))


@pytest.mark.parametrize(
    "confirmation",
    [
        None,
        replace(CONFIRMED, place=" "),
        replace(CONFIRMED, place="某" * (LONGEST_PLACE + 1)),
        replace(CONFIRMED, checked_at=AT + timedelta(seconds=1)),
    ],
)
def test_a_face_check_has_a_result_a_time_that_has_come_and_a_place(confirmation: Confirmation | None) -> None:
    with pytest.raises(RegistrationRefused, match=r"R1\.6"):
        take(standing(SUBMITTED), step(Move.CONFIRM, confirmation=confirmation))


@pytest.mark.parametrize("move", [Move.RETURN, Move.REJECT])
@pytest.mark.parametrize("remark", [None, "", "  ", "两\n行", "\x1b[2J", "某" * (LONGEST_REMARK + 1)])
def test_what_is_missing_or_why_is_said_in_one_line(move: Move, remark: str | None) -> None:
    with pytest.raises(RegistrationRefused, match="say what is missing"):
        take(standing(SUBMITTED), step(move, remark=remark))


@given(st.lists(st.tuples(st.sampled_from(Move), st.sampled_from([ENTERED, "报名点", REVIEWER])), max_size=12))
def test_however_it_goes_nothing_is_approved_but_by_another_after_a_confirmation(moves: list[tuple[Move, str]]) -> None:
    review, taken = Review(entered_by=frozenset({ENTERED})), []
    for move, by in moves:
        try:
            review = take(review, step(move, by))
        except RegistrationRefused:
            continue
        taken.append((move, by))
    assert review_of([step(move, by) for move, by in taken], ENTERED) == review
    ends = [move for move, _ in taken if move in (Move.APPROVE, Move.REJECT)]
    assert len(ends) <= 1
    if Move.APPROVE in ends:
        assert taken[-1][0] is Move.APPROVE
        entered = {ENTERED, *(by for move, by in taken if move in (Move.SUBMIT, Move.CONFIRM))}
        assert taken[-1][1] not in entered
        assert Move.CONFIRM in [move for move, _ in taken]
    for (before, _), (after, _) in pairwise([one for one in taken if one[0] is not Move.CONFIRM]):
        assert (before is Move.SUBMIT) != (after is Move.SUBMIT)
