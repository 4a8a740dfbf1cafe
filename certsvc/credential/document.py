"""The credential as a document: W3C Verifiable Credentials 2.0 with the Open Badges 3.0 achievement.

`compose` and `read_claims` are exact inverses; what `compose` would not have written is malformed, so nothing
can stand in a credential that no rule here knows of. Every node has an IRI of its own: the RDF form then has no blank
node and its canonical order is a plain sort (`quads`). Not here: what each field may hold (`fields`), who may be issued
one (rules), status, which changes and so lives outside the document (design.md, decision 2).
Source: docs/credential-format.md, VC Data Model 2.0 section 4, Open Badges 3.0 appendix B.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from certsvc.credential import fields
from certsvc.credential.canonical import plain_bytes
from certsvc.errors import MalformedCredential
from certsvc.person.identity import IdType, Sex

CREDENTIALS_V2: Final = "https://www.w3.org/ns/credentials/v2"
OPEN_BADGES: Final = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
# Our own terms are written as absolute IRIs. No context has to define them, so none has to be fetched, none can be
# changed behind a signature, and both published contexts stay plain addresses that every verifier has built in.
OWN: Final = "urn:certsvc:"
CONTEXT: Final = [CREDENTIALS_V2, OPEN_BADGES]
CARRIER: Final = "electronic"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issues. `sample` holds until a real issuer key and name are configured (R7.6)."""

    did: str
    name_zh: str
    name_en: str
    sample: bool


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """One place in a Bitstring Status List. `purpose` is "revocation", "suspension" or "refresh"."""

    purpose: str
    list_url: str
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateClaims:
    """Everything a certificate says (R7.2), the identity number only as a salted commitment (R10).

    `base_url` is "https://HOST"; `portrait_digest` is `commitment.digest_multibase` of the stored JPEG; `scores` maps a
    subject such as "theory" to its score as text; `valid_until` is the last day in force; `replaces` is the `id` of the
    credential this one supersedes (R8.4), `replaces_paper` the number of a paper certificate (R8.3).
    """

    token: str
    base_url: str
    issuer: Issuer
    number: str
    identifier: str | None = None
    version: int = 1
    holder_name: str
    id_type: IdType
    id_commitment: str
    portrait_digest: str | None = None
    occupation_code: str
    occupation_zh: str
    occupation_en: str
    direction: str | None = None
    level: int
    level_zh: str
    level_en: str
    title_zh: str
    title_en: str
    statement_zh: str
    statement_en: str
    issued_on: date
    reissued_on: date | None = None
    valid_until: date | None = None
    scheme: str
    sex: Sex | None = None
    birth_date: date | None = None
    scores: Mapping[str, str] | None = None
    replaces: str | None = None
    replaces_paper: str | None = None
    status_entries: tuple[StatusEntry, ...] = ()
    evidence_commitment: str | None = None

    @property
    def credential_id(self) -> str:
        """The credential's own address, which is also its public verification page."""
        return credential_id(self.base_url, self.token)


def credential_id(base_url: str, token: str) -> str:
    """The `id` of the credential with that token."""
    return f"{base_url}/v/{token}"


def did_web(base_url: str) -> str:
    """The did:web identifier of "https://HOST[:PORT]" (did:web 3.1: a port's colon is written %3A)."""
    return "did:web:" + base_url.split("://", 1)[-1].replace(":", "%3A")


def compose(claims: CertificateClaims) -> dict[str, object]:
    """The unsigned document for these claims. It shares `CONTEXT`: treat it as read-only."""
    document: dict[str, object] = {
        "@context": CONTEXT,
        "id": claims.credential_id,
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": claims.title_zh,
        "issuer": {
            "id": claims.issuer.did,
            "type": ["Profile"],
            "name": claims.issuer.name_zh,
            OWN + "nameEn": claims.issuer.name_en,
        },
        "validFrom": f"{claims.issued_on.isoformat()}T00:00:00+08:00",
        "credentialSubject": _subject(claims),
        OWN + "certificate": _certificate(claims),
    }
    if claims.valid_until is not None:
        document["validUntil"] = f"{claims.valid_until.isoformat()}T23:59:59+08:00"
    if claims.status_entries:
        document["credentialStatus"] = [
            {
                "id": f"{entry.list_url}#{entry.index}",
                "type": "BitstringStatusListEntry",
                "statusPurpose": entry.purpose,
                "statusListIndex": str(entry.index),
                "statusListCredential": entry.list_url,
            }
            for entry in claims.status_entries
        ]
    return document


