"""Blockcerts' cert-verifier-js judges our credentials by their eddsa-rdfc-2022 proof, through its whole `Certificate`.

It has no JCS suite and takes a document only if it knows every proof's suite, so the script gives it the RDFC proof
alone. What it cannot judge is the status: it asks of a `BitstringStatusListCredential` one context more than VC 2.0
does, so with a credential that has a status it stops there, and never says it is good. `test_it_stops_at_our_status`
will fail on the day it learns.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.conftest import Node
from tests.conformance.world import FORGERIES, World

pytestmark = pytest.mark.conformance

Answers = dict[str, dict[str, Any]]
PROOF_STEPS = ("retrieveVerificationMethodPublicKey", "ensureVerificationMethodValidity", "checkDocumentSignature")
WITH_STATUS = ("good", "rotated", "revoked", "suspended", "superseded", "successor", "in force")


@pytest.fixture(scope="session")
def said(node: Node, world: World) -> Answers:
    names = {kind: f"bc-{place}.json" for place, kind in enumerate(world.credentials)}
    files = {str(world.write(names[kind], content)): kind for kind, content in world.credentials.items()}
    return {files[file]: answer for file, answer in json.loads(node("blockcerts.mjs", world.folder, *files)).items()}


def test_a_credential_is_verified_from_end_to_end(said: Answers) -> None:
    answer = said["without status"]
    assert answer["status"] == "success", answer
    assert set(answer["steps"].values()) == {"success"}
    assert {*PROOF_STEPS, "controlVerificationMethod", "ensureValidityPeriodStarted", "checkExpiresDate"} <= set(
        answer["steps"]
    )


@pytest.mark.parametrize("kind", WITH_STATUS)
def test_the_proof_of_a_genuine_credential_holds(said: Answers, kind: str) -> None:
    assert [said[kind]["steps"].get(step) for step in PROOF_STEPS] == ["success"] * 3, said[kind]


@pytest.mark.parametrize("kind", WITH_STATUS)
def test_it_stops_at_our_status(said: Answers, kind: str) -> None:
    assert said[kind]["status"] == "failure"
    assert "BitstringStatusListCredential" in said[kind]["message"]


@pytest.mark.parametrize("kind", FORGERIES)
def test_a_forgery_is_refused_at_its_proof(said: Answers, kind: str) -> None:
    answer = said[kind]
    assert answer["status"] == "failure"
    assert any(answer["steps"].get(step, "failure").startswith("failure") for step in PROOF_STEPS), answer


def test_an_expired_credential_is_refused_as_expired(said: Answers) -> None:
    answer = said["expired, without status"]
    assert answer["status"] == "failure"
    assert answer["steps"]["checkDocumentSignature"] == "success"
    assert "expired" in answer["message"]


def test_a_distrusted_key_is_refused_as_revoked(said: Answers) -> None:
    assert said["distrusted"]["status"] == "failure"
    assert "revoked" in said["distrusted"]["message"]
