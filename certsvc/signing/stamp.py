"""A time stamp over a seal: an RFC 3161 token, believed only when every part of it has been proven.

The steps, in order, each with the attack it stops:

1. form: one SignedData with one signer over a TSTInfo, in DER, nothing unsigned beside it (bytes changed at will)
2. imprint: the SHA-256 of just this seal's signature (another seal's token)
3. digest and signature: the signer signed this TSTInfo (a changed time)
4. signer: named by the signed attributes, for time stamps only (another certificate put in its place)
5. chain: leads to a pinned root, valid at the time told, and holds no certificate besides (a stranger's authority)

Not here: asking an authority (`stamp_authority`), where a token stands in the seal (`pdf_cms`). Source: RFC 3161, 2.4;
RFC 5816; ETSI EN 319 422.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import cms, tsp
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID

from certsvc.signing.pdf_trust import chain_of, fault_of_chain

_HASHES: dict[str, type[HashAlgorithm]] = {"sha256": SHA256, "sha384": SHA384, "sha512": SHA512}
_LARGEST_BYTES = 32 * 1024
_MOST_CERTIFICATES = 4


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a token proves: the signature existed at `at`, by the word of `authority`, whose `chain` is leaf first."""

    at: datetime
    authority: str
    nonce: int | None
    chain: tuple[x509.Certificate, ...]


def read_stamp(token: bytes, signature: bytes, roots: Sequence[x509.Certificate]) -> Stamp:
    """Prove a token over a signature's octets; raises ValueError saying what is wrong. `roots` are pinned."""
    try:
        return _read(token, signature, roots)
    except ValueError:
        raise
    except Exception as error:  # hostile DER: whatever the parsers raise, it is no stamp
        raise ValueError(f"the time stamp cannot be read: {type(error).__name__}") from error


def _read(token: bytes, signature: bytes, roots: Sequence[x509.Certificate]) -> Stamp:
    # Step 1.
    _demand(len(token) <= _LARGEST_BYTES, "the time stamp is too large")
    outer = cms.ContentInfo.load(token, strict=True)
    _demand(outer["content_type"].native == "signed_data", "the time stamp is not signed data")
    signed = outer["content"]
    content = signed["encap_content_info"]
    _demand(content["content_type"].native == "tst_info", "the time stamp says nothing about time")
    _demand(len(signed["signer_infos"]) == 1, "the time stamp has not just one signer")
    signer = signed["signer_infos"][0]
    named = [entry.dump() for entry in signed["digest_algorithms"]]
    versions = signed["version"].native, signer["version"].native
    _demand(versions == ("v3", "v1"), "the time stamp is of a version not known")
    _demand(named == [signer["digest_algorithm"].dump()], "the time stamp contradicts itself")
    unsigned = signer["unsigned_attrs"].native or signed["crls"].native
    _demand(not unsigned and outer.copy().dump(force=True) == token, "the time stamp is not in its one encoding")
    told: tsp.TSTInfo = content["content"].parsed
    # Step 2.
    imprint = told["message_imprint"]
    _demand(
        imprint["hash_algorithm"]["algorithm"].native == "sha256"
        and imprint["hashed_message"].native == hashlib.sha256(signature).digest(),
        "the time stamp is of something else",
    )
    # Step 3.
    held = [x509.load_der_x509_certificate(entry.chosen.dump()) for entry in signed["certificates"]]
    _demand(0 < len(held) <= _MOST_CERTIFICATES, "the time stamp holds no certificate, or too many")
    leaf = _leaf(held, signer)
    algorithm = signer["digest_algorithm"]["algorithm"].native
    _demand(algorithm in _HASHES, "the time stamp's digest is too weak")
    attributes = {entry["type"].native: entry["values"] for entry in signer["signed_attrs"]}
    digest = hashlib.new(algorithm, bytes(content["content"].contents)).digest()
    _demand(attributes["message_digest"].native == [digest], "the time stamp was changed")
    _demand(attributes["content_type"].native == ["tst_info"], "the time stamp signs something else")
    _verify(leaf, signer, signer["signed_attrs"].untag().dump(), _HASHES[algorithm]())
    # Step 4.
    _demand(_names(attributes, leaf), "the time stamp names another certificate")
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    _demand(
        usage.critical and list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING],
        "its certificate is not for time stamps alone",
    )
    # Step 5.
    at: datetime = told["gen_time"].native
    chain = chain_of(leaf, held)
    fault = fault_of_chain(chain, roots, at)
    _demand(fault is None, f"the time stamp's authority is not trusted: {fault}")
    return Stamp(at, leaf.subject.rfc4514_string(), told["nonce"].native, tuple(chain))


def _demand(holds: bool, fault: str) -> None:
    if not holds:
        raise ValueError(fault)


def _leaf(held: list[x509.Certificate], signer: Any) -> x509.Certificate:
    identifier = signer["sid"]
    _demand(identifier.name == "issuer_and_serial_number", "the time stamp's signer is not named by serial number")
    named = identifier.chosen
    found = [
        entry
        for entry in held
        if entry.serial_number == named["serial_number"].native
        and entry.issuer.public_bytes() == named["issuer"].dump()
    ]
    _demand(len(found) == 1, "the time stamp's signer is not among its certificates")
    return found[0]


def _verify(leaf: x509.Certificate, signer: Any, message: bytes, digest: HashAlgorithm) -> None:
    key, signature = leaf.public_key(), bytes(signer["signature"].native)
    scheme = signer["signature_algorithm"].signature_algo
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and scheme == "ecdsa":
            key.verify(signature, message, ec.ECDSA(digest))
            return
        if isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048 and scheme == "rsassa_pkcs1v15":
            key.verify(signature, message, padding.PKCS1v15(), digest)
            return
    except InvalidSignature as error:
        raise ValueError("the time stamp's signature does not verify") from error
    raise ValueError("the time stamp's signature is of a kind not accepted")


def _names(attributes: dict[str, Any], leaf: x509.Certificate) -> bool:
    """Whether signing-certificate-v2 (RFC 5816), or the older one by SHA-1, names the leaf.

    SHA-1 does here: a second certificate of the same digest would have to be made for one that exists.
    """
    if "signing_certificate_v2" in attributes:
        first = attributes["signing_certificate_v2"][0]["certs"][0]
        if first["hash_algorithm"]["algorithm"].native != "sha256":
            return False
        digest = leaf.fingerprint(SHA256())
    elif "signing_certificate" in attributes:
        first = attributes["signing_certificate"][0]["certs"][0]
        digest = leaf.fingerprint(SHA1())  # noqa: S303 - see above
    else:
        return False
    hashed: bytes = first["cert_hash"].native
    return hashed == digest
