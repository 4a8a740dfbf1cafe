"""An authority of one's own for the PDF seal: an offline root that signs seal certificates and says which are revoked.

Its folder belongs on a machine, or a stick, that is never online; only requests go in, only certificates and revocation
lists come out. Everything it signed is on record beside its key, so that nothing is revoked that was never issued.
Not here: the seal's own key and chain (`keystore`), a commercial authority's chain (`Keystore.import_seal`).
Source: RFC 5280 4.2.1, 5.1, 5.2; ETSI EN 319 412-3; RFC 9336 (document signing).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from certsvc.errors import KeyMissing, KeyRefused
from certsvc.signing import keyfiles
from certsvc.signing.seal_certificates import DOCUMENT_SIGNING, key_usage, subject_name

_KEY, _CERTIFICATE, _RECORD = "root-key.pem", "root.pem", "issued.json"
REASONS: Final = {
    "key-compromise": x509.ReasonFlags.key_compromise,
    "superseded": x509.ReasonFlags.superseded,
    "cessation": x509.ReasonFlags.cessation_of_operation,
}


@dataclass(frozen=True, slots=True)
class Issued:
    """One certificate on the root's record: serial in hexadecimal, times as ISO 8601."""

    serial: str
    subject: str
    at: str
    revoked_at: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SealAuthority:
    """The root as it is opened for one deed."""

    folder: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls, folder: Path, name: str, *, years: int, passphrase: bytes, now: datetime) -> SealAuthority:
        """A new root in an empty folder, its key encrypted. Raises `KeyRefused`."""
        if not passphrase:
            raise KeyRefused("根密钥须有口令", "the root's key needs a passphrase")
        if (folder / _KEY).exists():
            raise KeyRefused("该文件夹已有根密钥", "the folder holds a root already", where=folder.name)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = subject_name(name, " Root")
        begin = now - timedelta(hours=1)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=365 * years))
            # Of length 0: it may sign seals, and no further authority.
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(key_usage(authority=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        keyfiles.write_atomically(folder / _KEY, keyfiles.private_pem(key, passphrase))
        keyfiles.write_atomically(folder / _CERTIFICATE, certificate.public_bytes(Encoding.PEM))
        _write_record(folder, 0, [])
        return cls(folder, certificate, key)

    @classmethod
    def open(cls, folder: Path, passphrase: bytes) -> SealAuthority:
        """The root in a folder; raises `KeyMissing`, and `KeyRefused` for a wrong passphrase."""
        key = keyfiles.load_private_pem(keyfiles.read_private(folder / _KEY), passphrase, _KEY)
        try:
            certificate = x509.load_pem_x509_certificate((folder / _CERTIFICATE).read_bytes())
        except (OSError, ValueError) as error:
            raise KeyMissing("根证书缺失或损坏", "the root's certificate is missing", where=_CERTIFICATE) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise KeyRefused("根密钥与根证书不符", "the root's key and certificate do not belong together")
        return cls(folder, certificate, key)

    def sign_request(self, pem: bytes, *, base_url: str, days: int, now: datetime) -> bytes:
        """The chain (PEM, leaf first) for a seal's PKCS#10 request; its revocation list will be under `base_url`/seal/.

        Raises `KeyRefused`.
        Only name and key are taken from the request: what it asks for in extensions counts for nothing.
        """
        try:
            request = x509.load_pem_x509_csr(pem)
            genuine = request.is_signature_valid
        except (ValueError, TypeError) as error:
            raise KeyRefused("不是证书请求", "not a certificate request in PEM") from error
        key = request.public_key()
        if not genuine or not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise KeyRefused("请求的签名不成立或不是 P-256 密钥", "a request that is not signed by its own P-256 key")
        end = now + timedelta(days=days)
        if end > self.certificate.not_valid_after_utc:
            raise KeyRefused("有效期超过根证书", "it would outlive the root")
        root_identifier = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        crl_url = f"{base_url.rstrip('/')}/seal/{crl_name(self.certificate)}"
        serial = x509.random_serial_number()
        seal = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(self.certificate.subject)
            .public_key(key)
            .serial_number(serial)
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([DOCUMENT_SIGNING]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(root_identifier), critical=False
            )
            .add_extension(
                x509.CRLDistributionPoints(
                    [x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)]
                ),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
        )
        number, signed = _read_record(self.folder)
        one = Issued(f"{serial:x}", seal.subject.rfc4514_string(), now.isoformat())
        _write_record(self.folder, number, [*signed, one])
        return seal.public_bytes(Encoding.PEM) + self.certificate.public_bytes(Encoding.PEM)

    def revoke(self, serial: str, *, reason: str, now: datetime) -> None:
        """Put a seal certificate on the next list; `serial` is hexadecimal. Raises `KeyRefused`."""
        number, signed = _read_record(self.folder)
        wanted = serial.lower().lstrip("0")
        found = next((one for one in signed if one.serial == wanted), None)
        if found is None:
            raise KeyRefused("没有签发过该序列号", "this root never issued that serial", where=serial)
        if found.revoked_at is not None:
            raise KeyRefused("该证书已被吊销", "it is revoked already", where=serial)
        revoked = replace(found, revoked_at=now.isoformat(), reason=reason)
        _write_record(self.folder, number, [revoked if one is found else one for one in signed])

    def revocation_list(self, *, days: int, now: datetime) -> bytes:
        """A new revocation list (DER), good for so many days; its number is one more than the last."""
        number, signed = _read_record(self.folder)
        identifier = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now)
            .next_update(now + timedelta(days=days))
            .add_extension(x509.CRLNumber(number + 1), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        )
        for one in signed:
            if one.revoked_at is not None and one.reason is not None:
                entry = (
                    x509.RevokedCertificateBuilder()
                    .serial_number(int(one.serial, 16))
                    .revocation_date(datetime.fromisoformat(one.revoked_at).astimezone(UTC))
                    .add_extension(x509.CRLReason(REASONS[one.reason]), critical=False)
                )
                builder = builder.add_revoked_certificate(entry.build())
        _write_record(self.folder, number + 1, signed)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)


