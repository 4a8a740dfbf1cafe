from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from certsvc.credential.canonical import canonical_bytes
from certsvc.credential.checked import check
from certsvc.credential.document import OWN, Issuer, compose, did_web
from certsvc.credential.verdict import CheckName
from certsvc.errors import AlreadySigned, KeyRefused
from certsvc.signing.keys import Algorithm, KeyState, Purpose
from certsvc.signing.proofs import (
    CredentialCheck,
    sign_credential,
    sign_document,
    verify_credential,
    verify_document,
)
from certsvc.signing.trust import TrustBundle
from tests.credential.builders import claims, full_claims, token_of
from tests.signing.builders import CREATED, DID, ISSUING, STATUS, STRANGER, SeedSigner, bundle, signed
from tests.signing.write_vectors import FOLDER, vectors

GOOD = signed(full_claims())


def failing(found: CredentialCheck) -> str:
    """The name of the one check that failed."""
    assert not found.ok
    assert found.claims is None
    assert found.document is None
    (name,) = [check.name for check in found.checks if check.ok is False]
    return name


def test_the_specimens_on_file_are_what_is_signed_today() -> None:
    # Ed25519 is deterministic: any change to the format shows here first.
    for name, content in vectors().items():
        assert (FOLDER / name).read_bytes() == content, name


@pytest.mark.parametrize("name", ["plain", "full"])
def test_the_specimens_on_file_verify_with_the_trust_bundle_on_file(name: str) -> None:
    trust = TrustBundle.load(FOLDER)
    found = verify_credential((FOLDER / f"{name}.credential.json").read_bytes(), trust)
    assert found.ok, found.checks
    assert found.claims == (claims() if name == "plain" else full_claims())
    assert found.kid == ISSUING.kid


def test_the_jcs_proof_is_what_the_format_describes() -> None:
    # Written from docs/credential-format.md section 4 alone.
    credential = json.loads(GOOD)
    jcs = credential.pop("proof")[0]
    number = 0
    for character in jcs.pop("proofValue")[1:]:
        number = number * 58 + "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".index(character)
    signature = number.to_bytes(64, "big")
    digest = hashlib.sha256(canonical_bytes(jcs)).digest() + hashlib.sha256(canonical_bytes(credential)).digest()
    Ed25519PublicKey.from_public_bytes(ISSUING.public_bytes).verify(signature, digest)


def test_every_check_is_listed() -> None:
    found = verify_credential(GOOD, bundle())
    assert [check.name for check in found.checks] == [
        CheckName.JSON,
        CheckName.FORMAT,
        CheckName.PROOF_JCS,
        CheckName.PROOF_RDFC,
        CheckName.ISSUER,
    ]
    assert all(check.ok and check.detail_zh and check.detail_en for check in found.checks)


def test_a_document_is_signed_once() -> None:
    passed = check(compose(claims()), drawable=None)
    sign_credential(passed, ISSUING, f"{DID}#{ISSUING.kid}", CREATED)
    with pytest.raises(AlreadySigned):
        sign_credential(passed, ISSUING, f"{DID}#{ISSUING.kid}", CREATED)


def test_a_credential_is_signed_with_ed25519_only() -> None:
    signer = SeedSigner(1)
    signer.algorithm = Algorithm.P256
    with pytest.raises(KeyRefused):
        sign_credential(check(compose(claims()), drawable=None), signer, f"{DID}#x", CREATED)


def resigned(change: Callable[[dict[str, Any]], None], signer: SeedSigner = ISSUING) -> bytes:
    """A credential whose document was changed and whose first proof was then made for it."""
    credential = json.loads(GOOD)
    del credential["proof"]
    change(credential)
    jcs = json.loads(sign_document(credential, signer, f"{DID}#{signer.kid}", CREATED))["proof"]
    return canonical_bytes({**credential, "proof": [jcs, json.loads(GOOD)["proof"][1]]})


def edited(change: Callable[[dict[str, Any]], object]) -> bytes:
    """A credential changed after signing, written canonically again."""
    credential = json.loads(GOOD)
    change(credential)
    return canonical_bytes(credential)


