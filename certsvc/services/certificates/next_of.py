"""The next version of a certificate, from the verified credential of the one before and from nothing else (R8.4).

`before` is what a correction and a new signature stand on: signatures that hold, columns that repeat them, a sealed
part that opens what was committed to, a scheme that worded it, the log's last word, and a leaf under the signed head.
`next_of` is all of it again, with what the caller changes. Not here: who may ask for one (`correct`, `resign`), issuing
it (`issuing.next_version`).
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from certsvc.credential.document import credential_id
from certsvc.errors import DocumentRefused
from certsvc.person.identity import IdentityDocument
from certsvc.services.context import Services
from certsvc.services.issuing.intended import Intended
from certsvc.services.log.last_word import OnRecord, require_last_word
from certsvc.services.log.proven import proven_index
from certsvc.services.records.photos import signed_photo
from certsvc.services.records.schemes import scheme_of
from certsvc.services.records.signed import SignedVersion, check_scheme, signed_version
from certsvc.services.verification.genuine import repeats
from certsvc.signing.proofs import verify_credential
from certsvc.store import CertificateRecord
from certsvc.transparency import leaf as leaves


def before(
    services: Services, session: Session, row: CertificateRecord, *, distrusted_too: bool = False
) -> SignedVersion:
    """The version that a next one replaces; with `distrusted_too`, nothing but its key's distrust may be wrong with it.

    The log is to be published as it stands: what no signed head covers is not proven. Raises `DocumentRefused`,
    `LogMismatch` where the row says otherwise than the log, `KeyMissing`, `Unavailable` where there is no signed head.
    """
    signed = signed_version(services, row)
    if not repeats(row, signed.claims):
        raise DocumentRefused("登记与所签内容不一致", "the register is not what was signed", where=row.number)
    assert row.scheme_id is not None
    check_scheme(signed, scheme_of(session, row.scheme_id))
    require_last_word(services, row, commitment_of(signed), OnRecord(session, [row]))
    index = proven_index(services, session, row)
    if index is None:
        raise DocumentRefused("公开日志不能证明该证书", "the public log does not bear it out", where=row.number)
    if not distrusted_too and not verify_credential(signed.credential, services.trust, log_index=index).ok:
        raise DocumentRefused(
            "签名密钥已不再可信，须先重新签名",
            "its key is distrusted since: sign it again first",
            rule="R8.4",
            where=row.number,
        )
    return signed


def next_of(
    services: Services,
    session: Session,
    old: SignedVersion,
    *,
    evidence: tuple[str, ...],
    holder_name: str | None = None,
    identity: IdentityDocument | None = None,
) -> Intended:
    """The next version as it is to be, dated today; name and identity document stay where none is given."""
    row, claims = old.row, old.claims
    assert row.scheme_id is not None
    return Intended(
        holder_name=holder_name or claims.holder_name,
        identity=identity or IdentityDocument(claims.id_type, old.kept.id_number),
        scheme=scheme_of(session, row.scheme_id),
        scheme_id=row.scheme_id,
        issued_on=claims.issued_on,
        evidence=evidence,
        person_id=row.person_id,
        enrolment_id=row.enrolment_id,
        paper_id=row.paper_id,
        number=claims.number,
        version=claims.version + 1,
        photo_sha256=signed_photo(claims.portrait_digest),
        sex=claims.sex,
        birth_date=claims.birth_date,
        scores=claims.scores,
        reissued_on=services.today(),
        replaces=credential_id(services.base_url, claims.token),
        replaces_paper=claims.replaces_paper,
    )


def commitment_of(old: SignedVersion) -> str:
    """What the log calls this version."""
    return leaves.commit_credential(old.kept.leaf_salt, old.credential)
