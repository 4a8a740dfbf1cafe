"""The claims that a look-up goes by, read straight from a document whose signature holds already.

Scans are many, and the strict reading (`document.read_claims`) costs as much as the signature. It is not needed again:
what a pinned key of ours signed was made by `compose`, checked before it was signed. Not here: that check (`checked`),
the signature (`signing.stored`), what of it anyone may see (R10).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from certsvc.credential.document import OWN
from certsvc.errors import MalformedCredential

_TOKEN_LENGTH: Final = 26
_DAY_LENGTH: Final = len("2026-01-01")
_CERTIFICATE: Final = OWN + "certificate"
_VERSION, _ISSUED_ON, _REISSUED_ON = OWN + "certificateVersion", OWN + "issuedOn", OWN + "reissuedOn"
_REPLACES, _REPLACES_PAPER = OWN + "replacesCredential", OWN + "replacesPaper"
_SAMPLE, _EVIDENCE, _PORTRAIT = OWN + "sample", OWN + "evidenceCommitment", OWN + "portraitDigest"
_CODE, _OCCUPATION, _OCCUPATION_EN = OWN + "occupationCode", OWN + "occupation", OWN + "occupationEn"
_LEVEL, _LEVEL_NAME, _LEVEL_NAME_EN = OWN + "skillLevel", OWN + "levelName", OWN + "levelNameEn"
_NAME_EN: Final = OWN + "nameEn"


class PublicClaims(NamedTuple):
    """Some of `document.CertificateClaims`, days as ISO text. `status_list` is the address of the list of revocations,
    None for a certificate that stands in no list. The order is that of `SHARED` and `REPEATED`."""

    issuer: str
    issuer_zh: str
    issuer_en: str
    sample: bool
    occupation_zh: str
    occupation_en: str
    level_zh: str
    level_en: str
    version: int
    level: int
    number: str
    token: str
    holder_name: str
    occupation_code: str
    issued_on: str
    reissued_on: str | None
    valid_until: str | None
    portrait_digest: str | None
    replaces: str | None
    replaces_paper: str | None
    evidence: str | None
    status_list: str | None
    status_index: int


SHARED: Final = slice(PublicClaims._fields.index("issuer_zh"), PublicClaims._fields.index("number"))
"""What all certificates of one kind say alike, and anyone may see."""
REPEATED: Final = slice(PublicClaims._fields.index("version"), PublicClaims._fields.index("portrait_digest"))
"""What columns of the register repeat: `PublicClaims._fields[REPEATED]` are their names too."""


def read_public(document: dict[str, Any]) -> PublicClaims:
    """The claims of a document that a key of ours signed; `MalformedCredential` for what `compose` did not write."""
    try:
        issuer, subject, certificate = document["issuer"], document["credentialSubject"], document[_CERTIFICATE]
        achievement = subject["achievement"]
        entries = document.get("credentialStatus")
        until = document.get("validUntil")
        return PublicClaims(
            issuer["id"],
            issuer["name"],
            issuer[_NAME_EN],
            certificate[_SAMPLE],
            achievement[_OCCUPATION],
            achievement[_OCCUPATION_EN],
            achievement[_LEVEL_NAME],
            achievement[_LEVEL_NAME_EN],
            certificate[_VERSION],
            achievement[_LEVEL],
            subject["licenseNumber"],
            document["id"][-_TOKEN_LENGTH:],
            subject["name"],
            achievement[_CODE],
            certificate[_ISSUED_ON],
            certificate.get(_REISSUED_ON),
            None if until is None else until[:_DAY_LENGTH],
            subject.get(_PORTRAIT),
            certificate.get(_REPLACES),
            certificate.get(_REPLACES_PAPER),
            certificate.get(_EVIDENCE),
            entries[0]["statusListCredential"] if entries else None,
            int(entries[0]["statusListIndex"]) if entries else 0,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedCredential("不是本系统的证书文档", "not the document of a certificate of ours") from error
