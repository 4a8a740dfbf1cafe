"""What the QR carries: a CBOR payload small enough to scan from paper, and the text around it (formats.md, "The QR").

The payload repeats what a reader compares with the face (name, number, date, level) and binds the credential by the
first 8 bytes of its digest, so that two genuine parts of different certificates do not pass together. It has at most 49
bytes: with COSE around it, 130. Not here: the signature (`signing.proofs`), drawing the code (`rendering.qr`).
Source: docs/credential-format.md section 6; RFC 8949 4.2.1 (deterministic encoding).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import cbor2

from certsvc.credential.document import CertificateClaims
from certsvc.credential.token import normalise_token
from certsvc.errors import MalformedCredential

LARGEST_PAYLOAD: Final = 49
_GENUINE, _SAMPLE = 1, 2
_EPOCH: Final = date(1970, 1, 1)
_DIGITS16 = re.compile(r"[0-9]{16}")
_CHARS22 = re.compile(r"[SY][0-9]{21}")
_CHARS22_BYTES: Final = 9
_TEXT_NUMBER = re.compile(r"[A-Z0-9][A-Z0-9-]{0,21}")
_QR_TEXT = re.compile(
    r"https?://([a-z0-9.:-]{1,259})/v/([a-z2-7]{26})(?:#([a-z2-7]{1,220}))?", re.IGNORECASE | re.ASCII
)


@dataclass(frozen=True, slots=True)
class CompactClaims:
    """What the payload says. The prefix is the whole name unless `name_digest` holds 8 bytes of the name's SHA-256."""

    name_prefix: str
    name_digest: bytes | None
    number: str
    issued_on: date
    level: int
    credential_digest8: bytes
    sample: bool = False

    def names(self, name: str) -> bool:
        """Whether this payload was made for that name."""
        if self.name_digest is None:
            return name == self.name_prefix
        return name.startswith(self.name_prefix) and _name_digest(name) == self.name_digest


def compact_claims(claims: CertificateClaims, credential_digest8: bytes) -> CompactClaims:
    """The payload's claims for a certificate: the whole name where it fits, else its beginning and a digest."""
    whole = CompactClaims(
        name_prefix=claims.holder_name,
        name_digest=None,
        number=claims.number,
        issued_on=claims.issued_on,
        level=claims.level,
        credential_digest8=credential_digest8,
        sample=claims.issuer.sample,
    )
    if len(_encode(whole)) <= LARGEST_PAYLOAD:
        return whole
    shortened = replace(whole, name_prefix="", name_digest=_name_digest(claims.holder_name))
    # What is left beside the digest goes to the name's beginning, in whole code points. The string's head stays one
    # byte, since fewer than 24 bytes are ever left.
    room = LARGEST_PAYLOAD - len(_encode(shortened))
    beginning = claims.holder_name.encode()[: max(room, 0)].decode(errors="ignore")
    return replace(shortened, name_prefix=beginning)


def encode_compact(claims: CompactClaims) -> bytes:
    """The CBOR payload; raises `MalformedCredential` for claims that have none (too long, a digest not of 8 bytes)."""
    payload = _encode(claims)
    if len(payload) > LARGEST_PAYLOAD or decode_compact(payload) != claims:
        raise MalformedCredential("二维码内容过长或不合规格", "the QR's claims are too long or not of their form")
    return payload


def decode_compact(payload: bytes) -> CompactClaims:
    """The inverse of `encode_compact`, for one spelling only; raises `MalformedCredential`."""
    try:
        value = cbor2.loads(payload, max_depth=4, allow_indefinite=False, allow_duplicate_keys=False)
        claims = _read(value)
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError) as error:
        raise MalformedCredential("二维码内容不合格式", "the QR's payload is not of its form") from error
    if _encode(claims) != payload:
        raise MalformedCredential("二维码内容编码不规范", "the QR's payload is not in its one encoding")
    return claims


