"""SM2 with SM3, for authorities that must use national algorithms: an extra (`certsvc[gm]`), never a replacement.

A detached signature over a credential's published bytes, as any tool takes it: DER, SM3 over ZA and the message, the
default distinguishing identifier 1234567812345678 (docs/gm.md). The library `gmalglib` is imported when a key is used;
pinning a public key needs none. Not here: where the key rests (`keystore`), what is signed (`services.gm`).
Source: GB/T 32918.1, .2 and .5-2017; GB/T 32905-2016; GM/T 0009-2012.
"""

from __future__ import annotations

import base64
import importlib
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from certsvc.errors import KeyRefused

# GB/T 32918.5-2017, the recommended curve: y² = x³ + ax + b over p, a = p - 3.
_P: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A: Final = _P - 3
_B: Final = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_N: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
# SubjectPublicKeyInfo up to the point: id-ecPublicKey with the curve 1.2.156.10197.1.301.
_INFO: Final = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")
SECRET_BYTES: Final = 32


def on_curve(public: bytes) -> bool:
    """Whether this is an uncompressed point of the SM2 curve; its order is prime, so that is all there is to check."""
    if len(public) != 65 or public[0] != 4:
        return False
    x, y = int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big")
    return x < _P and y < _P and (y * y - (x * x * x + _A * x + _B)) % _P == 0


def generate() -> tuple[bytes, bytes]:
    """A private key (32 bytes) and its public point (65 bytes). Raises `KeyRefused` without the extra."""
    private, public = _library().SM2().generate_keypair()
    return bytes(private), bytes(public)


def public_of(private: bytes) -> bytes:
    """The point of a private key; raises `KeyRefused` for one that is none."""
    sm2 = _library()
    if not sm2.SM2.is_sk_valid(private):
        raise KeyRefused("不是 SM2 私钥", "not a private key of SM2")
    return bytes(sm2.SM2.get_pk(private))


def sign(private: bytes, public: bytes, message: bytes) -> bytes:
    """The signature as DER, SEQUENCE of r and s."""
    raw = bytes(_library().SM2(private, uid=IDENTIFIER, pk=public).sign(message))
    return encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a DER signature holds, in its one encoding, 1 ≤ r, s < n. Raises `KeyRefused` without the extra."""
    sm2 = _library()
    try:
        r, s = decode_dss_signature(signature)
    except ValueError:
        return False
    if not (0 < r < _N and 0 < s < _N) or encode_dss_signature(r, s) != signature or not on_curve(public):
        return False
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return bool(sm2.SM2(pk=public, uid=IDENTIFIER).verify(message, raw))


def public_pem(public: bytes) -> bytes:
    """The public key as tools read it: SubjectPublicKeyInfo, PEM."""
    text = base64.encodebytes(_INFO + public).replace(b"\n", b"").decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""]).encode()


IDENTIFIER: Final = b"1234567812345678"  # GM/T 0009-2012: where no other was agreed


def _library() -> Any:
    try:
        return importlib.import_module("gmalglib.sm2")
    except ImportError as error:
        raise KeyRefused("需要安装 certsvc[gm]", "SM2 needs certsvc[gm]") from error
