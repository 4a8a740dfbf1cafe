from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.credential.commitment import (
    Opening,
    commit,
    commit_identity,
    decode_multibase_u,
    digest_multibase,
    multibase_u,
    opens,
    read_opening,
    sha256_of,
)
from certsvc.errors import MalformedCredential
from certsvc.person.identity import IdType
from tests.credential.builders import ID_NUMBER, SALT


def test_the_identity_commitment_is_the_hmac_the_format_describes() -> None:
    parts = [b"identity", b"resident_id", ID_NUMBER.encode()]
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    expected = "u" + base64.urlsafe_b64encode(hmac.new(SALT, message, hashlib.sha256).digest()).decode().rstrip("=")
    assert commit_identity(SALT, IdType.RESIDENT_ID, ID_NUMBER) == expected


def test_the_holder_opens_the_commitment_and_nobody_with_another_number_does() -> None:
    commitment = commit_identity(SALT, IdType.RESIDENT_ID, ID_NUMBER)
    assert Opening(SALT, IdType.RESIDENT_ID, ID_NUMBER).opens(commitment)
    assert not Opening(SALT, IdType.RESIDENT_ID, "110105194912310011").opens(commitment)
    assert not Opening(SALT, IdType.PASSPORT, ID_NUMBER).opens(commitment)
    assert not Opening(bytes(32), IdType.RESIDENT_ID, ID_NUMBER).opens(commitment)


def test_a_salt_of_another_length_opens_nothing() -> None:
    assert not opens(commit(SALT, "a"), SALT[:31], "a")
    with pytest.raises(ValueError, match="32 bytes"):
        commit(b"short", "a")


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_no_two_lists_of_parts_share_a_commitment(one: list[str], other: list[str]) -> None:
    try:
        same = commit(SALT, *one) == commit(SALT, *other)
    except UnicodeEncodeError:
        return
    assert same is (one == other)


@given(st.binary(max_size=50))
def test_base64url_has_one_spelling(content: bytes) -> None:
    assert decode_multibase_u(multibase_u(content)) == content


@pytest.mark.parametrize("text", ["", "u====", "uAB", "zAA", "uA", "u+w==", "uAA==", "u\u4e2d", "AAAA"])
def test_another_spelling_is_malformed(text: str) -> None:
    with pytest.raises(MalformedCredential):
        decode_multibase_u(text)


def test_a_digest_is_a_sha_256_multihash() -> None:
    assert decode_multibase_u(digest_multibase(b"x")) == b"\x12\x20" + hashlib.sha256(b"x").digest()
    assert sha256_of(digest_multibase(b"x")) == hashlib.sha256(b"x").hexdigest()


def test_an_opening_is_read_back() -> None:
    opening = Opening(SALT, IdType.PASSPORT, "E12345678")
    assert read_opening(opening.as_json()) == opening


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"{",
        b'{"idNumber":"1","idType":"resident_id"}',
        b'{"idNumber":"1","idType":"resident_id","more":1,"salt":"uAA"}',
        b'{"idNumber":1,"idType":"resident_id","salt":"uAA"}',
        b'{"idNumber":"1","idType":5,"salt":"uAA"}',
        b'{"idNumber":"1","idType":"resident_id","salt":null}',
        b'{"idNumber":"1","idType":"club card","salt":"uAA"}',
        b'{"idNumber":"1","idType":"resident_id","salt":"AA"}',
        b'{"idNumber":"' + b"1" * 2000 + b'","idType":"resident_id","salt":"uAA"}',
    ],
)
def test_what_is_no_opening_is_malformed(content: bytes) -> None:
    with pytest.raises(MalformedCredential):
        read_opening(content)


def test_an_opening_with_a_tail_beyond_its_size_is_malformed() -> None:
    # The first 1,025 bytes alone would not parse; a whole one of that size must not pass either.
    with pytest.raises(MalformedCredential):
        read_opening(b'{"a":"' + b"1" * 1016 + b'"}' + b"x")
