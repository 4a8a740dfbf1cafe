from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from certsvc.errors import KeyMissing, KeyRefused
from certsvc.signing.keys import Algorithm, KeyState, Purpose
from certsvc.signing.keystore import Keystore
from certsvc.signing.trust import TrustBundle, did_document, jwks
from tests.credential.builders import BASE_URL
from tests.signing.builders import DID, ISSUING, STATUS, STRANGER, bundle


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Keystore:
    made = Keystore.open(tmp_path_factory.mktemp("keys"), None)
    made.create_development("certs.example", "示例鉴定中心")
    made.rotate(Purpose.PDF_SEAL, development=True)
    return made


def test_a_bundle_holds_public_keys_and_roots_and_nothing_else(keystore: Keystore) -> None:
    trust = TrustBundle.from_keystore(keystore, DID)
    assert {record.purpose for record in trust.keys.values()} == {
        Purpose.CREDENTIAL,
        Purpose.STATUS_LIST,
        Purpose.LOG_CHECKPOINT,
        Purpose.PDF_SEAL,
    }
    assert len(trust.certificates()) == 2  # the retired seal's root stays pinned
    assert TrustBundle.from_json(trust.to_json()).to_json() == trust.to_json()


def test_a_distrusted_seal_keeps_its_root_and_is_named_as_distrusted(tmp_path: Path) -> None:
    # Files it sealed before may still be on record (services.verify_file, V2), and its root may serve another seal.
    made = Keystore.open(tmp_path, None)
    made.create_development("certs.example", "示例鉴定中心")
    kid = made.active_kid(Purpose.PDF_SEAL)
    made.distrust(kid, 0)
    trust = TrustBundle.from_keystore(made, DID)
    assert len(trust.seal_roots) == 1
    assert trust.keys[kid].distrusted_from == 0


def test_a_seal_that_waits_for_its_chain_has_no_root_yet(tmp_path: Path) -> None:
    made = Keystore.open(tmp_path, b"a passphrase")
    made.new(Purpose.PDF_SEAL)
    assert TrustBundle.from_keystore(made, DID).seal_roots == ()


def test_a_root_that_serves_two_keys_is_pinned_once(keystore: Keystore, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = keystore.seal_chain()
    monkeypatch.setattr(Keystore, "seal_chain", lambda self, kid=None: chain)
    assert len(TrustBundle.from_keystore(keystore, DID).seal_roots) == 1


def test_a_bundle_is_loaded_from_a_file_or_its_folder(tmp_path: Path) -> None:
    (tmp_path / "trust.json").write_bytes(bundle().to_json())
    assert TrustBundle.load(tmp_path) == TrustBundle.load(tmp_path / "trust.json") == bundle()
    with pytest.raises(KeyMissing):
        TrustBundle.load(tmp_path / "nothing.json")


def damaged(**changes: Any) -> bytes:
    members = json.loads(bundle().to_json())
    return json.dumps(members | changes).encode()


def key_with(**changes: Any) -> bytes:
    members = json.loads(bundle().to_json())
    members["keys"][0].update(changes)
    return json.dumps(members).encode()


SMALL_ORDER = base64.b64encode(b"\1" + bytes(31)).decode()
DAMAGED = {
    "no JSON": b"x",
    "an array": b"[]",
    "another format": damaged(format=2),
    "a DID that is no text": damaged(did=5),
    "keys that are none": damaged(keys=[1]),
    "a root that is none": damaged(seal_roots=["x"]),
    "a kid of another key": key_with(kid="00000000"),
    "a kid that is no hexadecimal": key_with(kid="zz"),
    "a secret": key_with(purpose="lookup"),
    "an unknown purpose": key_with(purpose="everything"),
    "a time without its zone": key_with(created_at="2025-01-01T00:00:00"),
    "a public key that is no base64": key_with(public="???"),
    "development as text": key_with(development="no"),
    "an index as text": key_with(distrusted_from="5"),
    "an index that is true": key_with(distrusted_from=True),
    "a small-order key": key_with(public=SMALL_ORDER, kid="01d0fabd"),
}


@pytest.mark.parametrize("fault", DAMAGED)
def test_a_damaged_bundle_is_refused(fault: str) -> None:
    with pytest.raises(KeyRefused):
        TrustBundle.from_json(DAMAGED[fault])


def test_a_small_order_key_cannot_be_pinned() -> None:
    from certsvc.signing.keys import kid_of

    public = b"\1" + bytes(31)
    record = replace(ISSUING.record(), public=public, kid=kid_of(public))
    with pytest.raises(KeyRefused, match="small order"):
        bundle(record)


def test_a_key_is_found_only_for_its_purpose() -> None:
    assert bundle().key(ISSUING.kid, Purpose.CREDENTIAL) is not None
    assert bundle().key(ISSUING.kid, Purpose.STATUS_LIST) is None
    assert bundle().key("00000000", Purpose.CREDENTIAL) is None


def test_the_did_document_lists_every_key_and_lets_only_the_right_ones_vouch(keystore: Keystore) -> None:
    seal = keystore.record(keystore.active_kid(Purpose.PDF_SEAL))
    when = datetime(2026, 1, 1, tzinfo=UTC)
    trust = bundle(
        ISSUING.record(state=KeyState.RETIRED, retired_at=when),
        STATUS.record(Purpose.STATUS_LIST),
        STRANGER.record(state=KeyState.DISTRUSTED, distrusted_from=5, retired_at=when),
        seal,
    )
    document: Any = did_document(trust, BASE_URL)
    methods = {method["id"]: method for method in document["verificationMethod"]}
    assert document["id"] == DID
    assert set(methods) == {f"{DID}#{record.kid}" for record in trust.keys.values()}
    assert document["assertionMethod"] == [f"{DID}#{ISSUING.kid}", f"{DID}#{STATUS.kid}"]
    assert methods[f"{DID}#{STRANGER.kid}"]["revoked"] == "2026-01-01T00:00:00Z"
    assert methods[f"{DID}#{ISSUING.kid}"]["publicKeyMultibase"].startswith("z6Mk")
    assert methods[f"{DID}#{seal.kid}"]["publicKeyMultibase"].startswith("zDna")
    assert all(method["controller"] == DID and method["type"] == "Multikey" for method in methods.values())


def test_jwks_has_the_same_keys_without_the_distrusted(keystore: Keystore) -> None:
    seal = keystore.record(keystore.active_kid(Purpose.PDF_SEAL))
    when = datetime(2026, 1, 1, tzinfo=UTC)
    trust = bundle(
        ISSUING.record(), STRANGER.record(state=KeyState.DISTRUSTED, distrusted_from=0, retired_at=when), seal
    )
    keys: Any = jwks(trust)["keys"]
    assert [key["kid"] for key in keys] == [ISSUING.kid, seal.kid]
    assert [(key["kty"], key["crv"], key["alg"]) for key in keys] == [
        ("OKP", "Ed25519", "EdDSA"),
        ("EC", "P-256", "ES256"),
    ]
    assert base64.urlsafe_b64decode(keys[0]["x"] + "=") == ISSUING.public_bytes
    assert b"\4" + b"".join(base64.urlsafe_b64decode(keys[1][name] + "=") for name in "xy") == seal.public
    assert seal.algorithm is Algorithm.P256
