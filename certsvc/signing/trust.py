"""What a verifier pins: the issuer's DID, its public keys by purpose with their history, and the roots of its PDF seal.

A verifier with this bundle needs no one: no network, no server of ours. Keys found inside a credential are never used.
The same history is published as `did.json` (did:web) and `jwks.json`; retired keys stay in both for good.
Not here: checking a signature (`proofs`, `pdf`), serving the files (web). Source: did:web, Controlled Identifiers 1.0.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certsvc.errors import KeyMissing, KeyRefused
from certsvc.signing.keyindex import read_record, write_record
from certsvc.signing.keys import (
    SIGNING_PURPOSES,
    Algorithm,
    KeyRecord,
    KeyState,
    Purpose,
    acceptable_public_key,
    kid_of,
)
from certsvc.signing.keystore import Keystore
from certsvc.signing.multibase import ED25519_PUBLIC, P256_PUBLIC, encode_base58
from certsvc.transparency import note
from certsvc.transparency.note import VerifierKey

_FORMAT: Final = 1
_FILE: Final = "trust.json"
_ASSERTING: Final = (Purpose.CREDENTIAL, Purpose.STATUS_LIST)


@dataclass(frozen=True, slots=True)
class TrustBundle:
    """The pinned keys. `keys` holds signing keys only, whatever their state; `seal_roots` are PEM certificates, and so
    are `stamp_roots`, those of the time-stamp authorities the issuer has used."""

    did: str
    keys: Mapping[str, KeyRecord]
    seal_roots: tuple[str, ...] = ()
    stamp_roots: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for kid, record in self.keys.items():
            if record.purpose not in SIGNING_PURPOSES or kid != record.kid or kid != kid_of(record.public):
                raise KeyRefused("信任清单中有不合规的密钥", "a key in the trust bundle is not what it says", where=kid)
            if not acceptable_public_key(record.algorithm, record.public):
                raise KeyRefused(
                    "公钥不合格（低阶或非规范点）", "a public key of small order or not canonical", where=kid
                )

    @classmethod
    def from_keystore(cls, keystore: Keystore, did: str, stamp_roots: Sequence[x509.Certificate] = ()) -> TrustBundle:
        """The bundle of one installation's own keys."""
        records = [record for record in keystore.records() if record.purpose in SIGNING_PURPOSES]
        roots: list[str] = []
        for record in records:
            # A stolen seal's root stays: files it sealed are judged one by one, and others may stand under that root.
            if record.purpose is Purpose.PDF_SEAL and record.state is not KeyState.PENDING:
                root = keystore.seal_chain(record.kid)[-1].public_bytes(Encoding.PEM).decode()
                if root not in roots:
                    roots.append(root)
        stamps = tuple(root.public_bytes(Encoding.PEM).decode() for root in stamp_roots)
        return cls(did, {record.kid: record for record in records}, tuple(roots), stamps)

    @classmethod
    def load(cls, path: Path) -> TrustBundle:
        """Reads a bundle from its file, or from `trust.json` in a folder; raises `KeyMissing` or `KeyRefused`."""
        file = path / _FILE if path.is_dir() else path
        try:
            content = file.read_bytes()
        except OSError as error:
            raise KeyMissing("找不到信任清单", "there is no trust bundle", where=file.name) from error
        return cls.from_json(content)

    @classmethod
    def from_json(cls, content: bytes) -> TrustBundle:
        """The inverse of `to_json`; raises `KeyRefused`."""
        try:
            members = json.loads(content)
            if members["format"] != _FORMAT or not isinstance(members["did"], str):
                raise KeyRefused("信任清单格式未知", "a trust bundle of an unknown format")
            records = [read_record(record) for record in members["keys"]]
            roots = tuple(str(pem) for pem in members["seal_roots"])
            stamps = tuple(str(pem) for pem in members.get("stamp_roots", ()))
            for pem in (*roots, *stamps):
                x509.load_pem_x509_certificate(pem.encode())
            return cls(members["did"], {record.kid: record for record in records}, roots, stamps)
        except (ValueError, KeyError, TypeError) as error:
            raise KeyRefused("信任清单损坏", "the trust bundle is damaged") from error

    def to_json(self) -> bytes:
        """The bundle as JSON, to be handed to verifiers by a way they trust."""
        records = [write_record(record) | {"uri": ""} for record in self.keys.values()]
        for record in records:
            del record["check"]  # our own register's, by which it knows its keys; verifiers have no use for it
        members = {"format": _FORMAT, "did": self.did, "keys": records, "seal_roots": list(self.seal_roots)}
        if self.stamp_roots:
            members["stamp_roots"] = list(self.stamp_roots)
        return json.dumps(members, ensure_ascii=False, indent=1).encode() + b"\n"

    def certificates(self) -> tuple[x509.Certificate, ...]:
        """The pinned roots of the PDF seal."""
        return tuple(x509.load_pem_x509_certificate(pem.encode()) for pem in self.seal_roots)

    def stamp_certificates(self) -> tuple[x509.Certificate, ...]:
        """The pinned roots of time-stamp authorities."""
        return tuple(x509.load_pem_x509_certificate(pem.encode()) for pem in self.stamp_roots)

    def key(self, kid: str, purpose: Purpose) -> KeyRecord | None:
        """The pinned key of that kid, if it is of that purpose; a key of another purpose is as good as none."""
        record = self.keys.get(kid)
        return record if record is not None and record.purpose is purpose else None

    def verification_method(self, kid: str) -> str:
        """The DID URL of a key: "did:web:HOST#kid"."""
        return f"{self.did}#{kid}"


