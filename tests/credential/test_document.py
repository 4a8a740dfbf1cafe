from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certsvc.credential.canonical import canonical_bytes
from certsvc.credential.document import (
    CONTEXT,
    CREDENTIALS_V2,
    OWN,
    CertificateClaims,
    Issuer,
    StatusEntry,
    compose,
    did_web,
    read_claims,
)
from certsvc.errors import MalformedCredential
from tests.credential.builders import BASE_URL, ID_NUMBER, ISSUER, claims, full_claims


def test_reading_what_was_composed_gives_the_same_claims() -> None:
    for one in (claims(), full_claims()):
        assert read_claims(json.loads(canonical_bytes(compose(one)))) == one


@given(st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable() and text.strip() == text))
def test_any_printable_name_survives_the_document(name: str) -> None:
    one = claims(holder_name=name)
    assert read_claims(json.loads(canonical_bytes(compose(one)))) == one


def test_a_character_for_private_use_may_stand_in_a_name() -> None:
    # Rare names are still written with them; whether the fonts can draw one is asked before signing.
    one = claims(holder_name="张\ue000")
    assert read_claims(json.loads(canonical_bytes(compose(one)))) == one


def test_every_field_of_the_claims_is_in_the_document() -> None:
    # A field that compose forgets would not survive; each is changed in turn and must change the document.
    plain, full = claims(), full_claims()
    for field in fields(CertificateClaims):
        value = getattr(full, field.name)
        if value != getattr(plain, field.name):
            assert compose(replace(plain, **{field.name: value})) != compose(plain), field.name


def test_the_identity_number_is_nowhere_in_the_document() -> None:
    assert ID_NUMBER.encode() not in canonical_bytes(compose(full_claims()))


def test_the_document_has_what_open_badges_require() -> None:
    document: Any = compose(claims())
    achievement = document["credentialSubject"]["achievement"]
    assert document["@context"][0] == CREDENTIALS_V2
    assert document["type"] == ["VerifiableCredential", "OpenBadgeCredential"]
    assert document["issuer"]["type"] == ["Profile"]
    assert document["credentialSubject"]["type"] == ["AchievementSubject"]
    assert achievement["type"] == ["Achievement"]
    assert achievement["achievementType"] == "Certification"
    assert all(achievement[member] for member in ("id", "name", "description"))
    assert achievement["criteria"]["narrative"]


def test_validity_is_written_in_the_time_of_china() -> None:
    document = compose(full_claims())
    assert document["validFrom"] == "2025-04-20T00:00:00+08:00"
    assert document["validUntil"] == "2029-04-19T23:59:59+08:00"
    assert "validUntil" not in compose(claims())


def test_the_sample_flag_is_signed() -> None:
    for sample in (True, False):
        one = claims(issuer=replace(ISSUER, sample=sample))
        assert read_claims(compose(one)).issuer.sample is sample


def test_a_port_is_escaped_in_did_web() -> None:
    assert did_web("https://certs.example:8443") == "did:web:certs.example%3A8443"


def _at(document: Any, path: str) -> tuple[Any, str]:
    *parents, last = path.split("/")
    for part in parents:
        document = document[int(part) if part.isdigit() else part]
    return document, last


