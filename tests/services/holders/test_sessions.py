"""Sessions of holders: they end when idle, when over, when signed out, and when the person is found no more (R10)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from certsvc.services.certificates.correct import Correction, correct
from certsvc.services.holders import sign_in as access
from certsvc.store import HolderSessionRecord
from tests.builders.holding import code_of, holder, identity, number_of, secret_of
from tests.builders.installation import Installation, Person, made_up

HOLDER, OTHER = made_up(1), made_up(2)


def test_a_session_ends_when_it_is_idle_for_half_an_hour(at: Installation) -> None:
    secret = secret_of(at, HOLDER)
    for _ in range(4):
        at.clock.move(minutes=29)
        assert access.holder_of(at.services, secret) is not None
    at.clock.move(minutes=30)
    assert access.holder_of(at.services, secret) is None


def test_a_session_ends_after_eight_hours_however_busy(at: Installation) -> None:
    secret = secret_of(at, HOLDER)
    for _ in range(31):
        at.clock.move(minutes=15)
        assert access.holder_of(at.services, secret) is not None
    at.clock.move(minutes=15)
    assert access.holder_of(at.services, secret) is None


def test_signing_out_ends_this_session_alone(at: Installation) -> None:
    one, two = secret_of(at, HOLDER), secret_of(at, OTHER)
    access.sign_out(at.services, one)
    access.sign_out(at.services, one)
    access.sign_out(at.services, "never given")
    assert access.holder_of(at.services, one) is None
    assert access.holder_of(at.services, two) is not None


@pytest.mark.parametrize("secret", ["", "x", "\ud800", "A" * 43])
def test_an_invented_secret_is_nobodys(at: Installation, secret: str) -> None:
    secret_of(at, HOLDER)
    assert access.holder_of(at.services, secret) is None


def test_a_form_key_is_the_sessions_own(at: Installation) -> None:
    first = secret_of(at, HOLDER)
    one, again = access.holder_of(at.services, first), access.holder_of(at.services, first)
    other = holder(at, OTHER)
    assert one is not None
    assert again is not None
    assert one.form_key == again.form_key != other.form_key
    with at.services.database.reading() as session:
        digests = session.scalars(select(HolderSessionRecord.digest)).all()
    assert one.form_key not in digests


def test_a_corrected_identity_ends_the_session_and_signs_in_anew(at: Installation) -> None:
    secret = secret_of(at, HOLDER)
    corrected = Person(HOLDER.name, made_up(21).id_number)
    correct(
        at.services,
        number_of(at, HOLDER),
        Correction(id_number=corrected.id_number),
        reason="更正证件号码",
        by="甲",
        approved_by="复核员",
    )
    assert access.holder_of(at.services, secret) is None
    code = code_of(at, corrected)
    assert access.sign_in(at.services, HOLDER.name, identity(HOLDER), code) is None
    assert access.sign_in(at.services, corrected.name, identity(corrected), code) is not None
