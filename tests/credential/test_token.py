from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.credential.token import format_token, normalise_token


@given(st.binary(min_size=16, max_size=16))
def test_a_token_is_recognised_in_any_letter_case(random: bytes) -> None:
    token = format_token(random)
    assert len(token) == 26
    assert normalise_token(token) == normalise_token(token.upper()) == token


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
def test_two_tokens_never_read_alike(one: bytes, other: bytes) -> None:
    assert (format_token(one) == format_token(other)) is (one == other)


@pytest.mark.parametrize(
    "text", ["", "a" * 25, "a" * 27, "a" * 25 + "b", "0" * 26, "a" * 25 + " ", "\u212a" + "a" * 25]
)
def test_what_can_be_no_token_is_none(text: str) -> None:
    assert normalise_token(text) is None


def test_a_token_is_made_of_128_bits() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        format_token(b"short")
