"""Seals to test with: a made-up root, an issuing certificate, a leaf; each made again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from certsvc.signing.pdf import PdfSeal

SIGNED_AT = datetime(2025, 4, 20, 3, 0, tzinfo=UTC)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"), x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, ca: bool, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=signs,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def issue(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    ca: bool,
    signs: bool = False,
    path_length: int | None = None,
    critical: bool = False,
    start: datetime = datetime(2024, 1, 1, tzinfo=UTC),
    days: int = 3650,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
        .add_extension(_usage(ca=ca, signs=not ca or signs), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if critical:
        builder = builder.add_extension(
            x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0"), critical=True
        )
    return builder.sign(issuer_key, SHA256())


def make_seal(
    *,
    depth: int = 2,
    leaf_ca: bool = False,
    leaf_signs: bool = True,
    middle_ca: bool = True,
    curve: ec.EllipticCurve | None = None,
    path_length: int | None = None,
    critical: bool = False,
) -> PdfSeal:
    """A seal whose chain has `depth` certificates, the root last."""
    keys = [ec.generate_private_key(curve or ec.SECP256R1()) for _ in range(depth)]
    names = ["样例签章 Example seal", *(f"Example authority {at}" for at in range(1, depth))]
    chain = [
        issue(
            names[at],
            names[min(at + 1, depth - 1)],
            keys[at].public_key(),
            keys[min(at + 1, depth - 1)],
            ca=leaf_ca if at == 0 else middle_ca or at == depth - 1,
            signs=at == 0 and leaf_signs,
            path_length=path_length if at == depth - 1 else None,
            critical=critical and at == 0,
        )
        for at in range(depth)
    ]
    return PdfSeal(lambda message: keys[0].sign(message, ec.ECDSA(SHA256())), tuple(chain))