def issued(folder: Path) -> tuple[Issued, ...]:
    """What the root in a folder has signed, oldest first; its key stays shut. Raises `KeyMissing`."""
    return tuple(_read_record(folder)[1])


def _read_record(folder: Path) -> tuple[int, list[Issued]]:
    """The number of the last revocation list, and everything signed."""
    try:
        record = json.loads((folder / _RECORD).read_bytes())
        return int(record["crl_number"]), [Issued(**one) for one in record["issued"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeyMissing("签发记录缺失或损坏", "the root's record is missing or damaged", where=_RECORD) from error


def _write_record(folder: Path, crl_number: int, signed: Sequence[Issued]) -> None:
    record = {"crl_number": crl_number, "issued": [asdict(one) for one in signed]}
    keyfiles.write_atomically(folder / _RECORD, json.dumps(record, ensure_ascii=False, indent=1).encode())


def check_revocation_list(
    content: bytes, chains: Iterable[tuple[x509.Certificate, ...]]
) -> tuple[str, x509.CertificateRevocationList]:
    """A list (DER or PEM) by an authority above one of these seals, and the file name it is published under.

    Raises `KeyRefused`.
    """
    try:
        pem = content.lstrip().startswith(b"-----BEGIN")
        found = x509.load_pem_x509_crl(content) if pem else x509.load_der_x509_crl(content)
    except ValueError as error:
        raise KeyRefused("不是吊销列表", "not a certificate revocation list") from error
    for authority in (above for chain in chains for above in chain[1:]):
        key = authority.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey) or found.issuer != authority.subject:
            continue
        if found.is_signature_valid(key):
            return crl_name(authority), found
    raise KeyRefused("吊销列表不是印章证书的上级签发的", "the list is not by an authority of a seal's chain")


def crl_name(authority: x509.Certificate) -> str:
    """The file name of an authority's list: the beginning of its certificate's digest."""
    return f"{authority.fingerprint(hashes.SHA256()).hex()[:16]}.crl"
