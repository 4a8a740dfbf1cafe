"""Signed notes: a text and the lines that sign it (c2sp.org/signed-note, c2sp.org/tlog-cosignature).

Decides the bytes of a note, of its Ed25519 signatures and cosignatures, and of the keys' text form. Not here: what a
checkpoint's text says (`checkpoint`), and the private key (a callable signs; the result is checked before it is used).

Two kinds of signature: ED25519 over the text (a log's own) and COSIGNATURE, a witness's, over a time and the text.
Signatures by unknown keys are ignored; one by a known key that fails to verify condemns the whole note.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from certsvc.errors import CheckpointRefused, MalformedLog

MAX_BYTES: Final = 2**17
MAX_SIGNATURES: Final = 32  # the specification asks for at least 16

_PUBLIC_BYTES = 32
_KEY_ID_BYTES = 4
_TIME_BYTES = 8
_MAX_TIME = 2**63 - 1
_DASH = "— "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_HEX_ID = re.compile(r"[0-9a-f]{8}\Z")

Sign = Callable[[bytes], bytes]
"""message → 64 bytes of Ed25519 signature."""


class Algorithm(IntEnum):
    """Signature types that this service makes and checks; the byte stands in keys and key ids."""

    ED25519 = 0x01
    COSIGNATURE = 0x04


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key under a name. `public` is 32 bytes; `str(key)` is its text `<name>+<hash>+<key>`."""

    name: str
    algorithm: Algorithm
    public: bytes

    def __post_init__(self) -> None:
        if not is_key_name(self.name):
            raise MalformedLog("密钥名称的形式不对", f"not a key name: {self.name!r}")
        if len(self.public) != _PUBLIC_BYTES:
            raise MalformedLog("公钥须为 32 字节", f"an Ed25519 public key has {_PUBLIC_BYTES} bytes")

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256 over name, line break, algorithm and key."""
        named = self.name.encode("utf-8") + b"\n" + bytes([self.algorithm]) + self.public
        return hashlib.sha256(named).digest()[:_KEY_ID_BYTES]

    def __str__(self) -> str:
        key = base64.b64encode(bytes([self.algorithm]) + self.public).decode("ascii")
        return f"{self.name}+{self.key_id.hex()}+{key}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read a key's text; raises MalformedLog for another algorithm, a wrong hash, or any second spelling."""
        parts = text.split("+", 2)  # the base64 part may hold a plus, the name may not
        if len(parts) != 3 or not _HEX_ID.match(parts[1]):
            raise MalformedLog("校验公钥的形式不对", "a verifier key is <name>+<hash>+<key>")
        name, key_id, material = parts[0], parts[1], decode_base64(parts[2])
        if material[:1] not in {bytes([known]) for known in Algorithm}:
            raise MalformedLog("不支持的签名算法", "a verifier key of an unknown algorithm")
        key = cls(name, Algorithm(material[0]), material[1:])
        if key.key_id.hex() != key_id:
            raise MalformedLog("校验公钥的摘要不符", "a verifier key whose hash does not fit")
        return key


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who says they signed, and the bytes after the key id."""

    name: str
    key_id: bytes
    content: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.content).decode('ascii')}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text ending in a line break, and the lines that sign it. Nothing of it is believed before `verify`."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """The note's bytes."""
        return (self.text + "\n" + "".join(map(str, self.signatures))).encode("utf-8")

    def with_signature(self, signature: Signature) -> Note:
        """The same note signed once more; an older signature by the same key gives way."""
        kept = (old for old in self.signatures if (old.name, old.key_id) != (signature.name, signature.key_id))
        return Note(self.text, (*kept, signature))


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that holds: by which key and, for a cosignature, at what POSIX second."""

    key: VerifierKey
    time: int | None = None


def sign(text: str, key: VerifierKey, sign_message: Sign) -> Signature:
    """A log's own signature over the text; CheckpointRefused if the signer is not the holder of this key."""
    if key.algorithm is not Algorithm.ED25519:
        raise CheckpointRefused("日志须用 Ed25519 签名", "a log signs with an Ed25519 key, not a cosigner's")
    return _checked(text, key, sign_message(_octets(text)))


