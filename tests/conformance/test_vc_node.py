"""@digitalbazaar/vc, with its eddsa-jcs-2022, eddsa-rdfc-2022 and bitstring status suites, judges our credentials.

Each proof of the set is put to it alone, so that a good one hides no bad one. It calls a revoked credential verified
unless the status result is read (measured.md): the script reads it, and so do these tests.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certsvc.credential.canonical import load_strict
from certsvc.credential.status_list import Purpose as ListPurpose
from certsvc.credential.status_list import StatusList, compose_status_list, read_status_list
from certsvc.signing.keys import Purpose
from certsvc.signing.proofs import sign_document
from tests.conformance.conftest import Node
from tests.conformance.world import FORGERIES, World

pytestmark = pytest.mark.conformance

SUITES = ("eddsa-jcs-2022", "eddsa-rdfc-2022")
STATUS = {
    "good": set(),
    "rotated": set(),
    "successor": set(),
    "in force": set(),
    "revoked": {"revocation"},
    "suspended": {"suspension"},
    "superseded": {"revocation", "refresh"},
}
Answers = dict[str, dict[str, dict[str, Any]]]


def judge(node: Node, folder: Path, world: World, kinds: list[str]) -> Answers:
    """What it says of each kind, by suite."""
    files = {str(world.write(f"vc-{place}.json", world.credentials[kind])): kind for place, kind in enumerate(kinds)}
    said = json.loads(node("vc.mjs", folder, *files))
    return {files[file]: answer for file, answer in said.items()}


@pytest.fixture(scope="session")
def said(node: Node, world: World) -> Answers:
    return judge(node, world.folder, world, list(world.credentials))


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("kind", STATUS)
def test_each_proof_of_a_genuine_credential_holds_and_its_status_is_read(said: Answers, kind: str, suite: str) -> None:
    answer = said[kind][suite]
    assert answer["verified"], answer
    assert answer["statusVerified"], answer
    assert {purpose for purpose, is_set in answer["statuses"] if is_set} == STATUS[kind]
    assert {purpose for purpose, _ in answer["statuses"]} == {"revocation", "suspension", "refresh"}


@pytest.mark.parametrize("suite", SUITES)
def test_a_credential_without_status_holds(said: Answers, suite: str) -> None:
    assert said["without status"][suite] == {"verified": True}


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("kind", FORGERIES)
def test_each_proof_of_a_forgery_is_refused(said: Answers, kind: str, suite: str) -> None:
    assert said[kind][suite]["verified"] is False


@pytest.mark.parametrize("suite", SUITES)
def test_an_expired_credential_is_refused(said: Answers, suite: str) -> None:
    assert said["expired"][suite]["verified"] is False
    assert "validUntil" in said["expired"][suite]["error"]


@pytest.mark.parametrize("suite", SUITES)
def test_a_distrusted_key_is_refused_by_who_reads_no_log(said: Answers, suite: str) -> None:
    assert said["distrusted"][suite]["verified"] is False
    assert "not authorized" in said["distrusted"][suite]["error"]


@pytest.mark.parametrize("suite", SUITES)
def test_it_cannot_tell_the_status_lists_key_from_the_credentials(said: Answers, suite: str) -> None:
    # Both are assertion methods of one DID, and did.json has no word for the difference. Ours has: trust.json.
    assert said["status list key"][suite]["verified"] is True


def _with_list(world: World, folder: Path, content: bytes) -> None:
    """The published documents, but for the revocation list, which is `content`."""
    documents = json.loads((world.folder / "documents.json").read_text())
    (folder / "list.json").write_bytes(content)
    documents[f"{world.services.base_url}/status/revocation-1"] = str(folder / "list.json")
    (folder / "documents.json").write_text(json.dumps(documents))


def _bit_lifted(world: World, list_: dict[str, Any]) -> bytes:
    subject = {**list_["credentialSubject"], "encodedList": StatusList.of([]).encode()}
    return json.dumps({**list_, "credentialSubject": subject}).encode()


def _out_of_date(world: World, list_: dict[str, Any]) -> bytes:
    claims = read_status_list(
        list_, url=list_["id"], issuer=world.trust.did, purpose=ListPurpose(list_["credentialSubject"]["statusPurpose"])
    )
    day = timedelta(days=1)
    past = compose_status_list(
        type(claims)(
            url=claims.url,
            issuer=claims.issuer,
            purpose=claims.purpose,
            valid_from=claims.valid_from - 9 * day,
            valid_until=claims.valid_from - 2 * day,
            ttl=claims.ttl,
            entries=StatusList.of([]),
        )
    )
    signer = world.services.keystore.signer(Purpose.STATUS_LIST)
    return sign_document(past, signer, world.trust.verification_method(signer.kid), world.services.now())


def _by_the_logs_key(world: World, list_: dict[str, Any]) -> bytes:
    unsigned = {name: member for name, member in list_.items() if name != "proof"}
    signer = world.services.keystore.signer(Purpose.LOG_CHECKPOINT)
    return sign_document(unsigned, signer, world.trust.verification_method(signer.kid), world.services.now())


@pytest.mark.parametrize("spoil", [_bit_lifted, _out_of_date, _by_the_logs_key])
def test_a_status_list_that_is_not_to_be_believed_clears_nobody(
    node: Node, world: World, tmp_path: Path, spoil: Any
) -> None:
    published = load_strict((world.published / "status" / "revocation-1").read_bytes())
    _with_list(world, tmp_path, spoil(world, published))
    said = judge(node, tmp_path, world, ["revoked", "good"])
    for answer in (said[kind][suite] for kind in said for suite in SUITES):
        assert answer["statusVerified"] is False, answer


def test_a_status_list_under_a_did_of_its_own_would_clear_nobody(node: Node, world: World, tmp_path: Path) -> None:
    # Its default asks that list and credential have one issuer, so the key of the lists stands under the issuer's DID.
    published = load_strict((world.published / "status" / "revocation-1").read_bytes())
    assert isinstance(published, dict)
    signer = world.services.keystore.signer(Purpose.STATUS_LIST)
    apart = f"{world.trust.did}:status"
    unsigned = {**published, "issuer": apart}
    del unsigned["proof"]
    _with_list(world, tmp_path, sign_document(unsigned, signer, f"{apart}#{signer.kid}", world.services.now()))
    did = json.loads((world.published / ".well-known" / "did.json").read_text().replace(world.trust.did, apart))
    (tmp_path / "apart.json").write_text(json.dumps(did))
    documents = json.loads((tmp_path / "documents.json").read_text())
    (tmp_path / "documents.json").write_text(json.dumps({**documents, apart: str(tmp_path / "apart.json")}))
    said = judge(node, tmp_path, world, ["good"])["good"]
    for suite in SUITES:
        assert said[suite]["statusVerified"] is False
        assert "do not match" in said[suite]["statusError"]
