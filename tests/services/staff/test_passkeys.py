"""Passkeys: made and used as WebAuthn says, bound to the site, the account and the very challenge."""

from __future__ import annotations

import dataclasses
import json

import pytest

from certsvc.errors import Refused
from certsvc.services.context import Services
from certsvc.services.staff import second_factor, sessions
from certsvc.services.staff.second_factor import Assertion
from tests.builders.passkey import PRESENT, Authenticator
from tests.builders.staff import Member, join, session_of


def registered(services: Services, member: Member) -> Authenticator:
    """A passkey of this member's."""
    device, secret = Authenticator(), session_of(services, member)
    challenge = sessions.new_challenge(services, secret)
    sessions.add_passkey(services, secret, device.make(challenge), challenge=challenge, label="安全密钥")
    return device


def half_way(services: Services, member: Member) -> tuple[str, bytes]:
    half = sessions.begin(services, member.name, member.password)
    assert half is not None
    sessions.new_challenge(services, half)
    return half, sessions.spend_challenge(services, half)


def test_a_passkey_signs_its_owner_in(services: Services) -> None:
    maker = join(services, "maker1", "maker")
    device = registered(services, maker)
    half, challenge = half_way(services, maker)
    begun = sessions.sign_in(services, half, Assertion(device.sign(challenge), challenge))
    assert begun is not None
    someone = sessions.whose(services, begun)
    assert someone is not None
    assert (someone.signed_in, someone.fresh) == (True, True)
    with services.database.reading() as session:
        (key,) = second_factor.passkeys_of(session, someone.account_id)
    assert (key.label, key.sign_count, key.used_at is not None) == ("安全密钥", 1, True)


WRONG = {
    "another challenge": lambda device: (device, bytes(32)),
    "another site's page": lambda device: (dataclasses.replace(device, origin="https://evil.example"), None),
    "another site's key": lambda device: (dataclasses.replace(device, domain="evil.example"), None),
    "its person not verified": lambda device: (dataclasses.replace(device, flags=PRESENT), None),
    "a key that no one registered": lambda device: (Authenticator(), None),
    "the same name with another key": lambda device: (Authenticator(id=device.id), None),
}


@pytest.mark.parametrize("how", WRONG)
def test_no_other_passkey_signs_in(services: Services, how: str) -> None:
    maker = join(services, "maker1", "maker")
    device, other = WRONG[how](registered(services, maker))
    half, challenge = half_way(services, maker)
    answer = device.sign(other or challenge)
    assert sessions.sign_in(services, half, Assertion(answer, challenge)) is None


def test_a_passkey_is_its_owners_alone(services: Services) -> None:
    device = registered(services, join(services, "maker1", "maker"))
    half, challenge = half_way(services, join(services, "other1", "maker"))
    assert sessions.sign_in(services, half, Assertion(device.sign(challenge), challenge)) is None


def test_a_copied_passkey_is_found_by_its_count(services: Services) -> None:
    maker = join(services, "maker1", "maker")
    device = registered(services, maker)
    copy = dataclasses.replace(device)
    for _ in range(2):
        half, challenge = half_way(services, maker)
        assert sessions.sign_in(services, half, Assertion(device.sign(challenge), challenge)) is not None
    half, challenge = half_way(services, maker)
    assert sessions.sign_in(services, half, Assertion(copy.sign(challenge), challenge)) is None


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", "no json", '{"id": 1}', "\ud800", json.dumps({"id": "a" * 9999})]
)
def test_what_is_no_answer_of_a_browser_is_refused_and_no_fault(services: Services, text: str) -> None:
    maker = join(services, "maker1", "maker")
    registered(services, maker)
    half, challenge = half_way(services, maker)
    assert sessions.sign_in(services, half, Assertion(text, challenge)) is None
    secret = session_of(services, maker)
    with pytest.raises(Refused):
        sessions.add_passkey(services, secret, text, challenge=challenge, label="x")


def test_a_challenge_is_good_once(services: Services) -> None:
    secret = session_of(services, join(services, "maker1", "maker"))
    challenge = sessions.new_challenge(services, secret)
    assert sessions.spend_challenge(services, secret) == challenge
    with pytest.raises(sessions.SignInOver):
        sessions.spend_challenge(services, secret)


def test_a_passkey_is_registered_once_and_can_be_taken_away(services: Services) -> None:
    maker = join(services, "maker1", "maker")
    device, secret = registered(services, maker), session_of(services, maker)
    challenge = sessions.new_challenge(services, secret)
    with pytest.raises(Refused, match="已登记"):
        sessions.add_passkey(services, secret, device.make(challenge), challenge=challenge, label="x")
    other = session_of(services, join(services, "other1", "maker"))
    sessions.drop_passkey(services, other, 1)
    half, challenge = half_way(services, maker)
    assert sessions.sign_in(services, half, Assertion(device.sign(challenge), challenge)) is not None
    sessions.drop_passkey(services, secret, 1)
    half, challenge = half_way(services, maker)
    assert sessions.sign_in(services, half, Assertion(device.sign(challenge), challenge)) is None
