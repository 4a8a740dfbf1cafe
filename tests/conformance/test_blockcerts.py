"""Blockcerts' cert-verifier-js judges our credentials by their eddsa-rdfc-2022 proof, through its whole `Certificate`.

It has no JCS suite and takes a document only if it knows every proof's suite, so the script gives it the RDFC proof
alone. Its status step takes no W3C Bitstring Status List, ours or anybody's: it wants a second context of the list
credential, a proof of a suite it knows, and an `encodedList` without the multibase "u" that the specification demands
and @digitalbazaar asks for. So it is asked twice: with our lists as published, where it stops at the status of any
credential that has one, and with the same bits spelt its way by the same key (`spelt`), where it judges every case.
`test_one_obstacle_alone_stops_it` fails on the day it learns.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.conftest import Node
from tests.conformance.spelt import OURS, THEIRS, Spelling, spell
from tests.conformance.world import FORGERIES, World

pytestmark = pytest.mark.conformance

Answers = dict[str, dict[str, Any]]
PROOF_STEPS = ("retrieveVerificationMethodPublicKey", "ensureVerificationMethodValidity", "checkDocumentSignature")
VALID = ("good", "rotated", "successor", "in force")
WITHDRAWN = {"revoked": "revoked", "suspended": "suspended", "superseded": "revoked"}
WITH_STATUS = (*VALID, *WITHDRAWN)


def judge(node: Node, folder: Path, world: World, *kinds: str) -> Answers:
    """What it says of each kind, with the documents in `folder`."""
    files = {str(world.write(f"bc-{kind}.json", world.credentials[kind])): kind for kind in kinds}
    return {files[file]: answer for file, answer in json.loads(node("blockcerts.mjs", folder, *files)).items()}


@pytest.fixture(scope="session")
def said(node: Node, world: World) -> Answers:
    """Of every kind, with the lists as we publish them."""
    return judge(node, world.folder, world, *world.credentials)


@pytest.fixture(scope="session")
def said_with_status(node: Node, world: World, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """Of every kind, with the same lists spelt its way."""
    folder = tmp_path_factory.mktemp("spelt")
    spell(world, folder, THEIRS)
    return judge(node, folder, world, *world.credentials)


def test_a_credential_is_verified_from_end_to_end(said: Answers) -> None:
    answer = said["without status"]
    assert answer["status"] == "success", answer
    assert set(answer["steps"].values()) == {"success"}
    assert {*PROOF_STEPS, "controlVerificationMethod", "ensureValidityPeriodStarted", "checkExpiresDate"} <= set(
        answer["steps"]
    )


@pytest.mark.parametrize("kind", VALID)
def test_a_valid_credential_is_verified_with_its_status(said_with_status: Answers, kind: str) -> None:
    answer = said_with_status[kind]
    assert answer["status"] == "success", answer
    assert answer["steps"]["checkRevokedStatus"] == "success"
    assert set(answer["steps"].values()) == {"success"}


@pytest.mark.parametrize("kind", WITHDRAWN)
def test_what_the_status_lists_say_is_read(said_with_status: Answers, kind: str) -> None:
    answer = said_with_status[kind]
    assert answer["status"] == "failure"
    assert [answer["steps"].get(step) for step in PROOF_STEPS] == ["success"] * 3
    assert answer["message"] == f"This certificate has been {WITHDRAWN[kind]} by the issuer."


@pytest.mark.parametrize("kind", WITH_STATUS)
def test_the_proof_of_a_genuine_credential_holds(said: Answers, kind: str) -> None:
    assert [said[kind]["steps"].get(step) for step in PROOF_STEPS] == ["success"] * 3, said[kind]


@pytest.mark.parametrize("kind", WITH_STATUS)
def test_it_stops_at_our_status(said: Answers, kind: str) -> None:
    assert said[kind]["status"] == "failure"
    assert "BitstringStatusListCredential" in said[kind]["message"]


@pytest.mark.parametrize(
    ("spelling", "function", "cause"),
    [
        # src/domain/verifier/useCases/validateVerifiableCredential.ts
        (Spelling(second_context=False, rdfc=True, bare=True), "validateContext", "no additional context provided"),
        # src/verifier.ts
        (Spelling(second_context=True, rdfc=False, bare=True), "instantiateProofVerifiers", "No support for proof"),
        # src/inspectors/checkRevocationStatusList2021.ts, into vc-revocation-list and bitstring: gzip behind a "u"
        (Spelling(second_context=True, rdfc=True, bare=False), "decodeList", "incorrect header check"),
    ],
    ids=str,
)
def test_one_obstacle_alone_stops_it(
    node: Node, world: World, tmp_path: Path, spelling: Spelling, function: str, cause: str
) -> None:
    spell(world, tmp_path, spelling)
    answer = judge(node, tmp_path, world, "good")["good"]
    assert answer["status"] == "failure", function
    assert any(cause in words for words in answer["talk"]), (function, answer)


def test_the_list_it_could_read_is_refused_by_others(node: Node, world: World, tmp_path: Path) -> None:
    # So there is no list for all: W3C Bitstring Status List 1.0 wants a multibase text, which begins with "u".
    spell(world, tmp_path, THEIRS)
    file = world.write("bc-good.json", world.credentials["good"])
    answer = json.loads(node("vc.mjs", tmp_path, file))[str(file)]["eddsa-rdfc-2022"]
    assert answer["statusVerified"] is False
    assert 'must start with the character "u"' in answer["statusError"]


def test_it_wants_a_key_in_two_forms_in_one_method(node: Node, world: World, tmp_path: Path) -> None:
    # DID Core 5.2.1 forbids it: one verification method, one form of its key. Ours is the one the cryptosuite names.
    spell(world, tmp_path, OURS, jwk=False)
    answer = judge(node, tmp_path, world, "without status")["without status"]
    assert answer["status"] == "failure"
    assert "'kty' of 'jwk'" in answer["steps"]["checkDocumentSignature"]


@pytest.mark.parametrize("kind", FORGERIES)
def test_a_forgery_is_refused_at_its_proof(said: Answers, said_with_status: Answers, kind: str) -> None:
    for answer in (said[kind], said_with_status[kind]):
        assert answer["status"] == "failure"
        assert any(answer["steps"].get(step, "failure").startswith("failure") for step in PROOF_STEPS), answer


@pytest.mark.parametrize("kind", ["expired", "expired, without status"])
def test_an_expired_credential_is_refused_as_expired(said_with_status: Answers, kind: str) -> None:
    answer = said_with_status[kind]
    assert answer["status"] == "failure"
    assert answer["steps"]["checkDocumentSignature"] == "success"
    assert "expired" in answer["message"]


def test_a_distrusted_key_is_refused_as_revoked(said: Answers, said_with_status: Answers) -> None:
    for answer in (said["distrusted"], said_with_status["distrusted"]):
        assert answer["status"] == "failure"
        assert "key has been revoked" in answer["message"]
