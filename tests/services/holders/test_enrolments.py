"""What a candidate sees: published results alone, what follows from them, and when the rest is expected (R5, R6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import update

from certsvc.rules.course import Standing
from certsvc.rules.progress import EnrolmentState
from certsvc.rules.terms import Subject
from certsvc.services.examination.import_results import import_results
from certsvc.services.examination.publish_results import publish_results
from certsvc.services.holders.own_record import view
from certsvc.services.holders.shown import EnrolmentView
from certsvc.services.records.schemes import Pinning
from certsvc.services.registration.import_roster import import_candidates
from certsvc.store import AttemptRecord
from tests.builders.holding import holder, installed
from tests.builders.installation import Installation, Person
from tests.builders.person import Candidate, write_csv

SAT = date(2025, 3, 24)


@pytest.fixture
def at(home: Path) -> Iterator[Installation]:
    installation = installed(home)
    yield installation
    installation.services.database.close()


class Candidacy:
    """One candidate on the day `today`, with results that are published or not."""

    def __init__(self, at: Installation, folder: Path, today: date) -> None:
        self.at, self.folder = at, folder
        self.one = Candidate()
        self.person = Person(self.one.name, self.one.id_number)
        # Nothing here is signed, so the clock may stand before the keys were made.
        at.clock.at = at.clock.at.replace(year=today.year, month=today.month, day=today.day, hour=4)
        import_candidates(at.services, write_csv(folder / "c.csv", [self.one.cells()]), by="登记员")

    def sits(self, *rows: dict[str, str], published_on: date | None = None) -> None:
        import_results(self.at.services, write_csv(self.folder / "r.csv", rows), by="考评员")
        if published_on is not None:
            with self.at.services.database.writing() as session:
                unpublished = update(AttemptRecord).where(AttemptRecord.published_on.is_(None))
                session.execute(unpublished.values(published_on=published_on))

    def sees(self) -> EnrolmentView:
        (enrolment,) = view(self.at.services, holder(self.at, self.person)).enrolments
        return enrolment


@pytest.fixture
def candidacy(at: Installation, tmp_path: Path) -> Candidacy:
    return Candidacy(at, tmp_path, date(2025, 4, 1))


def test_a_result_is_unseen_until_the_day_it_is_published(candidacy: Candidacy) -> None:
    one = candidacy.one
    candidacy.sits(one.result("theory", "37.5"), one.result("practical", "91.5"), published_on=date(2025, 4, 3))
    for _ in range(2):
        shown = candidacy.sees()
        assert shown.state is EnrolmentState.IN_PROGRESS
        assert [(subject.standing, subject.score, subject.attempts) for subject in shown.subjects] == [
            (Standing.NOT_SAT, None, ())
        ] * 2
        assert [(one.subject, one.sat_on, one.expected_on, one.overdue) for one in shown.pending] == [
            (Subject.PRACTICAL, SAT, date(2025, 4, 8), False),
            (Subject.THEORY, SAT, date(2025, 4, 8), False),
        ]
        everything = repr(shown)
        assert not any(result in everything for result in ("37.5", "91.5", "不合格", "retake_open=True"))
        candidacy.at.clock.move(days=1)
    shown = candidacy.sees()
    assert shown.state is EnrolmentState.RETAKE_OPEN
    assert shown.pending == ()
    theory, practical = shown.subjects
    assert (theory.standing, theory.score, theory.retake_open) == (Standing.FAILED, Decimal("37.5"), True)
    assert (theory.retake_deadline, theory.retake_fee) == (date(2026, 3, 24), Decimal(0))
    assert (practical.standing, practical.score, practical.retake_open) == (Standing.PASSED, Decimal("91.5"), False)
    assert shown.as_of == date(2025, 4, 3)


def test_an_unpublished_on_site_retake_does_not_tell_that_the_first_go_failed(candidacy: Candidacy) -> None:
    one = candidacy.one
    candidacy.sits(one.result("practical", "12.25"), one.result("practical", "71.75", kind="onsite_retake"))
    shown = candidacy.sees()
    assert [(one.subject, one.sat_on) for one in shown.pending] == [(Subject.PRACTICAL, SAT)]
    assert not any(result in repr(shown) for result in ("12.25", "71.75", "onsite", "现场"))


def test_reasons_come_in_both_languages_and_from_published_results_alone(candidacy: Candidacy) -> None:
    one = candidacy.one
    candidacy.sits(one.result("theory", "37.5"), published_on=date(2025, 3, 30))
    candidacy.sits(one.result("practical", "12.25"))
    shown = candidacy.sees()
    assert any("37.5" in reason.zh and "37.5" in reason.en for reason in shown.reasons)
    assert "R3.1" in {reason.rule for reason in shown.reasons}
    assert not any("12.25" in reason.zh + reason.en for reason in shown.reasons)
    assert [one.subject for one in shown.pending] == [Subject.PRACTICAL]


def test_a_deadline_that_passed_while_a_result_is_pending_is_not_called_missed(candidacy: Candidacy) -> None:
    one = candidacy.one
    candidacy.sits(one.result("theory", "37.5"), one.result("practical", "91.5"), published_on=date(2025, 3, 30))
    candidacy.at.clock.at = candidacy.at.clock.at.replace(year=2026, month=3, day=30)
    assert candidacy.sees().state is EnrolmentState.FORFEITED, "nothing was sat, and the day is past"
    candidacy.sits(one.result("theory", "88.25", kind="free_retake", sat_on="2026-03-24"))
    shown = candidacy.sees()
    assert (shown.state, shown.as_of) == (EnrolmentState.RETAKE_OPEN, date(2026, 3, 24))
    assert "88.25" not in repr(shown)
    publish_results(candidacy.at.services, by="发布员")
    shown = candidacy.sees()
    assert (shown.state, shown.as_of, shown.completed_on) == (
        EnrolmentState.PASSED,
        date(2026, 3, 30),
        date(2026, 3, 24),
    )


def test_expected_days_are_shown_and_overdue_ones_said_to_be(candidacy: Candidacy) -> None:
    one = candidacy.one
    candidacy.sits(*one.passes())
    candidacy.at.clock.at = candidacy.at.clock.at.replace(month=4, day=9)
    assert all(pending.overdue for pending in candidacy.sees().pending)
    publish_results(candidacy.at.services, by="发布员")
    shown = candidacy.sees()
    assert (shown.state, shown.completed_on) == (EnrolmentState.PASSED, SAT)
    assert shown.certificate_expected == (date(2025, 4, 13), date(2025, 4, 23))
    assert not shown.certificate_overdue
    candidacy.at.clock.at = candidacy.at.clock.at.replace(month=4, day=24)
    assert candidacy.sees().certificate_overdue


def test_a_result_dated_ahead_is_neither_shown_nor_pending(candidacy: Candidacy) -> None:
    one = candidacy.one
    candidacy.at.clock.at = candidacy.at.clock.at.replace(month=3, day=25)
    candidacy.sits(one.result("theory", "88"))
    with candidacy.at.services.database.writing() as session:
        session.execute(update(AttemptRecord).values(sat_on=date(2025, 3, 26)))
    shown = candidacy.sees()
    assert (shown.pending, shown.state) == ((), EnrolmentState.IN_PROGRESS)


def test_item_scores_stand_with_their_names_and_maxima(candidacy: Candidacy) -> None:
    scores = ("12", "18", "20.5", "10", "13", "8")
    one = candidacy.one
    given = dict(zip(item_codes(candidacy.at), scores, strict=True))
    candidacy.sits(one.result("practical", "81.5", **given), published_on=date(2025, 3, 30))
    _, practical = candidacy.sees().subjects
    (attempt,) = practical.attempts
    assert [(score, score <= maximum) for _, _, score, maximum in attempt.items] == [
        (Decimal(text), True) for text in scores
    ]
    assert all(zh and en for zh, en, _, _ in attempt.items)


def item_codes(at: Installation) -> list[str]:
    """The required items and the first of each drawn pair."""
    with at.services.database.reading() as session:
        practical = Pinning(session).any_scheme.subjects[Subject.PRACTICAL]
    return [item.code for item in practical.required] + [pair[0].code for pair in practical.drawn]
