"""Our N-Quads against a JSON-LD processor's, with the two published contexts."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyld import jsonld

from certsvc.credential.canonical import canonical_bytes
from certsvc.credential.document import CONTEXT, CREDENTIALS_V2, OPEN_BADGES, compose, read_claims
from certsvc.credential.quads import canonical_proof_quads, canonical_quads
from certsvc.errors import MalformedCredential
from tests.credential.builders import ISSUER, claims, full_claims

FOLDER = Path(__file__).parent / "contexts"
CONTEXTS = {
    CREDENTIALS_V2: json.loads((FOLDER / "credentials-v2.json").read_text()),
    OPEN_BADGES: json.loads((FOLDER / "open-badges-3.0.3.json").read_text()),
}
OPTIONAL = [
    "identifier",
    "portrait_digest",
    "direction",
    "reissued_on",
    "valid_until",
    "sex",
    "birth_date",
    "scores",
    "replaces",
    "replaces_paper",
    "status_entries",
    "evidence_commitment",
]


def load_context(address: str, options: object = None) -> dict[str, object]:
    return {
        "contextUrl": None,
        "documentUrl": address,
        "document": CONTEXTS[address],
        "contentType": "application/ld+json",
    }


def processed(document: dict[str, Any]) -> bytes:
    options = {"algorithm": "URDNA2015", "format": "application/n-quads", "documentLoader": load_context}
    text: str = jsonld.normalize(json.loads(canonical_bytes(document)), options)
    return text.encode()


@pytest.mark.parametrize("field", [None, *OPTIONAL])
def test_each_kind_of_document_has_the_quads_a_processor_finds(field: str | None) -> None:
    full = full_claims()
    one = claims() if field is None else replace(claims(), **{field: getattr(full, field)})
    assert canonical_quads(compose(one)) == processed(compose(one))


def test_a_document_with_everything_has_the_quads_a_processor_finds() -> None:
    for sample, version in itertools.product((True, False), (1, 12)):
        one = full_claims(issuer=replace(ISSUER, sample=sample), version=version)
        assert canonical_quads(compose(one)) == processed(compose(one))


@settings(max_examples=15)
@given(st.text(min_size=1, max_size=30))
def test_any_text_that_may_be_signed_is_escaped_as_a_processor_does(text: str) -> None:
    document = compose(full_claims(statement_zh=text))
    try:
        read_claims(document)
    except MalformedCredential:
        return
    assert canonical_quads(document) == processed(document)


def test_no_term_is_lost() -> None:
    # A term that no context defines would vanish from the quads, and so from under the signature. Give every such
    # term a meaning: nothing may change.
    document = compose(full_claims())
    assert processed({**document, "@context": [*CONTEXT, {"@vocab": "urn:lost:"}]}) == processed(document)


def test_the_proof_options_have_the_quads_a_processor_finds() -> None:
    options = {
        "@context": CONTEXT,
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-rdfc-2022",
        "created": "2025-04-20T01:02:03Z",
        "verificationMethod": "did:web:certs.example%3A8443#0a1b2c3d",
        "proofPurpose": "assertionMethod",
    }
    ours = canonical_proof_quads("2025-04-20T01:02:03Z", "eddsa-rdfc-2022", "did:web:certs.example%3A8443#0a1b2c3d")
    assert ours == processed(options)
