"""Status lists: one bit per credential, published for everybody at once (W3C Bitstring Status List v1.0).

Decides the bits, their compressed text, and the unsigned list credential. Not here: which index a credential gets
(drawn at random by services, so that it tells neither order nor number), the proof (`signing`, by the status list's
own key), and what a set bit means for an answer (`verdict`).

Reading is bounded: a list that unpacks to more than `MAX_LENGTH` entries is refused before it fills memory. That a
list is stale is for the caller to ask (`is_current`); stale is not invalid (R10).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from certsvc.credential.commitment import decode_multibase_u, multibase_u
from certsvc.errors import MalformedCredential

MIN_LENGTH: Final = 131_072
"""Entries of the shortest list allowed (16 KiB): the crowd that one credential hides in."""

MAX_LENGTH: Final = 2**24
"""Entries of the longest list read (2 MiB unpacked)."""

_MAX_TEXT = 4 * 2**20
_MAX_TTL = timedelta(days=366)
_CONTEXT = "https://www.w3.org/ns/credentials/v2"
_TYPES = ["VerifiableCredential", "BitstringStatusListCredential"]
_INSTANT = "%Y-%m-%dT%H:%M:%SZ"
# RFC 1952 2.3: no name, no time, best compression, unknown system, so that the same bits give the same text.
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"


class Purpose(StrEnum):
    """What a set bit says. Revoked for good; suspended until lifted; refresh: a newer credential exists."""

    REVOCATION = "revocation"
    SUSPENSION = "suspension"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class StatusList:
    """The bits of one list; index 0 is the first byte's most significant bit. Length is a multiple of 8."""

    bits: bytes

    def __post_init__(self) -> None:
        if not MIN_LENGTH <= self.length <= MAX_LENGTH:
            raise _malformed(
                f"状态列表须有 {MIN_LENGTH} 至 {MAX_LENGTH} 项",
                f"a status list has {MIN_LENGTH} to {MAX_LENGTH} entries",
            )

    @classmethod
    def of(cls, indexes: Iterable[int], length: int = MIN_LENGTH) -> StatusList:
        """The list of `length` entries (rounded up to 8) in which these indexes are set, in any order."""
        if not MIN_LENGTH <= length <= MAX_LENGTH:
            raise _malformed("状态列表长度超出范围", f"status list length out of range: {length}")
        bits = bytearray(-(-length // 8))
        for index in indexes:
            if not 0 <= index < length:
                raise _out_of_range(index)
            bits[index >> 3] |= 0x80 >> (index & 7)
        return cls(bytes(bits))

    @property
    def length(self) -> int:
        """How many entries the list has."""
        return len(self.bits) * 8

    def is_set(self, index: int) -> bool:
        """Whether the status holds for the credential at this index; outside the list: MalformedCredential."""
        if not 0 <= index < self.length:
            raise _out_of_range(index)
        return bool(self.bits[index >> 3] & (0x80 >> (index & 7)))

    def count(self) -> int:
        """How many entries are set."""
        return int.from_bytes(self.bits, "big").bit_count()

    def encode(self) -> str:
        """The `encodedList`: multibase base64url ("u") of the gzipped bits; the same bits give the same text."""
        deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = deflate.compress(self.bits) + deflate.flush()
        trailer = zlib.crc32(self.bits).to_bytes(4, "little") + len(self.bits).to_bytes(4, "little")
        return multibase_u(_GZIP_HEADER + packed + trailer)

    @classmethod
    def decode(cls, text: str) -> StatusList:
        """Read an `encodedList`; raises MalformedCredential for bad text, bad gzip, junk after it, and bombs."""
        if len(text) > _MAX_TEXT:
            raise _malformed("状态列表过大", f"an encoded status list has at most {_MAX_TEXT} characters")
        packed = decode_multibase_u(text)
        unpack = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            bits = unpack.decompress(packed, MAX_LENGTH // 8 + 1)
        except zlib.error as error:
            raise _malformed("状态列表不是 gzip", "a status list that is not gzip") from error
        if len(bits) > MAX_LENGTH // 8:
            raise _malformed("状态列表解压后过大", f"a status list that unpacks to more than {MAX_LENGTH} entries")
        if not unpack.eof or unpack.unused_data:
            raise _malformed("状态列表被截断或有多余内容", "a status list that is cut, or followed by something")
        return cls(bits)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusListClaims:
    """What a list credential says. Times are aware and to the second; `ttl` is how long a copy may be kept."""

    url: str
    issuer: str
    purpose: Purpose
    valid_from: datetime
    valid_until: datetime
    ttl: timedelta
    entries: StatusList

    def is_current(self, at: datetime) -> bool:
        """Whether the list speaks for this instant; if not, the status is unknown, not bad (R10)."""
        return self.valid_from <= at <= self.valid_until


def compose_status_list(claims: StatusListClaims) -> dict[str, object]:
    """The unsigned list credential (VC 2.0), to be signed by the status list's key and served at its `url`."""
    if not claims.valid_from < claims.valid_until:
        raise _malformed("状态列表的有效期不对", "a status list's validity ends after it begins")
    if not timedelta(0) < claims.ttl <= _MAX_TTL:
        raise _malformed("状态列表的缓存时间不对", f"a status list's ttl is out of range: {claims.ttl}")
    return {
        "@context": [_CONTEXT],
        "id": claims.url,
        "type": list(_TYPES),
        "issuer": claims.issuer,
        "validFrom": _instant(claims.valid_from),
        "validUntil": _instant(claims.valid_until),
        "credentialSubject": {
            "id": f"{claims.url}#list",
            "type": "BitstringStatusList",
            "statusPurpose": claims.purpose.value,
            "encodedList": claims.entries.encode(),
            "ttl": claims.ttl // timedelta(milliseconds=1),
        },
    }


def read_status_list(document: Mapping[str, object], *, url: str, issuer: str, purpose: Purpose) -> StatusListClaims:
    """Read the list that a credential's status entry names; raises MalformedCredential for any other or another form.

    A `proof` is left aside: it must have been verified before, against the issuer's status list key.
    """
    unsigned = {name: member for name, member in document.items() if name != "proof"}
    subject = unsigned.get("credentialSubject")
    if not isinstance(subject, dict):
        raise _malformed("状态列表的形式不对", "a status list credential has one subject")
    encoded, ttl = subject.get("encodedList"), subject.get("ttl")
    if not isinstance(encoded, str) or type(ttl) is not int or not 0 < ttl <= _MAX_TTL // timedelta(milliseconds=1):
        raise _malformed("状态列表的形式不对", "a status list has an encodedList and a ttl in milliseconds")
    claims = StatusListClaims(
        url=url,
        issuer=issuer,
        purpose=purpose,
        valid_from=_read_instant(unsigned.get("validFrom")),
        valid_until=_read_instant(unsigned.get("validUntil")),
        ttl=timedelta(milliseconds=ttl),
        entries=StatusList.decode(encoded),
    )
    expected = compose_status_list(claims)
    # Other compressors pack the same bits into other texts, so that one member is compared unpacked (above).
    expected["credentialSubject"] = {**expected["credentialSubject"], "encodedList": encoded}  # type: ignore[dict-item]
    if unsigned != expected:
        differing = sorted(
            name for name in unsigned.keys() | expected.keys() if unsigned.get(name) != expected.get(name)
        )
        raise _malformed(
            f"状态列表与所要求的不符：{'、'.join(differing)}",
            f"not the status list that was asked for: {', '.join(differing)} differ",
        )
    return claims


def _instant(at: datetime) -> str:
    if at.tzinfo is None:
        raise _malformed("时间没有时区", "a status list's times have a time zone")
    return at.astimezone(UTC).strftime(_INSTANT)


def _read_instant(text: object) -> datetime:
    if not isinstance(text, str) or len(text) > 20:
        raise _malformed("状态列表缺少时间", "a status list has validFrom and validUntil")
    try:
        return datetime.strptime(text, _INSTANT).replace(tzinfo=UTC)
    except ValueError as error:
        raise _malformed(f"不是时间：{text}", f"not a time: {text}") from error


def _out_of_range(index: int) -> MalformedCredential:
    return _malformed("状态列表序号超出范围", f"status list index out of range: {index}")


def _malformed(zh: str, en: str) -> MalformedCredential:
    return MalformedCredential(zh, en, where="status list")
