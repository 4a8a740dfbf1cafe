"""What is believed of a directory's answer: signature, issuer, audience, time, nonce, one use of a code."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from certsvc.directory.oidc import DirectoryRefused, Provider
from certsvc.errors import Refused
from tests.builders.provider import RunningProvider, provider

__all__ = ["provider"]  # fixture
BACK = "https://certsvc.example/console/directory/back"
NOW = datetime.now(UTC)

pytestmark = pytest.mark.usefixtures("socket_enabled")


@pytest.fixture
def client(provider: RunningProvider) -> Provider:
    return Provider(provider.issuer, "certsvc", provider.secret_file, BACK)


def fault(act: Callable[[], object]) -> str:
    with pytest.raises(DirectoryRefused) as refused:
        act()
    assert refused.value.zh
    return refused.value.fault


def test_the_directory_says_who_it_is(client: Provider, provider: RunningProvider) -> None:
    asked = client.ask()
    person = client.vouched(provider.sign_in(asked.address, "u-17"), asked, datetime.now(UTC))
    assert (person.issuer, person.subject) == (provider.issuer, "u-17")


def test_what_is_asked_has_state_nonce_and_the_digest_of_a_verifier(client: Provider) -> None:
    one, other = client.ask(), client.ask()
    query = dict(parse_qsl(urlsplit(one.address).query))
    digest = base64.urlsafe_b64encode(hashlib.sha256(one.verifier.encode()).digest()).rstrip(b"=").decode()
    assert (query["code_challenge"], query["code_challenge_method"]) == (digest, "S256")
    assert (query["state"], query["nonce"], query["redirect_uri"]) == (one.state, one.nonce, BACK)
    assert (query["scope"], query["response_type"], query["client_id"]) == ("openid", "code", "certsvc")
    assert len({one.state, one.nonce, one.verifier, other.state, other.nonce, other.verifier}) == 6
    assert one.verifier not in one.address + repr(one)
    again = dict(parse_qsl(urlsplit(client.ask(again=True).address).query))
    assert (again["prompt"], again["max_age"]) == ("login", "0")


def test_a_code_is_good_once(client: Provider, provider: RunningProvider) -> None:
    asked = client.ask()
    answer = provider.sign_in(asked.address, "u-17")
    client.vouched(answer, asked, datetime.now(UTC))
    assert fault(lambda: client.vouched(answer, asked, datetime.now(UTC))) == "code"


def test_an_answer_to_another_request_is_refused(client: Provider, provider: RunningProvider) -> None:
    asked, other = client.ask(), client.ask()
    answer = provider.sign_in(asked.address, "u-17")
    assert fault(lambda: client.vouched(answer, other, datetime.now(UTC))) == "state"
    assert fault(lambda: client.vouched(answer, replace(asked, nonce=other.nonce), datetime.now(UTC))) == "nonce"
    assert fault(lambda: client.vouched({**answer, "iss": "https://evil.example"}, asked, NOW)) == "issuer"
    assert fault(lambda: client.vouched(provider.deny(other.address) | {"state": other.state}, other, NOW)) == "denied"


def test_another_issuer_than_the_configured_one_is_refused(client: Provider, provider: RunningProvider) -> None:
    spelt = replace(client, issuer=provider.issuer.replace("localhost", "127.0.0.1") + "/")
    assert fault(spelt.ask) == "issuer"


def test_one_who_signed_in_there_before_is_not_taken_for_one_who_did_just_now(
    client: Provider, provider: RunningProvider
) -> None:
    since = datetime.now(UTC)
    asked = client.ask(again=True)
    assert client.vouched(provider.sign_in(asked.address, "u-now"), asked, since, since=since).auth_time is not None
    provider.knows("u-before", auth_time=int(time.time()) - 3600)
    asked = client.ask(again=True)
    answer = provider.sign_in(asked.address, "u-before")
    assert fault(lambda: client.vouched(answer, asked, since, since=since)) == "auth-time"


KEY = RSAKey.generate_key(2048, {"kid": "one", "alg": "RS256", "use": "sig"})
CLAIMS = {"sub": "u-17", "aud": "certsvc", "nonce": "n"}


def token(issuer: str, key: RSAKey | OctKey = KEY, alg: str = "RS256", **changes: object) -> str:
    at = int(NOW.timestamp())
    claims = {"iss": issuer, **CLAIMS, "iat": at, "exp": at + 300} | changes
    return jwt.encode({"alg": alg, "kid": "one"}, {k: v for k, v in claims.items() if v is not None}, key)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"iss": "https://evil.example"}, "issuer"),
        ({"aud": "another"}, "audience"),
        ({"aud": ["certsvc", "another"]}, "audience"),
        ({"aud": ["certsvc", "another"], "azp": "another"}, "audience"),
        ({"aud": None}, "audience"),
        ({"exp": int(NOW.timestamp()) - 120}, "expired"),
        ({"exp": None}, "expired"),
        ({"exp": "soon"}, "expired"),
        ({"iat": int(NOW.timestamp()) + 120}, "clock"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"sub": None}, "subject"),
        ({"sub": ""}, "subject"),
    ],
)
def test_each_claim_is_held_against_what_was_asked(client: Provider, changes: dict[str, object], why: str) -> None:
    keys = {"keys": [KEY.as_dict(private=False)]}
    assert client.check(token(client.issuer), keys, "n", NOW).subject == "u-17"
    assert fault(lambda: client.check(token(client.issuer, **changes), keys, "n", NOW)) == why


def test_a_signature_by_no_key_of_the_directory_is_refused(client: Provider) -> None:
    other = RSAKey.generate_key(2048, {"kid": "one"})
    keys = {"keys": [KEY.as_dict(private=False)]}
    head, body, signature = token(client.issuer).split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    for forged in (
        token(client.issuer, other),
        f"{head}.{body}.{signature[:-8]}AAAAAAAA",
        f"{none}.{body}.",
        token(client.issuer, OctKey.import_key("a client's secret of some length, or more"), "HS256"),
        "no token",
    ):
        assert fault(lambda a=forged: client.check(a, keys, "n", NOW)) == "signature"
    assert fault(lambda: client.check(token(client.issuer), {}, "n", NOW)) == "signature"
    late = client.check(token(client.issuer), keys, "n", NOW + timedelta(seconds=330))
    assert late.subject == "u-17", "a minute's difference of the clocks is allowed"


def test_a_directory_that_is_away_is_told_kindly(provider: RunningProvider) -> None:
    client = Provider("http://localhost:9", "certsvc", provider.secret_file, BACK)
    with pytest.raises(DirectoryRefused, match="cannot be reached just now") as away:
        client.ask()
    assert (away.value.fault, "口令登录" in away.value.zh) == ("away", True)
    nothing = replace(client, issuer=provider.issuer + "/nothing")
    assert fault(nothing.ask) == "away"


@pytest.mark.parametrize(
    ("issuer", "client_id", "where"),
    [
        ("http://directory.example", "certsvc", "CERTSVC_OIDC_ISSUER"),
        ("https://user@directory.example", "certsvc", "CERTSVC_OIDC_ISSUER"),
        ("https://directory.example?a=b", "certsvc", "CERTSVC_OIDC_ISSUER"),
        ("https://directory.example", "", "CERTSVC_OIDC_CLIENT_ID"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(
    tmp_path: Path, issuer: str, client_id: str, where: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x", "utf-8")
    with pytest.raises(Refused) as refused:
        Provider(issuer, client_id, secret, BACK)
    assert refused.value.where == where
    for missing in (tmp_path / "none", _emptied(secret)):
        with pytest.raises(Refused) as no_secret:
            Provider("https://directory.example", "certsvc", missing, BACK)
        assert no_secret.value.where == "CERTSVC_OIDC_SECRET_FILE"


def _emptied(path: Path) -> Path:
    path.write_text("\n", "utf-8")
    return path


def test_a_directory_that_does_not_say_when_is_not_taken_for_a_sign_in_just_now(client: Provider) -> None:
    keys = {"keys": [KEY.as_dict(private=False)]}
    assert client.check(token(client.issuer), keys, "n", NOW).auth_time is None
    assert fault(lambda: client.check(token(client.issuer), keys, "n", NOW, since=NOW)) == "auth-time"
    assert fault(lambda: client.check(token(client.issuer, auth_time=True), keys, "n", NOW, since=NOW)) == "auth-time"
