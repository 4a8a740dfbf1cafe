"""X.509 of the PDF seal: a development root with an issuing certificate, requests to a real authority, chain checks.

The development root's private key is dropped once it has signed: it can never make a second certificate.
Not here: the seal in the PDF (`pdf`). Source: RFC 5280 4.2.1, ETSI EN 319 412-3 (seal certificates).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from asn1crypto import csr, keys, pem
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID, ObjectIdentifier

from certsvc.errors import KeyRefused
from certsvc.signing.keys import Signer

DOCUMENT_SIGNING: Final = ObjectIdentifier("1.3.6.1.5.5.7.3.36")  # RFC 9336 id-kp-documentSigning
_DEVELOPMENT_YEARS: Final = 10
_LONGEST_NAME: Final = 64  # ub-common-name, ub-organization-name; bytes of UTF-8 for `cryptography`
_LONGEST_CHAIN: Final = 5


def development_chain(public: bytes, host: str, name: str, now: datetime) -> tuple[x509.Certificate, ...]:
    """(seal certificate, self-made root) for a P-256 public point; both say SAMPLE (R7.6)."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    seal_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    root_name = subject_name(name, " 样例根 SAMPLE root")
    begin, end = now - timedelta(days=1), now + timedelta(days=365 * _DEVELOPMENT_YEARS)
    root_identifier = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    root = (
        x509.CertificateBuilder()
        .subject_name(root_name)
        .issuer_name(root_name)
        .public_key(root_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(authority=True), critical=True)
        .add_extension(root_identifier, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    seal = (
        x509.CertificateBuilder()
        .subject_name(subject_name(name, " 样例 SAMPLE"))
        .issuer_name(root_name)
        .public_key(seal_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([DOCUMENT_SIGNING]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(seal_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(root_identifier), critical=False)
        .add_extension(x509.SubjectAlternativeName([_host_name(host)]), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    return (seal, root)


def check_chain(content: bytes, public: bytes, now: datetime) -> tuple[x509.Certificate, ...]:
    """The chain of a PEM, leaf first, where it fits the seal key; raises `KeyRefused` saying what is wrong.

    Each certificate must be signed by the next and in force; the leaf must be allowed to sign documents, the others to
    sign certificates. The last one becomes the root that verifiers pin.
    """
    try:
        chain = tuple(x509.load_pem_x509_certificates(content))
    except ValueError as error:
        raise KeyRefused("不是 PEM 证书链", "not a chain of certificates in PEM") from error
    if len(chain) > _LONGEST_CHAIN:
        raise KeyRefused("证书链过长", f"a chain of more than {_LONGEST_CHAIN} certificates")
    leaf = chain[0]
    if leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != _public_key_info(public):
        raise KeyRefused("首张证书不属于该印章密钥", "the first certificate is not of this seal key")
    for place, certificate in enumerate(chain):
        where = certificate.subject.rfc4514_string()
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise KeyRefused("证书不在有效期内", "a certificate that is not in force", where=where)
        if place > 0 and not _may(certificate, authority=True):
            raise KeyRefused("上级证书无签发权限", "a certificate that may not sign certificates", where=where)
        parent = chain[min(place + 1, len(chain) - 1)]
        if place + 1 == len(chain) and certificate.issuer != certificate.subject:
            break  # an intermediate pinned as the root: its own signature cannot be checked here
        try:
            certificate.verify_directly_issued_by(parent)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise KeyRefused("证书链前后不符", "a certificate that the next one did not issue", where=where) from error
    if not _may(leaf, authority=False):
        raise KeyRefused("印章证书无数字签名用途", "the seal's certificate may not sign documents")
    return chain


def certificate_request(signer: Signer, common_name: str, organisation: str) -> bytes:
    """A PKCS#10 request (PEM) signed by the seal key itself, wherever that key rests."""
    request = csr.CertificationRequestInfo(
        {
            "version": "v1",
            "subject": asn1_x509.Name.build({"common_name": common_name, "organization_name": organisation}),
            "subject_pk_info": keys.PublicKeyInfo.load(_public_key_info(signer.public_bytes)),
            "attributes": csr.CRIAttributes([]),
        }
    )
    signed = csr.CertificationRequest(
        {
            "certification_request_info": request,
            "signature_algorithm": {"algorithm": "sha256_ecdsa"},
            "signature": signer.sign(request.dump()),
        }
    )
    return bytes(pem.armor("CERTIFICATE REQUEST", signed.dump()))


def _public_key_info(public: bytes) -> bytes:
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _may(certificate: x509.Certificate, *, authority: bool) -> bool:
    """Whether basic constraints and key usage allow it to sign certificates, or documents."""
    extensions = certificate.extensions
    try:
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
        is_authority = constraints.ca
    except x509.ExtensionNotFound:
        is_authority = False
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return is_authority if authority else True
    if authority:
        return is_authority and usage.key_cert_sign
    return usage.digital_signature or usage.content_commitment


def key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def subject_name(issuer: str, suffix: str) -> x509.Name:
    """A name for a development certificate: the issuer, cut where X.509 is too narrow for it, and what it is."""
    room = _LONGEST_NAME - len(suffix.encode())
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _cut(issuer, _LONGEST_NAME)),
            x509.NameAttribute(NameOID.COMMON_NAME, _cut(issuer, room) + suffix),
        ]
    )


def _cut(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore")


def _host_name(host: str) -> x509.GeneralName:
    """The host without its port; a URI where it is no DNS name that X.509 takes."""
    return x509.DNSName(host.rpartition(":")[0] or host)
