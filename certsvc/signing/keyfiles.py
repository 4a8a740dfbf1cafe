"""Files that hold keys: written whole or not at all, for their owner alone, encrypted when there is a passphrase.

Private keys are PKCS#8 PEM (any tool opens them with the passphrase). Secrets of 32 bytes are JSON: AES-256-GCM under a
key that scrypt makes of the passphrase, the purpose and kid as associated data, so that files cannot be swapped.
Not here: which keys there are (`keystore`).
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from certsvc.errors import KeyMissing, KeyRefused

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
SECRET_BYTES: Final = 32
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**15, 8, 1  # 32 MB, about 0.1 s: once for each secret a process opens


def write_atomically(path: Path, content: bytes) -> None:
    """Puts a file in place whole, mode 0600, and on the disk before this returns."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:  # mkstemp has made it 0600
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_private(path: Path) -> bytes:
    """The content of a key file; raises `KeyMissing`, and `KeyRefused` where others than its owner may read it."""
    try:
        if path.stat().st_mode & 0o077:
            raise KeyRefused(
                "密钥文件可被他人读取，请执行 chmod 600",
                "the key file is readable by others; chmod 600 it",
                where=path.name,
            )
        return path.read_bytes()
    except OSError as error:
        raise KeyMissing(
            "密钥文件不存在或不可读", "the key file is not there or not readable", where=path.name
        ) from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock, so that two processes do not make or rotate keys at once."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def private_pem(key: PrivateKey, passphrase: bytes | None) -> bytes:
    """PKCS#8 PEM, encrypted when there is a passphrase."""
    return key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    )


def load_private_pem(pem: bytes, passphrase: bytes | None, where: str) -> PrivateKey:
    """The key of a PEM; raises `KeyRefused` for a wrong passphrase or a kind of key that no purpose uses."""
    try:
        encrypted = b"ENCRYPTED" in pem.partition(b"\n")[0]
        key = load_pem_private_key(pem, (passphrase or b"") if encrypted else None)
    except (ValueError, TypeError) as error:
        raise _unopened(where) from error
    if isinstance(key, ed25519.Ed25519PrivateKey) or (
        isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)
    ):
        return key
    raise KeyRefused("只支持 Ed25519 与 P-256 私钥", "only Ed25519 and P-256 private keys are used here", where=where)


def seal_secret(secret: bytes, passphrase: bytes | None, label: str) -> bytes:
    """The file content for a secret; `label` (purpose and kid) is bound to it."""
    if not passphrase:
        return json.dumps({"secret": base64.b64encode(secret).decode()}).encode()
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    sealed = AESGCM(_stretch(passphrase, salt)).encrypt(nonce, secret, label.encode())
    return json.dumps({"kdf": "scrypt-32768-8-1", "cipher": "AES-256-GCM"} | _texts(salt, nonce, sealed)).encode()


def open_secret(content: bytes, passphrase: bytes | None, label: str) -> bytes:
    """The inverse of `seal_secret`; raises `KeyRefused`."""
    try:
        members = json.loads(content)
        if "secret" in members:
            secret = base64.b64decode(members["secret"], validate=True)
        else:
            salt, nonce, sealed = (
                base64.b64decode(members[name], validate=True) for name in ("salt", "nonce", "sealed")
            )
            secret = AESGCM(_stretch(passphrase or b"", salt)).decrypt(nonce, sealed, label.encode())
    except (ValueError, KeyError, TypeError, binascii.Error, InvalidTag) as error:
        raise _unopened(label) from error
    if len(secret) != SECRET_BYTES:
        raise KeyRefused("密钥长度不符", f"not a secret of {SECRET_BYTES} bytes", where=label)
    return secret


def _unopened(where: str) -> KeyRefused:
    return KeyRefused("密钥无法打开：口令不对或文件损坏", "wrong passphrase, or a damaged key file", where=where)


def _stretch(passphrase: bytes, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P).derive(passphrase)


def _texts(salt: bytes, nonce: bytes, sealed: bytes) -> dict[str, str]:
    return {
        name: base64.b64encode(part).decode() for name, part in (("salt", salt), ("nonce", nonce), ("sealed", sealed))
    }
