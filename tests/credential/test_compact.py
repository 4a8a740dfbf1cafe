from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.credential.compact import (
    LARGEST_PAYLOAD,
    CompactClaims,
    QrText,
    compact_claims,
    decode_compact,
    encode_compact,
    parse_qr_text,
    payload_bytes,
    payload_text,
    qr_text,
)
from certsvc.errors import MalformedCredential
from tests.credential.builders import BASE_URL, ISSUER, claims, token_of

DIGEST = bytes(range(8))
NUMBERS = ("2563010001500001", "0063010001500001", "S000051000001213000123", "Y999999999999999999999", "A-1", "Z" * 22)
names = st.text(st.characters(categories=["Lo", "Lu"]), min_size=1, max_size=100)


# Until 2149-06-06 a day has two bytes; the longest numbers leave no room for a third.
@given(names, st.sampled_from(NUMBERS), st.dates(date(1950, 1, 1), date(2149, 6, 6)), st.booleans())
def test_every_payload_fits_and_is_read_back(name: str, number: str, issued_on: date, sample: bool) -> None:
    made = compact_claims(
        claims(holder_name=name, number=number, issued_on=issued_on, issuer=replace(ISSUER, sample=sample)), DIGEST
    )
    payload = encode_compact(made)
    assert len(payload) <= LARGEST_PAYLOAD
    assert decode_compact(payload) == made
    assert (made.number, made.issued_on, made.level, made.sample) == (number, issued_on, 5, sample)
    assert made.names(name)
    assert not made.names(name + "a")


def test_a_short_name_is_carried_whole() -> None:
    made = compact_claims(claims(), DIGEST)
    assert (made.name_prefix, made.name_digest) == ("张伟", None)


def test_a_long_name_is_carried_as_its_beginning_and_a_digest() -> None:
    name = "阿卜杜拉·买买提江·吐尔逊"
    made = compact_claims(claims(holder_name=name), DIGEST)
    assert made.name_prefix == name[: len(made.name_prefix)]
    assert len(made.name_prefix) >= 4
    assert made.names(name)
    assert not made.names(name[:-1] + "孙")
    assert not made.names("李" + name[1:])


def test_the_payload_is_the_cbor_the_format_prints() -> None:
    payload = encode_compact(compact_claims(claims(), DIGEST))
    assert cbor2.loads(payload) == [2, "张伟", 2563010001500001, 20198, 5, DIGEST]


def _payload(**changes: Any) -> bytes:
    items = {"kind": 1, "name": "a", "number": 1, "day": 1, "level": 5, "digest": DIGEST} | changes
    return cbor2.dumps(list(items.values()))


def test_the_plain_payload_of_the_next_test_is_good() -> None:
    assert decode_compact(_payload()).number == "0000000000000001"


REFUSED = {
    "nothing": b"",
    "no array": cbor2.dumps({}),
    "an item too many": _payload(more=1),
    "another kind": _payload(kind=3),
    "a kind that is true": _payload(kind=True),
    "a name that is a number": _payload(name=5),
    "a name digest of 7 bytes": _payload(name=["a", bytes(7)]),
    "a name of three parts": _payload(name=["a", bytes(8), 1]),
    "a number of 17 digits": _payload(number=10**16),
    "a number below nought": _payload(number=-1),
    "a number that is false": _payload(number=False),
    "a number in 8 bytes": _payload(number=bytes(8)),
    "a number beyond 22 characters": _payload(number=b"\xff" * 9),
    "a number in lower case": _payload(number="abc"),
    "16 digits as text": _payload(number="2563010001500001"),
    "a bignum": _payload(number=2**70),
    "a day beyond the calendar": _payload(day=10**9),
    "a day that no machine counts": _payload(day=2**63),
    "a day that is true": _payload(day=True),
    "a level that is true": _payload(level=True),
    "level nought": _payload(level=0),
    "level nine": _payload(level=9),
    "a digest of 7 bytes": _payload(digest=bytes(7)),
    "a float": _payload(level=5.0),
    "a byte after the end": _payload() + b"\0",
    "a number in a longer form": _payload().replace(b"\x86\x01", b"\x86\x18\x01", 1),
    "an indefinite array": b"\x9f" + _payload()[1:] + b"\xff",
    "a truncated payload": _payload()[:-1],
    "a name that is no UTF-8": _payload().replace(b"\x61a", b"\x61\xff"),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_payload_in_another_form_is_malformed(mistake: str) -> None:
    with pytest.raises(MalformedCredential):
        decode_compact(REFUSED[mistake])


@pytest.mark.parametrize(
    "broken",
    [
        {"name_prefix": "字" * 30},
        {"credential_digest8": bytes(7)},
        {"number": "not a number"},
        {"level": 0},
    ],
)
def test_claims_without_a_payload_are_refused(broken: dict[str, Any]) -> None:
    good = CompactClaims("a", None, "2563010001500001", date(2025, 4, 20), 5, DIGEST)
    with pytest.raises(MalformedCredential):
        encode_compact(replace(good, **broken))


@given(st.binary(max_size=130))
def test_base32_has_one_spelling_in_either_case(cose: bytes) -> None:
    text = payload_text(cose)
    assert payload_bytes(text) == payload_bytes(text.lower()) == cose
    assert text == text.upper()


@pytest.mark.parametrize("text", ["A", "AB1", "AAA=", "AC", "ſſ", "-A"])
def test_another_spelling_of_base32_is_malformed(text: str) -> None:
    # "AC": the last character carries bits that belong to no byte.
    with pytest.raises(MalformedCredential):
        payload_bytes(text)


def test_the_text_of_a_qr_is_upper_case_and_read_back_in_any_case() -> None:
    text = qr_text(BASE_URL, token_of("plain"), b"cose")
    assert text == text.upper()
    assert text.startswith("HTTPS://CERTS.EXAMPLE/V/")
    parsed = QrText("certs.example", token_of("plain"), b"cose")
    assert parse_qr_text(text) == parse_qr_text(text.lower()) == parse_qr_text(f" {text}\n") == parsed


def test_the_address_alone_is_a_qr_without_a_payload() -> None:
    assert parse_qr_text(f"{BASE_URL}:8443/v/{token_of('plain')}") == QrText(
        "certs.example:8443", token_of("plain"), None
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "https://certs.example/v/short",
        f"https://certs.example/v/{token_of('plain')[:-1]}b",
        f"ftp://certs.example/v/{token_of('plain')}",
        f"https://certs.example/w/{token_of('plain')}",
        f"https://certs.example/v/{token_of('plain')}#",
        f"https://certs.example/v/{token_of('plain')}?x#AA",
        f"https://certs.example@evil.example/v/{token_of('plain')}",
        f"https://certs.example/v/{token_of('plain')}#AC",
        f"https://certs.example/v/{token_of('plain')}#{'A' * 221}",
    ],
)
def test_any_other_text_is_no_qr_of_ours(text: str) -> None:
    with pytest.raises(MalformedCredential):
        parse_qr_text(text)
