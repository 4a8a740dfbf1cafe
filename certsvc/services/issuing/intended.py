"""What is about to be certified, before a number is used: one value for issue, reissue and correction alike.

`claims_of` turns it into the claims of R7.2 under a given number and token. Not here: who may be certified
(`plan`, `reissue`, `correct`), allotting numbers (`reserve`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from certsvc.credential.commitment import commit_identity, digest_multibase
from certsvc.credential.document import CertificateClaims
from certsvc.credential.number import gbt36904
from certsvc.errors import DocumentRefused
from certsvc.person.identity import IdentityDocument, Sex
from certsvc.rules.calendar import valid_until
from certsvc.rules.terms import Scheme
from certsvc.services.context import Services
from certsvc.services.publishing.status_places import entries
from certsvc.services.records.photos import kept_photo
from certsvc.services.records.secrets import CertificateSecrets
from certsvc.transparency.leaf import commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Intended:
    """One certificate to be, or the next version of one.

    `number` None asks for the scheme's next. `evidence` is what the decision rests on, committed to and kept secret.
    `scores` are the subjects' scores as text, shown only where the scheme says so; likewise sex and birth date.
    `session` is the code of the sitting that completed it, where it is an enrolment's first.
    """

    holder_name: str
    identity: IdentityDocument
    scheme: Scheme
    scheme_id: int
    issued_on: date
    evidence: tuple[str, ...]
    person_id: int | None = None
    enrolment_id: int | None = None
    paper_id: int | None = None
    number: str | None = None
    version: int = 1
    photo_sha256: str | None = None
    sex: Sex | None = None
    birth_date: date | None = None
    scores: Mapping[str, str] | None = None
    reissued_on: date | None = None
    replaces: str | None = None
    replaces_paper: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Allotted:
    """What reserving gives a certificate: its number, its token, its places in the status lists."""

    number: str
    token: str
    status_list: str
    status_index: int


def claims_of(
    services: Services, intended: Intended, allotted: Allotted, secrets: CertificateSecrets
) -> CertificateClaims:
    """The claims to be signed. Raises `DocumentRefused` for a photo that is due and not there (R7.2)."""
    scheme, options = intended.scheme, intended.scheme.certificate
    identifier = scheme.identifier
    return CertificateClaims(
        token=allotted.token,
        base_url=services.base_url,
        issuer=services.issuer,
        number=allotted.number,
        identifier=None
        if identifier is None
        else gbt36904(identifier.root, identifier.type, identifier.issuer, allotted.number, intended.version),
        version=intended.version,
        holder_name=intended.holder_name,
        id_type=intended.identity.type,
        id_commitment=commit_identity(secrets.salt, intended.identity.type, intended.identity.number),
        portrait_digest=_portrait_digest(services, intended),
        occupation_code=scheme.occupation.code,
        occupation_zh=scheme.occupation.name_zh,
        occupation_en=scheme.occupation.name_en,
        direction=scheme.direction,
        level=scheme.level,
        level_zh=scheme.level_name_zh,
        level_en=scheme.level_name_en,
        title_zh=options.title_zh,
        title_en=options.title_en,
        statement_zh=options.statement_zh,
        statement_en=options.statement_en,
        issued_on=intended.issued_on,
        reissued_on=intended.reissued_on,
        valid_until=valid_until(intended.issued_on, scheme),
        scheme=scheme.key,
        sex=intended.sex if options.show_sex else None,
        birth_date=intended.birth_date if options.show_birth_date else None,
        scores=intended.scores if options.show_scores else None,
        replaces=intended.replaces,
        replaces_paper=intended.replaces_paper,
        status_entries=entries(services.base_url, allotted.status_list, allotted.status_index),
        evidence_commitment=commit(secrets.evidence_salt, *intended.evidence),
    )


def _portrait_digest(services: Services, intended: Intended) -> str | None:
    try:
        portrait = kept_photo(services.folders, intended.photo_sha256)
    except OSError as error:
        raise DocumentRefused("照片文件缺失", "the stored photo is gone", rule="R7.2", where="photo") from error
    if portrait is not None:
        return digest_multibase(portrait)
    if intended.scheme.certificate.photo_required:
        raise DocumentRefused("缺少照片，方案要求有照片", "the scheme requires a photo", rule="R7.2", where="photo")
    return None
