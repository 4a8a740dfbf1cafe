"""Keys in SoftHSM. Skipped where Debian's `softhsm2` is not installed, but for CI, where that is a failure."""

from __future__ import annotations

import importlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from certsvc.credential.checked import check
from certsvc.credential.document import compose
from certsvc.errors import KeyMissing, KeyRefused
from certsvc.signing import pkcs11_keys
from certsvc.signing.keys import Algorithm, KeyState, Purpose, verify
from certsvc.signing.keystore import Keystore
from certsvc.signing.pkcs11_keys import Pkcs11Uri, parse_uri
from certsvc.signing.proofs import sign_credential, verify_credential
from certsvc.signing.trust import TrustBundle
from tests.credential.builders import claims
from tests.signing.builders import CREATED, DID
from tests.softhsm import MODULE, needs_softhsm, softhsm_token


@pytest.fixture
def token() -> tuple[str, Path]:
    """The URI to make keys at, and the token's folder."""
    return softhsm_token()


@needs_softhsm
def test_a_credential_is_signed_by_a_key_that_cannot_be_extracted(token: Any, tmp_path: Path) -> None:
    pkcs11 = importlib.import_module("pkcs11")
    at, _ = token
    made = Keystore.open(tmp_path, None)
    record = made.new(Purpose.CREDENTIAL, at=at)
    assert record.algorithm is Algorithm.ED25519
    assert not list(tmp_path.glob("*.pem"))

    again = Keystore.open(tmp_path, None)
    signer = again.signer(Purpose.CREDENTIAL)
    content = sign_credential(check(compose(claims()), drawable=None), signer, f"{DID}#{signer.kid}", CREATED)
    assert verify_credential(content, TrustBundle.from_keystore(again, DID)).ok
    assert str(token[1]).encode() not in TrustBundle.from_keystore(again, DID).to_json()

    assert isinstance(signer, pkcs11_keys.Pkcs11Signer)
    key = signer.private_key()
    assert key[pkcs11.Attribute.SENSITIVE] is True
    assert key[pkcs11.Attribute.EXTRACTABLE] is False
    with pytest.raises(pkcs11.PKCS11Error):
        _ = key[pkcs11.Attribute.VALUE]


@needs_softhsm
def test_a_seal_key_in_hardware_signs_and_asks_for_its_certificate(token: Any, tmp_path: Path) -> None:
    at, _ = token
    made = Keystore.open(tmp_path, None)
    made.new(Purpose.PDF_SEAL, development=True, at=at)
    signer = made.signer(Purpose.PDF_SEAL)
    assert verify(Algorithm.P256, signer.public_bytes, signer.sign(b"x"), b"x")
    waiting = made.rotate(Purpose.PDF_SEAL, at=at)
    assert waiting.state is KeyState.PENDING
    assert made.certificate_request(waiting.kid, "a", "b").startswith(b"-----BEGIN CERTIFICATE REQUEST-----")


@needs_softhsm
def test_a_key_that_is_not_in_the_token_is_missing(token: Any) -> None:
    at, _ = token
    lost = at.replace("token=tests", "token=tests;object=lost")
    with pytest.raises(KeyMissing, match="no such key"):
        pkcs11_keys.open_signer(lost, "00000000", Algorithm.ED25519, b"")


@needs_softhsm
def test_a_token_or_pin_that_is_not_there_is_missing(token: Any, tmp_path: Path) -> None:
    at, folder = token
    with pytest.raises(KeyMissing):
        pkcs11_keys.generate(at.replace("token=tests", "token=none"), Algorithm.ED25519, "x")
    with pytest.raises(KeyMissing):
        pkcs11_keys.generate(at.replace(f"{folder}/pin", f"{tmp_path}/pin"), Algorithm.ED25519, "x")
    with pytest.raises(KeyMissing):
        pkcs11_keys.generate(at.replace(str(MODULE), f"{tmp_path}/none.so"), Algorithm.ED25519, "x")


@needs_softhsm
def test_a_token_that_fails_is_told_as_such(token: Any, tmp_path: Path) -> None:
    pkcs11 = importlib.import_module("pkcs11")
    at, _ = token
    made = Keystore.open(tmp_path, None)
    made.new(Purpose.CREDENTIAL, at=at)
    signer = made.signer(Purpose.CREDENTIAL)
    assert isinstance(signer, pkcs11_keys.Pkcs11Signer)

    class Broken:
        def sign(self, *_: object, **__: object) -> bytes:
            raise pkcs11.exceptions.DeviceRemoved

    signer._opened = (os.getpid(), Broken())
    with pytest.raises(KeyMissing, match="did not sign"):
        signer.sign(b"x")


@needs_softhsm
def test_a_token_that_makes_no_key_is_told_as_such(token: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    at, _ = token
    monkeypatch.setattr(pkcs11_keys, "_EDWARDS25519", b"\x13\x05wrong")
    with pytest.raises(KeyRefused, match="made no key"):
        pkcs11_keys.generate(at, Algorithm.ED25519, "x")


def test_a_uri_is_written_as_it_is_read() -> None:
    uri = Pkcs11Uri("a token;1", "/usr/lib/x.so", "/run/pin file", "key?1")
    assert parse_uri(str(uri)) == uri
    assert parse_uri(str(replace(uri, object_label=None))).object_label is None


@pytest.mark.parametrize(
    "uri",
    [
        "file:x",
        "pkcs11:object=x?module-path=/x&pin-source=/y",
        "pkcs11:token=x?pin-source=/y",
        "pkcs11:token=x?module-path=/x",
        "pkcs11:token=x?module-path=/x&pin-source=/y&pin-value=1234",
        "pkcs11:token=x",
    ],
)
def test_a_uri_that_lacks_a_part_or_holds_the_pin_is_refused(uri: str) -> None:
    with pytest.raises(KeyRefused):
        parse_uri(uri)


def test_a_uri_of_a_key_names_its_object() -> None:
    with pytest.raises(KeyRefused, match="object"):
        pkcs11_keys.open_signer("pkcs11:token=x?module-path=/x&pin-source=/y", "00000000", Algorithm.ED25519, b"")


def test_without_the_extra_hardware_keys_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_: str) -> None:
        raise ImportError

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(KeyRefused, match=r"certsvc\[pkcs11\]"):
        pkcs11_keys.generate("pkcs11:token=x?module-path=/x&pin-source=/y", Algorithm.ED25519, "x")
