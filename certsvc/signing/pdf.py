"""Sealing a PDF: a PAdES certification signature (B-B, B-T) in the place its press left for it, no changes allowed.

The press writes a signature dictionary as object 1 with /ByteRange, /Contents and /M as zeros of fixed width; sealing
fills them in place, so the file keeps its single revision and the signature covers every byte but its own.
Not here: the CMS (`pdf_cms`), examining (`pdf_examination`), drawing (rendering).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from functools import cached_property

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from certsvc.errors import SealRefused
from certsvc.signing.keystore import Keystore, Purpose
from certsvc.signing.pdf_cms import SealForm, SealParts, low_s, read_seal

BEIJING = timezone(timedelta(hours=8))
LARGEST_BYTES = 20 * 1024 * 1024
"""Of a file that is examined, and so of one that is made."""

_LONGEST_SIGNATURE = 72
"""An ECDSA P-256 signature as DER (two integers of 33 bytes)."""
_LONG_STAMP, _SHORT_STAMP = 10240, 2048
"""A token with its authority's chain; one with a single small certificate, for files sealed with no authority."""

PLACE = re.compile(
    rb"%PDF-1\.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Type/Sig/Filter/Adobe\.PPKLite/SubFilter/ETSI\.CAdES\.detached"
    rb"/ByteRange\[0 (?P<first>\d{10}) (?P<second>\d{10}) (?P<rest>\d{10})\]"
    rb"/Contents<(?P<contents>[0-9a-f]+)>/M\(D:(?P<moment>\d{14})\+(?P<zone>0[08])'00'\)"
    rb"/Reference\[<</Type/SigRef/TransformMethod/DocMDP/TransformParams<</Type/TransformParams/P 1/V/1\.2>>>>\]"
)
"""How every file of ours begins, sealed or not."""


@dataclass(frozen=True)
class PdfSeal:
    """A P-256 key, by what it can do, and its chain, leaf first.

    `sign` takes the message (not its digest) and gives an ECDSA P-256/SHA-256 signature, as DER or as raw r‖s.
    """

    sign: Callable[[bytes], bytes]
    chain: tuple[x509.Certificate, ...]

    @classmethod
    def from_keystore(cls, keystore: Keystore) -> PdfSeal:
        """The keystore's active PDF seal."""
        return cls(keystore.signer(Purpose.PDF_SEAL).sign, tuple(keystore.seal_chain()))

    @cached_property
    def form(self) -> SealForm:
        return SealForm(self.chain)

    def room(self, *, stamped: bool) -> int:
        """Bytes to leave for the CMS of any seal under this chain, with a time stamp of an authority or a short one."""
        longest = len(self.form.encode(bytes(32), bytes(_LONGEST_SIGNATURE)))
        return longest + (_LONG_STAMP if stamped else _SHORT_STAMP)

    @cached_property
    def key(self) -> ec.EllipticCurvePublicKey:
        """The leaf's public key; raises `SealRefused` unless it is P-256."""
        key = self.chain[0].public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise SealRefused("PDF 签章证书须为 P-256 密钥", "the PDF seal needs a P-256 key")
        return key


class Level(StrEnum):
    """The PAdES level of a file: sealed; with a time stamp of an authority; with all that outlives the certificates."""

    SEALED = "B-B"
    STAMPED = "B-T"
    ARCHIVED = "B-LTA"


Stamper = Callable[[bytes], bytes]
"""A time stamp's DER over the octets of a signature; raises `Unavailable`."""


