"""Personal data opens only with its key and in its own row; who has no key finds no one (R10)."""

from __future__ import annotations

import hashlib

import pytest

from certsvc.errors import KeyMissing
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.services.context import Services
from certsvc.services.vault import Vault
from certsvc.signing.keys import Purpose
from tests.builders.person import Candidate

NUMBER = Candidate().id_number


def test_what_is_sealed_opens_in_its_own_row_only(services: Services) -> None:
    sealed = services.vault.seal({"id_number": NUMBER, "phone": None}, b"this row")
    assert NUMBER.encode() not in sealed.content
    assert services.vault.open(sealed.content, sealed.kid, b"this row") == {"id_number": NUMBER, "phone": None}
    with pytest.raises(KeyMissing):
        services.vault.open(sealed.content, sealed.kid, b"another row")


def test_one_flipped_bit_does_not_open(services: Services) -> None:
    sealed = services.vault.seal({"id_number": NUMBER}, b"row")
    flipped = sealed.content[:-1] + bytes([sealed.content[-1] ^ 1])
    with pytest.raises(KeyMissing):
        services.vault.open(flipped, sealed.kid, b"row")


def test_the_same_content_is_never_sealed_alike(services: Services) -> None:
    one, other = (services.vault.seal({"id_number": NUMBER}, b"row") for _ in range(2))
    assert one.content != other.content


def test_what_was_sealed_before_a_rotation_still_opens(services: Services) -> None:
    sealed = services.vault.seal({"id_number": NUMBER}, b"row")
    services.keystore.rotate(Purpose.PERSONAL_DATA, development=True)
    vault = Vault(services.keystore)
    assert vault.open(sealed.content, sealed.kid, b"row") == {"id_number": NUMBER}
    assert vault.seal({}, b"row").kid != sealed.kid


def test_a_look_up_is_no_plain_hash_and_tells_types_apart(services: Services) -> None:
    resident = IdentityDocument(IdType.RESIDENT_ID, NUMBER)
    lookup = services.vault.lookup(resident)
    assert lookup == services.vault.lookup(resident)
    assert lookup != services.vault.lookup(IdentityDocument(IdType.PASSPORT, NUMBER))
    assert lookup != hashlib.sha256(NUMBER.encode()).digest()