def _encode(claims: CompactClaims) -> bytes:
    name = claims.name_prefix if claims.name_digest is None else [claims.name_prefix, claims.name_digest]
    return cbor2.dumps(
        [
            _SAMPLE if claims.sample else _GENUINE,
            name,
            _pack_number(claims.number),
            (claims.issued_on - _EPOCH).days,
            claims.level,
            claims.credential_digest8,
        ],
        canonical=True,
    )


def _read(value: object) -> CompactClaims:
    match value:
        case [int(kind), str(prefix), int() | bytes() | str() as number, int(day), int(level), bytes(digest)]:
            name_digest = None
        case [
            int(kind),
            [str(prefix), bytes(name_digest)],
            int() | bytes() | str() as number,
            int(day),
            int(level),
            bytes(digest),
        ] if len(name_digest) == 8:
            pass
        case _:
            raise ValueError("not an array of the right items")
    if kind not in (_GENUINE, _SAMPLE) or len(digest) != 8 or not 1 <= level <= 8:
        raise ValueError("an item out of its range")
    return CompactClaims(
        name_prefix=prefix,
        name_digest=name_digest,
        number=_unpack_number(number),
        issued_on=_EPOCH + timedelta(days=day),
        level=int(level),  # a CBOR `true` would pass for 1 and come out again as `true`
        credential_digest8=digest,
        sample=kind == _SAMPLE,
    )


def _pack_number(number: str) -> int | bytes | str:
    """16 digits as an unsigned integer, S or Y and 21 digits as 9 bytes, anything else as text."""
    if _DIGITS16.fullmatch(number):
        return int(number)
    if _CHARS22.fullmatch(number):
        return (int(number[1:]) + (10**21 if number[0] == "Y" else 0)).to_bytes(_CHARS22_BYTES, "big")
    return number


def _unpack_number(packed: int | bytes | str) -> str:
    if isinstance(packed, int):
        if not 0 <= packed < 10**16:
            raise ValueError("a number of more than 16 digits")
        return f"{packed:016d}"
    if isinstance(packed, bytes):
        series, digits = divmod(int.from_bytes(packed, "big"), 10**21)
        if len(packed) != _CHARS22_BYTES or series > 1:
            raise ValueError("not a number of 22 characters")
        return f"{'SY'[series]}{digits:021d}"
    if not _TEXT_NUMBER.fullmatch(packed):
        raise ValueError("not a certificate number")
    return packed


def _name_digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:8]


def payload_text(cose: bytes) -> str:
    """The base32 text of a COSE message: upper case, no padding, so that QR alphanumeric mode applies."""
    return base64.b32encode(cose).decode().rstrip("=")


def payload_bytes(text: str) -> bytes:
    """The inverse of `payload_text`, any letter case; raises `MalformedCredential` for a second spelling of them."""
    upper = text.upper()
    try:
        cose = base64.b32decode(upper + "=" * (-len(upper) % 8)) if text.isascii() else b""
    except binascii.Error as error:
        raise MalformedCredential("二维码内容不是 base32", "the QR's payload is not base32") from error
    if payload_text(cose) != upper:
        raise MalformedCredential("二维码内容的 base32 写法不规范", "the QR's payload is not canonical base32")
    return cose


def qr_text(base_url: str, token: str, cose: bytes) -> str:
    """The text of the QR: "HTTPS://HOST/V/TOKEN#PAYLOAD"; the fragment never reaches the server."""
    return f"{base_url}/v/{token}".upper() + "#" + payload_text(cose)


@dataclass(frozen=True, slots=True)
class QrText:
    """A scanned text taken apart: host in lower case with its port, token as registered, the COSE message if any."""

    host: str
    token: str
    cose: bytes | None


def parse_qr_text(text: str) -> QrText:
    """Takes a scanned text apart, in any letter case; raises `MalformedCredential` for any other text."""
    match = _QR_TEXT.fullmatch(text.strip())
    token = None if match is None else normalise_token(match[2])
    if match is None or token is None:
        raise MalformedCredential("不是本系统证书的二维码内容", "not the text of a certificate's QR")
    return QrText(match[1].lower(), token, None if match[3] is None else payload_bytes(match[3]))
