"""Why a result was corrected, by its code; and which attempts no longer count, by which rule (R2.4, R2.5)."""

from __future__ import annotations

from datetime import date
from itertools import permutations

import pytest

from certsvc.rules.admission import admit_all
from certsvc.rules.decide import decide
from certsvc.rules.enrolment import Outcome
from certsvc.rules.progress import EnrolmentState
from certsvc.rules.result_correction import CorrectionReason, reason_code, without_effect
from tests.rules.builders import ENROLMENT, FREE, ONSITE, PRACTICAL, THEORY, attempt, qinghai

LATER, LATEST = date(2025, 6, 1), date(2025, 9, 1)


@pytest.mark.parametrize(
    ("text", "outcome", "code"),
    [
        ("录入有误", Outcome.SCORED, CorrectionReason.ENTRY),
        ("entry", Outcome.SCORED, CorrectionReason.ENTRY),
        ("Score review of 3 June", Outcome.SCORED, CorrectionReason.REVIEW),
        ("经复核，第 7 题应得分", Outcome.SCORED, CorrectionReason.REVIEW),
        ("场次作废", Outcome.VOID, CorrectionReason.ANNULLED),
        ("录给他人（同名）", Outcome.VOID, CorrectionReason.WRONG_PERSON),
        ("wrong_person", Outcome.VOID, CorrectionReason.WRONG_PERSON),
        ("监控所见", Outcome.MISCONDUCT, CorrectionReason.MISCONDUCT),
        ("作弊", Outcome.SCORED, CorrectionReason.MISCONDUCT),
        ("previewed", Outcome.SCORED, CorrectionReason.OTHER),
        ("见附件", Outcome.ABSENT, CorrectionReason.OTHER),
    ],
)
def test_a_reason_has_a_code(text: str, outcome: Outcome, code: CorrectionReason) -> None:
    assert reason_code(text, outcome) is code


@pytest.mark.parametrize(
    ("attempts", "places", "rules", "state"),
    [
        (
            [attempt(THEORY, "65"), attempt(THEORY, "70", kind=FREE, on=LATER), attempt(PRACTICAL, "80")],
            [1],
            ["R3.7"],
            EnrolmentState.PASSED,
        ),
        (
            [attempt(THEORY, Outcome.VOID), attempt(THEORY, "70", kind=FREE, on=LATER), attempt(PRACTICAL, "80")],
            [1],
            ["R3.7"],
            EnrolmentState.IN_PROGRESS,
        ),
        (
            [attempt(PRACTICAL, "80"), attempt(PRACTICAL, "90", kind=ONSITE), attempt(THEORY, "80")],
            [1],
            ["R3.7"],
            EnrolmentState.PASSED,
        ),
        (
            [attempt(THEORY, Outcome.MISCONDUCT), attempt(PRACTICAL, "80", on=LATER)],
            [1],
            ["R3.8"],
            EnrolmentState.FAILED,
        ),
        (
            [
                attempt(THEORY, Outcome.MISCONDUCT, on=LATER),
                attempt(PRACTICAL, "50"),
                attempt(PRACTICAL, "70", kind=FREE, on=LATEST),
            ],
            [2],
            ["R3.7"],
            EnrolmentState.FAILED,
        ),
    ],
)
def test_what_has_no_entitlement_any_more_is_not_counted_in_any_order(
    attempts: list[object], places: list[int], rules: list[str], state: EnrolmentState
) -> None:
    for order in permutations(range(len(attempts))):
        rows = [attempts[place] for place in order]
        found = without_effect(ENROLMENT, rows, qinghai())  # type: ignore[arg-type]
        assert sorted(order[one.place] for one in found) == places
        assert [one.rule for one in found] == rules
        decision = decide(ENROLMENT, rows, qinghai(), LATEST)  # type: ignore[arg-type]
        assert decision.state is state
        told = [reason for reason in decision.reasons if "不计" in reason.zh]
        assert [reason.rule for reason in told] == rules
        assert not any("不予登记" in reason.zh for reason in told)


def test_what_is_not_counted_is_in_no_ones_way() -> None:
    left = [attempt(THEORY, Outcome.VOID), attempt(THEORY, "70", kind=FREE, on=LATEST)]
    new = [attempt(THEORY, "50", on=LATER), attempt(PRACTICAL, "50", on=LATER)]
    for rows in permutations(new):
        assert admit_all(ENROLMENT, left, rows, qinghai()) == []