def _set(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(credential: dict[str, Any]) -> None:
        *parents, last = path.split("/")
        target: Any = credential
        for part in parents:
            target = target[int(part) if part.isdigit() else part]
        target[last] = value

    return change


def _without(path: str) -> Callable[[dict[str, Any]], None]:
    def change(credential: dict[str, Any]) -> None:
        *parents, last = path.split("/")
        target: Any = credential
        for part in parents:
            target = target[int(part) if part.isdigit() else part]
        del target[int(last) if last.isdigit() else last]

    return change


JCS, RDFC, KEY = CheckName.PROOF_JCS, CheckName.PROOF_RDFC, CheckName.PROOF_JCS_KEY
METHOD = "proof/0/verificationMethod"
TAMPERED: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    # the content
    "another name": (JCS, _set("credentialSubject/name", "李四")),
    "another number": (JCS, _set("credentialSubject/licenseNumber", "2563010001500002")),
    "no sample flag any more": (JCS, _set(f"{OWN}certificate/{OWN}sample", False)),
    "another credential's portrait": (JCS, _without(f"credentialSubject/{OWN}portraitDigest")),
    "a longer validity": (JCS, _set("validUntil", "2099-04-19T23:59:59+08:00")),
    "no validity": (JCS, _without("validUntil")),
    "another place in the status list": (
        JCS,
        lambda c: c["credentialStatus"][0].update(
            statusListIndex="1", id=c["credentialStatus"][0]["statusListCredential"] + "#1"
        ),
    ),
    "no status": (JCS, _without("credentialStatus")),
    "an unknown member": (CheckName.FORMAT, _set("evidence", "x")),
    "another issuer's name": (JCS, _set("issuer/name", "另一中心")),
    "another issuer": (CheckName.FORMAT, _set("issuer/id", "did:web:evil.example")),
    "a context added": (CheckName.FORMAT, lambda c: c["@context"].append("https://evil.example/c")),
    # the proofs
    "no proof": (CheckName.JSON, _without("proof")),
    "an empty proof set": (CheckName.PROOF, _set("proof", [])),
    "a proof that is no object": (CheckName.PROOF, _set("proof", ["x", "y"])),
    "one proof in place of the set": (CheckName.PROOF, lambda c: c.update(proof=c["proof"][0])),
    "the jcs proof stripped": (CheckName.PROOF, _without("proof/0")),
    "the rdfc proof stripped": (CheckName.PROOF, _without("proof/1")),
    "the proofs in another order": (CheckName.PROOF, lambda c: c["proof"].reverse()),
    "a third proof": (CheckName.PROOF, lambda c: c["proof"].append(c["proof"][0])),
    "the jcs proof twice": (CheckName.PROOF, lambda c: c.update(proof=[c["proof"][0]] * 2)),
    "an unknown cryptosuite": (CheckName.PROOF, _set("proof/0/cryptosuite", "ecdsa-jcs-2019")),
    "another type of proof": (JCS, _set("proof/0/type", "Ed25519Signature2020")),
    "another purpose": (JCS, _set("proof/0/proofPurpose", "authentication")),
    "a challenge added": (JCS, _set("proof/0/challenge", "x")),
    "an embedded key": (JCS, _set("proof/0/publicKeyMultibase", "z6Mk")),
    "an embedded method": (JCS, _set(METHOD, {"id": "did:x#y", "publicKeyMultibase": "z6Mk"})),
    "an expiry added to the other proof": (RDFC, _set("proof/1/expires", "2099-01-01T00:00:00Z")),
    "a context in the rdfc proof": (RDFC, _set("proof/1/@context", [])),
    "no context in the jcs proof": (JCS, _without("proof/0/@context")),
    "a shorter context in the jcs proof": (JCS, lambda c: c["proof"][0]["@context"].pop()),
    "no time": (JCS, _without("proof/0/created")),
    "another time": (JCS, _set("proof/0/created", "2025-04-21T01:02:04Z")),
    "another time in the other proof": (RDFC, _set("proof/1/created", "2025-04-21T01:02:04Z")),
    "a time that is none": (JCS, _set("proof/0/created", "2025-02-30T01:02:03Z")),
    "a time with a zone": (JCS, _set("proof/0/created", "2025-04-21T01:02:03+00:00")),
    "a proof value that is a number": (JCS, _set("proof/0/proofValue", 5)),
    "a proof value in another base": (JCS, _set("proof/0/proofValue", "u" + "A" * 86)),
    "a truncated proof value": (JCS, lambda c: c["proof"][0].update(proofValue=c["proof"][0]["proofValue"][:-1])),
    "a proof value of noughts": (JCS, _set("proof/0/proofValue", "z" + "1" * 64)),
    "the proof values swapped": (
        JCS,
        lambda c: c["proof"][0].update(proofValue=c["proof"][1]["proofValue"]),
    ),
    "the other proof's signature from this one": (
        RDFC,
        lambda c: c["proof"][1].update(proofValue=c["proof"][0]["proofValue"]),
    ),
    # the keys
    "a key nobody pinned": (KEY, _set(METHOD, f"{DID}#{STRANGER.kid}")),
    "a key of another purpose": (KEY, _set(METHOD, f"{DID}#{STATUS.kid}")),
    "the right kid under another DID": (KEY, _set(METHOD, f"did:web:evil.example#{ISSUING.kid}")),
    "a kid in capitals": (KEY, _set(METHOD, f"{DID}#{ISSUING.kid.upper()}")),
    "a kid with a tail": (KEY, _set(METHOD, f"{DID}#{ISSUING.kid}#{ISSUING.kid}")),
    "a method without a kid": (KEY, _set(METHOD, DID)),
    "a method that is a key itself": (KEY, _set(METHOD, "did:key:z6MkabcdEf#z6MkabcdEf")),
}