def cosign(text: str, key: VerifierKey, sign_message: Sign, time: int) -> Signature:
    """A witness's cosignature at POSIX second `time`; CheckpointRefused if the signer does not hold this key."""
    if key.algorithm is not Algorithm.COSIGNATURE:
        raise CheckpointRefused("见证须用见证密钥签名", "a witness signs with a cosigner's key")
    if not 0 < time <= _MAX_TIME:
        raise CheckpointRefused("见证时间超出范围", f"a cosignature's time is out of range: {time}")
    return _checked(text, key, time.to_bytes(_TIME_BYTES, "big") + sign_message(_cosigned(text, time)))


def parse(message: bytes) -> Note:
    """Read a note strictly; raises MalformedLog for anything that is not one, down to a second spelling of base64."""
    if len(message) > MAX_BYTES:
        raise MalformedLog("签名文本过大", f"a note has at most {MAX_BYTES} bytes")
    try:
        whole = message.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedLog("签名文本不是 UTF-8", "a note must be UTF-8") from error
    if _CONTROL.search(whole):
        raise MalformedLog("签名文本含有控制字符", "a note has no control characters but line breaks")
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise MalformedLog("签名文本没有签名", "a note has a blank line and then signature lines")
    signatures = tuple(_read_signature(line) for line in lines[:-1].split("\n"))
    if len(signatures) > MAX_SIGNATURES:
        raise MalformedLog("签名过多", f"a note has at most {MAX_SIGNATURES} signatures")
    return Note(text + "\n", signatures)


def parse_signature(line: str) -> Signature:
    """Read one signature line with its line break, as a witness answers it."""
    if not line.endswith("\n") or "\n" in line[:-1]:
        raise MalformedLog("签名行的形式不对", "a signature is one line")
    return _read_signature(line[:-1])


def verify(note: Note, keys: Iterable[VerifierKey]) -> tuple[Verified, ...]:
    """The signatures by these keys, in the note's order, each key once; those by others are left aside.

    Raises CheckpointRefused where a signature by one of these keys fails. No signature at all gives ().
    """
    known = {(key.name, key.key_id): key for key in keys}
    verified: dict[tuple[str, bytes], Verified] = {}
    for signature in note.signatures:
        who = (signature.name, signature.key_id)
        if who in known:
            verified.setdefault(who, _verify(note.text, known[who], signature.content))
    return tuple(verified.values())


def is_key_name(name: str) -> bool:
    """Whether this can name a key: not empty, no space of any script, no plus, no control character."""
    return bool(name) and "+" not in name and not any(letter.isspace() or letter < " " for letter in name)


def decode_base64(text: str) -> bytes:
    """Standard base64 in its one spelling; raises MalformedLog."""
    try:
        content = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error) as error:
        raise MalformedLog("base64 写法不对", "not base64") from error
    if base64.b64encode(content).decode("ascii") != text:
        raise MalformedLog("base64 写法不规范", "not the one spelling of this base64")
    return content


def _read_signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not is_key_name(name):
        raise MalformedLog("签名行的形式不对", "not a signature line")
    content = decode_base64(encoded)
    if len(content) <= _KEY_ID_BYTES:
        raise MalformedLog("签名过短", "a signature is longer than its key id")
    return Signature(name, content[:_KEY_ID_BYTES], content[_KEY_ID_BYTES:])


def _checked(text: str, key: VerifierKey, content: bytes) -> Signature:
    # A signature made by the wrong key, or damaged on the way from a token, must not leave the house.
    _verify(text, key, content)
    return Signature(key.name, key.key_id, content)


def _verify(text: str, key: VerifierKey, content: bytes) -> Verified:
    message, signature, time = _octets(text), content, None
    if key.algorithm is Algorithm.COSIGNATURE:
        time = int.from_bytes(content[:_TIME_BYTES], "big")
        message, signature = _cosigned(text, time), content[_TIME_BYTES:]
        if not 0 < time <= _MAX_TIME:
            raise CheckpointRefused("见证时间超出范围", f"the cosignature by {key.name} has no possible time")
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise CheckpointRefused(f"{key.name} 的签名不符", f"the signature by {key.name} does not hold") from error
    return Verified(key, time)


def _cosigned(text: str, time: int) -> bytes:
    return b"cosignature/v1\ntime %d\n" % time + _octets(text)


def _octets(text: str) -> bytes:
    return text.encode("utf-8")
