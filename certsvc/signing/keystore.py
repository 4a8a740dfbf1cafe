"""The keys of one installation: apart by purpose, made only when asked, their public history kept for good.

A folder holds `keys.json` (the index: public records, no secret), a PEM for each private key, a sealed file for each
secret, and the certificate chain of each seal key. Nothing is created silently: a second issuer key by accident is a
split identity, so a missing key raises `KeyMissing` and only `create_development`, `new` and `rotate` make one.
Not here: the files' encryption (`keyfiles`), hardware keys (`pkcs11_keys`), X.509 (`seal_certificates`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from certsvc.errors import KeyMissing, KeyRefused
from certsvc.signing import gm, keyfiles, keyindex, pkcs11_keys, seal_authority, seal_certificates
from certsvc.signing.file_signers import FileSigner, GmSigner, public_bytes_of
from certsvc.signing.keyindex import KeyIndex
from certsvc.signing.keys import (
    ALGORITHM_OF,
    OPTIONAL_PURPOSES,
    SIGNING_PURPOSES,
    Algorithm,
    KeyRecord,
    KeyState,
    Purpose,
    Signer,
    kid_of,
)

__all__ = ["Algorithm", "KeyRecord", "KeyState", "Keystore", "Purpose", "Signer"]

# Kept as 32 bytes sealed with the passphrase; the other algorithms have a PEM form that every tool reads.
_LOOK_SECONDS: Final = 0.05
_SEALED = frozenset({Algorithm.SECRET, Algorithm.SM2})


class Keystore:
    """One folder of keys. Open it once for each process; private keys are read when first used, then kept in memory."""

    def __init__(
        self,
        folder: Path,
        passphrase: bytes | None,
        now: Callable[[], datetime],
        index: KeyIndex,
    ) -> None:
        self._folder = folder
        self._passphrase = passphrase or None
        self._now = now
        self._index = index
        self._seen = keyindex.stamp(folder)
        self._look_at = 0.0
        self._signers: dict[str, Signer] = {}
        self._secrets: dict[str, bytes] = {}

    @classmethod
    def open(
        cls, folder: Path, passphrase: bytes | None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> Keystore:
        """Opens the folder, which need not exist yet; creates nothing. Raises `KeyRefused` for a damaged index.

        The passphrase opens key files; for `pkcs11:` keys the PIN comes from the URI's `pin-source` file.
        """
        return cls(folder, passphrase, now, KeyIndex.read(folder))

    # Asking

    def records(self) -> tuple[KeyRecord, ...]:
        """Every key there ever was, oldest first."""
        self._follow()
        return self._index.records

    def records_lately(self) -> tuple[KeyRecord, ...]:
        """As `records`, but the folder is looked at twenty times a second at most: a look costs a scan too much."""
        now = monotonic()
        if now >= self._look_at:
            self._follow()
            self._look_at = now + _LOOK_SECONDS
        return self._index.records

    def issuer(self) -> tuple[str, str] | None:
        """Host and name given when development keys were made; None before."""
        return self._index.issuer

    @property
    def development(self) -> bool:
        """Whether any active signing key is a development key: certificates are then samples (R7.6)."""
        self._follow()
        return any(
            record.development and record.state is KeyState.ACTIVE and record.purpose in SIGNING_PURPOSES
            for record in self._index.records
        )

    def active(self, purpose: Purpose) -> KeyRecord:
        """The key in use for a purpose; raises `KeyMissing`."""
        self._follow()
        for record in reversed(self._index.records):
            if record.purpose is purpose and record.state is KeyState.ACTIVE:
                return record
        raise KeyMissing(f"没有可用的 {purpose.value} 密钥", f"there is no active {purpose.value} key")

    def active_kid(self, purpose: Purpose) -> str:
        """The identifier of the key in use for a purpose; raises `KeyMissing`."""
        return self.active(purpose).kid

    def record(self, kid: str) -> KeyRecord:
        """The record of a key; raises `KeyMissing`."""
        self._follow()
        for record in self._index.records:
            if record.kid == kid:
                return record
        raise KeyMissing(f"没有密钥 {kid}", f"there is no key {kid}")

    def signer(self, purpose: Purpose) -> Signer:
        """The active signing key of a purpose; raises `KeyMissing`, and `KeyRefused` for a wrong passphrase."""
        if purpose not in SIGNING_PURPOSES:
            raise KeyRefused(f"{purpose.value} 不是签名密钥", f"{purpose.value} is not a signing key")
        record = self.active(purpose)
        if record.kid not in self._signers:
            self._signers[record.kid] = self._open_signer(record)
        return self._signers[record.kid]

    def secret(self, purpose: Purpose, kid: str | None = None) -> bytes:
        """The 32 bytes of a secret: the active one, or an older generation by its kid. Raises `KeyMissing`."""
        if purpose in SIGNING_PURPOSES:
            raise KeyRefused(f"{purpose.value} 不是对称密钥", f"{purpose.value} is not a shared secret")
        record = self.active(purpose) if kid is None else self.record(kid)
        if record.purpose is not purpose:
            raise KeyRefused(f"密钥 {kid} 另有用途", f"key {kid} has another purpose")
        if record.kid not in self._secrets:
            self._secrets[record.kid] = self._read_sealed(record)
        return self._secrets[record.kid]

    def seal_chain(self, kid: str | None = None) -> tuple[x509.Certificate, ...]:
        """The certificate chain of a seal key, leaf first: the active one by default. Raises `KeyMissing`."""
        record = self.active(Purpose.PDF_SEAL) if kid is None else self.record(kid)
        path = self._folder / chain_of(record)
        try:
            return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
        except (OSError, ValueError) as error:
            raise KeyMissing(
                "印章证书链缺失或损坏", "the seal's certificate chain is missing", where=path.name
            ) from error

    # Changing

    def create_development(self, issuer_host: str, issuer_name: str) -> bool:
        """Makes a development key for every purpose that has none; True where anything was made.

        Does nothing in a folder that holds a single key of another kind: there, nothing is made silently.
        """
        with keyfiles.locked(self._folder):
            self._index = KeyIndex.read(self._folder)
            present = {record.purpose for record in self._index.records}
            everyday = set(Purpose) - OPTIONAL_PURPOSES
            if not all(record.development for record in self._index.records) or present >= everyday:
                return False
            self._index = self._index.with_issuer(issuer_host, issuer_name)
            for purpose in Purpose:
                if purpose in everyday - present:
                    self._make(purpose, development=True, at="file:")
        return True

    def new(self, purpose: Purpose, development: bool = False, at: str = "file:") -> KeyRecord:
        """Makes the first key of a purpose; raises `KeyRefused` where there is an active one already (then: `rotate`).

        `at` is "file:" or a "pkcs11:token=…?module-path=…&pin-source=…" URI. A seal key that is not for development
        stays pending until its chain is imported.
        """
        with keyfiles.locked(self._folder):
            self._index = KeyIndex.read(self._folder)
            if any(record.purpose is purpose and record.state is KeyState.ACTIVE for record in self._index.records):
                raise KeyRefused(
                    f"已有可用的 {purpose.value} 密钥，请用 rotate",
                    f"there is an active {purpose.value} key; rotate it",
                )
            return self._make(purpose, development=development, at=at)

    def rotate(self, purpose: Purpose, development: bool = False, at: str = "file:") -> KeyRecord:
        """Makes a new key and retires the active one, in one step of the index. Old secrets stay readable by kid."""
        with keyfiles.locked(self._folder):
            self._index = KeyIndex.read(self._folder)
            old = self.active(purpose)
            made = self._make(purpose, development=development, at=at, store=False)
            if made.state is KeyState.ACTIVE:
                self._index = self._index.with_record(self._retired(old))
            self._index.write(self._folder)
            return made

    def retire(self, kid: str) -> KeyRecord:
        """Takes a key out of use; its public part stays published and what it signed stays good."""
        with keyfiles.locked(self._folder):
            self._index = KeyIndex.read(self._folder)
            record = self.record(kid)
            if record.state is not KeyState.ACTIVE:
                raise KeyRefused(f"密钥 {kid} 不在使用中", f"key {kid} is not active")
            return self._store(self._retired(record))

    def distrust(self, kid: str, from_index: int) -> KeyRecord:
        """Declares a key stolen: what was logged at an index below `from_index` stays good, nothing else does."""
        with keyfiles.locked(self._folder):
            self._index = KeyIndex.read(self._folder)
            record = self.record(kid)
            if from_index < 0 or record.algorithm is Algorithm.SECRET:
                raise KeyRefused(
                    "只有签名密钥可自某日志序号起不再信任", "only a signing key is distrusted, from an index"
                )
            if record.distrusted_from is not None and record.distrusted_from < from_index:
                raise KeyRefused("不能放宽不信任的起点", "a distrust cannot be moved to a later index")
            self._signers.pop(kid, None)
            return self._store(
                replace(
                    self._retired(record) if record.retired_at is None else record,
                    state=KeyState.DISTRUSTED,
                    distrusted_from=from_index,
                )
            )

    def import_chain(self, kid: str, pem: bytes) -> KeyRecord:
        """Gives a seal key the chain a certification authority made for it, leaf first, and puts it into use."""
        with keyfiles.locked(self._folder):
            self._index = KeyIndex.read(self._folder)
            record = self.record(kid)
            if record.purpose is not Purpose.PDF_SEAL or record.state not in (KeyState.PENDING, KeyState.ACTIVE):
                raise KeyRefused(f"密钥 {kid} 不是可用的印章密钥", f"key {kid} is not a seal key in use")
            chain = seal_certificates.check_chain(pem, record.public, self._now())
            self._write_chain(record, chain)
            return self._take_seal_into_use(record)

    def import_seal(self, key_pem: bytes, chain_pem: bytes, key_passphrase: bytes | None = None) -> KeyRecord:
        """Takes over a seal key that was made elsewhere, with its chain, leaf first; raises `KeyRefused`.

        The key is kept under this keystore's own passphrase. One made here, or in hardware, never travels: prefer that.
        """
        key = keyfiles.load_private_pem(key_pem, key_passphrase, "key")
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise KeyRefused("印章密钥须为 P-256", "a seal key is a P-256 key")
        with keyfiles.locked(self._folder):
            self._index = KeyIndex.read(self._folder)
            public = public_bytes_of(key)
            if any(record.kid == kid_of(public) for record in self._index.records):
                raise KeyRefused("该密钥已登记", "this key is on record already", where=kid_of(public))
            chain = seal_certificates.check_chain(chain_pem, public, self._now())
            record = KeyRecord(
                kid=kid_of(public),
                purpose=Purpose.PDF_SEAL,
                algorithm=Algorithm.P256,
                state=KeyState.PENDING,
                created_at=self._now().astimezone(UTC).replace(microsecond=0),
                public=public,
                uri="file:",
            )
            keyfiles.write_atomically(self._folder / file_of(record), keyfiles.private_pem(key, self._passphrase))
            self._write_chain(record, chain)
            return self._take_seal_into_use(record)

    def import_revocation_list(self, content: bytes) -> tuple[str, bytes]:
        """Keeps the newest revocation list of the authority above a seal; its file name and DER. Raises `KeyRefused`.

        An older list than the one kept is refused: it would take a revocation back.
        """
        chains = [
            self.seal_chain(record.kid)
            for record in self.records()
            if record.purpose is Purpose.PDF_SEAL and record.state is not KeyState.PENDING
        ]
        with keyfiles.locked(self._folder):
            name, found = seal_authority.check_revocation_list(content, chains)
            path = self._folder / name
            if path.exists() and found.last_update_utc < x509.load_der_x509_crl(path.read_bytes()).last_update_utc:
                raise KeyRefused("吊销列表早于已有的", "an older list than the one kept", where=name)
            der = found.public_bytes(Encoding.DER)
            keyfiles.write_atomically(path, der)
        return name, der

    def revocation_lists(self) -> tuple[tuple[str, bytes], ...]:
        """The lists kept: file name and DER, to be published as they are."""
        return tuple((path.name, path.read_bytes()) for path in sorted(self._folder.glob("*.crl")))

    def certificate_request(self, kid: str, common_name: str, organisation: str) -> bytes:
        """A PKCS#10 request (PEM) for a seal key, for the certification authority to answer."""
        record = self.record(kid)
        if record.purpose is not Purpose.PDF_SEAL:
            raise KeyRefused(f"密钥 {kid} 不是印章密钥", f"key {kid} is not a seal key")
        return seal_certificates.certificate_request(self._open_signer(record), common_name, organisation)

    # Inside

    def _take_seal_into_use(self, record: KeyRecord) -> KeyRecord:
        for other in self._index.records:
            if other.purpose is Purpose.PDF_SEAL and other.state is KeyState.ACTIVE and other.kid != record.kid:
                self._index = self._index.with_record(self._retired(other))
        return self._store(replace(record, state=KeyState.ACTIVE))

    def _follow(self) -> None:
        """Another process may have rotated, retired or distrusted a key: a server that runs must know at once."""
        seen = keyindex.stamp(self._folder)
        if seen != self._seen:
            self._index, self._seen = KeyIndex.read(self._folder), seen

    def _make(self, purpose: Purpose, *, development: bool, at: str, store: bool = True) -> KeyRecord:
        algorithm = ALGORITHM_OF[purpose]
        public, private, secret, uri = b"", None, b"", "file:"
        if algorithm in _SEALED and at != "file:":
            raise KeyRefused("对称密钥与 SM2 密钥只存于文件", "shared secrets and SM2 keys rest in files only")
        if algorithm is Algorithm.SM2:
            secret, public = gm.generate()
            kid = kid_of(public)
        elif algorithm is Algorithm.SECRET:
            secret = secrets.token_bytes(keyfiles.SECRET_BYTES)
            kid = secrets.token_hex(4)
        elif at == "file:":
            private = (
                ed25519.Ed25519PrivateKey.generate()
                if algorithm is Algorithm.ED25519
                else ec.generate_private_key(ec.SECP256R1())
            )
            public = public_bytes_of(private)
            kid = kid_of(public)
        else:
            public, uri = pkcs11_keys.generate(at, algorithm, purpose.value)
            kid = kid_of(public)
        if any(record.kid == kid for record in self._index.records):
            raise KeyRefused("密钥标识重复，请重试", "two keys with one identifier; try again")
        pending = purpose is Purpose.PDF_SEAL and not development
        record = KeyRecord(
            kid=kid,
            purpose=purpose,
            algorithm=algorithm,
            state=KeyState.PENDING if pending else KeyState.ACTIVE,
            created_at=self._now().astimezone(UTC).replace(microsecond=0),
            public=public,
            uri=uri,
            development=development,
        )
        # The private part first, then the index: a crash in between leaves a file no one refers to, never a record
        # without its key.
        path = self._folder / file_of(record)
        if secret:
            keyfiles.write_atomically(path, keyfiles.seal_secret(secret, self._passphrase, _label(record)))
        elif private is not None:
            keyfiles.write_atomically(path, keyfiles.private_pem(private, self._passphrase))
        if purpose is Purpose.PDF_SEAL and development:
            host, name = self._index.issuer or ("localhost", "certsvc")
            self._write_chain(record, seal_certificates.development_chain(public, host, name, self._now()))
        if store:
            return self._store(record)
        self._index = self._index.with_record(record)
        return record

    def _store(self, record: KeyRecord) -> KeyRecord:
        self._index = self._index.with_record(record)
        self._index.write(self._folder)
        return record

    def _retired(self, record: KeyRecord) -> KeyRecord:
        return replace(record, state=KeyState.RETIRED, retired_at=self._now().astimezone(UTC).replace(microsecond=0))

    def _write_chain(self, record: KeyRecord, chain: tuple[x509.Certificate, ...]) -> None:
        pem = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)
        keyfiles.write_atomically(self._folder / chain_of(record), pem)

    def _read_sealed(self, record: KeyRecord) -> bytes:
        content = keyfiles.read_private(self._folder / file_of(record))
        return keyfiles.open_secret(content, self._passphrase, _label(record))

    def _open_signer(self, record: KeyRecord) -> Signer:
        if record.algorithm is Algorithm.SM2:
            secret = self._read_sealed(record)
            if gm.public_of(secret) != record.public:
                raise KeyRefused("私钥与登记的公钥不符", "the private key is not the one on record", where=record.kid)
            return GmSigner(record.kid, record.public, secret)
        if record.uri != "file:":
            return pkcs11_keys.open_signer(record.uri, record.kid, record.algorithm, record.public)
        name = file_of(record)
        key = keyfiles.load_private_pem(keyfiles.read_private(self._folder / name), self._passphrase, name)
        if public_bytes_of(key) != record.public:
            raise KeyRefused("私钥与登记的公钥不符", "the private key is not the one on record", where=name)
        return FileSigner(record.kid, record.algorithm, record.public, key)


def file_of(record: KeyRecord) -> str:
    """The name of the file with the private part."""
    return f"{record.purpose.value}-{record.kid}.{'json' if record.algorithm in _SEALED else 'pem'}"


def chain_of(record: KeyRecord) -> str:
    """The name of the file with a seal's certificate chain."""
    return f"{record.purpose.value}-{record.kid}.chain.pem"


def _label(record: KeyRecord) -> str:
    return f"certsvc {record.purpose.value} {record.kid}"
