"""Two readings of the same rules agree: ours, and one written from their text alone (`model`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certsvc.rules.admission import admit_all, not_counted
from certsvc.rules.decide import decide
from certsvc.rules.enrolment import Attempt, AttemptKind, Enrolment, Outcome
from certsvc.rules.scheme import Scheme
from certsvc.rules.terms import Subject
from tests.rules.builders import haiyue, qinghai
from tests.rules.model import Model, days_about

BASES = [date(2024, 2, 28), date(2024, 2, 29), date(2025, 3, 24), date(2024, 12, 31), date(2025, 8, 31)]
SCHEMES: Mapping[str, Scheme] = {"qinghai": qinghai(), "haiyue": haiyue()}


@st.composite
def histories(draw: st.DrawFn, scheme: Scheme) -> tuple[date, list[Attempt], date]:
    """A registration, attempts that may or may not be allowed, and the day of the question."""
    base = draw(st.sampled_from(BASES))
    days = sorted({base - timedelta(1), *(day for months in (3, 6, 12) for day in days_about(base, months))})
    attempts: dict[tuple[Subject, date, AttemptKind], Attempt] = {}
    for subject in Subject:
        mark = scheme.subjects[subject].pass_mark
        for day in sorted(draw(st.lists(st.sampled_from([base, base, *days]), max_size=4))):
            kind = draw(st.sampled_from(AttemptKind)) if attempts else AttemptKind.FIRST
            outcome = draw(st.sampled_from([Outcome.SCORED, Outcome.SCORED, *Outcome]))
            score = draw(st.sampled_from([mark, mark - 1])) if outcome is Outcome.SCORED else None
            attempts[subject, day, kind] = Attempt(subject, day, kind, outcome, score)
    return base, draw(st.permutations(list(attempts.values()))), draw(st.sampled_from(days))


@pytest.mark.parametrize("name", list(SCHEMES))
@given(choices=st.data())
@settings(max_examples=150)
def test_the_decision_is_that_of_a_second_reading_of_the_rules(name: str, choices: st.DataObject) -> None:
    scheme = SCHEMES[name]
    registered_on, attempts, on = choices.draw(histories(scheme))
    decision = decide(Enrolment(registered_on), attempts, scheme, on)
    model = Model(scheme, registered_on)
    assert decision.state.value == model.run(attempts, on)
    for subject, found in decision.subjects.items():
        retake = found.free_retake
        assert found.standing.value == model.standing(subject.value)
        assert found.score == model.subjects[subject.value].score
        assert (retake.open, retake.deadline) == model.entitlement(subject.value)


@pytest.mark.parametrize("name", list(SCHEMES))
@given(choices=st.data())
@settings(max_examples=150)
def test_what_is_refused_on_import_is_that_of_a_second_reading(name: str, choices: st.DataObject) -> None:
    scheme = SCHEMES[name]
    registered_on, attempts, _ = choices.draw(histories(scheme))
    refused = [attempt for attempt, _ in admit_all(Enrolment(registered_on), [], attempts, scheme)]
    model = Model(scheme, registered_on)
    model.run(attempts, date.max)
    assert {id(attempt) for attempt in refused} == {id(attempt) for attempt in model.refused}
    uncounted = not_counted(Enrolment(registered_on), attempts, scheme)
    assert {id(attempt) for attempt in uncounted} == {id(attempt) for attempt in model.uncounted}
