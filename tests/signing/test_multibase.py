from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.errors import MalformedCredential
from certsvc.signing.multibase import decode_base58, encode_base58, read_signature

# draft-msporny-base58-03, section 5.
VECTORS = {
    b"Hello World!": "z2NEpo7TZRRrLZSi2U",
    b"The quick brown fox jumps over the lazy dog.": "zUSm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z",
    bytes.fromhex("0000287fb4cd"): "z11233QC4",
}


@pytest.mark.parametrize("content", VECTORS)
def test_the_examples_of_the_draft_come_out_as_printed(content: bytes) -> None:
    assert encode_base58(content) == VECTORS[content]
    assert decode_base58(VECTORS[content], len(content)) == content


@given(st.binary(min_size=1, max_size=80))
def test_base58_has_one_spelling(content: bytes) -> None:
    assert decode_base58(encode_base58(content), len(content)) == content


@pytest.mark.parametrize(
    "text", ["", "z", "u11", "z1", "z111", "zzzz", "z0O", "z1l", "z11111111111", encode_base58(b"\xff\xff\xff")]
)
def test_another_length_or_spelling_is_malformed(text: str) -> None:
    with pytest.raises(MalformedCredential):
        decode_base58(text, 2)


@given(st.binary(min_size=64, max_size=64))
def test_a_signature_at_rest_is_read_as_any_base58(content: bytes) -> None:
    assert read_signature(encode_base58(content).encode()) == content


@pytest.mark.parametrize("text", [b"", b"u" + b"1" * 64, b"z0", b"z" + b"l" * 87, b"z" + b"z" * 88, b"z" + b"2" * 200])
def test_what_holds_no_signature_is_none(text: bytes) -> None:
    assert read_signature(text) is None
