"""Passwords: argon2id, and those that scrypt hashed before are accepted and hashed again."""

from __future__ import annotations

import base64
import hashlib

import pytest
from argon2.profiles import RFC_9106_LOW_MEMORY
from sqlalchemy import select, update

from certsvc.services.context import Services
from certsvc.services.staff import passwords, sessions
from certsvc.services.staff.accounts import do_alone, opening
from certsvc.services.staff.passwords import NO_ONES, hash_password, is_outdated, password_matches
from certsvc.store import AccountRecord

SHIPPED = passwords._HASHER  # before the tests' own, lighter one


@pytest.fixture(autouse=True)
def as_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_HASHER", SHIPPED)


def test_what_is_shipped_is_no_weaker_than_the_recommendation() -> None:
    low = RFC_9106_LOW_MEMORY
    assert (SHIPPED.memory_cost, SHIPPED.time_cost) >= (low.memory_cost, low.time_cost)
    assert hash_password(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


PASSWORD = "correct horse 电池 battery"


def scrypt(password: str) -> str:
    """As this program hashed before."""
    salt = b"0123456789abcdef"
    key = hashlib.scrypt(password.encode(), salt=salt, n=2**17, r=8, p=1, maxmem=2**28 + 2**20, dklen=32)
    return "$".join(("scrypt", "17", "8", "1", base64.b64encode(salt).decode(), base64.b64encode(key).decode()))


def test_only_the_right_password_matches() -> None:
    stored = hash_password(PASSWORD)
    assert password_matches(PASSWORD, stored)
    assert not password_matches(PASSWORD + " ", stored)
    assert not password_matches(PASSWORD, NO_ONES)
    assert not password_matches("", "no hash at all")
    assert hash_password(PASSWORD) != stored, "the salt is another each time"
    assert not is_outdated(stored)


def test_half_a_surrogate_pair_is_a_wrong_password_and_no_fault() -> None:
    assert not password_matches("\ud800", hash_password(PASSWORD))


def test_a_password_that_scrypt_hashed_is_hashed_again_at_sign_in(services: Services) -> None:
    do_alone(services, opening("maker1", "maker", "something else"), by="root")
    with services.database.writing() as session:
        session.execute(update(AccountRecord).values(password_hash=scrypt(PASSWORD)))
    assert sessions.begin(services, "maker1", PASSWORD + "x") is None
    with services.database.reading() as session:
        assert is_outdated(session.scalars(select(AccountRecord.password_hash)).one()), "a wrong one changes nothing"
    assert sessions.begin(services, "maker1", PASSWORD) is not None
    with services.database.reading() as session:
        stored = session.scalars(select(AccountRecord.password_hash)).one()
    assert stored.startswith("$argon2id$")
    assert sessions.begin(services, "maker1", PASSWORD) is not None
