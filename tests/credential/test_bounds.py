"""Bounds of what is read and signed: what lies on them is taken, what lies one beyond is refused for just that."""

from __future__ import annotations

import random
import zlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import cbor2
import pytest

from certsvc.credential import checked
from certsvc.credential.canonical import DEEPEST, LARGEST_BYTES, canonical_bytes, load_strict
from certsvc.credential.checked import LARGEST_DOCUMENT_BYTES, check
from certsvc.credential.commitment import multibase_u, read_opening
from certsvc.credential.compact import CompactClaims, compact_claims, decode_compact, encode_compact, parse_qr_text
from certsvc.credential.document import StatusEntry, check_claims, compose
from certsvc.credential.fields import PATTERNS, TEXTS
from certsvc.credential.status_list import (
    MAX_LENGTH,
    MIN_LENGTH,
    Purpose,
    StatusList,
    StatusListClaims,
    compose_status_list,
    read_status_list,
)
from certsvc.errors import DocumentRefused, MalformedCredential
from tests.credential.builders import BASE_URL, claims, full_claims, token_of

DIGEST = bytes(range(8))
LONGEST_TEXT = 4 * 2**20

# What codes on paper hold (docs/credential-format.md, section 6), written out: if one of these changes, they stop
# verifying. The number is the third item: an unsigned integer, or 9 bytes, S as it is, Y with 10^21 more.
PRINTED = {
    "2563010001500001": "860166e5bca0e4b8891b00091b0b44b1f761194ee605480001020304050607",
    "0063010001500001": "860166e5bca0e4b8891b0000394ea8c1b761194ee605480001020304050607",
    "S000051000001213000123": "860166e5bca0e4b889490000b5303b1bd869bb194ee605480001020304050607",
    "Y000051000001213000123": "860166e5bca0e4b8894936367ede00fa7869bb194ee605480001020304050607",
    "QH-2019-000123": "860166e5bca0e4b8896e51482d323031392d303030313233194ee605480001020304050607",
}


def compact(number: str = "2563010001500001") -> CompactClaims:
    return CompactClaims("张三", None, number, date(2025, 4, 20), 5, DIGEST)


@pytest.mark.parametrize("number", PRINTED)
def test_a_code_on_paper_stays_what_it_was(number: str) -> None:
    assert encode_compact(compact(number)).hex() == PRINTED[number]
    assert decode_compact(bytes.fromhex(PRINTED[number])) == compact(number)


@pytest.mark.parametrize("series", ["S", "Y"])
def test_a_number_of_22_characters_takes_9_bytes_up_to_its_last(series: str) -> None:
    for digits in ("0" * 21, "9" * 21):
        payload = encode_compact(compact(series + digits))
        packed = cbor2.loads(payload)[2]
        assert packed == (int(digits) + (10**21 if series == "Y" else 0)).to_bytes(9, "big")
        assert decode_compact(payload).number == series + digits


@pytest.mark.parametrize("series", [2 * 10**21, 2**72 - 1])
def test_the_9_bytes_name_no_third_series(series: int) -> None:
    with pytest.raises(MalformedCredential):
        decode_compact(cbor2.dumps([1, "a", series.to_bytes(9, "big"), 1, 5, DIGEST]))


def test_a_number_in_another_form_than_its_shortest_is_refused() -> None:
    """One number, one code: not 22 characters as text, nor 16 digits in 9 bytes."""
    for number in ("S000051000001213000123", (2563010001500001).to_bytes(8, "big"), bytes(10)):
        with pytest.raises(MalformedCredential):
            decode_compact(cbor2.dumps([1, "a", number, 1, 5, DIGEST]))


@pytest.mark.parametrize(("level", "fits"), [(0, False), (1, True), (8, True), (9, False)])
def test_a_code_has_a_level_from_one_to_eight(level: int, fits: bool) -> None:
    payload = cbor2.dumps([1, "a", 1, 1, level, DIGEST])
    if fits:
        assert decode_compact(payload).level == level
    else:
        with pytest.raises(MalformedCredential):
            decode_compact(payload)


