"""Status lists: the bits where the standard puts them, one text for the same bits, and hostile lists refused."""

from __future__ import annotations

import base64
import gzip
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.credential.status_list import (
    MAX_LENGTH,
    MIN_LENGTH,
    Purpose,
    StatusList,
    StatusListClaims,
    compose_status_list,
    read_status_list,
)
from certsvc.errors import MalformedCredential

URL = "https://certs.example/status/1"
DID = "did:web:certs.example"
indexes = st.sets(st.integers(0, MIN_LENGTH - 1), max_size=60)


def multibase(packed: bytes) -> str:
    return "u" + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def test_the_published_example_is_a_list_of_zeros() -> None:
    # W3C Bitstring Status List v1.0, the example in its data model.
    published = "uH4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA"
    assert StatusList.decode(published) == StatusList.of([])


@pytest.mark.parametrize(
    ("index", "byte", "value"), [(0, 0, 0x80), (7, 0, 0x01), (8, 1, 0x80), (MIN_LENGTH - 1, MIN_LENGTH // 8 - 1, 0x01)]
)
def test_index_0_is_the_first_bytes_most_significant_bit(index: int, byte: int, value: int) -> None:
    bits = StatusList.of([index]).bits
    assert bits[byte] == value
    assert sum(bits) == value


@given(indexes)
def test_a_list_reads_back_through_any_gzip(chosen: set[int]) -> None:
    entries = StatusList.of(chosen)
    assert all(entries.is_set(index) for index in chosen)
    assert entries.count() == len(chosen)
    assert StatusList.decode(entries.encode()) == entries
    packed = base64.urlsafe_b64decode(entries.encode()[1:] + "==")
    assert gzip.decompress(packed) == entries.bits
    assert StatusList.decode(multibase(gzip.compress(entries.bits, 1))) == entries


@given(st.lists(st.integers(0, MIN_LENGTH - 1), max_size=30))
def test_the_same_bits_give_the_same_text_whatever_their_order(chosen: list[int]) -> None:
    assert StatusList.of(chosen).encode() == StatusList.of(sorted(set(chosen), reverse=True)).encode()


def test_the_text_holds_no_time_and_no_system() -> None:
    packed = base64.urlsafe_b64decode(StatusList.of([]).encode()[1:] + "==")
    assert packed[:10] == bytes.fromhex("1f8b08000000000002ff")


@pytest.mark.parametrize("length", [0, MIN_LENGTH - 1, MAX_LENGTH + 1])
def test_a_list_too_short_to_hide_in_or_too_long_is_refused(length: int) -> None:
    with pytest.raises(MalformedCredential):
        StatusList.of([], length)
    if length:
        with pytest.raises(MalformedCredential):
            StatusList(bytes(-(-length // 8) - (length < MIN_LENGTH)))


def test_a_length_is_rounded_up_to_whole_bytes() -> None:
    assert StatusList.of([MIN_LENGTH], MIN_LENGTH + 1).length == MIN_LENGTH + 8


@pytest.mark.parametrize("index", [-1, MIN_LENGTH])
def test_an_index_outside_the_list_is_refused(index: int) -> None:
    with pytest.raises(MalformedCredential, match="out of range"):
        StatusList.of([index])
    with pytest.raises(MalformedCredential, match="out of range"):
        StatusList.of([]).is_set(index)


ZEROS = bytes(MIN_LENGTH // 8)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("u", id="nothing behind the u"),
        pytest.param(StatusList.of([]).encode()[1:], id="no multibase letter"),
        pytest.param("z" + StatusList.of([]).encode()[1:], id="another multibase"),
        pytest.param(StatusList.of([]).encode() + "=", id="padding"),
        pytest.param(StatusList.of([]).encode()[:-8], id="cut"),
        pytest.param("u" + "A" * (4 * 2**20), id="an endless text"),
        pytest.param(multibase(b"not gzip"), id="not gzip"),
        pytest.param(multibase(gzip.compress(ZEROS) + b"x"), id="junk after the end"),
        pytest.param(multibase(gzip.compress(ZEROS) * 2), id="two members"),
        pytest.param(multibase(gzip.compress(ZEROS)[:-8] + bytes(8)), id="a wrong checksum"),
        pytest.param(multibase(gzip.compress(ZEROS[:-1])), id="too short to hide in"),
        pytest.param(multibase(gzip.compress(bytes(MAX_LENGTH // 8 + 1))), id="a byte too long"),
    ],
)
def test_any_other_text_of_a_list_is_refused(text: str) -> None:
    with pytest.raises(MalformedCredential):
        StatusList.decode(text)


def test_the_longest_list_is_read() -> None:
    longest = StatusList.of([MAX_LENGTH - 1], MAX_LENGTH)
    assert StatusList.decode(longest.encode()) == longest


def test_a_gzip_bomb_is_refused_before_it_fills_memory() -> None:
    bomb = multibase(gzip.compress(bytes(200 * 2**20), 9))
    tracemalloc.start()
    try:
        with pytest.raises(MalformedCredential, match="unpacks"):
            StatusList.decode(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * 2**20


CLAIMS = StatusListClaims(
    url=URL,
    issuer=DID,
    purpose=Purpose.REVOCATION,
    valid_from=datetime(2026, 4, 20, 8, tzinfo=UTC),
    valid_until=datetime(2026, 4, 21, 8, tzinfo=UTC),
    ttl=timedelta(minutes=10),
    entries=StatusList.of([94567]),
)


def read(document: dict[str, object], *, purpose: Purpose = Purpose.REVOCATION, url: str = URL) -> StatusListClaims:
    return read_status_list(document, url=url, issuer=DID, purpose=purpose)


def test_a_list_credential_has_the_form_of_the_standard() -> None:
    assert compose_status_list(CLAIMS) == {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": URL,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": DID,
        "validFrom": "2026-04-20T08:00:00Z",
        "validUntil": "2026-04-21T08:00:00Z",
        "credentialSubject": {
            "id": URL + "#list",
            "type": "BitstringStatusList",
            "statusPurpose": "revocation",
            "encodedList": CLAIMS.entries.encode(),
            "ttl": 600_000,
        },
    }


@pytest.mark.parametrize("purpose", Purpose)
def test_a_list_credential_reads_back_signed_or_not(purpose: Purpose) -> None:
    claims = replace(CLAIMS, purpose=purpose)
    document = compose_status_list(claims)
    assert read(document, purpose=purpose) == claims
    assert read({**document, "proof": {"type": "DataIntegrityProof"}}, purpose=purpose) == claims


def test_a_list_packed_by_another_compressor_is_read() -> None:
    document = compose_status_list(CLAIMS)
    subject = {**document["credentialSubject"], "encodedList": multibase(gzip.compress(CLAIMS.entries.bits))}  # type: ignore[dict-item]
    assert read({**document, "credentialSubject": subject}) == CLAIMS


def test_times_are_told_in_utc() -> None:
    shanghai = timezone(timedelta(hours=8))
    claims = replace(CLAIMS, valid_from=CLAIMS.valid_from.astimezone(shanghai))
    assert compose_status_list(claims) == compose_status_list(CLAIMS)


def test_a_stale_list_is_not_current_and_still_reads() -> None:
    claims = read(compose_status_list(CLAIMS))
    assert claims.is_current(claims.valid_from)
    assert claims.is_current(claims.valid_until)
    assert not claims.is_current(claims.valid_from - timedelta(seconds=1))
    assert not claims.is_current(claims.valid_until + timedelta(seconds=1))


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param(replace(CLAIMS, valid_until=CLAIMS.valid_from), id="no validity"),
        pytest.param(replace(CLAIMS, ttl=timedelta(0)), id="no time to live"),
        pytest.param(replace(CLAIMS, ttl=timedelta(days=400)), id="an endless time to live"),
        pytest.param(
            replace(CLAIMS, valid_from=datetime(2026, 4, 20), valid_until=datetime(2026, 4, 21)),  # noqa: DTZ001
            id="no time zone",
        ),
    ],
)
def test_a_list_credential_that_makes_no_sense_is_not_composed(claims: StatusListClaims) -> None:
    with pytest.raises(MalformedCredential):
        compose_status_list(claims)


Change = Callable[[dict[str, object]], dict[str, object]]


def member(name: str, value: object) -> Change:
    return lambda document: {**document, name: value}


def subject(name: str, value: object) -> Change:
    return lambda document: {**document, "credentialSubject": {**document["credentialSubject"], name: value}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(member("id", URL + "2"), id="another list"),
        pytest.param(member("issuer", "did:web:evil.example"), id="another issuer"),
        pytest.param(member("type", ["VerifiableCredential"]), id="another type"),
        pytest.param(member("@context", ["https://evil.example"]), id="another context"),
        pytest.param(member("credentialStatus", {}), id="a member too many"),
        pytest.param(member("credentialSubject", []), id="no subject"),
        pytest.param(member("validUntil", None), id="no end"),
        pytest.param(member("validUntil", "2026-04-21"), id="a date for a time"),
        pytest.param(member("validUntil", "2026-04-21T08:00:00+0000000000"), id="an endless time"),
        pytest.param(member("validUntil", "2026-4-21T08:00:00Z"), id="a second spelling of a time"),
        pytest.param(member("validUntil", "2020-01-01T00:00:00Z"), id="an end before the beginning"),
        pytest.param(subject("statusPurpose", "suspension"), id="another purpose"),
        pytest.param(subject("statusPurpose", ["revocation"]), id="a list of purposes"),
        pytest.param(subject("encodedList", None), id="no list"),
        pytest.param(subject("ttl", "600000"), id="a ttl in words"),
        pytest.param(subject("ttl", True), id="a true ttl"),
        pytest.param(subject("ttl", 0), id="no ttl"),
        pytest.param(subject("ttl", 10**30), id="an endless ttl"),
        pytest.param(subject("statusSize", 2), id="entries of two bits"),
        pytest.param(subject("id", URL), id="a subject of another name"),
    ],
)
def test_another_list_than_asked_for_is_refused(change: Change) -> None:
    with pytest.raises(MalformedCredential):
        read(change(compose_status_list(CLAIMS)))


def test_the_refusal_names_what_differs() -> None:
    with pytest.raises(MalformedCredential, match="credentialSubject, id differ"):
        read(compose_status_list(CLAIMS), url=URL + "2")