def did_document(bundle: TrustBundle, base_url: str) -> dict[str, object]:
    """The did.json of the issuer: every signing key as a Multikey; those that may vouch are assertion methods.

    A distrusted key stays listed with `revoked`, but vouches no more: verifiers that know no log must refuse it.
    """
    methods: list[dict[str, object]] = []
    asserting: list[str] = []
    for record in bundle.keys.values():
        if record.algorithm is Algorithm.SM2:
            continue  # it makes detached signatures only (docs/gm.md), and few readers of a DID know its kind
        identifier = bundle.verification_method(record.kid)
        prefix = ED25519_PUBLIC if record.algorithm is Algorithm.ED25519 else P256_PUBLIC
        public = record.public if record.algorithm is Algorithm.ED25519 else _compressed(record.public)
        method: dict[str, object] = {
            "id": identifier,
            "type": "Multikey",
            "controller": bundle.did,
            "publicKeyMultibase": encode_base58(prefix + public),
        }
        if record.state is KeyState.DISTRUSTED and record.retired_at is not None:
            method["revoked"] = record.retired_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        elif record.purpose in _ASSERTING and record.state is not KeyState.DISTRUSTED:
            asserting.append(identifier)
        methods.append(method)
    return {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "id": bundle.did,
        "alsoKnownAs": [base_url],
        "verificationMethod": methods,
        "assertionMethod": asserting,
    }


def jwks(bundle: TrustBundle) -> dict[str, object]:
    """The same keys as a JSON Web Key Set (RFC 7517), distrusted ones left out."""
    return {
        "keys": [
            _jwk(record) | {"kid": record.kid, "use": "sig"}
            for record in bundle.keys.values()
            if record.state is not KeyState.DISTRUSTED and record.algorithm is not Algorithm.SM2
        ]
    }


def _jwk(record: KeyRecord) -> dict[str, str]:
    if record.algorithm is Algorithm.ED25519:
        return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": _base64url(record.public)}
    x, y = record.public[1:33], record.public[33:]
    return {"kty": "EC", "crv": "P-256", "alg": "ES256", "x": _base64url(x), "y": _base64url(y)}


def _compressed(point: bytes) -> bytes:
    return bytes([2 + (point[-1] & 1)]) + point[1:33]


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def host_of(trust: TrustBundle) -> str:
    """The issuer's host, from its did:web."""
    return trust.did.removeprefix("did:web:").replace("%3A", ":").lower()


def log_keys_of(trust: TrustBundle) -> tuple[VerifierKey, ...]:
    """The pinned keys that vouch for heads of the issuer's log."""
    name = f"{host_of(trust)}/log"
    return tuple(
        VerifierKey(name, note.Algorithm.ED25519, record.public)
        for record in trust.keys.values()
        if record.purpose is Purpose.LOG_CHECKPOINT and record.distrusted_from is None
    )
