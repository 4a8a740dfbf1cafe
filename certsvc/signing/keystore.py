"""The keys of one installation: apart by purpose, made only when asked, their public history kept for good.

A folder holds `keys.json` (the index: public records, no secret) and the private parts (`key_material`). Nothing is
created silently: a second issuer key by accident is a split identity, so a missing key raises `KeyMissing` and only
`create_development`, `new` and `rotate` make one. A real key rests under a passphrase or is not made. Each deed is told
to `announce` once its files are written and before the index is, which alone puts them into use: what cannot be noted
is not done. Not here: how a key is generated, rests and is opened (`key_material`), X.509 (`seal_certificates`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from certsvc.errors import KeyMissing, KeyRefused
from certsvc.signing import keyfiles, keyindex, seal_authority, seal_certificates
from certsvc.signing.file_signers import public_bytes_of
from certsvc.signing.key_material import IN_FILES, KeyMaterial, file_of, generate
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
    check_value,
    kid_of,
)

__all__ = ["Algorithm", "KeyRecord", "KeyState", "Keystore", "Purpose", "Signer"]

_LOOK_SECONDS: Final = 0.05

Announce = Callable[[KeyRecord], None]
"""Notes a deed that is about to be done; where it raises, the deed is not done."""


def _to_no_one(_record: KeyRecord) -> None:
    """Where no one keeps a trail: a keystore without a register."""


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
        self._material = KeyMaterial(folder, passphrase)
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
            self._signers[record.kid] = self._material.signer(record)
        return self._signers[record.kid]

    def secret(self, purpose: Purpose, kid: str | None = None) -> bytes:
        """The 32 bytes of a secret: the active one, or an older generation by its kid. Raises `KeyMissing`."""
        if purpose in SIGNING_PURPOSES:
            raise KeyRefused(f"{purpose.value} 不是对称密钥", f"{purpose.value} is not a shared secret")
        record = self.active(purpose) if kid is None else self.record(kid)
        if record.purpose is not purpose:
            raise KeyRefused(f"密钥 {kid} 另有用途", f"key {kid} has another purpose")
        if record.kid not in self._secrets:
            secret = self._material.secret(record)
            # One character changed in a file kept in clear is another key, under which everybody is someone else.
            if record.check is not None and check_value(purpose, record.kid, secret) != record.check:
                raise KeyRefused(
                    "密钥与登记的校验值不符：文件被改动，请从副本恢复密钥目录",
                    "the key does not give the check value on record: its file was changed; restore the folder from "
                    "its copy",
                    where=file_of(record),
                )
            self._secrets[record.kid] = secret
        return self._secrets[record.kid]

    def check_of(self, record: KeyRecord) -> str:
        """The check value of a key, made from the key where the index has none. Raises `KeyMissing`, `KeyRefused`.

        Empty for a retired secret whose file was destroyed, as it may be, before there were check values.
        """
        if record.check is not None:
            return record.check
        if record.algorithm is not Algorithm.SECRET:
            return check_value(record.purpose, record.kid, record.public)
        try:
            return check_value(record.purpose, record.kid, self.secret(record.purpose, record.kid))
        except KeyMissing:
            if record.state is KeyState.ACTIVE:
                raise
            return ""

    def seal_chain(self, kid: str | None = None) -> tuple[x509.Certificate, ...]:
        """The certificate chain of a seal key, leaf first: the active one by default. Raises `KeyMissing`."""
        record = self.active(Purpose.PDF_SEAL) if kid is None else self.record(kid)
        return self._material.chain(record)

    # Changing

    def create_development(self, issuer_host: str, issuer_name: str) -> bool:
        """Makes a development key for every purpose that has none; True where anything was made.

        Does nothing in a folder that holds a single key of another kind: there, nothing is made silently.
        """
        with self._changing():
            present = {record.purpose for record in self._index.records}
            everyday = set(Purpose) - OPTIONAL_PURPOSES
            if not all(record.development for record in self._index.records) or present >= everyday:
                return False
            self._index = self._index.with_issuer(issuer_host, issuer_name)
            for purpose in Purpose:
                if purpose in everyday - present:
                    self._store(self._make(purpose, development=True, at="file:"))
        return True

    def new(
        self, purpose: Purpose, development: bool = False, at: str = "file:", announce: Announce = _to_no_one
    ) -> KeyRecord:
        """Makes the first key of a purpose; raises `KeyRefused` where there is an active one already (then: `rotate`).

        `at` is "file:" or a "pkcs11:token=…?module-path=…&pin-source=…" URI. A seal key that is not for development
        stays pending until its chain is imported.
        """
        with self._changing():
            if any(record.purpose is purpose and record.state is KeyState.ACTIVE for record in self._index.records):
                raise KeyRefused(
                    f"已有可用的 {purpose.value} 密钥，请用 rotate",
                    f"there is an active {purpose.value} key; rotate it",
                )
            return self._store_made(self._make(purpose, development=development, at=at), announce)

    def add_checks(self) -> None:
        """Write the check values that an earlier program's index lacks. Raises `KeyMissing`, `KeyRefused`, OSError."""
        with self._changing():
            lacking = [record for record in self._index.records if record.check is None]
            for record in lacking:
                self._index = self._index.with_record(replace(record, check=self.check_of(record)))
            if lacking:
                self._index.write(self._folder)

    def rotate(
        self, purpose: Purpose, development: bool = False, at: str = "file:", announce: Announce = _to_no_one
    ) -> KeyRecord:
        """Makes a new key and retires the active one, in one step of the index. Old secrets stay readable by kid."""
        with self._changing():
            old = self.active(purpose)
            made = self._make(purpose, development=development, at=at)
            if made.state is KeyState.ACTIVE:
                self._index = self._index.with_record(self._retired(old))
            return self._store_made(made, announce)

    def retire(self, kid: str, announce: Announce = _to_no_one) -> KeyRecord:
        """Takes a key out of use; its public part stays published and what it signed stays good."""
        with self._changing():
            record = self.record(kid)
            if record.state is not KeyState.ACTIVE:
                raise KeyRefused(f"密钥 {kid} 不在使用中", f"key {kid} is not active")
            return self._store(self._retired(record), announce)

    def distrust(self, kid: str, from_index: int, announce: Announce = _to_no_one) -> KeyRecord:
        """Declares a key stolen: what was logged at an index below `from_index` stays good, nothing else does."""
        with self._changing():
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
                ),
                announce,
            )

    def import_chain(self, kid: str, pem: bytes, announce: Announce = _to_no_one) -> KeyRecord:
        """Gives a seal key the chain a certification authority made for it, leaf first, and puts it into use."""
        with self._changing():
            record = self.record(kid)
            if record.purpose is not Purpose.PDF_SEAL or record.state not in (KeyState.PENDING, KeyState.ACTIVE):
                raise KeyRefused(f"密钥 {kid} 不是可用的印章密钥", f"key {kid} is not a seal key in use")
            chain = seal_certificates.check_chain(pem, record.public, self._now())
            self._material.keep_chain(record, chain)
            return self._take_seal_into_use(record, announce)

    def import_seal(
        self,
        key_pem: bytes,
        chain_pem: bytes,
        key_passphrase: bytes | None = None,
        announce: Announce = _to_no_one,
    ) -> KeyRecord:
        """Takes over a seal key that was made elsewhere, with its chain, leaf first; raises `KeyRefused`.

        The key is kept under this keystore's own passphrase. One made here, or in hardware, never travels: prefer that.
        """
        self._material.require_passphrase()
        key = keyfiles.load_private_pem(key_pem, key_passphrase, "key")
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise KeyRefused("印章密钥须为 P-256", "a seal key is a P-256 key")
        with self._changing():
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
                check=check_value(Purpose.PDF_SEAL, kid_of(public), public),
            )
            self._material.keep_private(record, key)
            self._material.keep_chain(record, chain)
            return self._take_seal_into_use(record, announce)

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
        return seal_certificates.certificate_request(self._material.signer(record), common_name, organisation)

    # Inside

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """The folder's lock, the newest index, and no key that a killed run had made and not put into use."""
        with keyfiles.locked(self._folder):
            self._index = KeyIndex.read(self._folder)
            self._material.remove_unused(self._index.records)
            yield

    def _take_seal_into_use(self, record: KeyRecord, announce: Announce) -> KeyRecord:
        for other in self._index.records:
            if other.purpose is Purpose.PDF_SEAL and other.state is KeyState.ACTIVE and other.kid != record.kid:
                self._index = self._index.with_record(self._retired(other))
        return self._store(replace(record, state=KeyState.ACTIVE), announce)

    def _follow(self) -> None:
        """Another process may have rotated, retired or distrusted a key: a server that runs must know at once."""
        seen = keyindex.stamp(self._folder)
        if seen != self._seen:
            self._index, self._seen = KeyIndex.read(self._folder), seen

    def _make(self, purpose: Purpose, *, development: bool, at: str) -> KeyRecord:
        """A key with its files, not yet in the index on disk."""
        if at == IN_FILES and not development:
            self._material.require_passphrase()
        made = generate(purpose, at)
        if any(record.kid == made.kid for record in self._index.records):
            raise KeyRefused("密钥标识重复，请重试", "two keys with one identifier; try again")
        pending = purpose is Purpose.PDF_SEAL and not development
        record = KeyRecord(
            kid=made.kid,
            purpose=purpose,
            algorithm=ALGORITHM_OF[purpose],
            state=KeyState.PENDING if pending else KeyState.ACTIVE,
            created_at=self._now().astimezone(UTC).replace(microsecond=0),
            public=made.public,
            uri=made.uri,
            development=development,
            check=check_value(purpose, made.kid, made.public or made.secret),
        )
        self._material.keep(record, made)
        if purpose is Purpose.PDF_SEAL and development:
            host, name = self._index.issuer or ("localhost", "certsvc")
            chain = seal_certificates.development_chain(made.public, host, name, self._now())
            self._material.keep_chain(record, chain)
        self._index = self._index.with_record(record)
        return record

    def _store_made(self, made: KeyRecord, announce: Announce) -> KeyRecord:
        """Put a new key into use. One that could not be leaves no file behind (a hardware key stays in its token)."""
        try:
            return self._store(made, announce)
        except BaseException:
            if all(record.kid != made.kid for record in self._index.records):
                self._material.remove(made)
            raise

    def _store(self, record: KeyRecord, announce: Announce = _to_no_one) -> KeyRecord:
        try:
            announce(record)
            self._index.with_record(record).write(self._folder)
        except BaseException:
            self._index = KeyIndex.read(self._folder)  # as it was
            raise
        self._index = self._index.with_record(record)
        self._material.put_into_use(record)
        return record

    def _retired(self, record: KeyRecord) -> KeyRecord:
        return replace(record, state=KeyState.RETIRED, retired_at=self._now().astimezone(UTC).replace(microsecond=0))
