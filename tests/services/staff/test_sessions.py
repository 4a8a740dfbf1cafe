"""Signing in takes two factors, and a session ends when it must."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest
from sqlalchemy import select, text

from certsvc.errors import Refused
from certsvc.services.staff import accounts, second_factor, sessions
from certsvc.services.staff.second_factor import Code
from certsvc.services.staff.sessions import SignInOver
from certsvc.store import AccountRecord, StaffSessionRecord, kept_tables
from tests.builders.staff import GIVEN, OWN, Member, join, session_of
from tests.services.staff.conftest import BOTH, Office


def half_way(office: Office, member: Member) -> str:
    half = sessions.begin(office.services, member.name, member.password)
    assert half is not None
    return half


def test_a_password_alone_opens_nothing(office: Office) -> None:
    maker = join(office.services, "maker1", "maker")
    half = half_way(office, maker)
    someone = sessions.whose(office.services, half)
    assert someone is not None
    assert (someone.signed_in, someone.fresh) == (False, False)
    for deed in (sessions.new_recovery_codes, lambda s, x: sessions.drop_passkey(s, x, 1)):
        with pytest.raises(SignInOver):
            deed(office.services, half)
    with pytest.raises(SignInOver):
        sessions.confirm(office.services, half, Code(maker.recovery[0]))


@BOTH
def test_a_code_of_the_authenticator_signs_in_once(office: Office) -> None:
    maker = join(office.services, "maker1", "maker")
    office.clock.move(seconds=60)
    code = maker.code(office.clock.at)
    begun = sessions.sign_in(office.services, half_way(office, maker), Code(f" {code[:3]} {code[3:]} "))
    assert begun is not None
    someone = sessions.whose(office.services, begun)
    assert someone is not None
    assert (someone.name, someone.role, someone.signed_in, someone.fresh) == ("maker1", "maker", True, True)
    again = sessions.sign_in(office.services, half_way(office, maker), Code(code))
    assert again is None, "the same code is not good twice (RFC 6238, 5.2)"


def test_the_codes_are_those_of_rfc_6238() -> None:
    # Appendix B: the secret "12345678901234567890", SHA-1; here the last six of its eight digits.
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    vectors = {59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 20000000000: "65353130"}
    assert {at: pyotp.TOTP(secret).at(at) for at in vectors} == {at: code[2:] for at, code in vectors.items()}


@pytest.mark.parametrize(("late", "good"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_code_is_good_one_step_early_or_late(office: Office, late: int, good: bool) -> None:
    maker = join(office.services, "maker1", "maker")
    office.clock.move(minutes=10)
    half = half_way(office, maker)
    code = maker.code(office.clock.at)
    office.clock.move(seconds=late)
    assert (sessions.sign_in(office.services, half, Code(code)) is not None) is good


def test_the_secret_of_the_cookie_is_another_after_signing_in(office: Office) -> None:
    maker = join(office.services, "maker1", "maker")
    half = half_way(office, maker)
    begun = sessions.sign_in(office.services, half, Code(maker.recovery.pop()))
    assert begun not in (None, half)
    assert sessions.whose(office.services, half) is None, "who planted the first secret has nothing"


@BOTH
def test_a_recovery_code_is_good_once(office: Office) -> None:
    maker = join(office.services, "maker1", "maker")
    code = maker.recovery[0]
    assert sessions.sign_in(office.services, half_way(office, maker), Code(code.upper())) is not None
    assert sessions.sign_in(office.services, half_way(office, maker), Code(code)) is None
    fresh = sessions.new_recovery_codes(office.services, session_of(office.services, maker))
    assert len(set(fresh)) == second_factor.RECOVERY_CODES
    assert sessions.sign_in(office.services, half_way(office, maker), Code(maker.recovery[1])) is None, "an earlier one"
    assert sessions.sign_in(office.services, half_way(office, maker), Code(fresh[0])) is not None


@pytest.mark.parametrize("code", ["", "000000", "no such code", "\ud800", "١٢٣٤٥٦"])
def test_a_wrong_code_signs_no_one_in(office: Office, code: str) -> None:
    maker = join(office.services, "maker1", "maker")
    assert sessions.sign_in(office.services, half_way(office, maker), Code(code)) is None


def test_after_five_wrong_codes_it_begins_again_with_the_password(office: Office) -> None:
    maker = join(office.services, "maker1", "maker")
    half = half_way(office, maker)
    for _ in range(sessions.MOST_TRIES):
        assert sessions.sign_in(office.services, half, Code("000000")) is None
    with pytest.raises(SignInOver):
        sessions.sign_in(office.services, half, Code(maker.recovery[0]))
    assert session_of(office.services, maker), "and its owner still gets in"


@BOTH
def test_a_stolen_session_cannot_guess_on(office: Office) -> None:
    maker = join(office.services, "maker1", "maker")
    stolen = session_of(office.services, maker)
    for _ in range(sessions.MOST_TRIES):
        assert not sessions.confirm(office.services, stolen, Code("000000"))
    assert sessions.whose(office.services, stolen) is None


def test_the_second_factor_counts_for_five_minutes(office: Office) -> None:
    maker = join(office.services, "maker1", "maker")
    secret = session_of(office.services, maker)
    office.clock.move(minutes=5)
    someone = sessions.whose(office.services, secret)
    assert someone is not None
    assert not someone.fresh
    assert sessions.confirm(office.services, secret, Code(maker.code(office.clock.at)))
    someone = sessions.whose(office.services, secret)
    assert someone is not None
    assert someone.fresh


@BOTH
def test_a_session_ends_when_it_is_idle_or_old(office: Office) -> None:
    maker = join(office.services, "maker1", "maker")
    idle = session_of(office.services, maker)
    office.clock.move(minutes=31)
    assert sessions.whose(office.services, idle) is None
    awake = session_of(office.services, maker)
    for _ in range(23):  # 9 hours 35 minutes
        office.clock.move(minutes=25)
        assert sessions.whose(office.services, awake) is not None
    office.clock.move(minutes=26)
    assert sessions.whose(office.services, awake) is None


ENDS: dict[str, Callable[[Office, Member, str], object]] = {
    "signed out": lambda at, _, secret: sessions.sign_out(at.services, secret),
    "another role": lambda at, one, _: accounts.do_alone(
        at.services, accounts.another_role(one.name, "auditor"), by="root"
    ),
    "disabled": lambda at, one, _: accounts.disable(at.services, one.name, by="root"),
    "reset": lambda at, one, _: accounts.do_alone(at.services, accounts.resetting(one.name, GIVEN), by="root"),
    "another password": lambda at, one, secret: sessions.change_password(
        at.services, session_of(at.services, one), OWN, "another of my own"
    ),
}


@BOTH
@pytest.mark.parametrize("how", ENDS)
def test_a_session_ends_when_its_account_changes(office: Office, how: str) -> None:
    maker = join(office.services, "maker1", "maker")
    other = session_of(office.services, join(office.services, "other1", "maker"))
    secret = session_of(office.services, maker)
    assert sessions.whose(office.services, secret) is not None
    ENDS[how](office, maker, secret)
    assert sessions.whose(office.services, secret) is None
    assert sessions.whose(office.services, other) is not None


def test_a_role_that_stays_ends_nothing(office: Office) -> None:
    maker = join(office.services, "maker1", "maker")
    secret = session_of(office.services, maker)
    accounts.do_alone(office.services, accounts.another_role("maker1", "maker"), by="root")
    assert sessions.whose(office.services, secret) is not None


def test_a_disabled_account_stays_shut_until_it_is_enabled(office: Office) -> None:
    maker = join(office.services, "maker1", "maker")
    accounts.disable(office.services, "maker1", by="root")
    assert sessions.begin(office.services, "maker1", OWN) is None
    accounts.enable(office.services, "maker1", by="root")
    assert session_of(office.services, maker)


def test_a_given_password_is_good_for_the_first_sign_in_alone(office: Office) -> None:
    accounts.do_alone(office.services, accounts.opening("maker1", "maker", GIVEN), by="root")
    half = sessions.begin(office.services, "maker1", GIVEN)
    assert half is not None
    secret = sessions.secret_for(office.services, half)
    code = pyotp.TOTP(secret).at(office.clock.at)
    for password in (None, GIVEN, "too short"):
        with pytest.raises(Refused):
            sessions.set_up(office.services, half, code, password)
    assert sessions.set_up(office.services, half, "000000", OWN) is None
    assert sessions.secret_for(office.services, half) == secret, "the same, should the page be loaded again"
    assert sessions.set_up(office.services, half, code, OWN) is not None
    assert sessions.begin(office.services, "maker1", GIVEN) is None


def test_what_was_set_up_is_not_set_up_again_by_one_who_has_the_password(office: Office) -> None:
    maker = join(office.services, "maker1", "maker")
    half = half_way(office, maker)
    with pytest.raises(Refused):
        sessions.secret_for(office.services, half)
    with pytest.raises(Refused):
        sessions.set_up(office.services, half, maker.code(office.clock.at), "a thief's own")


def test_a_reset_account_sets_everything_up_again(office: Office) -> None:
    maker = join(office.services, "maker1", "maker")
    accounts.do_alone(office.services, accounts.resetting("maker1", "given once more"), by="root")
    half = sessions.begin(office.services, "maker1", "given once more")
    assert half is not None
    with pytest.raises(SignInOver):
        sessions.sign_in(office.services, half, Code(maker.recovery[0]))
    assert sessions.secret_for(office.services, half) != maker.secret


def test_the_secret_of_an_authenticator_is_sealed_to_its_account(office: Office) -> None:
    maker, other = join(office.services, "maker1", "maker"), join(office.services, "other1", "maker")
    with office.services.database.writing() as session:
        rows = {row.name: row for row in session.scalars(select(AccountRecord))}
        assert maker.secret.encode() not in (rows["maker1"].totp_sealed or b"")
        rows["other1"].totp_sealed = rows["maker1"].totp_sealed
    office.clock.move(seconds=60)
    with pytest.raises(Exception, match="vault"):
        sessions.sign_in(office.services, half_way(office, other), Code(maker.code(office.clock.at)))


@BOTH
def test_one_code_in_many_hands_signs_in_once(office: Office) -> None:
    maker = join(office.services, "maker1", "maker")
    office.clock.move(seconds=60)
    code, halves = maker.code(office.clock.at), [half_way(office, maker) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(lambda half: sessions.sign_in(office.services, half, Code(code)), halves))
    assert sum(secret is not None for secret in begun) == 1


def test_no_secret_of_a_session_rests_in_the_register_and_no_backup_has_any(office: Office) -> None:
    secret = session_of(office.services, join(office.services, "maker1", "maker"))
    with office.services.database.reading() as session:
        digests = [row.digest for row in session.scalars(select(StaffSessionRecord))]
    assert secret.encode() not in b"".join(digests)
    names = {table.name for table in kept_tables()}
    assert "staff_session" not in names
    assert {"account", "passkey", "recovery_code"} <= names


def test_sessions_are_swept_a_day_after_their_end(office: Office) -> None:
    maker = join(office.services, "maker1", "maker")
    session_of(office.services, maker)
    office.clock.move(days=3)
    session_of(office.services, maker)
    with office.services.database.reading() as session:
        assert session.scalar(text("select count(*) from staff_session")) == 2, "the two steps of now"