def _subject(claims: CertificateClaims) -> dict[str, object]:
    """The holder, and what they achieved."""
    return _present(
        id=f"{claims.credential_id}#holder",
        type=["AchievementSubject"],
        name=claims.holder_name,
        licenseNumber=claims.number,
        result=claims.scores
        and [
            {"id": f"{claims.credential_id}#result-{subject}", "type": ["Result"], "value": score}
            for subject, score in sorted(claims.scores.items())
        ],
        achievement=_achievement(claims),
    ) | _own(
        idType=claims.id_type.value,
        idCommitment=claims.id_commitment,
        portraitDigest=claims.portrait_digest,
        sex=claims.sex and claims.sex.value,
        birthDate=claims.birth_date and claims.birth_date.isoformat(),
    )


def _achievement(claims: CertificateClaims) -> dict[str, object]:
    """Occupation and level, alike for everybody under one scheme."""
    achievement = f"{claims.base_url}/schemes/{claims.scheme}"
    return _present(
        id=achievement,
        type=["Achievement"],
        achievementType="Certification",
        name=f"{claims.occupation_zh} {claims.level_zh}",
        description=f"{claims.occupation_en}, {claims.level_en}",
        criteria={"id": f"{achievement}#criteria", "narrative": _narrative(claims.scheme)},
    ) | _own(
        scheme=claims.scheme,
        occupationCode=claims.occupation_code,
        occupation=claims.occupation_zh,
        occupationEn=claims.occupation_en,
        direction=claims.direction,
        skillLevel=claims.level,
        levelName=claims.level_zh,
        levelNameEn=claims.level_en,
    )


def _certificate(claims: CertificateClaims) -> dict[str, object]:
    """The certificate itself: its words, version and dates, and what it replaces."""
    return {"id": f"{claims.credential_id}#certificate", "type": OWN + "Certificate"} | _own(
        carrier=CARRIER,
        title=claims.title_zh,
        titleEn=claims.title_en,
        statement=claims.statement_zh,
        statementEn=claims.statement_en,
        gbIdentifier=claims.identifier,
        certificateVersion=claims.version,
        issuedOn=claims.issued_on.isoformat(),
        reissuedOn=claims.reissued_on and claims.reissued_on.isoformat(),
        replacesCredential=claims.replaces,
        replacesPaper=claims.replaces_paper,
        sample=claims.issuer.sample,
        evidenceCommitment=claims.evidence_commitment,
    )


def read_claims(document: object) -> CertificateClaims:
    """The claims of an unsigned document; raises `MalformedCredential` unless `compose` would write just this one."""
    return read_exactly(document).claims


class Exact(NamedTuple):
    """What a document says, the document that `compose` writes of it, and that one's canonical bytes."""

    claims: CertificateClaims
    document: dict[str, object]
    canonical: bytes


def read_exactly(document: object) -> Exact:
    """`read_claims`, with what it made on the way."""
    claims = _claims_of(fields.Members(document, ""))
    check_claims(claims)
    ours = compose(claims)
    # Compared as text, since 1, 1.0 and True are equal in Python.
    canonical = _alike(ours, document)
    if canonical is None:
        raise MalformedCredential(
            "文档含有格式之外的内容或缺少应有内容", "the document says more, less or other than the format knows"
        )
    return Exact(claims, ours, canonical)


