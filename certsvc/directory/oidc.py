"""Ask an authority's own directory who someone is: OpenID Connect, authorization code flow with PKCE.

What is believed is the id_token alone, fetched by us from the token endpoint over TLS and checked in this order
(OpenID Connect Core, 3.1.3.7):

O1 signature   by a key that the provider publishes now, with an algorithm for signatures by key pairs
O2 issuer      exactly the configured one, as in the provider's own description (Discovery, 4.3)
O3 audience    our client, and no other party's beside it without `azp`
O4 time        not expired, not from the future, a minute's difference of the clocks allowed
O5 nonce       the one that this browser's request had
O6 auth_time   where it was asked for again: not before that (Core, 3.1.2.1)

A code is good once: the provider refuses it a second time, and PKCE (RFC 7636) binds it to the browser that asked for
it. Not here: which account the person has, and where what was asked rests meanwhile (`web.console.directory`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeGuard
from urllib.parse import urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from certsvc.errors import Refused

_SECONDS: Final = 10
_LEEWAY: Final = 60
_LONGEST_SUBJECT: Final = 255  # Core, 2
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
# No "none", and no HS256, whose key is the client's secret and not the provider's.
_ALGORITHMS: Final = ("RS256", "PS256", "ES256", "RS384", "PS384", "ES384", "RS512", "PS512", "ES512", "EdDSA")
_DESCRIPTION: Final = "/.well-known/openid-configuration"


class DirectoryRefused(Refused):
    """The directory, or what it answered, does not vouch for anyone. `fault` is a fixed word."""

    code = "directory-refused"

    def __init__(self, fault: str, zh: str, en: str) -> None:
        super().__init__(zh, en, rule="R1.6", where="CERTSVC_OIDC_ISSUER")
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Asked:
    """What a browser is sent to the directory with, and what its answer is held against."""

    address: str
    state: str
    nonce: str
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """For whom the directory vouches; `auth_time` is when they last signed in there, where it says so."""

    issuer: str
    subject: str
    auth_time: float | None


@dataclass(frozen=True)
class Provider:
    """A directory and our client there. `issuer` as its own description has it; `back` is where it sends people."""

    issuer: str
    client_id: str
    secret_file: Path
    back: str

    def __post_init__(self) -> None:
        if not _is_safe(self.issuer) or urlsplit(self.issuer).query:
            raise Refused(
                "应为目录的 https 地址，与其自述的 issuer 完全一致",
                "expected the directory's https address, exactly as it calls itself",
                where="CERTSVC_OIDC_ISSUER",
            )
        if not self.client_id:
            raise Refused("须给出客户端编号", "the client's id is due", where="CERTSVC_OIDC_CLIENT_ID")
        self._secret()

    def ask(self, *, again: bool = False) -> Asked:
        """Where to send a browser; `again`: to sign in there once more, now. Raises `DirectoryRefused`."""
        state, nonce, verifier = generate_token(32), generate_token(32), generate_token(64)
        more = {"prompt": "login", "max_age": "0"} if again else {}
        with self._client(self._described()) as client:
            address, _ = client.create_authorization_url(
                client.metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier, **more
            )
        return Asked(address, state, nonce, verifier)

    def vouched(
        self, answer: Mapping[str, str], asked: Asked, now: datetime, *, since: datetime | None = None
    ) -> Person:
        """Whom the answer that a browser brought back is about; `since`: they signed in there no earlier.

        Raises `DirectoryRefused`.
        """
        _check_answer(answer, asked, self.issuer)
        described = self._described()
        with self._client(described) as client:
            token = _fetched(client, answer["code"], asked.verifier)
        keys = self._json(described["jwks_uri"])
        return self.check(token, keys, asked.nonce, now, since=since)

    def check(
        self, token: str, keys: Mapping[str, Any], nonce: str, now: datetime, *, since: datetime | None = None
    ) -> Person:
        """O1 to O6 of an id_token. Raises `DirectoryRefused`."""
        claims = _signed(token, keys)
        if claims.get("iss") != self.issuer:
            raise _not_trusted("issuer", "签发者不是所配置的目录", "it is of another issuer")
        if not self._is_ours(claims):
            raise _not_trusted("audience", "不是发给本系统的", "it is for another system")
        _check_times(claims, now)
        if claims.get("nonce") != nonce:
            raise _not_trusted("nonce", "不是对这次请求的答复", "it answers another request")
        subject, auth_time = claims.get("sub"), claims.get("auth_time")
        if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
            raise _not_trusted("subject", "没有写明是谁", "it does not say who it is about")
        signed_in_at = auth_time if _is_time(auth_time) else None
        if since is not None and (signed_in_at is None or signed_in_at + _LEEWAY < since.timestamp()):
            raise DirectoryRefused(
                "auth-time",
                "目录没有重新验证您的身份，请退出目录后重试，或用本系统的第二因素",
                "the directory did not ask you to sign in again: sign out there and retry, or use your second factor",
            )
        return Person(self.issuer, subject, signed_in_at)

    def _is_ours(self, claims: Mapping[str, Any]) -> bool:
        """O3."""
        audience = claims.get("aud")
        parties = audience if isinstance(audience, list) else [audience]
        if self.client_id not in parties:
            return False
        return bool(claims.get("azp", None if len(parties) > 1 else self.client_id) == self.client_id)

    def _client(self, described: Mapping[str, Any]) -> OAuth2Session:
        client = OAuth2Session(
            self.client_id,
            self._secret(),
            scope="openid",
            redirect_uri=self.back,
            code_challenge_method="S256",
            default_timeout=_SECONDS,
            authorization_endpoint=described["authorization_endpoint"],
            token_endpoint=described["token_endpoint"],
        )
        client.max_redirects = 0
        return client

    def _described(self) -> Mapping[str, Any]:
        described = self._json(self.issuer.rstrip("/") + _DESCRIPTION)
        if described.get("issuer") != self.issuer:
            raise _not_trusted("issuer", "目录自述的 issuer 与配置不一致", "its description names another issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(described.get(name), str) or not _is_safe(described[name]):
                raise _not_trusted("description", "目录的自述不完整", "its description is not whole")
        return described

    def _json(self, address: str) -> Mapping[str, Any]:
        try:
            answer = requests.get(address, timeout=_SECONDS, allow_redirects=False)
            found = answer.json() if answer.status_code == 200 else None
        except requests.RequestException:  # a body that is no JSON is one, too
            raise _away() from None
        if not isinstance(found, dict):
            raise _away()
        return found

    def _secret(self) -> str:
        # Read at each use: one that is changed needs no restart.
        try:
            secret = self.secret_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Refused("读不到密钥文件", "the secret's file cannot be read", where=_SECRET) from error
        if not secret:
            raise Refused("密钥文件是空的", "the secret's file is empty", where=_SECRET)
        return secret


_SECRET: Final = "CERTSVC_OIDC_SECRET_FILE"  # noqa: S105 - the name of a setting


def _signed(token: str, keys: Mapping[str, Any]) -> Mapping[str, Any]:
    """O1: the claims of a token that is signed by one of the keys. Raises `DirectoryRefused`."""
    try:
        known = KeySet.import_key_set(dict(keys))  # type: ignore[arg-type]  # a JWKS, checked by it
        return jwt.decode(token, known, algorithms=list(_ALGORITHMS)).claims
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise _not_trusted("signature", "签名不符", "the signature is not the directory's") from error


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    """O4. Raises `DirectoryRefused`."""
    at, until, since = now.timestamp(), claims.get("exp"), claims.get("iat")
    if not _is_time(until) or until + _LEEWAY < at:
        raise _not_trusted("expired", "已过期", "it has expired")
    if not _is_time(since) or since - _LEEWAY > at:
        raise _not_trusted("clock", "时间在将来，请核对两边的时钟", "it is from the future: compare the clocks")


def _check_answer(answer: Mapping[str, str], asked: Asked, issuer: str) -> None:
    if answer.get("state") != asked.state:
        raise _not_trusted("state", "不是对这次请求的答复", "it answers another request")
    if answer.get("iss") not in (None, issuer):  # RFC 9207
        raise _not_trusted("issuer", "答复来自另一个目录", "it comes from another directory")
    if "error" in answer or not answer.get("code"):
        raise DirectoryRefused(
            "denied", "目录没有放行，登录未完成", "the directory did not let you through; you are not signed in"
        )


def _fetched(client: OAuth2Session, code: str, verifier: str) -> str:
    """The id_token for a code. Raises `DirectoryRefused`."""
    try:
        answer = client.fetch_token(client.metadata["token_endpoint"], code=code, code_verifier=verifier)
    except OAuthError as error:
        if error.error == "invalid_grant":
            raise DirectoryRefused(
                "code",
                "登录凭据已用过或已过期，请重新登录",
                "that sign-in was used before, or is too old: sign in again",
            ) from None
        raise DirectoryRefused(
            "client",
            "目录不接受本系统的客户端，请告知管理员",
            "the directory does not take our client; tell the administrator",
        ) from None
    except (requests.RequestException, ValueError):
        raise _away() from None
    token = answer.get("id_token")
    if not isinstance(token, str):
        raise _not_trusted("description", "目录没有给出身份凭据", "it gives no id_token")
    return token


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    return secure and bool(parts.hostname) and not parts.username and not parts.fragment


def _is_time(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _not_trusted(fault: str, zh: str, en: str) -> DirectoryRefused:
    return DirectoryRefused(
        fault, f"目录的答复不能采信：{zh}。请重新登录", f"the directory's answer is not believed: {en}. Sign in again"
    )


def _away() -> DirectoryRefused:
    return DirectoryRefused(
        "away",
        "暂时连不上机构的目录，请稍后再试，或用账户名和口令登录",
        "the directory cannot be reached just now: try later, or use name and password",
    )
