"""The QR's signature: a COSE_Sign1 message with EdDSA (RFC 9052 4.2, RFC 9053 2.2), one encoding only.

Protected header {1: -8, 4: kid (4 bytes)}, no unprotected header, the payload of `credential.compact`, no external
data. At most 130 bytes with the tag. Not here: what the payload says (`credential.compact`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cbor2

from certsvc.credential.compact import CompactClaims, decode_compact, encode_compact
from certsvc.credential.verdict import Check, CheckName
from certsvc.errors import KeyRefused, MalformedCredential
from certsvc.signing.keys import KID_BYTES, Algorithm, KeyState, Purpose, Signer, distrust_said, verify, vouches
from certsvc.signing.trust import TrustBundle

LARGEST_MESSAGE: Final = 130
_TAG: Final = 18
_EDDSA: Final = -8


def sign_compact(claims: CompactClaims, signer: Signer) -> bytes:
    """The COSE_Sign1 message (tagged) for these claims; raises `KeyRefused` for a key that is not Ed25519."""
    if signer.algorithm is not Algorithm.ED25519:
        raise KeyRefused("二维码只能用 Ed25519 密钥签名", "the QR is signed with Ed25519 keys only")
    protected, payload = _protected(bytes.fromhex(signer.kid)), encode_compact(claims)
    return _message(protected, payload, signer.sign(_to_be_signed(protected, payload)))


def _protected(kid: bytes) -> bytes:
    return cbor2.dumps({1: _EDDSA, 4: kid}, canonical=True)


def _to_be_signed(protected: bytes, payload: bytes) -> bytes:
    return cbor2.dumps(["Signature1", protected, b"", payload], canonical=True)


def _message(protected: bytes, payload: bytes, signature: bytes) -> bytes:
    return cbor2.dumps(cbor2.CBORTag(_TAG, [protected, {}, payload, signature]), canonical=True)


@dataclass(frozen=True, slots=True)
class CompactCheck:
    """What was found. `claims` are given only where the signature holds."""

    ok: bool
    claims: CompactClaims | None
    kid: str | None
    checks: tuple[Check, ...]


def verify_compact(cose: bytes, trust: TrustBundle, *, log_index: int | None = None) -> CompactCheck:
    """Verifies the QR's message against pinned keys, offline; never raises on bad input.

    A key that is distrusted vouches only with a proven `log_index` before that (see `proofs.verify_credential`).
    """
    parts = _take_apart(cose)
    if parts is None:
        return _refused(CheckName.QR_MESSAGE, "二维码签名不合格式", "not the COSE message of a certificate's QR")
    kid, protected, payload, signature = parts
    key = trust.key(kid, Purpose.CREDENTIAL)
    if key is None or key.algorithm is not Algorithm.ED25519 or key.state is KeyState.PENDING:
        return _refused(CheckName.QR_KEY, f"签名密钥 {kid} 不在信任清单中", f"key {kid} is not pinned")
    if not verify(key.algorithm, key.public, signature, _to_be_signed(protected, payload)):
        return _refused(CheckName.QR_SIGNATURE, "二维码签名不符", "the QR's signature does not match")
    if not vouches(key, log_index):
        return _refused(CheckName.QR_TRUST, *distrust_said(key))
    try:
        claims = decode_compact(payload)
    except MalformedCredential as error:
        return _refused(CheckName.QR_PAYLOAD, error.zh, error.en)
    zh, en = f"二维码签名真实，密钥 {kid}", f"genuine QR signature, key {kid}"
    genuine = Check(CheckName.QR_SIGNATURE, True, zh, en)
    return CompactCheck(True, claims, kid, (genuine,))


def _refused(name: CheckName, zh: str, en: str) -> CompactCheck:
    return CompactCheck(False, None, None, (Check(name, False, zh, en),))


def _take_apart(cose: bytes) -> tuple[str, bytes, bytes, bytes] | None:
    """(kid, protected header, payload, signature) of a message in its one encoding; None for anything else.

    The message is put together again from its parts and must come out the same: that refuses in one stroke trailing
    bytes, another algorithm, unprotected or critical headers, an absent tag, and every other spelling of it.
    """
    if len(cose) > LARGEST_MESSAGE:
        return None
    try:
        message = cbor2.loads(cose, max_depth=4, allow_indefinite=False, allow_duplicate_keys=False)
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError):
        return None
    match message:
        case cbor2.CBORTag(tag=18, value=[bytes(protected), _, bytes(payload), bytes(signature)]):
            kid = protected[-KID_BYTES:]
            if _message(_protected(kid), payload, signature) == cose and len(signature) == 64:
                return kid.hex(), protected, payload, signature
    return None