@pytest.mark.parametrize("fault", TAMPERED)
def test_a_tampered_credential_fails_the_check_meant_for_it(fault: str) -> None:
    check_name, change = TAMPERED[fault]
    assert failing(verify_credential(edited(change), bundle())) == check_name


def test_a_document_resigned_by_one_proof_alone_fails_by_the_other() -> None:
    assert failing(verify_credential(resigned(_set("credentialSubject/name", "李四")), bundle())) == RDFC


BYTES = {
    "an appended blank": (CheckName.JSON, GOOD + b" "),
    "an appended line feed": (CheckName.JSON, GOOD + b"\n"),
    "an appended byte": (CheckName.JSON, GOOD + b"\0"),
    "a byte order mark": (CheckName.JSON, b"\xef\xbb\xbf" + GOOD),
    "a truncated file": (CheckName.JSON, GOOD[:-1]),
    "nothing": (CheckName.JSON, b""),
    "an array": (CheckName.JSON, b"[]"),
    "a member twice": (CheckName.JSON, GOOD[:-1] + b',"validFrom":"2020-01-01T00:00:00+08:00"}'),
    "a second proof member": (CheckName.JSON, GOOD[:-1] + b',"proof":[]}'),
    "an oversized file": (CheckName.JSON, b'{"a":"' + b"a" * 300_000 + b'"}'),
    "a blank inside": (CheckName.BYTES, GOOD.replace(b'"name":', b'"name": ', 1)),
    "an escaped letter": (CheckName.BYTES, GOOD.replace(b'"VerifiableCredential"', b'"\\u0056erifiableCredential"', 1)),
    "members in another order": (CheckName.BYTES, json.dumps(json.loads(GOOD), ensure_ascii=False).encode()),
}


@pytest.mark.parametrize("fault", BYTES)
def test_other_bytes_than_those_issued_fail(fault: str) -> None:
    check_name, content = BYTES[fault]
    assert failing(verify_credential(content, bundle())) == check_name


def test_the_same_json_in_another_layout_passes_where_asked_for() -> None:
    relaid = json.dumps(json.loads(GOOD), indent=2).encode()
    assert failing(verify_credential(relaid, bundle())) == CheckName.BYTES
    assert verify_credential(relaid, bundle(), exact=False).ok


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_changed_byte_is_accepted(place: int, flip: int) -> None:
    changed = bytearray(GOOD)
    changed[place] ^= flip
    assert not verify_credential(bytes(changed), bundle()).ok


@given(st.integers(0, len(GOOD)), st.binary(min_size=1, max_size=4))
def test_no_inserted_byte_is_accepted(place: int, extra: bytes) -> None:
    assert not verify_credential(GOOD[:place] + extra + GOOD[place:], bundle()).ok


@given(st.binary(max_size=200))
def test_garbage_is_refused_without_an_exception(content: bytes) -> None:
    assert not verify_credential(content, bundle()).ok


def test_a_finding_shows_no_terminal_what_a_stranger_wrote() -> None:
    """A key's name that clears the screen and writes "valid" on it, in green."""
    forged = edited(_set(METHOD, f"{DID}#\x1b[2J\x1b[32m\u202e【valid】\n真实有效"))
    [said] = [check for check in verify_credential(forged, bundle()).checks if not check.ok]
    assert "真实有效" in said.detail_zh
    assert (said.detail_zh + said.detail_en).isprintable()


def test_two_genuine_credentials_cannot_be_mixed() -> None:
    one, other = json.loads(signed(claims())), json.loads(signed(claims(token=token_of("b"), holder_name="李四")))
    one["credentialSubject"]["name"] = other["credentialSubject"]["name"]
    assert not verify_credential(canonical_bytes(one), bundle()).ok
    one = json.loads(signed(claims()))
    one["proof"][1] = other["proof"][1]
    assert failing(verify_credential(canonical_bytes(one), bundle())) == RDFC


# Keys and their states


def test_a_strangers_genuine_signature_is_worth_nothing() -> None:
    content = signed(full_claims(), STRANGER)
    assert failing(verify_credential(content, bundle())) == KEY
    # Claiming the issuer's key id does not help either.
    claimed = signed(full_claims(), STRANGER, f"{DID}#{ISSUING.kid}")
    assert failing(verify_credential(claimed, bundle())) == JCS


