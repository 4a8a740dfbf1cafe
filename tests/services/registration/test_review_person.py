"""What a registration that no one has approved shows its candidate, and what it cannot open (R1.6, R10)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from certsvc.rules.registration_review import FaceCheck, RegistrationState
from certsvc.services.holders import sign_in as access
from certsvc.services.holders.codes_by_message import send_due
from certsvc.services.holders.own_record import view
from certsvc.services.holders.shown import ReviewView
from certsvc.services.kit.export import rebuild
from certsvc.store import EnrolmentRecord, MessageRecord
from tests.builders.holding import PAPER, holder, identity, installed, sent
from tests.builders.installation import Installation, Person
from tests.builders.older import export_kit_as_made_by
from tests.builders.person import Candidate
from tests.builders.reviewing import Desk

ONE = Candidate()
PERSON = Person(ONE.name, ONE.id_number)


@pytest.fixture
def at(home: Path) -> Iterator[Installation]:
    installation = installed(home)
    yield installation
    installation.services.database.close()


@pytest.fixture
def desk(at: Installation, tmp_path: Path) -> Desk:
    return Desk(at.services, tmp_path)


def seen(at: Installation) -> ReviewView | None:
    (enrolment,) = view(at.services, holder(at, PERSON)).enrolments
    return enrolment.review


def test_the_candidate_follows_the_review(at: Installation, desk: Desk) -> None:
    desk.take(ONE.cells())
    today = at.services.today()
    assert seen(at) == ReviewView(RegistrationState.SUBMITTED, today, None, None)
    desk.confirm(face=FaceCheck.MANUAL)
    confirmed = seen(at)
    assert confirmed is not None
    assert confirmed.confirmed is not None
    assert (confirmed.state, confirmed.confirmed.face) == (RegistrationState.SUBMITTED, FaceCheck.MANUAL)
    desk.give_back()
    assert seen(at) == ReviewView(RegistrationState.RETURNED, today, "缺照片", confirmed.confirmed)
    desk.take(ONE.cells(batch="二"))  # other values: what was confirmed is no more
    assert seen(at) == ReviewView(RegistrationState.SUBMITTED, today, None, None)
    desk.approve()
    assert seen(at) is None


def test_the_candidate_sees_why_it_was_rejected(at: Installation, desk: Desk) -> None:
    desk.take(ONE.cells())
    desk.reject()
    rejected = seen(at)
    assert rejected is not None
    assert (rejected.state, rejected.remark) == (RegistrationState.REJECTED, "不是本人")


def ask(at: Installation) -> int:
    """How many codes have been sent, with one more asked for."""
    access.request_code(at.services, PERSON.name, identity(PERSON))
    send_due(at.services)
    return len(sent(at))


def test_a_telephone_that_nobody_approved_opens_no_paper_of_somebody(at: Installation, desk: Desk) -> None:
    at.import_paper((PAPER, PERSON))
    desk.take(ONE.cells(phone="13911111111"))
    assert ask(at) == 0
    with at.services.database.reading() as session:
        assert session.scalars(select(MessageRecord.fault)).one() == "not-reviewed"
    desk.approve()
    assert ask(at) == 1


def test_without_anything_else_to_open_the_candidate_gets_a_code(at: Installation, desk: Desk) -> None:
    desk.take(ONE.cells())
    assert ask(at) == 1


def test_a_kit_of_before_there_was_a_review_is_rebuilt_as_approved(
    at: Installation, desk: Desk, tmp_path: Path
) -> None:
    desk.take(ONE.cells(), for_review=False)
    export_kit_as_made_by(at.services, "0004", tmp_path / "kit")
    (tmp_path / "again").mkdir()
    shutil.copytree(at.home / "keys", tmp_path / "again" / "keys")
    again = Installation(tmp_path / "again", clock=at.clock)
    rebuild(again.services, tmp_path / "kit")
    with again.services.database.reading() as session:
        assert session.scalars(select(EnrolmentRecord.review_state)).one() == "approved"
    again.services.database.close()
