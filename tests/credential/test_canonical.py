from __future__ import annotations

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from certsvc.credential.canonical import (
    DEEPEST,
    LARGEST_BYTES,
    canonical_bytes,
    is_canonical,
    load_strict,
    plain_bytes,
)
from certsvc.errors import MalformedCredential

SAFE = 2**53 - 1
scalars = st.none() | st.booleans() | st.integers(-SAFE, SAFE) | st.floats(-SAFE, SAFE)
texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(scalars | texts, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20)


@given(values)
def test_the_fast_way_writes_what_rfc_8785_writes(value: object) -> None:
    assert canonical_bytes(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


@given(values)
def test_what_is_canonical_is_read_back_as_the_same_bytes(value: object) -> None:
    canonical = canonical_bytes(value)
    assert canonical_bytes(load_strict(canonical)) == canonical


def test_member_names_beyond_the_bmp_sort_by_utf16_unit() -> None:
    # RFC 8785 3.2.3: U+1F600 (D83D DE00) sorts before U+FB33, though its code point is greater.
    assert canonical_bytes({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'.encode()


def test_the_example_of_rfc_8785_comes_out_as_printed() -> None:
    value = json.loads(
        r'{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],'
        r' "string": "\u20ac$\u000F\u000aA\u0027\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}'
    )
    assert (
        canonical_bytes(value)
        == (
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
        ).encode()
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, {"a": "\ud800"}, "\udfff", {1: 2}, object()])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(MalformedCredential):
        canonical_bytes(value)


def test_plain_bytes_are_the_canonical_bytes_of_plain_values() -> None:
    value = {"b": [1, True, None, ("x",)], "a": "𠮷"}
    assert plain_bytes(value) == canonical_bytes(value)


REFUSED = {
    "nothing": b"",
    "a member twice": b'{"a":1,"a":2}',
    "a member twice by another spelling": b'{"a":1,"\\u0061":2}',
    "a member twice further in": b'{"x":[{"a":1,"a":1}]}',
    "NaN": b'{"a":NaN}',
    "Infinity": b"[-Infinity]",
    "a number beyond the doubles": b"[1e400]",
    "an integer beyond 2^53": b"[9007199254740992]",
    "an integer far beyond": b"[" + b"9" * 5000 + b"]",
    "minus zero": b"[-0]",
    "minus zero with a fraction": b"[-0.0]",
    "a number with a needless fraction": b"[1.0]",
    "a number with a needless exponent": b"[1e2]",
    "a lone surrogate": b'["\\ud800"]',
    "a lone surrogate in a name": b'{"\\udc00":1}',
    "a byte after the end": b"{}x",
    "a second value": b"{}{}",
    "a line feed after the end": b"{}\n",
    "a blank after the end": b"{} ",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "bytes that are no UTF-8": b'["\xff"]',
    "an overlong form": b'["\xc0\xaf"]',
    "a comment": b"{}/**/",
    "a truncated text": b'{"a":',
    "33 levels": b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
    "100,000 levels": b"[" * 100_000 + b"]" * 100_000,
    "more than 256 KB": b'"' + b"a" * LARGEST_BYTES + b'"',
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_text_two_parsers_could_read_differently_is_refused(mistake: str) -> None:
    with pytest.raises(MalformedCredential):
        load_strict(REFUSED[mistake])


@pytest.mark.parametrize("text", ["9007199254740991", "-9007199254740991", "0", "0.5", "1e+21", '"a\\nb"', "[[]]"])
def test_a_plain_text_is_read(text: str) -> None:
    assert canonical_bytes(load_strict(text.encode())) == text.encode()


def test_32_levels_are_read() -> None:
    load_strict(b"[" * DEEPEST + b"]" * DEEPEST)


@pytest.mark.parametrize(
    ("content", "is_so"),
    [
        (b'{"a":1,"b":2}', True),
        (b'{"b":2,"a":1}', False),
        (b'{"a": 1}', False),
        ('{"姓名":"夏𬒈"}'.encode(), True),
        ('{"\U00020000":1,"\uffee":2}'.encode(), True),  # by UTF-16 units a surrogate comes first (RFC 8785, 3.2.3)
        ('{"\uffee":2,"\U00020000":1}'.encode(), False),
    ],
)
def test_bytes_are_canonical_or_not_as_they_would_be_written(content: bytes, is_so: bool) -> None:
    value = load_strict(content)
    assert is_canonical(content, value) is is_so
    assert (canonical_bytes(value) == content) is is_so
