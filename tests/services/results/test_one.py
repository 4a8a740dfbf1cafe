"""One result put right by a form, on each engine: foreseen, asked for, approved by another (R2.4 to R2.6)."""

from __future__ import annotations

from pathlib import Path

import pytest

from certsvc.errors import InvalidScore, NotFound, Refused
from certsvc.rules.enrolment import Outcome
from certsvc.rules.result_correction import CorrectionReason
from certsvc.services.context import Services
from certsvc.services.results import candidate
from certsvc.services.results.one import Correction, foresee, propose, to_correct
from certsvc.services.results.sitting import NO_ROLL, Sitting
from certsvc.services.results.sitting import foresee as foresee_sitting
from certsvc.transparency.leaf import Act
from tests.builders import examining
from tests.builders.correcting import approve, record, register
from tests.builders.person import SAT, Candidate

ONE = Candidate(1, "表单甲")


@pytest.fixture
def failed(either: Services, tmp_path: Path) -> int:
    """An attempt at the theory that failed by a hundredth, of one who passed the practical; its id."""
    register(either, tmp_path, [ONE])
    record(either, tmp_path, ONE.result("theory", "59.99"), ONE.result("practical", "70"))
    (enrolled,) = candidate.find(either, id_number=ONE.id_number)
    return candidate.results(either, enrolled.enrolment_id).attempts[0].id


def wanted(score: str = "60", **changes: object) -> Correction:
    given = {"outcome": Outcome.SCORED, "score": score, "code": CorrectionReason.REVIEW, "reason": "复核"}
    return Correction(**(given | changes))  # type: ignore[arg-type]


def test_what_is_foreseen_is_what_is_asked_for_and_then_done(either: Services, failed: int) -> None:
    seen = foresee(either, failed, wanted())
    assert [one.name for one in seen.passing] == [ONE.name]
    asked = propose(either, failed, wanted(evidence="复核〔2026〕1号"), by="甲")
    assert (asked.state, asked.follows.as_json()) == ("waiting", seen.as_json())
    with pytest.raises(Refused):
        approve(either, asked.approval_id, by=" 甲")
    approve(either, asked.approval_id)
    shown = candidate.results(either, to_correct(either, failed).enrolment_id).attempts[0]
    assert (shown.score, shown.passed) == ("60", True)
    (history,) = shown.corrections
    assert (history.was.score_hundredths, history.code, history.asked_by, history.approved_by) == (
        5999,
        "review",
        "甲",
        "乙",
    )


@pytest.mark.parametrize(
    ("correction", "error"),
    [
        (wanted("59.99"), Refused),
        (wanted("60.001"), InvalidScore),
        (wanted("101"), InvalidScore),
        (wanted("60", outcome=Outcome.ABSENT), InvalidScore),
        (wanted("60", reason=" "), Refused),
        (wanted("60", reason="两\n行"), Refused),
    ],
    ids=["the same", "three decimals", "over the maximum", "beside absent", "no reason", "two lines"],
)
def test_what_cannot_be_is_refused_before_it_is_asked_for(
    either: Services, failed: int, correction: Correction, error: type[Refused]
) -> None:
    for attempt in (lambda: foresee(either, failed, correction), lambda: propose(either, failed, correction, by="甲")):
        with pytest.raises(error):
            attempt()


def test_an_attempt_that_is_not_there_is_told(services: Services) -> None:
    with pytest.raises(NotFound):
        to_correct(services, 1)


def test_a_sitting_is_narrowed_to_a_roll_or_to_no_roll(either: Services, tmp_path: Path) -> None:
    people = [ONE, Candidate(2, "表单乙"), Candidate(3, "表单丙")]
    register(either, tmp_path, people)
    sitting = examining.add(either, on=SAT)
    examining.admit(either, sitting, people[:2])
    record(either, tmp_path, *(one.result("practical", "30") for one in people))
    for roll, count in ((sitting.id, 2), (NO_ROLL, 1), (None, 3)):
        assert foresee_sitting(either, Act.ANNULLED, Sitting(SAT, roll=roll)).attempts == count
    assert Sitting(SAT, roll=sitting.id).label == f"{SAT}/#{sitting.id}"
    with pytest.raises(NotFound):
        foresee_sitting(either, Act.ANNULLED, Sitting(SAT, roll=sitting.id + 1))


def test_a_candidate_is_found_by_number_by_name_or_by_both(either: Services, failed: int) -> None:
    for found in (
        candidate.find(either, id_number=f" {ONE.id_number.lower()} "),
        candidate.find(either, name=ONE.name),
        candidate.find(either, name=f"{ONE.name[0]} {ONE.name[1:]}"),
        candidate.find(either, id_number=ONE.id_number, name=ONE.name),
    ):
        assert [one.name for one in found] == [ONE.name]
        assert ONE.id_number != found[0].id_number, "masked"
    assert candidate.find(either, id_number=ONE.id_number, name="别人") == []
    with pytest.raises(NotFound):
        candidate.results(either, 999)