def test_a_retired_key_keeps_vouching_for_what_it_signed() -> None:
    retired_at = datetime(2025, 12, 31, tzinfo=UTC)
    trust = bundle(ISSUING.record(state=KeyState.RETIRED, retired_at=retired_at))
    assert verify_credential(GOOD, trust).ok


def test_a_proof_made_after_its_key_was_retired_fails() -> None:
    trust = bundle(ISSUING.record(state=KeyState.RETIRED, retired_at=datetime(2025, 4, 20, tzinfo=UTC)))
    assert failing(verify_credential(GOOD, trust)) == KEY


def test_a_pending_key_vouches_for_nothing() -> None:
    assert failing(verify_credential(GOOD, bundle(ISSUING.record(state=KeyState.PENDING)))) == KEY


@pytest.mark.parametrize(("log_index", "ok"), [(None, False), (99, True), (100, False), (101, False)])
def test_a_distrusted_key_vouches_only_for_what_was_logged_before(log_index: int | None, ok: bool) -> None:
    record = ISSUING.record(state=KeyState.DISTRUSTED, distrusted_from=100, retired_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert verify_credential(GOOD, bundle(record), log_index=log_index).ok is ok


def test_a_credential_of_another_pinned_issuer_is_not_ours() -> None:
    trust = TrustBundle("did:web:other.example", {ISSUING.kid: ISSUING.record()})
    content = signed(claims(), method=f"did:web:other.example#{ISSUING.kid}")
    assert failing(verify_credential(content, trust)) == CheckName.ISSUER


def test_two_proofs_of_two_pinned_keys_are_refused() -> None:
    trust = bundle(ISSUING.record(), STRANGER.record())
    credential = json.loads(GOOD)
    credential["proof"][1] = json.loads(signed(full_claims(), STRANGER))["proof"][1]
    assert failing(verify_credential(canonical_bytes(credential), trust)) == CheckName.ISSUER


def test_another_hosts_credential_with_our_kid_is_refused() -> None:
    elsewhere = "https://other.example"
    one = claims(base_url=elsewhere, issuer=Issuer(did_web(elsewhere), "别处", "Elsewhere", sample=True))
    assert failing(verify_credential(signed(one, method=f"{did_web(elsewhere)}#{ISSUING.kid}"), bundle())) == KEY


# Documents with a single proof


LIST: dict[str, object] = {"@context": ["https://www.w3.org/ns/credentials/v2"], "id": "https://certs.example/status/1"}


def test_a_status_list_is_signed_by_its_own_key_and_no_other() -> None:
    content = sign_document(LIST, STATUS, f"{DID}#{STATUS.kid}", CREATED)
    found = verify_document(content, bundle(), Purpose.STATUS_LIST)
    assert (found.ok, found.document, found.kid) == (True, LIST, STATUS.kid)
    assert failing(verify_document(content, bundle(), Purpose.CREDENTIAL)) == KEY
    by_issuing = sign_document(LIST, ISSUING, f"{DID}#{ISSUING.kid}", CREATED)
    assert failing(verify_document(by_issuing, bundle(), Purpose.STATUS_LIST)) == KEY


def test_a_credential_is_no_status_list_and_the_reverse() -> None:
    assert failing(verify_document(GOOD, bundle(), Purpose.CREDENTIAL)) == CheckName.PROOF
    content = sign_document(LIST, ISSUING, f"{DID}#{ISSUING.kid}", CREATED)
    assert failing(verify_credential(content, bundle())) == CheckName.PROOF


def test_a_changed_status_list_fails() -> None:
    content = sign_document(LIST, STATUS, f"{DID}#{STATUS.kid}", CREATED)
    assert failing(verify_document(content.replace(b"/1", b"/2"), bundle(), Purpose.STATUS_LIST)) == JCS
    assert failing(verify_document(b"x", bundle(), Purpose.STATUS_LIST)) == CheckName.JSON


def test_the_rdfc_suite_alone_secures_no_other_document() -> None:
    credential = json.loads(sign_document(LIST, STATUS, f"{DID}#{STATUS.kid}", CREATED))
    credential["proof"]["cryptosuite"] = "eddsa-rdfc-2022"
    del credential["proof"]["@context"]
    assert failing(verify_document(canonical_bytes(credential), bundle(), Purpose.STATUS_LIST)) == CheckName.PROOF


def test_a_key_of_another_algorithm_is_no_credential_key() -> None:
    trust = bundle()
    object.__setattr__(trust, "keys", {ISSUING.kid: replace(ISSUING.record(), algorithm=Algorithm.P256)})
    assert failing(verify_credential(GOOD, trust)) == KEY


def test_vectors_are_files_beside_the_tests() -> None:
    assert Path(FOLDER).is_dir()