MISTAKES: dict[str, tuple[str, Any]] = {
    "an unknown member": ("note", "x"),
    "an unknown member of the subject": ("credentialSubject/email", "x@y.example"),
    "an unknown member of our own": (f"{OWN}certificate/{OWN}note", "x"),
    "a null for an absent member": ("validUntil", None),
    "another context": ("@context", [*CONTEXT, "https://evil.example/context"]),
    "a context in line": ("@context", [*CONTEXT, {"name": "urn:x:name"}]),
    "another type": ("type", ["VerifiableCredential"]),
    "a credential address elsewhere": ("id", "https://evil.example/v/ugfyngzoqhamkkkvfi6e7jojfy"),
    "an address without a token": ("id", BASE_URL),
    "an address by plain http": ("id", "http://certs.example/v/ugfyngzoqhamkkkvfi6e7jojfy"),
    "a token that is none": ("id", f"{BASE_URL}/v/ugfyngzoqhamkkkvfi6e7jojfz"),
    "an issuer elsewhere": ("issuer/id", "did:web:evil.example"),
    "an issuer as text": ("issuer", "did:web:certs.example"),
    "validity that differs from the date of issue": ("validFrom", "2024-04-20T00:00:00+08:00"),
    "validity by another clock": ("validUntil", "2029-04-19T23:59:59Z"),
    "validity that is no date": ("validUntil", "never"),
    "validity before the issue": ("validUntil", "2025-04-19T23:59:59+08:00"),
    "a reissue before the issue": (f"{OWN}certificate/{OWN}reissuedOn", "2025-04-19"),
    "a date that is none": (f"{OWN}certificate/{OWN}issuedOn", "2025-02-30"),
    "a date in week form": (f"{OWN}certificate/{OWN}issuedOn", "2025-W16-7"),
    "a name that is no text": ("credentialSubject/name", 5),
    "a name with an end blank": ("credentialSubject/name", "张伟 "),
    "an empty name": ("credentialSubject/name", ""),
    "a name with a direction override": ("credentialSubject/name", "张\u202e伟"),
    "a name with a line break": ("credentialSubject/name", "张\n伟"),
    "a statement too long": (f"{OWN}certificate/{OWN}statement", "字" * 1001),
    "a level that is true": (f"credentialSubject/achievement/{OWN}skillLevel", True),
    "a level with a fraction": (f"credentialSubject/achievement/{OWN}skillLevel", 5.0),
    "a level out of range": (f"credentialSubject/achievement/{OWN}skillLevel", 9),
    "version nought": (f"{OWN}certificate/{OWN}certificateVersion", 0),
    "a sample flag as text": (f"{OWN}certificate/{OWN}sample", "false"),
    "a sample flag as a number": (f"{OWN}certificate/{OWN}sample", 1),
    "another carrier": (f"{OWN}certificate/{OWN}carrier", "paper"),
    "an unknown type of identity": (f"credentialSubject/{OWN}idType", "driving_licence"),
    "an identity number in clear": (f"credentialSubject/{OWN}idCommitment", ID_NUMBER),
    "an unknown sex": (f"credentialSubject/{OWN}sex", "x"),
    "a portrait by another digest": (f"credentialSubject/{OWN}portraitDigest", "sha256-abc"),
    "a number in lower case": ("credentialSubject/licenseNumber", "abc"),
    "a number too long": ("credentialSubject/licenseNumber", "1" * 23),
    "a scheme that breaks out of its address": (f"credentialSubject/achievement/{OWN}scheme", "../x y"),
    "results that are no array": ("credentialSubject/result", {}),
    "a result that is no object": ("credentialSubject/result", [5]),
    "a score that is no number": ("credentialSubject/result/0/value", "sixty"),
    "a subject in capitals": ("credentialSubject/result/0/id", f"{BASE_URL}/v/x#result-THEORY"),
    "no results, but an array for them": ("credentialSubject/result", []),
    "a status of another kind": ("credentialStatus/0/statusPurpose", "message"),
    "a status index with a leading nought": ("credentialStatus/0/statusListIndex", "01"),
    "a status index beyond any list": ("credentialStatus/0/statusListIndex", "9999999999"),
    "a status list by plain http": ("credentialStatus/0/statusListCredential", "http://x.example/status/1"),
    "a correction of something that is no credential": (f"{OWN}certificate/{OWN}replacesCredential", "urn:x"),
    "no certificate": (f"{OWN}certificate", []),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_document_that_compose_would_not_write_is_malformed(mistake: str) -> None:
    path, value = MISTAKES[mistake]
    document = json.loads(canonical_bytes(compose(full_claims())))
    parent, member = _at(document, path)
    parent[member] = value
    with pytest.raises(MalformedCredential):
        read_claims(document)


def test_one_place_of_a_status_list_cannot_stand_twice() -> None:
    entry = StatusEntry("revocation", f"{BASE_URL}/status/1", 7)
    with pytest.raises(MalformedCredential, match="twice"):
        read_claims(compose(claims(status_entries=(entry, replace(entry, purpose="suspension")))))


def test_a_missing_member_is_named() -> None:
    document = json.loads(canonical_bytes(compose(claims())))
    del document["credentialSubject"]["licenseNumber"]
    with pytest.raises(MalformedCredential) as refusal:
        read_claims(document)
    assert refusal.value.where == "credentialSubject.licenseNumber"


@pytest.mark.parametrize("document", [None, [], "x", {}, {"id": "x"}])
def test_what_is_no_document_is_malformed(document: object) -> None:
    with pytest.raises(MalformedCredential):
        read_claims(document)


def test_claims_that_cannot_be_written_as_text_are_malformed() -> None:
    document = compose(claims())
    document["name"] = object()
    with pytest.raises(MalformedCredential):
        read_claims(document)


def test_plain_http_is_for_the_own_machine_only() -> None:
    local = "http://127.0.0.1:8000"
    one = claims(base_url=local, issuer=Issuer(did_web(local), "示例", "Example", sample=True))
    assert read_claims(compose(one)) == one


def test_a_missing_required_text_is_refused_even_when_claims_are_made_by_hand() -> None:
    broken: Any = replace(claims(), id_commitment=None)
    from certsvc.credential.document import check_claims

    with pytest.raises(MalformedCredential, match="missing"):
        check_claims(broken)


def test_credential_dates_are_dates() -> None:
    assert read_claims(compose(full_claims())).birth_date == date(1949, 12, 31)
