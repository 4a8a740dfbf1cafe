from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from certsvc.errors import KeyRefused
from certsvc.signing.keys import KeyState, Purpose
from certsvc.signing.keystore import Keystore

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ROOT, MIDDLE = ec.derive_private_key(11, ec.SECP256R1()), ec.derive_private_key(12, ec.SECP256R1())


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def usage(*, sign: bool = False, certify: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=sign,
        content_commitment=False,
        key_encipherment=not sign and not certify,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certify,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def certificate(
    subject: str,
    key: Any,
    issuer: str,
    by: ec.EllipticCurvePrivateKey,
    *,
    ca: bool | None = None,
    key_usage: x509.KeyUsage | None = None,
    begin: datetime = NOW - timedelta(days=1),
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key)
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=365))
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if key_usage is not None:
        builder = builder.add_extension(key_usage, critical=True)
    return builder.sign(by, hashes.SHA256())


def pem(chain: Sequence[x509.Certificate]) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in chain)


ROOT_CERTIFICATE = certificate("root", ROOT.public_key(), "root", ROOT, ca=True, key_usage=usage(certify=True))
MIDDLE_CERTIFICATE = certificate("middle", MIDDLE.public_key(), "root", ROOT, ca=True, key_usage=usage(certify=True))


@pytest.fixture
def waiting(tmp_path: Path) -> tuple[Keystore, str, Any]:
    """A keystore with a seal key that waits for its chain, its kid, and its public key."""
    made = Keystore.open(tmp_path, b"a passphrase", lambda: NOW)
    record = made.new(Purpose.PDF_SEAL)
    return made, record.kid, ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), record.public)


def test_the_development_chain_has_what_a_seal_needs(tmp_path: Path) -> None:
    made = Keystore.open(tmp_path, None, lambda: NOW)
    made.create_development("certs.example:8443", "示例鉴定中心" * 20)
    leaf, root = made.seal_chain()
    leaf.verify_directly_issued_by(root)
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    key_usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert key_usage.digital_signature
    assert key_usage.content_commitment
    assert not key_usage.key_cert_sign
    names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert "SAMPLE" in str(names[0].value)
    assert leaf.not_valid_before_utc < NOW < leaf.not_valid_after_utc
    assert leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
        x509.DNSName
    ) == ["certs.example"]


def test_a_request_is_signed_by_the_seal_key_itself(waiting: tuple[Keystore, str, Any]) -> None:
    made, kid, _ = waiting
    request = made.certificate_request(kid, "示例鉴定中心", "示例鉴定中心")
    parsed = x509.load_pem_x509_csr(request)
    assert parsed.is_signature_valid
    assert parsed.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "示例鉴定中心"


def test_a_chain_of_ones_own_authority_puts_the_seal_into_use(waiting: tuple[Keystore, str, Any]) -> None:
    made, kid, public = waiting
    chain = (
        certificate("seal", public, "middle", MIDDLE, ca=False, key_usage=usage(sign=True)),
        MIDDLE_CERTIFICATE,
        ROOT_CERTIFICATE,
    )
    assert made.import_chain(kid, pem(chain)).state is KeyState.ACTIVE
    assert made.seal_chain() == chain
    assert made.signer(Purpose.PDF_SEAL).kid == kid
    assert not made.development


def test_the_seal_in_use_before_is_retired(tmp_path: Path) -> None:
    made = Keystore.open(tmp_path, b"a passphrase", lambda: NOW)
    made.create_development("certs.example", "示例")
    old, new = made.active_kid(Purpose.PDF_SEAL), made.rotate(Purpose.PDF_SEAL)
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), new.public)
    made.import_chain(new.kid, pem([certificate("seal", public, "root", ROOT), ROOT_CERTIFICATE]))
    assert made.record(old).state is KeyState.RETIRED
    assert made.active_kid(Purpose.PDF_SEAL) == new.kid
    made.retire(new.kid)
    with pytest.raises(KeyRefused):
        made.import_chain(new.kid, pem([ROOT_CERTIFICATE]))


def test_a_chain_may_end_at_an_intermediate_that_is_pinned(waiting: tuple[Keystore, str, Any]) -> None:
    made, kid, public = waiting
    made.import_chain(kid, pem([certificate("seal", public, "middle", MIDDLE), MIDDLE_CERTIFICATE]))
    assert made.seal_chain()[-1] == MIDDLE_CERTIFICATE


OTHER = ec.derive_private_key(13, ec.SECP256R1())
FAULTS: dict[str, Any] = {
    "no PEM": lambda _: b"x",
    "another key": lambda _: pem([certificate("seal", OTHER.public_key(), "root", ROOT), ROOT_CERTIFICATE]),
    "another issuer": lambda key: pem([certificate("seal", key, "root", OTHER), ROOT_CERTIFICATE]),
    "another issuer by name": lambda key: pem([certificate("seal", key, "elsewhere", ROOT), ROOT_CERTIFICATE]),
    "a seal that may not sign": lambda key: pem(
        [certificate("seal", key, "root", ROOT, key_usage=usage()), ROOT_CERTIFICATE]
    ),
    "an authority that is none": lambda key: pem(
        [certificate("seal", key, "root", ROOT), certificate("root", ROOT.public_key(), "root", ROOT)]
    ),
    "an authority that may not certify": lambda key: pem(
        [
            certificate("seal", key, "root", ROOT),
            certificate("root", ROOT.public_key(), "root", ROOT, ca=True, key_usage=usage(sign=True)),
        ]
    ),
    "a certificate not yet in force": lambda key: pem(
        [certificate("seal", key, "root", ROOT, begin=NOW + timedelta(days=1)), ROOT_CERTIFICATE]
    ),
    "an expired certificate": lambda key: pem(
        [certificate("seal", key, "root", ROOT, begin=NOW - timedelta(days=400)), ROOT_CERTIFICATE]
    ),
    "six certificates": lambda key: pem([certificate("seal", key, "root", ROOT)] + [ROOT_CERTIFICATE] * 5),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_chain_that_does_not_hold_is_refused(waiting: tuple[Keystore, str, Any], fault: str) -> None:
    made, kid, public = waiting
    with pytest.raises(KeyRefused):
        made.import_chain(kid, FAULTS[fault](public))
    assert made.record(kid).state is KeyState.PENDING


def test_an_authority_by_basic_constraints_alone_is_one(waiting: tuple[Keystore, str, Any]) -> None:
    made, kid, public = waiting
    root = certificate("root", ROOT.public_key(), "root", ROOT, ca=True)
    assert made.import_chain(kid, pem([certificate("seal", public, "root", ROOT), root])).state is KeyState.ACTIVE
