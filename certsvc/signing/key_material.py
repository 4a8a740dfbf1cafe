"""The private parts of one folder's keys: how they are generated, how they rest, and how they are opened again.

A folder holds a PEM for each private key, a sealed file for each secret and each SM2 key, and the certificate chain of
each seal key; a hardware key stays in its token. A key that is made leaves a mark until it is in use, by which the next
run finds what a killed one left. Not here: which keys there are and what has become of them (`keystore`, `keyindex`),
the files' encryption (`keyfiles`), hardware keys (`pkcs11_keys`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from certsvc.errors import KeyMissing, KeyRefused
from certsvc.signing import gm, keyfiles, pkcs11_keys
from certsvc.signing.file_signers import FileSigner, GmSigner, public_bytes_of
from certsvc.signing.keys import ALGORITHM_OF, Algorithm, KeyRecord, Purpose, Signer, kid_of

IN_FILES: Final = "file:"
_MAKING: Final = ".making-"
# Kept as 32 bytes sealed with the passphrase; the other algorithms have a PEM form that every tool reads.
_SEALED: Final = frozenset({Algorithm.SECRET, Algorithm.SM2})


@dataclass(frozen=True, slots=True)
class Generated:
    """A key that is nowhere yet, but for a hardware key, which is in its token: `uri` says where."""

    kid: str
    public: bytes  # empty for a secret
    uri: str = IN_FILES
    private: keyfiles.PrivateKey | None = field(default=None, repr=False)
    secret: bytes = field(default=b"", repr=False)


class KeyMaterial:
    """One folder's files. Who writes holds the folder's lock."""

    def __init__(self, folder: Path, passphrase: bytes | None) -> None:
        self._folder = folder
        self._passphrase = passphrase or None

    def require_passphrase(self) -> None:
        """Raise `KeyRefused` where a key would be written in clear."""
        if not self._passphrase:
            raise KeyRefused(
                "正式密钥须有口令才能存入文件：请设 CERTSVC_KEY_PASSPHRASE_FILE（或用 pkcs11: 硬件密钥）",
                "a real key is not written in clear: name a file with a passphrase in CERTSVC_KEY_PASSPHRASE_FILE "
                "(or keep the key in hardware, pkcs11:)",
                where=self._folder.name,
            )

    def keep(self, record: KeyRecord, generated: Generated) -> None:
        """Write the private part, before any index names it: never a record without its key."""
        path = self._folder / file_of(record)
        if generated.secret or generated.private is not None:
            # A run that is killed before the index is written leaves this mark, by which the next one finds the key.
            keyfiles.write_atomically(self._mark(record), b"")
        if generated.secret:
            keyfiles.write_atomically(path, keyfiles.seal_secret(generated.secret, self._passphrase, _label(record)))
        elif generated.private is not None:
            self.keep_private(record, generated.private)

    def keep_private(self, record: KeyRecord, key: keyfiles.PrivateKey) -> None:
        """Write a private key as a PEM, under the passphrase."""
        keyfiles.write_atomically(self._folder / file_of(record), keyfiles.private_pem(key, self._passphrase))

    def put_into_use(self, record: KeyRecord) -> None:
        """The index names the key: it is not a killed run's any more."""
        self._mark(record).unlink(missing_ok=True)

    def remove(self, record: KeyRecord) -> None:
        """Take back a key that could not be put into use (a hardware key stays in its token)."""
        (self._folder / file_of(record)).unlink(missing_ok=True)
        (self._folder / chain_of(record)).unlink(missing_ok=True)
        self._mark(record).unlink(missing_ok=True)

    def remove_unused(self, records: Iterable[KeyRecord]) -> None:
        """Remove what a killed run had made and not put into use; `records` are those of the index."""
        used = {file_of(record) for record in records}
        for mark in self._folder.glob(f"{_MAKING}*"):
            name = mark.name.removeprefix(_MAKING)
            if name not in used:
                (self._folder / name).unlink(missing_ok=True)
            mark.unlink(missing_ok=True)

    def secret(self, record: KeyRecord) -> bytes:
        """What rests sealed. Raises `KeyMissing`, and `KeyRefused` for a wrong passphrase."""
        content = keyfiles.read_private(self._folder / file_of(record))
        return keyfiles.open_secret(content, self._passphrase, _label(record))

    def signer(self, record: KeyRecord) -> Signer:
        """The key, ready to sign. Raises `KeyMissing`, and `KeyRefused` for another key than the one on record."""
        if record.algorithm is Algorithm.SM2:
            secret = self.secret(record)
            if gm.public_of(secret) != record.public:
                raise KeyRefused("私钥与登记的公钥不符", "the private key is not the one on record", where=record.kid)
            return GmSigner(record.kid, record.public, secret)
        if record.uri != IN_FILES:
            return pkcs11_keys.open_signer(record.uri, record.kid, record.algorithm, record.public)
        name = file_of(record)
        key = keyfiles.load_private_pem(keyfiles.read_private(self._folder / name), self._passphrase, name)
        if public_bytes_of(key) != record.public:
            raise KeyRefused("私钥与登记的公钥不符", "the private key is not the one on record", where=name)
        return FileSigner(record.kid, record.algorithm, record.public, key)

    def chain(self, record: KeyRecord) -> tuple[x509.Certificate, ...]:
        """The certificate chain of a seal key, leaf first. Raises `KeyMissing`."""
        path = self._folder / chain_of(record)
        try:
            return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
        except (OSError, ValueError) as error:
            raise KeyMissing(
                "印章证书链缺失或损坏", "the seal's certificate chain is missing", where=path.name
            ) from error

    def keep_chain(self, record: KeyRecord, chain: Iterable[x509.Certificate]) -> None:
        """Write the chain of a seal key, leaf first."""
        pem = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)
        keyfiles.write_atomically(self._folder / chain_of(record), pem)

    def _mark(self, record: KeyRecord) -> Path:
        return self._folder / f"{_MAKING}{file_of(record)}"


def generate(purpose: Purpose, at: str) -> Generated:
    """A new key: `at` is "file:", or the PKCS#11 URI of the token that is to make it. Raises `KeyRefused`."""
    algorithm = ALGORITHM_OF[purpose]
    if algorithm in _SEALED and at != IN_FILES:
        raise KeyRefused("对称密钥与 SM2 密钥只存于文件", "shared secrets and SM2 keys rest in files only")
    if algorithm is Algorithm.SM2:
        secret, public = gm.generate()
        return Generated(kid_of(public), public, secret=secret)
    if algorithm is Algorithm.SECRET:
        return Generated(secrets.token_hex(4), b"", secret=secrets.token_bytes(keyfiles.SECRET_BYTES))
    if at != IN_FILES:
        public, uri = pkcs11_keys.generate(at, algorithm, purpose.value)
        return Generated(kid_of(public), public, uri)
    private = (
        ed25519.Ed25519PrivateKey.generate()
        if algorithm is Algorithm.ED25519
        else ec.generate_private_key(ec.SECP256R1())
    )
    public = public_bytes_of(private)
    return Generated(kid_of(public), public, private=private)


def file_of(record: KeyRecord) -> str:
    """The name of the file with the private part."""
    return f"{record.purpose.value}-{record.kid}.{'json' if record.algorithm in _SEALED else 'pem'}"


def chain_of(record: KeyRecord) -> str:
    """The name of the file with a seal's certificate chain."""
    return f"{record.purpose.value}-{record.kid}.chain.pem"


def _label(record: KeyRecord) -> str:
    return f"certsvc {record.purpose.value} {record.kid}"
