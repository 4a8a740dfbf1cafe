"""What a look-up reads of a signed document is what the strict reading says of it."""

from __future__ import annotations

from typing import Any

import pytest

from certsvc.credential.document import CertificateClaims, StatusEntry, compose, read_claims
from certsvc.credential.public_claims import read_public
from certsvc.errors import MalformedCredential
from tests.credential.builders import claims, full_claims

LISTED = (
    StatusEntry("revocation", "https://certs.example/status/revocation-3", 7),
    StatusEntry("suspension", "https://certs.example/status/suspension-3", 7),
    StatusEntry("refresh", "https://certs.example/status/refresh-3", 7),
)


@pytest.mark.parametrize(
    "said", [claims(), full_claims(), claims(status_entries=LISTED)], ids=["plain", "full", "listed"]
)
def test_each_claim_is_the_one_of_the_strict_reading(said: CertificateClaims) -> None:
    document = compose(said)
    strict, found = read_claims(document), read_public(document)
    for name in (
        *("token", "number", "version", "holder_name", "portrait_digest", "occupation_code", "occupation_zh"),
        *("occupation_en", "level", "level_zh", "level_en", "replaces", "replaces_paper"),
    ):
        assert getattr(found, name) == getattr(strict, name), name
    for name in ("issued_on", "reissued_on", "valid_until"):
        day = getattr(strict, name)
        assert getattr(found, name) == (None if day is None else day.isoformat()), name
    assert (found.issuer, found.issuer_zh, found.issuer_en, found.sample) == (
        strict.issuer.did,
        strict.issuer.name_zh,
        strict.issuer.name_en,
        strict.issuer.sample,
    )
    assert found.evidence == strict.evidence_commitment
    places = [(entry.list_url, entry.index) for entry in strict.status_entries if entry.purpose == "revocation"]
    assert [(found.status_list, found.status_index)] == (places or [(None, 0)])


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"issuer": "did:web:x"},
        compose(claims()) | {"credentialSubject": []},
        compose(claims()) | {"validUntil": 7},
        compose(claims()) | {"credentialStatus": [{"statusListCredential": "x", "statusListIndex": "seven"}]},
    ],
)
def test_what_is_no_document_of_ours_is_malformed(document: dict[str, Any]) -> None:
    with pytest.raises(MalformedCredential):
        read_public(document)
