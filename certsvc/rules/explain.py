"""A decision as JSON values, in the shape that `certsvc decide --json` prints (formats.md).

Scores and fees are JSON numbers with exactly the digits they have (two decimals at most, so nothing is lost).
"""

from __future__ import annotations

from decimal import Decimal

from certsvc.rules.decide import Decision, SubjectDecision


def explain_json(decision: Decision) -> dict[str, object]:
    """`state`, `subjects` and `reasons`; dates as ISO 8601 text, what is not there as None."""
    return {
        "state": decision.state.value,
        "subjects": {subject.value: _subject(one) for subject, one in decision.subjects.items()},
        "reasons": [{"rule": reason.rule, "zh": reason.zh, "en": reason.en} for reason in decision.reasons],
    }


def _subject(one: SubjectDecision) -> dict[str, object]:
    retake = one.free_retake
    return {
        "standing": one.standing.value,
        "score": _number(one.score),
        "free_retake": {
            "open": retake.open,
            "deadline": retake.deadline.isoformat() if retake.deadline else None,
            "fee": _number(retake.fee),
        },
    }


def _number(exact: Decimal | None) -> int | float | None:
    if exact is None:
        return None
    return int(exact) if exact == exact.to_integral_value() else float(exact)
