"""HTTP Message Signatures: RFC 9421's own Ed25519 vector, and each thing that can be wrong, told as what it is."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from certsvc.errors import SignatureRefused
from certsvc.signing.http_signature import (
    Request,
    Signature,
    check,
    check_digest,
    content_digest,
    signature_base,
    signature_of,
)

# RFC 9421, B.1.4, B.2 and B.2.6
KEY = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
"""
B26 = Request(
    "POST",
    "https://example.com/foo?param=Value&Pet=dog",
    {
        "host": "example.com",
        "date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "content-type": "application/json",
        "content-digest": "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BN"
        "NyealdVLvRwEmTHWXvJwew==:",
        "content-length": "18",
        "signature-input": 'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
        ';created=1618884473;keyid="test-key-ed25519"',
        "signature": "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu"
        "4A0w6vuQv5lIp5WPpBKRCw==:",
    },
)
BODY = b'{"hello": "world"}'

NOW = datetime(2026, 11, 27, 4, 0, tzinfo=UTC)
MINE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = MINE.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
COVERED = ("@method", "@target-uri", "content-digest", "idempotency-key")
TARGET = "https://certs.example.org/api/v1/results"


def signed(
    covered: tuple[str, ...] = COVERED,
    *,
    method: str = "POST",
    target: str = TARGET,
    body: bytes = BODY,
    key: Ed25519PrivateKey = MINE,
    **parameters: str | int | None,
) -> Request:
    """A request signed for now; a parameter given as None is left out."""
    given = {"created": int(NOW.timestamp()), "nonce": "n" * 20, "keyid": "mine"} | parameters
    said = "".join(
        f";{name}={value}" if isinstance(value, int) else f';{name}="{value}"'
        for name, value in given.items()
        if value is not None
    )
    stated = f"({' '.join(chr(34) + name + chr(34) for name in covered)}){said}"
    bare = Request(method, target, {"content-digest": content_digest(body), "idempotency-key": '"k"'})
    value = base64.b64encode(key.sign(signature_base(bare, covered, stated).encode())).decode()
    return replace(bare, headers={**bare.headers, "signature-input": f"sig={stated}", "signature": f"sig=:{value}:"})


def checked(request: Request, *, body: bytes = BODY, now: datetime = NOW, key: bytes = PUBLIC) -> str:
    return check(request, signature_of(request), key, body, now=now, required=COVERED)


def refusal(request: Request, **changes: object) -> SignatureRefused:
    with pytest.raises(SignatureRefused) as caught:
        checked(request, **changes)  # type: ignore[arg-type]
    return caught.value


def test_the_vector_of_the_rfc_verifies() -> None:
    found = signature_of(B26)
    assert (found.label, found.key_id) == ("sig-b26", "test-key-ed25519")
    base = signature_base(B26, found.covered, found.stated)
    assert base.splitlines() == [
        '"date": Tue, 20 Apr 2021 02:07:55 GMT',
        '"@method": POST',
        '"@path": /foo',
        '"@authority": example.com',
        '"content-type": application/json',
        '"content-length": 18',
        '"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length")'
        ';created=1618884473;keyid="test-key-ed25519"',
    ]
    key = load_pem_public_key(KEY.encode())
    assert isinstance(key, Ed25519PublicKey)
    key.verify(found.value, base.encode())
    check_digest(B26.headers["content-digest"], BODY)


def test_a_whole_request_is_checked_and_its_base_is_answered() -> None:
    base = checked(signed())
    assert base.startswith(f'"@method": POST\n"@target-uri": {TARGET}\n')


def test_authority_with_path_stand_for_the_address() -> None:
    checked(signed(("@method", "@authority", "@path", "content-digest", "idempotency-key")))


@pytest.mark.parametrize("left_out", COVERED)
def test_a_component_that_must_be_covered_is_named(left_out: str) -> None:
    covered = tuple(name for name in COVERED if name != left_out)
    assert refusal(signed(covered)).where == left_out


@pytest.mark.parametrize("name", ["created", "nonce", "keyid"])
def test_a_parameter_that_must_be_there_is_named(name: str) -> None:
    assert refusal(signed(**{name: None})).where == name


