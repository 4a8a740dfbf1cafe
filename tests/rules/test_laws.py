"""Laws that hold for every enrolment, whatever the rows: found or broken by Hypothesis."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from certsvc.rules.admission import admit_all, not_counted
from certsvc.rules.decide import EnrolmentState, Standing, decide
from certsvc.rules.enrolment import Attempt, AttemptKind, Enrolment, Outcome
from certsvc.rules.scheme import Scheme, Subject
from tests.rules.builders import ENROLMENT, changed, haiyue, qinghai

DAYS = [date(2025, 2, 27) + timedelta(days=7 * week) for week in range(70)]


def schemes() -> st.SearchStrategy[Scheme]:
    generous = changed("qinghai-2025", ("free_retakes = 1", "free_retakes = 2"))
    none = changed("qinghai-2025", ("free_retakes = 1", "free_retakes = 0"))
    return st.sampled_from([qinghai(), haiyue(), generous, none])


@st.composite
def an_attempt(draw: st.DrawFn) -> Attempt:
    outcome = draw(st.sampled_from(Outcome))
    score = draw(st.sampled_from(["0", "59.99", "60", "72", "100"])) if outcome is Outcome.SCORED else None
    return Attempt(
        draw(st.sampled_from(Subject)),
        draw(st.sampled_from(DAYS)),
        draw(st.sampled_from(AttemptKind)),
        outcome,
        None if score is None else Decimal(score),
    )


@st.composite
def a_likely_course(draw: st.DrawFn) -> list[Attempt]:
    """Attempts that mostly may be recorded, so that the laws are tried on more than refusals."""
    attempts = []
    for subject in Subject:
        day = draw(st.sampled_from(DAYS[1:20]))
        for kind in draw(
            st.sampled_from(
                [
                    (),
                    (AttemptKind.FIRST,),
                    (AttemptKind.FIRST, AttemptKind.FREE_RETAKE),
                    (AttemptKind.FIRST, AttemptKind.ONSITE_RETAKE, AttemptKind.FREE_RETAKE),
                ]
            )
        ):
            if kind is AttemptKind.FREE_RETAKE:
                day += timedelta(days=draw(st.integers(1, 380)))
            outcome = draw(st.sampled_from([Outcome.SCORED, Outcome.SCORED, Outcome.SCORED, Outcome.ABSENT, *Outcome]))
            score = Decimal(draw(st.sampled_from(["40", "59.99", "60", "90"]))) if outcome is Outcome.SCORED else None
            attempts.append(Attempt(subject, day, kind, outcome, score))
    return attempts


def rows() -> st.SearchStrategy[list[Attempt]]:
    return st.one_of(
        a_likely_course(),
        st.lists(an_attempt(), max_size=8),
        st.tuples(a_likely_course(), st.lists(an_attempt(), max_size=3)).map(lambda two: two[0] + two[1]),
    )


days = st.dates(date(2025, 1, 1), date(2027, 12, 31))


@given(rows(), st.randoms(use_true_random=False), schemes(), days)
def test_the_order_of_rows_never_matters(attempts, chance, scheme, on) -> None:
    shuffled = list(attempts)
    chance.shuffle(shuffled)
    assert decide(ENROLMENT, attempts, scheme, on) == decide(ENROLMENT, shuffled, scheme, on)
    refused = admit_all(ENROLMENT, [], attempts, scheme)
    refused_shuffled = admit_all(ENROLMENT, [], shuffled, scheme)
    assert [(one, str(why)) for one, why in refused] == [(one, str(why)) for one, why in refused_shuffled]


@given(rows(), schemes(), days)
def test_deciding_twice_is_the_same(attempts, scheme, on) -> None:
    assert decide(ENROLMENT, attempts, scheme, on) == decide(ENROLMENT, iter(attempts), scheme, on)


@given(rows(), rows(), schemes(), days, st.integers(0, 900))
def test_no_path_leads_out_of_a_closed_enrolment(attempts, more, scheme, on, days_later) -> None:
    """Passed, void, failed and forfeited absorb: whatever is dated later, and however much time goes by."""
    state = decide(ENROLMENT, attempts, scheme, on).state
    so_far = [one for one in attempts if one.sat_on <= on]
    later = [one for one in more if one.sat_on > on]
    if state.lost or state is EnrolmentState.PASSED:
        after = decide(ENROLMENT, so_far + later, scheme, on + timedelta(days=days_later))
        assert after.state is state


@given(rows(), rows(), schemes(), days)
def test_a_lost_enrolment_counts_nothing_dated_later(attempts, more, scheme, on) -> None:
    """Annulled sittings aside, what is admitted is of a subject that had never been sat, and not counted (R3.8)."""
    so_far = [one for one in attempts if one.sat_on <= on]
    existing = _admitted(so_far, scheme)
    before = decide(ENROLMENT, existing, scheme, on)
    if before.state.lost:
        later = [one for one in more if one.sat_on > on and one.outcome is not Outcome.VOID]
        refused = [one for one, _ in admit_all(ENROLMENT, existing, later, scheme)]
        admitted = [one for one in later if all(one is not other for other in refused)]
        after = decide(ENROLMENT, existing + admitted, scheme, date.max)
        assert (after.state, after.subjects) == (before.state, before.subjects)
        uncounted = not_counted(ENROLMENT, existing + admitted, scheme)
        assert all(any(one is other for other in uncounted) for one in admitted)
        assert all(before.subjects[one.subject].standing is Standing.NOT_SAT for one in admitted)


@given(rows(), schemes(), days)
def test_rows_that_are_refused_have_no_effect(attempts, scheme, on) -> None:
    full = decide(ENROLMENT, attempts, scheme, on)
    clean = decide(ENROLMENT, _admitted(attempts, scheme), scheme, on)
    assert (full.state, full.subjects, full.completed_on) == (clean.state, clean.subjects, clean.completed_on)


@given(rows(), schemes(), days)
def test_a_decision_agrees_with_itself(attempts, scheme, on) -> None:
    decision = decide(ENROLMENT, attempts, scheme, on)
    standings = {subject: one.standing.value for subject, one in decision.subjects.items()}
    open_retakes = [one for one in decision.subjects.values() if one.free_retake.open]
    assert (decision.state is EnrolmentState.PASSED) == (set(standings.values()) == {"passed"})
    assert (decision.completed_on is not None) == (decision.state is EnrolmentState.PASSED)
    assert not (decision.state.lost and open_retakes)
    assert not (decision.state is EnrolmentState.RETAKE_OPEN and not open_retakes)
    assert (decision.state is EnrolmentState.IN_PROGRESS) == (
        "not_sat" in standings.values() and not decision.state.lost
    )
    assert all(one.deadline is not None and one.deadline >= on for one in (d.free_retake for d in open_retakes))
    assert decision.reasons
    assert all(reason.rule.startswith("R") and reason.zh and reason.en for reason in decision.reasons)


@given(rows(), days)
def test_an_enrolment_registered_later_knows_nothing_of_earlier_sittings(attempts, on) -> None:
    later = Enrolment(date(2028, 1, 1))
    assert decide(later, attempts, qinghai(), on).state is EnrolmentState.IN_PROGRESS


def _admitted(attempts: list[Attempt], scheme: Scheme) -> list[Attempt]:
    """The attempts less those refused, a row given twice counting twice."""
    refused = Counter(map(repr, (one for one, _ in admit_all(ENROLMENT, [], attempts, scheme))))
    admitted = []
    for one in attempts:
        if refused[repr(one)]:
            refused[repr(one)] -= 1
        else:
            admitted.append(one)
    return admitted