def test_a_name_that_just_fits_is_carried_whole_and_one_letter_more_is_shortened() -> None:
    """49 bytes in all: beside a number of 22 characters 24 are left, the head of the name among them."""
    for letters, whole in ((23, True), (24, False)):
        made = compact_claims(claims(holder_name="a" * letters, number="S000051000001213000123"), DIGEST)
        assert (made.name_digest is None) is whole
        assert made.names("a" * letters)
        assert not made.names("a" * (letters + 1))
        assert len(encode_compact(made)) == 49


def test_a_shortened_name_is_known_by_beginning_and_digest_both() -> None:
    name = "阿卜杜拉·买买提江·吐尔逊"
    made = compact_claims(claims(holder_name=name), DIGEST)
    assert made.name_digest is not None
    assert not replace(made, name_prefix="李").names(name), "the same digest, another beginning"
    assert not replace(made, name_digest=bytes(8)).names(name), "the same beginning, another digest"


@pytest.mark.parametrize(
    ("host", "payload", "fits"), [(259, 220, True), (260, 220, False), (259, 221, False), (0, 8, False)]
)
def test_an_address_and_a_payload_have_their_length(host: int, payload: int, fits: bool) -> None:
    text = f"https://{'a' * host}/v/{token_of('plain')}#{'A' * payload}"
    if fits:
        assert len(parse_qr_text(text).host) == host
    else:
        with pytest.raises(MalformedCredential):
            parse_qr_text(text)


def test_an_encoded_list_may_have_four_mebibytes_and_not_one_character_more() -> None:
    with pytest.raises(MalformedCredential, match="at most 4194304 characters"):
        StatusList.decode("u" + "A" * LONGEST_TEXT)
    with pytest.raises(MalformedCredential, match="not gzip"):
        StatusList.decode("u" + "A" * (LONGEST_TEXT - 1))


