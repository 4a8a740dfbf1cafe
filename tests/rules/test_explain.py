from __future__ import annotations

import json
from datetime import date

from certsvc.rules import explain_json
from certsvc.rules.decide import decide
from tests.rules.builders import ENROLMENT, PRACTICAL, SAT_ON, THEORY, attempt, qinghai


def test_the_json_has_the_fixed_shape() -> None:
    decision = decide(ENROLMENT, [attempt(THEORY, "59.99"), attempt(PRACTICAL, "60.00")], qinghai(), SAT_ON)
    shown = json.loads(json.dumps(explain_json(decision), ensure_ascii=False))
    reasons = shown.pop("reasons")
    assert shown == {
        "state": "retake_open",
        "subjects": {
            "theory": {
                "standing": "failed",
                "score": 59.99,
                "free_retake": {"open": True, "deadline": "2026-03-24", "fee": 0},
            },
            "practical": {
                "standing": "passed",
                "score": 60,
                "free_retake": {"open": False, "deadline": None, "fee": None},
            },
        },
    }
    assert reasons
    assert all(set(reason) == {"rule", "zh", "en"} for reason in reasons)


def test_what_was_never_scored_is_null() -> None:
    shown = explain_json(decide(ENROLMENT, [], qinghai(), date(2025, 3, 2)))
    assert '"score": null' in json.dumps(shown)


def test_every_score_of_two_decimals_is_told_exactly() -> None:
    for hundredths in range(0, 10001, 7):
        text = f"{hundredths / 100:.2f}"
        shown = explain_json(decide(ENROLMENT, [attempt(THEORY, text)], qinghai(), SAT_ON))
        assert f'"score": {text.rstrip("0").rstrip(".")},' in json.dumps(shown)
