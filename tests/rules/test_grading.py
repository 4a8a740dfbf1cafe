from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.errors import InvalidScore
from certsvc.rules.enrolment import Outcome
from certsvc.rules.grading import grade, parse_score
from tests.rules.builders import PRACTICAL, THEORY, haiyue, qinghai

D = Decimal
FULL = {
    "safety_assessment": D(15),
    "fire_extinguisher": D(20),
    "cpr": D(25),
    "bleeding_control": D(15),
    "rescue_rope": D(15),
    "triage": D(10),
}


@pytest.mark.parametrize("text", ["0", "60", "59.99", "100", "7.5", "60.00"])
def test_plain_digits_are_a_score(text: str) -> None:
    assert parse_score(text) == Decimal(text)


@pytest.mark.parametrize(
    "text",
    ["", " 60", "60 ", "+60", "6e1", "60.", ".5", "1,5", "60%", "NaN", "Infinity", "\uff16\uff10", "٦٠", "0x3c", "1_0",
     "=60",      "六十", "60\n", "9" * 40, "--1", "60.1234567890"],
)  # fmt: skip
def test_anything_but_plain_digits_is_refused(text: str) -> None:
    with pytest.raises(InvalidScore) as caught:
        parse_score(text)
    assert (caught.value.rule, caught.value.where) == ("R2.2", "score")


def test_a_negative_score_is_refused_as_such() -> None:
    with pytest.raises(InvalidScore, match="not negative"):
        parse_score("-5")


@pytest.mark.parametrize("text", ["59.999", "60.000"])
def test_three_decimals_are_refused_and_never_rounded(text: str) -> None:
    with pytest.raises(InvalidScore, match="two decimal places") as caught:
        parse_score(text)
    assert caught.value.rule == "R2"


@given(st.decimals(0, 100, places=2))
def test_a_score_is_kept_exactly(score: Decimal) -> None:
    assert grade(THEORY, parse_score(f"{score:f}"), {}, Outcome.SCORED, qinghai()) == score


def test_items_sum_to_the_total_on_the_scale_of_points() -> None:
    assert grade(PRACTICAL, None, FULL, Outcome.SCORED, qinghai()) == 100
    some = FULL | {"cpr": D("12.5"), "triage": D("0.05")}
    assert grade(PRACTICAL, D("77.55"), some, Outcome.SCORED, qinghai()) == D("77.55")


def test_a_practical_total_alone_is_a_score() -> None:
    assert grade(PRACTICAL, D(61), {}, Outcome.SCORED, qinghai()) == 61


def without(*codes: str) -> dict[str, Decimal]:
    return {code: score for code, score in FULL.items() if code not in codes}


REFUSED = {
    "no score at all": (THEORY, None, {}, "score", "no score"),
    "above the maximum": (THEORY, D("100.01"), {}, "score", "above the maximum of 100"),
    "negative": (THEORY, D(-1), {}, "score", "not negative"),
    "not a number": (THEORY, D("NaN"), {}, "score", "not negative"),
    "three decimals": (THEORY, D("59.999"), {}, "score", "two decimal places"),
    "items of the theory": (THEORY, None, {"cpr": D(5)}, "cpr", "has no items"),
    "an item above its maximum": (PRACTICAL, None, FULL | {"cpr": D("25.01")}, "cpr", "above the maximum of 25"),
    "an item below nought": (PRACTICAL, None, FULL | {"cpr": D(-1)}, "cpr", "not negative"),
    "an item of three decimals": (PRACTICAL, None, FULL | {"cpr": D("1.001")}, "cpr", "two decimal places"),
    "a missing item": (PRACTICAL, None, without("bleeding_control"), "bleeding_control", "missing"),
    "neither of a pair": (PRACTICAL, None, without("rescue_rope"), "rescue_rope", "neither is given"),
    "both of a pair": (PRACTICAL, None, FULL | {"airway_obstruction": D(1)}, "rescue_rope", "both are given"),
    "both of the other pair": (PRACTICAL, None, FULL | {"sign_recognition": D(0)}, "sign_recognition", "both"),
    "an unknown item": (PRACTICAL, None, FULL | {"juggling": D(1)}, "juggling", "no such item"),
    "items that disagree": (PRACTICAL, D(99), FULL, "score", "disagrees"),
}