def test_the_longest_list_is_read_however_badly_it_packs() -> None:
    bits = random.Random(1).randbytes(MAX_LENGTH // 8)
    entries = StatusList(bits)
    assert StatusList.decode(entries.encode()) == entries
    assert MAX_LENGTH == 16_777_216
    assert MIN_LENGTH == 131_072


@pytest.mark.parametrize(("length", "fits"), [(MIN_LENGTH - 8, False), (MIN_LENGTH, True), (MAX_LENGTH + 8, False)])
def test_a_list_is_long_enough_to_hide_in_and_no_longer_than_is_read(length: int, fits: bool) -> None:
    if fits:
        assert StatusList(bytes(length // 8)).length == length
    else:
        with pytest.raises(MalformedCredential, match="131072 to 16777216"):
            StatusList(bytes(length // 8))


LISTED = StatusListClaims(
    url=f"{BASE_URL}/status/revocation-1",
    issuer="did:web:certs.example",
    purpose=Purpose.REVOCATION,
    valid_from=datetime(2026, 4, 20, 8, tzinfo=UTC),
    valid_until=datetime(2026, 4, 21, 8, tzinfo=UTC),
    ttl=timedelta(days=366),
    entries=StatusList.of([]),
)


def test_a_list_may_be_kept_for_a_leap_year_and_not_a_moment_longer() -> None:
    document = compose_status_list(LISTED)
    assert read_status_list(document, url=LISTED.url, issuer=LISTED.issuer, purpose=LISTED.purpose) == LISTED
    with pytest.raises(MalformedCredential, match="ttl"):
        compose_status_list(replace(LISTED, ttl=timedelta(days=366, milliseconds=1)))
    subject = document["credentialSubject"]
    assert isinstance(subject, dict)
    longer = {**document, "credentialSubject": {**subject, "ttl": subject["ttl"] + 1}}
    with pytest.raises(MalformedCredential, match="ttl in milliseconds"):
        read_status_list(longer, url=LISTED.url, issuer=LISTED.issuer, purpose=LISTED.purpose)


def test_a_list_lasts_a_second_at_least_and_is_kept_a_millisecond_at_least() -> None:
    shortest = replace(LISTED, valid_until=LISTED.valid_from + timedelta(seconds=1), ttl=timedelta(milliseconds=1))
    assert compose_status_list(shortest)["validUntil"] == "2026-04-20T08:00:01Z"


def test_a_document_is_signed_up_to_32_kib_and_not_a_byte_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    document = compose(full_claims())
    length = len(check(document, drawable=None).canonical)
    assert LARGEST_DOCUMENT_BYTES == 32_768
    monkeypatch.setattr(checked, "LARGEST_DOCUMENT_BYTES", length)
    assert len(check(document, drawable=None).canonical) == length
    monkeypatch.setattr(checked, "LARGEST_DOCUMENT_BYTES", length - 1)
    with pytest.raises(DocumentRefused, match=f"exceeds {length - 1} bytes"):
        check(document, drawable=None)


FACE = (
    "holder_name",
    "occupation_zh",
    "occupation_en",
    "direction",
    "level_zh",
    "level_en",
    "title_zh",
    "title_en",
    "statement_zh",
    "statement_en",
)


@pytest.mark.parametrize("field", FACE)
def test_every_text_on_the_face_must_be_drawable(field: str) -> None:
    """R9: a character the fonts lack stops the issue wherever it stands, and is named."""
    told = claims(**{field: "龘" if field == "holder_name" else "A龘"})
    with pytest.raises(DocumentRefused, match=r"龘 \(U\+9F98\)"):
        check(compose(told), drawable=lambda text: [one for one in text if one == "龘"])


@pytest.mark.parametrize("field", ["name_zh", "name_en"])
def test_the_issuers_names_must_be_drawable(field: str) -> None:
    issuer = replace(claims().issuer, **{field: "龘"})
    with pytest.raises(DocumentRefused, match="the fonts lack 龘"):
        check(compose(claims(issuer=issuer)), drawable=lambda text: [one for one in text if one == "龘"])


# Canonical form and strict reading


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"a": 1.0}, b'{"a":1}'),
        ({"a": {"b": 1e-7}}, b'{"a":{"b":1e-7}}'),
        ([{"a": [0.000001]}], b'[{"a":[0.000001]}]'),
        ({"a": (1e16,)}, b'{"a":[10000000000000000]}'),
        ({"a": {"\ufb33": 1, "\U0001f600": 2}}, '{"a":{"\U0001f600":2,"\ufb33":1}}'.encode()),
    ],
)
def test_a_fraction_or_a_rare_name_is_written_by_rfc_8785_however_deep_it_stands(value: object, written: bytes) -> None:
    assert canonical_bytes(value) == written


@pytest.mark.parametrize("value", [2**53, -(2**53), {"a": [2**53]}, {"a": {"b": -(2**53)}}])
def test_an_integer_that_parsers_read_apart_has_no_canonical_form(value: object) -> None:
    with pytest.raises(MalformedCredential):
        canonical_bytes(value)


def test_a_text_may_have_256_kib_and_not_a_byte_more() -> None:
    assert LARGEST_BYTES == 262_144
    longest = b'"' + b"a" * (LARGEST_BYTES - 2) + b'"'
    assert load_strict(longest) == "a" * (LARGEST_BYTES - 2)
    with pytest.raises(MalformedCredential, match="more than 262144 bytes"):
        load_strict(longest + b" ")


@pytest.mark.parametrize("inner", ['"\\ud800"', '{"\\udc00":1}'])
@pytest.mark.parametrize("around", ['{{"a":{}}}', '[{{"a":[{}]}}]', '{{"a":{{"b":{{"c":{}}}}}}}'])
def test_a_lone_surrogate_is_seen_however_deep_it_stands(around: str, inner: str) -> None:
    with pytest.raises(MalformedCredential, match="surrogate"):
        load_strict(around.format(inner).encode())


def test_levels_are_counted_through_objects_as_through_arrays() -> None:
    assert DEEPEST == 32
    for depth, fits in ((DEEPEST, True), (DEEPEST + 1, False)):
        text = '{"a":' * (depth - 1) + "{}" + "}" * (depth - 1)
        if fits:
            load_strict(text.encode())
        else:
            with pytest.raises(MalformedCredential, match="deeper than 32"):
                load_strict(text.encode())


# Fields


PATTERNED = {
    "token": ["a" * 25, "A" * 26],
    "number": ["", "abc", "1" * 23],
    "scheme": ["", "/x", "x y"],
    "occupation_code": ["", " ", "4-07/05"],
    "id_commitment": ["u" + "A" * 42, "z" + "A" * 43],
    "identifier": ["", "a", "1" * 121],
    "portrait_digest": ["uEi" + "A" * 43, "sha256"],
    "evidence_commitment": ["u" + "A" * 42, "u" + "A" * 44, ""],
    "replaces": ["urn:x", "http://certs.example/v/" + "a" * 26],
    "replaces_paper": ["", "abc", "1" * 23],
}


def test_every_patterned_field_is_held_to_its_pattern() -> None:
    assert set(PATTERNED) == set(PATTERNS)
    for name, wrong in PATTERNED.items():
        for value in wrong:
            with pytest.raises(MalformedCredential) as refusal:
                check_claims(full_claims(**{name: value}))
            assert refusal.value.where == name, value


@pytest.mark.parametrize("name", ["identifier", "portrait_digest", "evidence_commitment", "replaces", "replaces_paper"])
def test_what_may_be_absent_may_be_absent_alone(name: str) -> None:
    check_claims(full_claims(**{name: None}))


@pytest.mark.parametrize("name", TEXTS)
def test_every_text_has_1_to_1000_characters_and_none_that_cannot_be_seen(name: str) -> None:
    assert name in FACE
    check_claims(claims(**{name: "字" * 1000}))
    for wrong in ("", "字" * 1001, " 字", "字 ", "字\u200b字", "字\u2028字", "字\n字"):
        with pytest.raises(MalformedCredential) as refusal:
            check_claims(claims(**{name: wrong}))
        assert refusal.value.where == name


@pytest.mark.parametrize(
    ("name", "bounds"),
    [("version", (1, 999)), ("level", (1, 8))],
)
def test_version_and_level_have_their_range(name: str, bounds: tuple[int, int]) -> None:
    least, most = bounds
    for value in (least, most):
        check_claims(claims(**{name: value}))
    for value in (least - 1, most + 1):
        with pytest.raises(MalformedCredential, match=f"not between {least} and {most}"):
            check_claims(claims(**{name: value}))


def test_a_place_in_a_status_list_is_below_the_largest_index() -> None:
    def entry(index: int) -> StatusEntry:
        return StatusEntry("revocation", f"{BASE_URL}/status/r1", index)

    check_claims(claims(status_entries=(entry(0), entry(2**32))))
    for index in (-1, 2**32 + 1):
        with pytest.raises(MalformedCredential, match="not between 0 and 4294967296"):
            check_claims(claims(status_entries=(entry(index),)))


# Codes, lists and openings, each refused for its reason


@pytest.mark.parametrize("payload", [[3, "a", 1, 1, 5, DIGEST], [0, "a", 1, 1, 5, DIGEST], [1, "a", 1, 1, 5, bytes(7)]])
def test_a_code_of_another_kind_is_not_of_its_form(payload: list[object]) -> None:
    with pytest.raises(MalformedCredential, match="not of its form"):
        decode_compact(cbor2.dumps(payload))


def test_a_number_of_sixteen_noughts_is_one() -> None:
    assert decode_compact(cbor2.dumps([1, "a", 0, 1, 5, DIGEST])).number == "0" * 16
    assert decode_compact(cbor2.dumps([1, "a", 10**16 - 1, 1, 5, DIGEST])).number == "9" * 16


@pytest.mark.parametrize("packed", [zlib.compress(bytes(MIN_LENGTH // 8)), zlib.compress(bytes(MIN_LENGTH // 8))[2:-4]])
def test_a_list_packed_otherwise_than_by_gzip_is_refused(packed: bytes) -> None:
    with pytest.raises(MalformedCredential, match="not gzip"):
        StatusList.decode(multibase_u(packed))


@pytest.mark.parametrize("member", ["idNumber", "idType", "salt"])
def test_an_opening_holds_three_texts(member: str) -> None:
    members: dict[str, object] = {"idNumber": "1", "idType": "resident_id", "salt": "u" + "A" * 43}
    assert read_opening(canonical_bytes(members)).id_number == "1"
    for wrong in (5, None, ["x"], True):
        with pytest.raises(MalformedCredential, match="not an opening of an identity commitment"):
            read_opening(canonical_bytes({**members, member: wrong}))
