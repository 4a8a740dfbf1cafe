"""The CMS of a PDF seal: CAdES B-B or B-T as PAdES baseline asks (ETSI EN 319 142-1, 6.3), one fixed DER form.

Signed attributes: content type, message digest, signing-certificate-v2 (RFC 5035). ECDSA P-256 with SHA-256, s in the
lower half of the order. The form leaves nothing free: from chain, digest and signature follow the exact bytes, so a
verifier compares them whole, and no unsigned part of a seal (identifiers, algorithms, order of the chain) can be
changed, but for the second form that the ECDSA signature of an authority's certificate has.
At level B-T a time stamp over the signature stands beside it, unsigned by nature; it must prove itself (`stamp`).
Not here: where the bytes stand in a PDF (`pdf`), whom to trust (`pdf_trust`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from asn1crypto import cms, core
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from certsvc.signing.pdf_trust import chain_of

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SHA256 = bytes.fromhex("300d06096086480165030402010500")
_ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_DATA = bytes.fromhex("06092a864886f70d010701")
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_CONTENT_TYPE = bytes.fromhex("06092a864886f70d010903")
_MESSAGE_DIGEST = bytes.fromhex("06092a864886f70d010904")
_SIGNING_CERTIFICATE_V2 = bytes.fromhex("060b2a864886f70d010910022f")
_TIME_STAMP_TOKEN = bytes.fromhex("060b2a864886f70d010910020e")
_MOST_CERTIFICATES = 4
_SEQUENCE, _SET, _OCTETS, _TAG0, _TAG1 = 0x30, 0x31, 0x04, 0xA0, 0xA1


def der(tag: int, *parts: bytes) -> bytes:
    """One DER element."""
    content = b"".join(parts)
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + content


def low_s(signature: bytes) -> bytes:
    """A P-256 signature (DER, or raw r‖s of 64 bytes) as DER with s in the lower half; raises ValueError otherwise."""
    if len(signature) == 64:  # DER is this short once in 2^48 signatures; then it does not verify and is not used
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    else:
        r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, min(s, _ORDER - s))


class SealForm:
    """The DER form of the seals under one chain (leaf first; a self-signed root at the end is left out)."""

    def __init__(self, chain: Sequence[x509.Certificate]) -> None:
        leaf = chain[0]
        encoded = [entry.public_bytes(Encoding.DER) for entry in chain]
        self.embedded = [
            octets for at, octets in enumerate(encoded) if at == 0 or chain[at].issuer != chain[at].subject
        ]
        self.leaf = leaf
        self._certificates = der(_TAG0, *sorted(self.embedded))
        issuer_serial = leaf.issuer.public_bytes()
        serial = core.Integer(leaf.serial_number).dump()
        general_names = der(_SEQUENCE, der(0xA4, issuer_serial))
        ess = der(
            _SEQUENCE,
            der(_SEQUENCE, der(_OCTETS, hashlib.sha256(encoded[0]).digest()), der(_SEQUENCE, general_names, serial)),
        )
        self._ess = der(_SEQUENCE, _SIGNING_CERTIFICATE_V2, der(_SET, der(_SEQUENCE, ess)))
        self._type = der(_SEQUENCE, _CONTENT_TYPE, der(_SET, _DATA))
        self._signer = der(_SEQUENCE, issuer_serial, serial)

    def _attributes(self, digest: bytes) -> bytes:
        message_digest = der(_SEQUENCE, _MESSAGE_DIGEST, der(_SET, der(_OCTETS, digest)))
        return b"".join(sorted((self._type, message_digest, self._ess)))

    def to_sign(self, digest: bytes) -> bytes:
        """The signed attributes over a document's SHA-256, as the SET that is signed (RFC 5652, 5.4)."""
        return der(_SET, self._attributes(digest))

    def encode(self, digest: bytes, signature: bytes, token: bytes = b"") -> bytes:
        """The whole CMS; `signature` is DER, `token` a time stamp over it."""
        stamp = der(_TAG1, der(_SEQUENCE, _TIME_STAMP_TOKEN, der(_SET, token))) if token else b""
        signer = der(
            _SEQUENCE,
            b"\x02\x01\x01",
            self._signer,
            _SHA256,
            der(_TAG0, self._attributes(digest)),
            _ECDSA_SHA256,
            der(_OCTETS, signature),
            stamp,
        )
        signed = der(
            _SEQUENCE,
            b"\x02\x01\x01",
            der(_SET, _SHA256),
            der(_SEQUENCE, _DATA),
            self._certificates,
            der(_SET, signer),
        )
        return der(_SEQUENCE, _SIGNED_DATA, der(_TAG0, signed))


@dataclass(frozen=True, slots=True)
class SealParts:
    """What a CMS holds, before anything is believed: certificates leaf first, the signature, the time stamp's DER."""

    chain: tuple[x509.Certificate, ...]
    digest: bytes
    signature: bytes
    token: bytes = b""


def read_seal(encoded: bytes) -> SealParts:
    """Take a CMS apart; raises ValueError unless it is exactly what `SealForm` would write."""
    try:
        content = cms.ContentInfo.load(encoded, strict=True)["content"]
        signer = content["signer_infos"][0]
        serial = signer["sid"].chosen["serial_number"].native
        held = [x509.load_der_x509_certificate(entry.chosen.dump()) for entry in content["certificates"]]
        digest = next(
            entry["values"][0].native for entry in signer["signed_attrs"] if entry["type"].native == "message_digest"
        )
        signature = bytes(signer["signature"].native)
        (leaf,) = (entry for entry in held if entry.serial_number == serial)
        chain = tuple(chain_of(leaf, held[:_MOST_CERTIFICATES]))
        token = _token(signer)
        exact = SealForm(chain).encode(digest, signature, token)
        canonical = low_s(signature) == signature
    except Exception as error:  # hostile DER: whatever the parsers raise, it is not a seal of ours
        raise ValueError("the signature is not a CMS of this service's form") from error
    if exact != encoded or not canonical:
        raise ValueError("the signature's CMS differs from the one form it may have")
    return SealParts(chain, digest, signature, token)


def _token(signer: cms.SignerInfo) -> bytes:
    """The one time stamp among the unsigned attributes; empty where there is none."""
    if not signer["unsigned_attrs"]:
        return b""
    token: bytes = signer["unsigned_attrs"][0]["values"][0].dump()
    return token


def verify_signature(parts: SealParts) -> bool:
    """Whether the leaf's P-256 key signed these attributes."""
    key = parts.chain[0].public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        return False
    try:
        key.verify(parts.signature, SealForm(parts.chain).to_sign(parts.digest), ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
