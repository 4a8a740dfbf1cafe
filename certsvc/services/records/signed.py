"""What the signed bytes of a stored certificate say, for whatever is to be signed, sealed or drawn after them (R8.4).

A row is an index (ADR 1), and anyone who can write rows writes it. So a next version, a PDF or a kit is made from the
signed credential and from what is sealed beside it, which opens the commitments that were signed; never from the
unsigned document in the row. A key that is distrusted since still says what it signed: whether that is in force is
asked elsewhere. Not here: whether the columns repeat it (`verification.genuine`), its place in the log (`log.proven`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from certsvc.credential.checked import digest8
from certsvc.credential.compact import compact_claims
from certsvc.credential.document import CertificateClaims
from certsvc.errors import DocumentRefused
from certsvc.rules.calendar import valid_until
from certsvc.rules.terms import Scheme
from certsvc.services.context import Services
from certsvc.services.records.secrets import CertificateSecrets, open_secrets
from certsvc.signing.keys import KeyState
from certsvc.signing.proofs import verify_compact, verify_credential
from certsvc.signing.trust import TrustBundle
from certsvc.store import CertificateRecord


@dataclass(frozen=True, slots=True)
class SignedVersion:
    """A row, the claims that were signed, and the secrets that open what they commit to."""

    row: CertificateRecord
    claims: CertificateClaims
    kept: CertificateSecrets
    credential: bytes
    code: bytes


def signed_version(services: Services, row: CertificateRecord) -> SignedVersion:
    """Raises `DocumentRefused` where a signature, the code or the sealed part is not of this row, `KeyMissing`."""
    if row.erased_on is not None:
        raise _refused(
            row,
            f"持证人的个人信息已于 {row.erased_on} 应其要求抹除，不能再据此签发",
            f"its holder's data were erased at their wish on {row.erased_on}: nothing more can be made of it",
        )
    claims = canonical = None
    trust = _all_trusted(services.trust)
    if isinstance(row.credential, bytes):  # SQLite keeps whatever type a hand-made UPDATE writes
        found = verify_credential(row.credential, trust)
        claims, canonical = found.claims, found.canonical
    if claims is None or (claims.number, claims.version, claims.token) != (row.number, row.version, row.token):
        raise _refused(row, "登记与所签内容不一致", "the register is not what was signed")
    assert row.credential is not None
    assert canonical is not None
    code = verify_compact(row.cose, trust) if isinstance(row.cose, bytes) else None
    if code is None or code.claims != compact_claims(claims, digest8(canonical)):
        raise _refused(row, "二维码内容与所签内容不一致", "the code is not the one of what was signed")
    kept = open_secrets(services.vault, row)
    if not kept.opening(claims).opens(claims.id_commitment):
        raise _refused(row, "证件号码与所签承诺不符", "the identity number is not the one committed to")
    assert row.cose is not None
    return SignedVersion(row, claims, kept, row.credential, row.cose)


def check_scheme(signed: SignedVersion, scheme: Scheme) -> None:
    """Whether this scheme worded the signed claims; raises `DocumentRefused` where the row names another one."""
    claims, options = signed.claims, scheme.certificate
    said = (claims.scheme, claims.level, claims.occupation_zh, claims.title_zh, claims.statement_zh, claims.valid_until)
    due = (scheme.key, scheme.level, scheme.occupation.name_zh, options.title_zh, options.statement_zh)
    if said != (*due, valid_until(claims.issued_on, scheme)):
        raise _refused(signed.row, "登记的方案不是所签的方案", "the register names another scheme than was signed")


def _all_trusted(trust: TrustBundle) -> TrustBundle:
    if all(record.state is not KeyState.DISTRUSTED for record in trust.keys.values()):
        return trust
    keys = {
        kid: replace(record, distrusted_from=None, state=KeyState.RETIRED)
        if record.state is KeyState.DISTRUSTED
        else record
        for kid, record in trust.keys.items()
    }
    return TrustBundle(trust.did, keys, trust.seal_roots)


def _refused(row: CertificateRecord, zh: str, en: str) -> DocumentRefused:
    return DocumentRefused(zh, en, where=f"{row.number}-v{row.version}")
