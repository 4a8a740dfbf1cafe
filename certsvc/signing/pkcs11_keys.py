"""Keys that never leave their hardware: PKCS#11 tokens by `pkcs11:` URI (RFC 7512).

The library `python-pkcs11` is an extra (`certsvc[pkcs11]`), imported only when such a URI is met. A URI names the token
and the object, the module by `module-path`, and the file that holds the PIN by `pin-source`; a PIN in the URI itself
(`pin-value`) is refused, since the URI stands in the index. Not here: which keys there are (`keystore`).
"""

from __future__ import annotations

import hashlib
import importlib
import os
import secrets
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from certsvc.errors import KeyMissing, KeyRefused
from certsvc.signing.keys import Algorithm

# CKA_EC_PARAMS: a curve's name as PrintableString (PKCS #11 3.0, 2.3.5), or its object identifier, in DER.
_EDWARDS25519: Final = b"\x13\x0cedwards25519"
_SECP256R1: Final = bytes.fromhex("06082a8648ce3d030107")


@dataclass(frozen=True, slots=True)
class Pkcs11Uri:
    """The parts of a URI that this service uses."""

    token: str
    module_path: str
    pin_source: str
    object_label: str | None = None

    def __str__(self) -> str:
        path = f"pkcs11:token={quote(self.token)}"
        if self.object_label is not None:
            path += f";object={quote(self.object_label)}"
        return f"{path}?module-path={quote(self.module_path)}&pin-source={quote(self.pin_source)}"


def parse_uri(text: str) -> Pkcs11Uri:
    """Takes a URI apart; raises `KeyRefused` for one that lacks a part or holds the PIN itself."""
    scheme, _, rest = text.partition(":")
    path, _, query = rest.partition("?")
    attributes = dict(part.partition("=")[::2] for part in path.split(";") if part)
    options = dict(parse_qsl(query))
    if "pin-value" in options:
        raise KeyRefused("PIN 不得写在 URI 中，请用 pin-source", "no PIN in the URI; name its file by pin-source")
    if scheme != "pkcs11" or "token" not in attributes or not {"module-path", "pin-source"} <= set(options):
        raise KeyRefused(
            "应为 pkcs11:token=…?module-path=…&pin-source=…", "expected pkcs11:token=…?module-path=…&pin-source=…"
        )
    label = attributes.get("object")
    return Pkcs11Uri(
        token=unquote(attributes["token"]),
        module_path=options["module-path"],
        pin_source=options["pin-source"].removeprefix("file:"),
        object_label=None if label is None else unquote(label),
    )


def generate(uri: str, algorithm: Algorithm, label: str) -> tuple[bytes, str]:
    """Makes a key pair that cannot be extracted; gives its public bytes and the URI to keep. Raises `KeyRefused`."""
    pkcs11 = _library()
    parsed = parse_uri(uri)
    name = f"certsvc-{label}-{secrets.token_hex(4)}"
    session = _session(parsed.module_path, parsed.token, parsed.pin_source, os.getpid())
    if algorithm is Algorithm.ED25519:
        kind, parameters = pkcs11.KeyType.EC_EDWARDS, _EDWARDS25519
    else:
        kind, parameters = pkcs11.KeyType.EC, _SECP256R1
    try:
        domain = session.create_domain_parameters(kind, {pkcs11.Attribute.EC_PARAMS: parameters}, local=True)
        public, _ = domain.generate_keypair(
            store=True,
            label=name,
            mechanism=_generation(kind),
            private_template={
                pkcs11.Attribute.SENSITIVE: True,
                pkcs11.Attribute.EXTRACTABLE: False,
                pkcs11.Attribute.SIGN: True,
            },
        )
    except pkcs11.PKCS11Error as error:
        raise KeyRefused("硬件未能生成密钥", f"the token made no key: {error!r}", where=parsed.token) from error
    kept = Pkcs11Uri(parsed.token, parsed.module_path, parsed.pin_source, name)
    return _point(public[pkcs11.Attribute.EC_POINT], algorithm), str(kept)


def open_signer(uri: str, kid: str, algorithm: Algorithm, public: bytes) -> Pkcs11Signer:
    """The signer of a key on record; raises `KeyMissing` where the token or the key is not there."""
    parsed = parse_uri(uri)
    if parsed.object_label is None:
        raise KeyRefused("URI 未指明密钥对象", "the URI names no object")
    signer = Pkcs11Signer(kid, algorithm, public, parsed)
    signer.private_key()
    return signer


class Pkcs11Signer:
    """A key in a token. Each process opens a session of its own: sessions do not survive a fork."""

    def __init__(self, kid: str, algorithm: Algorithm, public_bytes: bytes, uri: Pkcs11Uri) -> None:
        self.kid = kid
        self.algorithm = algorithm
        self.public_bytes = public_bytes
        self._uri = uri
        self._opened: tuple[int, Any] | None = None

    def private_key(self) -> Any:
        """The key's handle in this process; raises `KeyMissing`."""
        pkcs11 = _library()
        if self._opened is None or self._opened[0] != os.getpid():
            session = _session(self._uri.module_path, self._uri.token, self._uri.pin_source, os.getpid())
            try:
                key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=self._uri.object_label)
            except pkcs11.PKCS11Error as error:
                raise KeyMissing("硬件中没有该密钥", "the token holds no such key", where=self.kid) from error
            self._opened = (os.getpid(), key)
        return self._opened[1]

    def sign(self, message: bytes) -> bytes:
        """64 bytes for Ed25519, DER for P-256; raises `KeyMissing` where the token fails."""
        pkcs11 = _library()
        try:
            if self.algorithm is Algorithm.ED25519:
                return bytes(self.private_key().sign(message, mechanism=pkcs11.Mechanism.EDDSA))
            # SoftHSM and many tokens offer raw ECDSA only: the hash is made here (measured.md).
            raw = bytes(self.private_key().sign(hashlib.sha256(message).digest(), mechanism=pkcs11.Mechanism.ECDSA))
        except pkcs11.PKCS11Error as error:
            raise KeyMissing("硬件签名失败", f"the token did not sign: {error!r}", where=self.kid) from error
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))


def _generation(kind: Any) -> Any:
    pkcs11 = _library()
    if kind is pkcs11.KeyType.EC_EDWARDS:
        return pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN
    return pkcs11.Mechanism.EC_KEY_PAIR_GEN


def _point(encoded: bytes, algorithm: Algorithm) -> bytes:
    """The public bytes in an EC_POINT: tokens wrap them in a DER OCTET STRING."""
    size = 32 if algorithm is Algorithm.ED25519 else 65
    return bytes(encoded[-size:])


def _library() -> Any:
    try:
        return importlib.import_module("pkcs11")
    except ImportError as error:
        raise KeyRefused("需要安装 certsvc[pkcs11]", "hardware keys need certsvc[pkcs11]") from error


@lru_cache(maxsize=8)
def _session(module_path: str, token_label: str, pin_source: str, process: int) -> Any:  # noqa: ARG001 - cache key
    pkcs11 = _library()
    try:
        pin = Path(pin_source).read_text(encoding="utf-8").strip()
        return pkcs11.lib(module_path).get_token(token_label=token_label).open(rw=True, user_pin=pin)
    except (OSError, RuntimeError, pkcs11.PKCS11Error) as error:
        raise KeyMissing("无法打开硬件密钥", f"the token cannot be opened: {error!r}", where=token_label) from error
