"""A credential at rest is believed by one proof over its stored bytes: what that signs, and nothing beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.credential.canonical import canonical_bytes
from certsvc.credential.document import CertificateClaims, compose
from certsvc.signing.keys import KeyState, Purpose
from certsvc.signing.proofs import verify_credential
from certsvc.signing.stored import StoredProofs
from tests.credential.builders import claims, full_claims
from tests.signing.builders import CREATED, DID, ISSUING, STATUS, STRANGER, bundle, signed

PLAIN = signed(claims())
PROOFS = StoredProofs(bundle())


@pytest.mark.parametrize("said", [claims(), full_claims()], ids=["plain", "full"])
def test_what_was_signed_comes_back_as_it_was_signed(said: CertificateClaims) -> None:
    found = PROOFS.signed_part(signed(said))
    assert found is not None
    assert found.document == canonical_bytes(compose(said))
    assert found.digest == hashlib.sha256(found.document).digest()


@given(st.integers(0, len(PLAIN) - 1), st.integers(1, 255))
def test_no_changed_byte_comes_back_as_signed(place: int, change: int) -> None:
    """Wherever it stands: in the document nothing passes, in the proofs nothing but the very same document."""
    altered = bytearray(PLAIN)
    altered[place] ^= change
    found = PROOFS.signed_part(bytes(altered))
    assert found is None or found.document == canonical_bytes(compose(claims()))


def test_every_byte_of_the_document_is_bound() -> None:
    start = PLAIN.index(b'"proof":[')
    end = PLAIN.index(b'"}],', start) + 4
    for place in [*range(start), *range(end, len(PLAIN))]:
        altered = PLAIN[:place] + bytes([PLAIN[place] ^ 1]) + PLAIN[place + 1 :]
        assert PROOFS.signed_part(altered) is None, place


def moved(content: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads(content)
    change(document)
    return canonical_bytes(document)


def drop_first(document: dict[str, Any]) -> None:
    del document["proof"][0]


def turn_round(document: dict[str, Any]) -> None:
    document["proof"].reverse()


def later(document: dict[str, Any]) -> None:
    document["proof"][0]["created"] = "2025-04-21T01:02:04Z"


def other_purpose(document: dict[str, Any]) -> None:
    document["proof"][0]["proofPurpose"] = "authentication"


def other_method(document: dict[str, Any]) -> None:
    document["proof"][0]["verificationMethod"] = f"{DID}#{STATUS.kid}"


def no_proof(document: dict[str, Any]) -> None:
    del document["proof"]


def one_proof(document: dict[str, Any]) -> None:
    document["proof"] = document["proof"][0]


@pytest.mark.parametrize("change", [drop_first, turn_round, later, other_purpose, other_method, no_proof, one_proof])
def test_a_proof_that_is_not_the_one_over_these_bytes_proves_nothing(change: Callable[[dict[str, Any]], None]) -> None:
    assert PROOFS.signed_part(moved(PLAIN, lambda _: None)) is not None
    assert PROOFS.signed_part(moved(PLAIN, change)) is None


def test_what_is_put_between_the_proofs_is_not_shown() -> None:
    """A member that is signed by nothing: cut out with the proofs, or the signature fails."""
    start = PLAIN.index(b'"proof":[')
    for slipped in (b'"name":"x",', b'"proof":[],', b'"proof":[{"a":"}],'):
        assert PROOFS.signed_part(PLAIN[:start] + slipped + PLAIN[start:]) is None
    second = PLAIN.index(b"},{", start)
    found = PROOFS.signed_part(PLAIN[: second + 2] + b'{"name":"x"},' + PLAIN[second + 2 :])
    assert found is None or found.document == canonical_bytes(compose(claims()))


@pytest.mark.parametrize("content", [b"", b"{}", b'"proof":[', b"x" * 5000, PLAIN[:-200], PLAIN[: len(PLAIN) // 2]])
def test_what_is_no_credential_is_none(content: bytes) -> None:
    assert PROOFS.signed_part(content) is None


def test_spaces_and_another_order_are_not_the_stored_form() -> None:
    assert PROOFS.signed_part(json.dumps(json.loads(PLAIN), ensure_ascii=False).encode()) is None


def test_a_strangers_key_and_one_of_another_purpose_vouch_for_nothing() -> None:
    assert PROOFS.signed_part(signed(claims(), STRANGER)) is None
    assert PROOFS.signed_part(signed(claims(), STRANGER, f"{DID}#{ISSUING.kid}")) is None
    other = StoredProofs(bundle(ISSUING.record(Purpose.STATUS_LIST)))
    assert other.signed_part(PLAIN) is None


def test_a_retired_key_vouches_for_what_it_signed_while_it_was_in_use() -> None:
    for retired_at, holds in ((CREATED, True), (datetime(2025, 4, 21, 1, 2, 2, tzinfo=UTC), False)):
        record = ISSUING.record(state=KeyState.RETIRED, retired_at=retired_at)
        assert (StoredProofs(bundle(record)).signed_part(PLAIN) is not None) is holds
        assert verify_credential(PLAIN, bundle(record)).ok is holds
    record = ISSUING.record(state=KeyState.RETIRED, retired_at=CREATED)
    nonsense = PLAIN.replace(b"2025-04-21T01:02:03Z", b"2025-99-21T01:02:03Z")
    assert StoredProofs(bundle(record)).signed_part(nonsense) is None


@pytest.mark.parametrize("changes", [{"distrusted_from": 3}, {"state": KeyState.PENDING}])
def test_a_key_that_does_not_vouch_by_itself_is_not_asked(changes: dict[str, Any]) -> None:
    assert StoredProofs(bundle(ISSUING.record(**changes))).signed_part(PLAIN) is None