@pytest.mark.parametrize(("seconds", "says"), [(-301, "expired"), (301, "future"), (-299, None), (299, None)], ids=str)
def test_a_signature_lives_some_minutes(seconds: int, says: str | None) -> None:
    request = signed(created=int((NOW + timedelta(seconds=seconds)).timestamp()))
    if says is None:
        checked(request)
    else:
        assert says in refusal(request).en


def test_what_says_that_it_expires_does() -> None:
    assert "expired" in refusal(signed(expires=int(NOW.timestamp()) - 1)).en
    checked(signed(expires=int(NOW.timestamp()) + 1))


def test_another_body_is_told_by_its_digest() -> None:
    assert refusal(signed(), body=BODY + b" ").where == "content-digest"


@pytest.mark.parametrize("change", ["method", "target", "header", "key", "value"])
def test_whatever_else_was_altered_breaks_the_signature(change: str) -> None:
    request, key = signed(), PUBLIC
    if change == "method":
        request = replace(request, method="PUT")
    elif change == "target":
        request = replace(request, target=TARGET.replace("certs.", "other."))
    elif change == "header":
        request = replace(request, headers={**request.headers, "idempotency-key": '"other"'})
    elif change == "key":
        key = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    else:
        value = bytearray(signature_of(request).value)
        value[5] ^= 1
        flipped = f"sig=:{base64.b64encode(value).decode()}:"
        request = replace(request, headers={**request.headers, "signature": flipped})
    assert refusal(request, key=key).where == "signature"


def test_parameters_are_signed_too() -> None:
    request = signed()
    other = request.headers["signature-input"].replace('nonce="nnnn', 'nonce="mmmm')
    assert refusal(replace(request, headers={**request.headers, "signature-input": other})).where == "signature"


def test_another_algorithm_is_refused() -> None:
    assert refusal(signed(alg="hmac-sha256")).where == "alg"
    checked(signed(alg="ed25519"))


@pytest.mark.parametrize(
    ("stated", "value"),
    [
        ("", ""),
        ('sig=("@method")', ""),
        ("sig", "sig=:AAAA:"),
        ('sig=("@method")', "other=:AAAA:"),
        ('sig=("@method" "@method")', "sig=:AAAA:"),
        ('sig=("@method";req)', "sig=:AAAA:"),
        ('sig=("@method"), two=("@path")', "sig=:AAAA:, two=:AAAA:"),
        ('sig=("@method")', "sig=:A:"),
        ('sig=("@method");created=1;', "sig=:AAAA:"),
        ('sig=("' + "a" * 5000 + '")', "sig=:AAAA:"),
    ],
    ids=range(10),
)
def test_what_is_no_signature_is_refused(stated: str, value: str) -> None:
    with pytest.raises(SignatureRefused):
        signature_of(Request("POST", TARGET, {"signature-input": stated, "signature": value}))


@pytest.mark.parametrize("name", ["@status", "@query-param", "x-not-there"])
def test_a_component_that_is_not_there_is_named(name: str) -> None:
    request = signed()
    stated = Signature("sig", (*COVERED, name), signature_of(request).parameters, "()", bytes(64))
    with pytest.raises(SignatureRefused) as caught:
        check(request, stated, PUBLIC, BODY, now=NOW, required=COVERED)
    assert caught.value.where == name


@pytest.mark.parametrize(
    "stated", ["", "md5=:AAAA:", "sha-256=AAAA", "sha-256=:!:", "sha-256=:AAAA", "sha-256=:AAAA:"], ids=range(6)
)
def test_a_digest_that_says_nothing_is_refused(stated: str) -> None:
    with pytest.raises(SignatureRefused):
        check_digest(stated, BODY)


def test_each_digest_that_is_known_must_be_right() -> None:
    right = content_digest(BODY)
    check_digest(f"{right}, unknown=:AAAA:", BODY)
    wrong = base64.b64encode(hashlib.sha512(b"").digest()).decode()
    with pytest.raises(SignatureRefused):
        check_digest(f"{right}, sha-512=:{wrong}:", BODY)