@pytest.mark.parametrize(("subject", "total", "items", "column", "why"), REFUSED.values(), ids=REFUSED)
def test_wrong_scores_are_refused_with_their_column(subject, total, items, column: str, why: str) -> None:
    with pytest.raises(InvalidScore) as caught:
        grade(subject, total, items, Outcome.SCORED, qinghai())
    assert caught.value.where == column
    assert caught.value.rule in {"R2", "R2.2"}
    assert why in caught.value.en


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.SCORED])
def test_a_score_stands_beside_the_outcome_scored_only(outcome: Outcome) -> None:
    assert grade(PRACTICAL, None, {}, outcome, qinghai()) is None
    with pytest.raises(InvalidScore) as caught:
        grade(PRACTICAL, D(0), {}, outcome, qinghai())
    assert (caught.value.rule, caught.value.where) == ("R2.2", "score")
    with pytest.raises(InvalidScore) as caught:
        grade(PRACTICAL, None, {"cpr": D(1)}, outcome, qinghai())
    assert caught.value.where == "cpr"


WEIGHTED = {
    "safety_assessment": D(20),
    "fire_extinguisher": D(25),
    "cpr": D(35),
    "bleeding_control": D(20),
    "airway_obstruction": D(60),
    "sign_recognition": D(40),
}


def test_the_weighted_scale_multiplies_each_block_by_its_weight() -> None:
    assert grade(PRACTICAL, None, WEIGHTED, Outcome.SCORED, haiyue()) == 100
    assert grade(PRACTICAL, None, WEIGHTED | {"cpr": D(0)}, Outcome.SCORED, haiyue()) == D("73.75")
    assert grade(PRACTICAL, None, WEIGHTED | {"sign_recognition": D(39)}, Outcome.SCORED, haiyue()) == D("99.75")


def test_a_weighted_total_is_refused_rather_than_rounded() -> None:
    """R2: a score has two places at most. Anyone who reads the refusal sees the sum, and what to give instead."""
    with pytest.raises(InvalidScore) as caught:
        grade(PRACTICAL, None, WEIGHTED | {"cpr": D("1.41")}, Outcome.SCORED, haiyue())
    assert (caught.value.rule, caught.value.where) == ("R2.1", "score")
    for said in (caught.value.zh, caught.value.en):
        assert "66.41 × 0.75 + 100 × 0.25 = 74.8075" in said
    assert "整数分" in caught.value.zh
    assert "whole points" in caught.value.en


@pytest.mark.parametrize("score", ["0.5", "34.5"])
def test_a_half_point_on_the_weighted_scale_is_refused_unless_another_makes_it_whole(score: str) -> None:
    with pytest.raises(InvalidScore, match="never rounded"):
        grade(PRACTICAL, None, WEIGHTED | {"cpr": D(score)}, Outcome.SCORED, haiyue())
    whole = WEIGHTED | {"cpr": D(score), "fire_extinguisher": D("24.5")}
    assert grade(PRACTICAL, None, whole, Outcome.SCORED, haiyue()) == (D(score) + D("64.5")) * D("0.75") + 25


@given(st.tuples(*(st.decimals(0, maximum, places=2) for maximum in FULL.values())))
def test_the_total_is_the_exact_sum_of_the_items(scores: tuple[Decimal, ...]) -> None:
    items = dict(zip(FULL, scores, strict=True))
    assert grade(PRACTICAL, sum(scores, D(0)), items, Outcome.SCORED, qinghai()) == sum(scores)