def seal(pdf: bytes, seal: PdfSeal, *, signed_at: datetime) -> bytes:
    """The same file with the place for its signature filled; raises `SealRefused` when it has none or it is used."""
    place = PLACE.match(pdf)
    if place is None or int(place["rest"]) or place["contents"].strip(b"0"):
        raise SealRefused("该 PDF 没有可用的签章位置", "this PDF has no unused place for a seal")
    if signed_at.tzinfo is None:
        raise SealRefused("签章时间须带时区", "the time of sealing needs a time zone")
    key = seal.key
    start, end = place.start("contents") - 1, place.end("contents") + 1
    sealed = bytearray(pdf)
    _put(sealed, place, "moment", signed_at.astimezone(BEIJING).strftime("%Y%m%d%H%M%S").encode())
    _put(sealed, place, "zone", b"08")
    for name, value in (("first", start), ("second", end), ("rest", len(pdf) - end)):
        _put(sealed, place, name, b"%010d" % value)
    view = memoryview(sealed)
    hashed = hashlib.sha256(view[:start])
    hashed.update(view[end:])
    view.release()
    digest = hashed.digest()
    message = seal.form.to_sign(digest)
    try:
        signature = low_s(seal.sign(message))
        # A fault while signing could give the key away or a broken certificate out: check before it leaves.
        key.verify(signature, message, ec.ECDSA(SHA256()))
    except (ValueError, InvalidSignature) as error:
        raise SealRefused("签章密钥给出的签名无效", "the seal's key gave a signature that does not verify") from error
    _fill(sealed, place, seal.form.encode(digest, signature))
    return bytes(sealed)


def add_stamp(pdf: bytes, stamper: Stamper) -> bytes:
    """A sealed file (B-B) with a time stamp beside its signature (B-T); nothing that was signed changes.

    Raises `SealRefused` when it is not sealed, stamped already or has no room; what the stamper raises goes through.
    """
    place, parts = seal_of(pdf)
    if parts.token:
        raise SealRefused("该签章已有时间戳", "this seal has its time stamp")
    stamped = bytearray(pdf)
    _fill(stamped, place, SealForm(parts.chain).encode(parts.digest, parts.signature, stamper(parts.signature)))
    return bytes(stamped)


def level_of(pdf: bytes) -> Level:
    """The level that a sealed file claims; whether it holds is for `pdf_examination` to say. Raises `SealRefused`."""
    place, parts = seal_of(pdf)
    if len(pdf) > int(place["second"]) + int(place["rest"]):
        return Level.ARCHIVED
    return Level.STAMPED if parts.token else Level.SEALED


def seal_of(pdf: bytes) -> tuple[re.Match[bytes], SealParts]:
    """The place of a file's seal and what stands in it; raises `SealRefused` where that is not a seal of ours."""
    place = PLACE.match(pdf)
    try:
        parts = None if place is None else read_seal(cms_of(place))
    except ValueError:
        parts = None
    if place is None or parts is None:
        raise SealRefused("该 PDF 没有本服务的签章", "this PDF has no seal of ours")
    return place, parts


def cms_of(place: re.Match[bytes]) -> bytes:
    """The CMS in the hole, without the zeros after it; raises ValueError unless it is that and nothing else."""
    contents = bytes.fromhex(place["contents"].decode())
    size = der_size(contents)
    if not 0 < size <= len(contents) or contents[size:].strip(b"\0"):
        raise ValueError("the padding of the signature was changed")
    return contents[:size]


def der_size(octets: bytes) -> int:
    """The length of the DER element that begins here; 0 where none does."""
    if len(octets) < 4 or octets[0] != 0x30:
        return 0
    first = octets[1]
    if first < 0x80:
        return 2 + first
    count = first & 0x7F
    return 2 + count + int.from_bytes(octets[2 : 2 + count], "big") if 0 < count <= 4 else 0


def _fill(target: bytearray, place: re.Match[bytes], encoded: bytes) -> None:
    """Write the CMS into the hole, zeros after it."""
    contents = encoded.hex().encode()
    start, end = place.span("contents")
    if len(contents) > end - start:
        raise SealRefused(
            "证书链或时间戳过长，签章位置放不下", "chain or time stamp are too long for the place left for the seal"
        )
    _put(target, place, "contents", contents.ljust(end - start, b"0"))


def _put(target: bytearray, place: re.Match[bytes], name: str, value: bytes) -> None:
    start, end = place.span(name)
    assert len(value) == end - start
    target[start:end] = value


def moment_of(place: re.Match[bytes]) -> datetime:
    """The time a seal claims, in UTC; raises ValueError when it is none."""
    hours = int(place["zone"])
    local = datetime.strptime(place["moment"].decode(), "%Y%m%d%H%M%S").replace(tzinfo=timezone(timedelta(hours=hours)))
    return local.astimezone(UTC)
