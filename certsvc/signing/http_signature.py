"""HTTP Message Signatures with Ed25519, as far as a signed call of results needs them (RFC 9421, RFC 9530).

One signature of a request without `;` parameters on components: derived components @method, @target-uri, @authority,
@path, @query, and header fields. `signature_of` reads it, `check` holds it against the request under a policy, in this
order: what is covered, digest, time, key. Each refusal says what is wrong. Not here: whose key it is, nonces seen
(`services.operation.sending_systems`), Flask.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from certsvc.errors import SignatureRefused

WINDOW: Final = timedelta(minutes=5)
"""How far `created` may lie from our clock, either way."""
_LONGEST: Final = 4096
# RFC 8941: an inner list of strings with parameters, as the one member of a dictionary that we heed.
_KEY: Final = r"[a-z*][a-z0-9_\-.*]{0,60}"
_STRING: Final = r'"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"'
_PARAMETER: Final = re.compile(rf"; *({_KEY})=({_STRING}|-?[0-9]{{1,15}})")
_INPUT: Final = re.compile(rf"({_KEY})=(\( *((?:{_STRING} *)*)\)((?:; *{_KEY}=(?:{_STRING}|-?[0-9]{{1,15}}))*))")
_SIGNATURE: Final = re.compile(rf"({_KEY})=:([A-Za-z0-9+/=]{{1,200}}):")
_DIGEST: Final = re.compile(r"([a-z0-9-]{1,20})=:([A-Za-z0-9+/=]{1,120}):")
_DIGESTS: Final = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked. `headers` by lower-case name, as they came; `target` is the whole address."""

    method: str
    target: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature as the request states it: covered components in order, parameters, the raw parameter text."""

    label: str
    covered: tuple[str, ...]
    parameters: Mapping[str, str | int]
    stated: str
    value: bytes

    @property
    def key_id(self) -> str:
        return str(self.parameters.get("keyid", ""))

    @property
    def nonce(self) -> str:
        return str(self.parameters.get("nonce", ""))


def signature_of(request: Request) -> Signature:
    """The one signature of a request. Raises `SignatureRefused` where there is none, more than one, or no form."""
    stated = request.headers.get("signature-input", "")
    values = request.headers.get("signature", "")
    if not stated or not values:
        raise _refused("缺少 Signature-Input 或 Signature", "Signature-Input and Signature are needed", "missing")
    read, signed = _INPUT.fullmatch(stated[:_LONGEST].strip()), _SIGNATURE.fullmatch(values[:_LONGEST].strip())
    if read is None or signed is None or read[1] != signed[1]:
        raise _refused(
            "签名头格式不对，或不止一个签名",
            "the signature's fields are malformed, or there is more than one signature",
            "malformed",
        )
    covered = tuple(_unquoted(one) for one in re.findall(_STRING, read[3]))
    parameters = {name: _value(text) for name, text in _PARAMETER.findall(read[4])}
    if len(set(covered)) != len(covered):
        raise _refused("签名覆盖的部分重复", "a component is covered twice", "malformed")
    return Signature(read[1], covered, parameters, read[2], _decoded(signed[2], "signature"))


def signature_base(request: Request, covered: Sequence[str], stated: str) -> str:
    """The text that is signed (RFC 9421, 2.5). Raises `SignatureRefused` for a component that is not there."""
    lines = [f'"{name}": {_component(request, name)}' for name in covered]
    return "\n".join([*lines, f'"@signature-params": {stated}'])


def check(
    request: Request, signature: Signature, key: bytes, body: bytes, *, now: datetime, required: Sequence[str]
) -> str:
    """Hold a request against its signature under a known Ed25519 key; returns the base that was signed.

    `required` are the components that it must cover; "@target-uri" is met by "@authority" with "@path" as well. Raises
    `SignatureRefused`.
    """
    _check_covered(signature, required)
    check_digest(request.headers.get("content-digest", ""), body)
    _check_time(signature, now)
    if signature.parameters.get("alg", "ed25519") != "ed25519":
        raise _refused("签名算法须为 ed25519", "the algorithm must be ed25519", "alg")
    base = signature_base(request, signature.covered, signature.stated)
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature.value, base.encode("ascii"))
    except (InvalidSignature, UnicodeEncodeError) as error:
        raise _refused(
            "签名不符：所签的方法、地址、头字段或密钥与收到的不一致",
            "the signature does not match: method, address, a covered field or the key is another than was signed",
            "signature",
        ) from error
    return base


def content_digest(body: bytes) -> str:
    """The Content-Digest field of a body (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def check_digest(stated: str, body: bytes) -> None:
    """Raise `SignatureRefused` unless the field holds a digest that we know, and each that we know is the body's."""
    members = [_DIGEST.fullmatch(one.strip()) for one in stated[:_LONGEST].split(",")]
    known = [(one[1], one[2]) for one in members if one is not None and one[1] in _DIGESTS]
    if not known or None in members:
        raise _refused(
            "Content-Digest 须为 sha-256 或 sha-512",
            "Content-Digest must be given as sha-256 or sha-512",
            "content-digest",
        )
    for name, text in known:
        if _decoded(text, "content-digest") != _DIGESTS[name](body).digest():
            raise _refused(
                "Content-Digest 与收到的内容不符", "Content-Digest is not that of the body", "content-digest"
            )


def _check_covered(signature: Signature, required: Sequence[str]) -> None:
    covered = set(signature.covered)
    if {"@authority", "@path"} <= covered:
        covered.add("@target-uri")
    lacking = [name for name in required if name not in covered]
    if lacking:
        raise _refused(f"签名须覆盖 {'、'.join(lacking)}", f"the signature must cover {', '.join(lacking)}", lacking[0])
    for name in ("created", "nonce", "keyid"):
        if not signature.parameters.get(name):
            raise _refused(f"签名缺少参数 {name}", f"the signature lacks the parameter {name}", name)


def _check_time(signature: Signature, now: datetime) -> None:
    created, expires = signature.parameters["created"], signature.parameters.get("expires")
    if not isinstance(created, int) or (expires is not None and not isinstance(expires, int)):
        raise _refused("created 须为 Unix 时间", "created is a Unix time", "created")
    moment = now.timestamp()
    if created < moment - WINDOW.total_seconds() or (expires is not None and expires < moment):
        raise _refused("签名已过期，请重新签名", "the signature has expired: sign again", "created")
    if created > moment + WINDOW.total_seconds():
        raise _refused("签名时间在未来，请校准时钟", "the signature is of the future: set the clock", "created")


def _component(request: Request, name: str) -> str:
    if name.startswith("@"):
        return _derived(request, name)
    value = request.headers.get(name)
    if value is None:
        raise _refused(f"没有所签的头字段 {name}", f"the covered field {name} is not there", name[:60])
    # 2.1: obsolete folding and blanks around it are gone already, as any server passes them on.
    return value.strip()


def _derived(request: Request, name: str) -> str:
    parts = urlsplit(request.target)
    values = {
        "@method": request.method,
        "@target-uri": request.target,
        "@authority": parts.netloc.lower(),
        "@scheme": parts.scheme.lower(),
        "@path": parts.path or "/",
        "@query": f"?{parts.query}",
        "@request-target": parts.path + (f"?{parts.query}" if parts.query else ""),
    }
    if name not in values:
        raise _refused(f"不支持的部分 {name}", f"the component {name} is not supported", name[:60])
    return values[name]


def _value(text: str) -> str | int:
    return _unquoted(text) if text.startswith('"') else int(text)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _decoded(text: str, where: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refused(f"{where} 不是 base64", f"{where} is not base64", where) from error


def _refused(zh: str, en: str, where: str) -> SignatureRefused:
    return SignatureRefused(zh, en, where=where)