def _claims_of(top: fields.Members) -> CertificateClaims:
    """What the document's members say, each read from its own place; raises `MalformedCredential`."""
    subject, issuer = top.child("credentialSubject"), top.child("issuer")
    achievement, certificate = subject.child("achievement"), top.child(OWN + "certificate")
    base_url, _, token = top.text("id").rpartition("/v/")
    entries = top.children("credentialStatus")
    valid_until = top.optional_text("validUntil")
    return CertificateClaims(
        token=token,
        base_url=base_url,
        issuer=Issuer(
            did=issuer.text("id"),
            name_zh=issuer.text("name"),
            name_en=issuer.text(OWN + "nameEn"),
            sample=certificate.flag(OWN + "sample"),
        ),
        number=subject.text("licenseNumber"),
        identifier=certificate.optional_text(OWN + "gbIdentifier"),
        version=certificate.integer(OWN + "certificateVersion"),
        holder_name=subject.text("name"),
        id_type=subject.choice(OWN + "idType", IdType),
        id_commitment=subject.text(OWN + "idCommitment"),
        portrait_digest=subject.optional_text(OWN + "portraitDigest"),
        occupation_code=achievement.text(OWN + "occupationCode"),
        occupation_zh=achievement.text(OWN + "occupation"),
        occupation_en=achievement.text(OWN + "occupationEn"),
        direction=achievement.optional_text(OWN + "direction"),
        level=achievement.integer(OWN + "skillLevel"),
        level_zh=achievement.text(OWN + "levelName"),
        level_en=achievement.text(OWN + "levelNameEn"),
        title_zh=certificate.text(OWN + "title"),
        title_en=certificate.text(OWN + "titleEn"),
        statement_zh=certificate.text(OWN + "statement"),
        statement_en=certificate.text(OWN + "statementEn"),
        issued_on=certificate.day(OWN + "issuedOn"),
        reissued_on=certificate.optional_day(OWN + "reissuedOn"),
        valid_until=None if valid_until is None else fields.day(valid_until.partition("T")[0], "validUntil"),
        scheme=achievement.text(OWN + "scheme"),
        sex=subject.choice(OWN + "sex", Sex) if OWN + "sex" in subject else None,
        birth_date=subject.optional_day(OWN + "birthDate"),
        scores={
            result.text("id").rpartition("#result-")[2]: result.text("value") for result in subject.children("result")
        }
        or None,
        replaces=certificate.optional_text(OWN + "replacesCredential"),
        replaces_paper=certificate.optional_text(OWN + "replacesPaper"),
        status_entries=tuple(
            StatusEntry(
                purpose=entry.text("statusPurpose"),
                list_url=entry.text("statusListCredential"),
                index=fields.list_index(entry.text("statusListIndex")),
            )
            for entry in entries
        ),
        evidence_commitment=certificate.optional_text(OWN + "evidenceCommitment"),
    )


def _alike(ours: dict[str, object], theirs: object) -> bytes | None:
    """The bytes that both are written in; None where they differ."""
    try:
        written = plain_bytes(ours)
        return written if written == plain_bytes(theirs) else None
    except (TypeError, ValueError, RecursionError):  # what is no JSON at all, or holds a lone surrogate
        return None


def check_claims(claims: CertificateClaims) -> None:
    """Raises `MalformedCredential`, naming the field, unless every field has its form (docs/credential-format.md)."""
    fields.check_base_url(claims.base_url)
    for name, pattern in fields.PATTERNS.items():
        fields.check_pattern(name, getattr(claims, name), pattern)
    if claims.issuer.did != did_web(claims.base_url):
        raise fields.malformed("issuer.id", "与网址不一致", "not the did:web of the credential's own host")
    for name in fields.TEXTS:
        text = getattr(claims, name)
        if text is not None:
            fields.check_text(name, text)
    fields.check_text("issuer.name", claims.issuer.name_zh)
    fields.check_text("issuer.nameEn", claims.issuer.name_en)
    fields.check_range("version", claims.version, 1, 999)
    fields.check_range("level", claims.level, 1, 8)
    for subject, score in (claims.scores or {}).items():
        fields.check_pattern("result", subject, fields.SUBJECT)
        fields.check_pattern("result", score, fields.SCORE)
    seen = set()
    for entry in claims.status_entries:
        fields.check_pattern("statusListCredential", entry.list_url, fields.LIST_URL)
        fields.check_pattern("statusPurpose", entry.purpose, fields.STATUS_PURPOSE)
        fields.check_range("statusListIndex", entry.index, 0, 2**32)
        seen.add((entry.list_url, entry.index))
    if len(seen) < len(claims.status_entries):
        raise fields.malformed("credentialStatus", "同一位置出现两次", "one place of a status list stands twice")
    for name, later in (("reissuedOn", claims.reissued_on), ("validUntil", claims.valid_until)):
        if later is not None and later < claims.issued_on:
            raise fields.malformed(name, "早于发证日期", "before the date of issue")


def _narrative(scheme: str) -> str:
    return f"按方案 {scheme} 规定的考核全部合格。Passed every examination that scheme {scheme} asks for."


def _present(**members: object) -> dict[str, object]:
    """The members that are there: an absent one is left out, never null."""
    return {name: member for name, member in members.items() if member is not None}


def _own(**members: object) -> dict[str, object]:
    """The same for members of our own vocabulary."""
    return {OWN + name: member for name, member in members.items() if member is not None}
