"""The offline root above the seal: what it signs and revokes, by our own checks and by Debian's openssl."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from certsvc.errors import KeyMissing, KeyRefused
from certsvc.signing.keys import KeyState, Purpose
from certsvc.signing.keystore import Keystore
from certsvc.signing.pdf import PdfSeal
from certsvc.signing.pdf_trust import fault_of_chain
from certsvc.signing.seal_authority import SealAuthority, crl_name, issued
from tests.signing.seals import issue

NOW = datetime.now(UTC).replace(microsecond=0)
PASSPHRASE = b"an offline passphrase"
BASE_URL = "https://certs.example"
needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None and not os.environ.get("CI"), reason="openssl is not installed"
)


@pytest.fixture
def root(tmp_path: Path) -> SealAuthority:
    return SealAuthority.make(tmp_path / "root", "示例鉴定中心", years=20, passphrase=PASSPHRASE, now=NOW)


@pytest.fixture
def keystore(tmp_path: Path) -> Keystore:
    return Keystore.open(tmp_path / "keys", b"another passphrase", lambda: NOW)


def sealed_by(root: SealAuthority, keystore: Keystore) -> tuple[x509.Certificate, ...]:
    """A seal key made in the keystore, its request answered by the root, its chain imported."""
    kid = keystore.new(Purpose.PDF_SEAL).kid
    request = keystore.certificate_request(kid, "示例鉴定中心 印章", "示例鉴定中心")
    keystore.import_chain(kid, root.sign_request(request, base_url=BASE_URL, days=365, now=NOW))
    return keystore.seal_chain(kid)


def serial_of(certificate: x509.Certificate) -> str:
    return f"{certificate.serial_number:x}"


def test_a_request_goes_in_and_a_chain_comes_out_that_seals(root: SealAuthority, keystore: Keystore) -> None:
    leaf, top = sealed_by(root, keystore)
    assert keystore.active(Purpose.PDF_SEAL).state is KeyState.ACTIVE
    assert fault_of_chain((leaf, top), (root.certificate,), NOW) is None
    seal = PdfSeal.from_keystore(keystore)
    assert seal.key.public_numbers() == leaf.public_key().public_numbers()  # type: ignore[union-attr]


def test_the_certificates_say_what_rfc_5280_and_9336_ask_for(root: SealAuthority, keystore: Keystore) -> None:
    leaf, top = sealed_by(root, keystore)
    above = top.extensions.get_extension_for_class(x509.BasicConstraints)
    assert above.critical
    assert (above.value.ca, above.value.path_length) == (True, 0)
    usage = top.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.key_cert_sign, usage.value.crl_sign, usage.value.digital_signature) == (True, True, False)
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert leaf.extensions.get_extension_for_class(x509.KeyUsage).value.content_commitment
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [one.dotted_string for one in purposes] == ["1.3.6.1.5.5.7.3.36"]
    point = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value[0].full_name
    assert point is not None
    assert point[0].value == f"{BASE_URL}/seal/{crl_name(root.certificate)}"
    key = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert key == top.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest


def test_extensions_asked_for_in_a_request_count_for_nothing(root: SealAuthority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(root.certificate.subject)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    pem = builder.sign(key, root.certificate.signature_hash_algorithm).public_bytes(Encoding.PEM)  # type: ignore[arg-type]
    leaf = x509.load_pem_x509_certificates(root.sign_request(pem, base_url=BASE_URL, days=1, now=NOW))[0]
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


def test_a_request_of_another_kind_of_key_or_beyond_the_root_is_refused(
    root: SealAuthority, keystore: Keystore
) -> None:
    builder = x509.CertificateSigningRequestBuilder().subject_name(root.certificate.subject)
    strange = builder.sign(ed25519.Ed25519PrivateKey.generate(), None).public_bytes(Encoding.PEM)
    genuine = keystore.certificate_request(keystore.new(Purpose.PDF_SEAL).kid, "印章", "示例")
    altered = genuine.replace(b"MI", b"MJ", 1)
    for pem, days in ((strange, 1), (b"nothing", 1), (altered, 1), (genuine, 365 * 30)):
        with pytest.raises(KeyRefused):
            root.sign_request(pem, base_url=BASE_URL, days=days, now=NOW)
    assert issued(root.folder) == ()


def test_the_roots_key_rests_encrypted_and_opens_with_its_passphrase_alone(root: SealAuthority) -> None:
    assert b"ENCRYPTED" in (root.folder / "root-key.pem").read_bytes()
    assert SealAuthority.open(root.folder, PASSPHRASE).certificate == root.certificate
    with pytest.raises(KeyRefused):
        SealAuthority.open(root.folder, b"wrong")
    with pytest.raises(KeyRefused):
        SealAuthority.make(root.folder, "x", years=1, passphrase=PASSPHRASE, now=NOW)
    with pytest.raises(KeyRefused):
        SealAuthority.make(root.folder / "other", "x", years=1, passphrase=b"", now=NOW)
    with pytest.raises(KeyMissing):
        SealAuthority.open(root.folder / "nothing", PASSPHRASE)


def test_a_root_whose_parts_do_not_belong_together_is_refused(root: SealAuthority, tmp_path: Path) -> None:
    other = SealAuthority.make(tmp_path / "other", "乙", years=1, passphrase=PASSPHRASE, now=NOW)
    (root.folder / "root.pem").write_bytes((other.folder / "root.pem").read_bytes())
    with pytest.raises(KeyRefused):
        SealAuthority.open(root.folder, PASSPHRASE)
    (root.folder / "root.pem").unlink()
    with pytest.raises(KeyMissing):
        SealAuthority.open(root.folder, PASSPHRASE)
    (other.folder / "issued.json").write_text("{}")
    with pytest.raises(KeyMissing):
        issued(other.folder)


def test_only_what_the_root_issued_is_revoked_and_only_once(root: SealAuthority, keystore: Keystore) -> None:
    leaf, _ = sealed_by(root, keystore)
    root.revoke(serial_of(leaf), reason="key-compromise", now=NOW)
    for serial in (serial_of(leaf), "1234"):
        with pytest.raises(KeyRefused):
            root.revoke(serial, reason="superseded", now=NOW)
    (one,) = issued(root.folder)
    assert (one.serial, one.reason) == (serial_of(leaf), "key-compromise")


def test_each_list_has_the_next_number(root: SealAuthority) -> None:
    numbers = [
        x509.load_der_x509_crl(root.revocation_list(days=30, now=NOW)).extensions.get_extension_for_class(
            x509.CRLNumber
        )
        for _ in range(3)
    ]
    assert [number.value.crl_number for number in numbers] == [1, 2, 3]


@needs_openssl
def test_openssl_accepts_the_seal_until_the_roots_list_revokes_it(
    root: SealAuthority, keystore: Keystore, tmp_path: Path
) -> None:
    leaf, top = sealed_by(root, keystore)
    (tmp_path / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    (tmp_path / "top.pem").write_bytes(top.public_bytes(Encoding.PEM))

    def verified() -> subprocess.CompletedProcess[str]:
        listed = x509.load_der_x509_crl(root.revocation_list(days=30, now=NOW))
        (tmp_path / "crl.pem").write_bytes(listed.public_bytes(Encoding.PEM))
        return subprocess.run(
            [
                "openssl",
                "verify",
                "-x509_strict",
                "-crl_check",
                "-CRLfile",
                "crl.pem",
                "-CAfile",
                "top.pem",
                "leaf.pem",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    assert verified().returncode == 0, verified().stderr
    root.revoke(serial_of(leaf), reason="key-compromise", now=NOW)
    after = verified()
    assert after.returncode != 0
    assert "certificate revoked" in after.stderr + after.stdout


def test_the_newest_list_of_the_authority_above_is_kept(
    root: SealAuthority, keystore: Keystore, tmp_path: Path
) -> None:
    leaf, _ = sealed_by(root, keystore)
    first = root.revocation_list(days=30, now=NOW)
    root.revoke(serial_of(leaf), reason="key-compromise", now=NOW)
    second = root.revocation_list(days=30, now=NOW + timedelta(hours=1))
    name, content = keystore.import_revocation_list(second)
    assert (name, content) == (crl_name(root.certificate), second)
    with pytest.raises(KeyRefused):
        keystore.import_revocation_list(first)  # it would take the revocation back
    pem = x509.load_der_x509_crl(second).public_bytes(Encoding.PEM)
    assert keystore.import_revocation_list(pem)[1] == second
    other = SealAuthority.make(tmp_path / "other", "示例鉴定中心", years=1, passphrase=PASSPHRASE, now=NOW)
    for strange in (other.revocation_list(days=1, now=NOW), b"nothing"):
        with pytest.raises(KeyRefused):
            keystore.import_revocation_list(strange)
    assert keystore.revocation_lists() == ((name, second),)


# A customer's own authority


def customers_chain() -> tuple[ec.EllipticCurvePrivateKey, tuple[x509.Certificate, ...]]:
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    begin = NOW - timedelta(days=10)
    leaf = issue("客户印章", "Customer CA", keys[0].public_key(), keys[1], ca=False, start=begin, days=300)
    middle = issue("Customer CA", "Customer Root", keys[1].public_key(), keys[2], ca=True, start=begin, days=300)
    top = issue("Customer Root", "Customer Root", keys[2].public_key(), keys[2], ca=True, start=begin, days=300)
    return keys[0], (leaf, middle, top)


def test_a_customers_own_key_and_chain_are_taken_over(keystore: Keystore) -> None:
    first = keystore.new(Purpose.PDF_SEAL, development=True)
    key, chain = customers_chain()
    pem = b"".join(one.public_bytes(Encoding.PEM) for one in chain)
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"theirs"))
    record = keystore.import_seal(key_pem, pem, b"theirs")
    assert keystore.active(Purpose.PDF_SEAL).kid == record.kid
    assert keystore.record(first.kid).state is KeyState.RETIRED
    assert not keystore.development
    signer = PdfSeal.from_keystore(keystore)
    assert signer.chain == chain
    with pytest.raises(KeyRefused):
        keystore.import_seal(key_pem, pem, b"theirs")  # on record already


def test_a_key_that_is_not_the_chains_or_no_seal_key_is_refused(keystore: Keystore) -> None:
    _, chain = customers_chain()
    pem = b"".join(one.public_bytes(Encoding.PEM) for one in chain)
    for stranger in (ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()):
        key_pem = stranger.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with pytest.raises(KeyRefused):
            keystore.import_seal(key_pem, pem)
    assert keystore.records() == ()
