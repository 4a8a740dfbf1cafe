"""A certification authority as a customer has one: a root, an issuing certificate, a revocation list. Made again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

LISTS = "http://ca.example/"


class Authority:
    """Signs requests for seals, and lists of the certificates it took back."""

    def __init__(self) -> None:
        self._start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=400)
        self._root_key = ec.generate_private_key(ec.SECP256R1())
        self._issuing_key = ec.generate_private_key(ec.SECP256R1())
        self.root = self._authority("示例根 Example root", self._root_key.public_key(), path_length=1)
        self.issuing = self._authority("示例签发 Example issuing", self._issuing_key.public_key(), path_length=0)

    def answer(self, request: bytes, *, days: int = 800) -> bytes:
        """The chain for a PKCS#10 request (PEM): the seal's certificate, the issuing one, the root.

        The certificate is in force for so many days from 400 days ago.
        """
        asked = x509.load_pem_x509_csr(request)
        assert asked.is_signature_valid
        key = asked.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        leaf = (
            self._begin(asked.subject, self.issuing.subject, key, days=days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(_list_at("issuing"), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._issuing_key.public_key()), critical=False
            )
            .sign(self._issuing_key, SHA256())
        )
        return b"".join(entry.public_bytes(Encoding.PEM) for entry in (leaf, self.issuing, self.root))

    def lists(self, taken_back: Sequence[x509.Certificate] = ()) -> tuple[bytes, bytes]:
        """The revocation lists (DER) of the root, which took back nothing, and of the issuing certificate."""
        now = datetime.now(UTC).replace(microsecond=0)
        issuing = self._list(self.issuing, now)
        for certificate in taken_back:
            issuing = issuing.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(certificate.serial_number)
                .revocation_date(now - timedelta(days=1))
                .add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
                .build()
            )
        root = self._list(self.root, now).sign(self._root_key, SHA256())
        signed = issuing.sign(self._issuing_key, SHA256())
        return root.public_bytes(Encoding.DER), signed.public_bytes(Encoding.DER)

    def _authority(self, name: str, key: ec.EllipticCurvePublicKey, path_length: int) -> x509.Certificate:
        builder = (
            self._begin(_name(name), _name("示例根 Example root"), key, days=3650)
            .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
            .add_extension(_usage(authority=True), critical=True)
        )
        if path_length == 0:
            builder = builder.add_extension(_list_at("root"), critical=False).add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._root_key.public_key()), critical=False
            )
        return builder.sign(self._root_key, SHA256())

    def _begin(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._start)
            .not_valid_after(self._start + timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )

    def _list(self, issuer: x509.Certificate, now: datetime) -> x509.CertificateRevocationListBuilder:
        return (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.subject)
            .last_update(now - timedelta(hours=1))
            .next_update(now + timedelta(days=7))
            .add_extension(x509.CRLNumber(1), critical=False)
        )


def _list_at(name: str) -> x509.CRLDistributionPoints:
    address = x509.UniformResourceIdentifier(f"{LISTS}{name}.crl")
    return x509.CRLDistributionPoints([x509.DistributionPoint([address], None, None, None)])


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "示例认证机构 Example CA"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
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
