"""Issue 4's list of bad input, at the door everything comes through: each is refused, by the name of a check.

The parts have longer lists of their own (`tests/signing`, `tests/credential`, `tests/transparency`). Where a case could
be made by a thief of the key alone, it is signed again with the genuine key here: the form itself is what is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cbor2
import pytest

from certsvc.credential.canonical import canonical_bytes
from certsvc.credential.compact import qr_text
from certsvc.credential.status_list import Purpose as ListPurpose
from certsvc.credential.verdict import CheckName, Verdict
from certsvc.errors import CheckpointRefused, MalformedCredential
from certsvc.services.certificates.give_out import prove
from certsvc.services.log.publish import log_keys, origin
from certsvc.services.publishing.static import publish_static
from certsvc.services.publishing.status_lists import read_published
from certsvc.services.verification.verify import Options, verify_offline, verify_online
from certsvc.signing.keys import Purpose
from certsvc.signing.pdf_examination import LARGEST_BYTES
from certsvc.signing.proofs import sign_document
from certsvc.signing.proofs import verify_document as verify_list
from certsvc.transparency.checkpoint import open_checkpoint
from tests.builders.installation import Installation, made_up


@dataclass
class Genuine:
    """A certificate's parts, and the installation that made them."""

    home: Installation
    number: str
    token: str
    credential: bytes
    cose: bytes

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.credential)
        return document

    def code(self, protected: bytes, unprotected: dict[int, object] | None = None) -> str:
        """A code with other headers, signed over them by the genuine key."""
        payload = cbor2.loads(self.cose).value[2]
        signer = self.home.services.keystore.signer(Purpose.CREDENTIAL)
        signature = signer.sign(cbor2.dumps(["Signature1", protected, b"", payload]))
        message = cbor2.dumps(cbor2.CBORTag(18, [protected, unprotected or {}, payload, signature]))
        return qr_text("https://certsvc.example", self.token, message)

    def kid(self, purpose: Purpose = Purpose.CREDENTIAL) -> bytes:
        return bytes.fromhex(self.home.services.keystore.signer(purpose).kid)

    def with_proof(self, **changes: object) -> bytes:
        """The credential with members of its first proof changed or added."""
        document = self.document
        document["proof"][0] |= changes
        return canonical_bytes(document)

    def resigned(self, purpose: Purpose, **proof: object) -> bytes:
        """The credential with a first proof made by the key of another purpose."""
        document = self.document
        services = self.home.services
        signer = services.keystore.signer(purpose)
        unsigned = {name: member for name, member in document.items() if name != "proof"}
        method = services.trust.verification_method(signer.kid)
        made = json.loads(sign_document(unsigned, signer, method, services.now()))["proof"]
        return canonical_bytes({**unsigned, "proof": [made | proof, document["proof"][1]]})


@pytest.fixture(scope="module")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> Genuine:
    home = Installation(tmp_path_factory.mktemp("bad-input") / "home")
    (issued,) = home.issue(made_up(1))
    publish_static(home.services)
    row = home.row(issued.number)
    assert row.credential is not None
    assert row.cose is not None
    return Genuine(home, issued.number, row.token, row.credential, row.cose)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Genuine:
    """Another issuer, under the very same name and address."""
    home = Installation(tmp_path_factory.mktemp("other") / "home")
    (issued,) = home.issue(made_up(1))
    publish_static(home.services)
    row = home.row(issued.number)
    return Genuine(home, issued.number, row.token, row.credential or b"", row.cose or b"")


def _twice(content: bytes, member: bytes) -> bytes:
    """The first such member once more, right behind itself."""
    start = content.index(member)
    end = content.index(b",", start) + 1
    return content[:end] + content[start:end] + content[end:]


VERSION = b'"urn:certsvc:certificateVersion":1'
REFUSED: dict[str, tuple[str, Callable[[Genuine], bytes | str]]] = {
    # algorithm and key-id confusion
    "the code names ES256": (CheckName.QR_MESSAGE, lambda g: g.code(cbor2.dumps({1: -7, 4: g.kid()}))),
    "the code names no algorithm": (CheckName.QR_MESSAGE, lambda g: g.code(cbor2.dumps({4: g.kid()}))),
    "the code names the seal's key": (
        CheckName.QR_KEY,
        lambda g: g.code(cbor2.dumps({1: -8, 4: g.kid(Purpose.PDF_SEAL)})),
    ),
    "the code names the lists' key": (
        CheckName.QR_KEY,
        lambda g: g.code(cbor2.dumps({1: -8, 4: g.kid(Purpose.STATUS_LIST)})),
    ),
    "the code has a kid of eight bytes": (
        CheckName.QR_MESSAGE,
        lambda g: g.code(cbor2.dumps({1: -8, 4: g.kid() * 2})),
    ),
    "the proof names another suite": (CheckName.PROOF, lambda g: g.with_proof(cryptosuite="ecdsa-rdfc-2019")),
    "the proof names the seal's key": (
        CheckName.PROOF_JCS_KEY,
        lambda g: g.with_proof(
            verificationMethod=g.home.services.trust.verification_method(g.kid(Purpose.PDF_SEAL).hex())
        ),
    ),
    "the proof names a did:key": (
        CheckName.PROOF_JCS_KEY,
        lambda g: g.with_proof(verificationMethod="did:key:z6MkpTHR8VNs#z6MkpTHR8VNs"),
    ),
    # embedded keys
    "the proof brings its key": (
        CheckName.PROOF_JCS,
        lambda g: g.with_proof(publicKeyMultibase="z6MkpTHR8VNs"),
    ),
    "the proof brings its key as a JWK": (CheckName.PROOF_JCS, lambda g: g.with_proof(jwk={"kty": "OKP"})),
    "the method is a key": (
        CheckName.PROOF_JCS,
        lambda g: g.with_proof(verificationMethod={"type": "Multikey", "publicKeyMultibase": "z6MkpTHR8VNs"}),
    ),
    "the code brings its key": (
        CheckName.QR_MESSAGE,
        lambda g: g.code(cbor2.dumps({1: -8, 4: g.kid(), -1: bytes(4)})),
    ),
    "the code brings a certificate": (
        CheckName.QR_MESSAGE,
        lambda g: g.code(cbor2.dumps({1: -8, 4: g.kid(), 33: b"x5"})),
    ),
    # unknown and critical headers
    "the code has a critical header": (
        CheckName.QR_MESSAGE,
        lambda g: g.code(cbor2.dumps({1: -8, 2: [99], 4: g.kid(), 99: 1})),
    ),
    "the code has an unknown header": (
        CheckName.QR_MESSAGE,
        lambda g: g.code(cbor2.dumps({1: -8, 4: g.kid(), 99: 1})),
    ),
    "the code has an unprotected header": (
        CheckName.QR_MESSAGE,
        lambda g: g.code(cbor2.dumps({1: -8, 4: g.kid()}), {5: b"x"}),
    ),
    "the proof has an unknown member": (CheckName.PROOF_JCS, lambda g: g.with_proof(nonce="x")),
    # oversized segments
    "the credential is over 256 KB": (
        CheckName.JSON,
        lambda g: g.credential[:-1] + b',"x":"' + b"a" * 2**18 + b'"}',
    ),
    "the proof's value is long": (CheckName.PROOF_JCS, lambda g: g.with_proof(proofValue="z" + "2" * 100_000)),
    "the code is of more than 130 bytes": (
        CheckName.QR_MESSAGE,
        lambda g: qr_text("https://certsvc.example", g.token, g.cose + bytes(5)),
    ),
    # duplicate members
    "a member stands twice": (
        CheckName.JSON,
        lambda g: g.credential[:-1] + b',"validFrom":"2020-01-01T00:00:00+08:00"}',
    ),
    "a member stands twice further in": (CheckName.JSON, lambda g: _twice(g.credential, b'"licenseNumber"')),
    "a member stands twice, spelt in another way": (
        CheckName.JSON,
        lambda g: g.credential[:-1] + b',"\\u0069d":"https://certsvc.example/v/x"}',
    ),
    "a proof's member stands twice": (CheckName.JSON, lambda g: _twice(g.credential, b'"created"')),
    "a header stands twice": (
        CheckName.QR_MESSAGE,
        lambda g: g.code(b"\xa3\x01\x27\x01\x27\x04\x44" + g.kid()),
    ),
    # a proof moved between purposes
    "the proof is for authentication": (
        CheckName.PROOF_JCS,
        lambda g: g.with_proof(proofPurpose="authentication"),
    ),
    "the proof is by the lists' key": (CheckName.PROOF_JCS_KEY, lambda g: g.resigned(Purpose.STATUS_LIST)),
    "the proof is by the log's key": (CheckName.PROOF_JCS_KEY, lambda g: g.resigned(Purpose.LOG_CHECKPOINT)),
    "the proof is by the lists' key under the credential key's name": (
        CheckName.PROOF_JCS,
        lambda g: g.resigned(Purpose.STATUS_LIST, verificationMethod=g.document["proof"][0]["verificationMethod"]),
    ),
    "the code's signature stands as a proof": (
        CheckName.PROOF_JCS,
        lambda g: g.with_proof(proofValue=g.document["proof"][1]["proofValue"]),
    ),
    # numbers that change under canonicalisation
    "a whole number with a fraction": (
        CheckName.JSON,
        lambda g: g.credential.replace(VERSION, VERSION + b".0"),
    ),
    "a whole number with an exponent": (
        CheckName.JSON,
        lambda g: g.credential.replace(VERSION, VERSION + b"e0"),
    ),
    "a number beyond the doubles' whole ones": (
        CheckName.JSON,
        lambda g: g.credential.replace(VERSION, VERSION + b"0" * 16),
    ),
    "a number with more places than a double has": (
        CheckName.JSON,
        lambda g: g.credential.replace(VERSION, VERSION + b".00000000000000000001"),
    ),
    "minus nought": (CheckName.JSON, lambda g: g.credential.replace(VERSION, VERSION[:-1] + b"-0")),
    "a number with a leading nought": (
        CheckName.JSON,
        lambda g: g.credential.replace(VERSION, VERSION[:-1] + b"01"),
    ),
}


@pytest.mark.parametrize("online", [False, True], ids=["offline", "online"])
@pytest.mark.parametrize("fault", REFUSED)
def test_bad_input_is_refused_by_name(genuine: Genuine, fault: str, online: bool) -> None:
    name, make = REFUSED[fault]
    content = make(genuine)
    assert content != genuine.credential
    services = genuine.home.services
    options = Options(now=services.now(), bounded=False)
    found = verify_online(services, content, options) if online else verify_offline(content, services.trust, options)
    assert found.verdict is Verdict.FORGED, found.as_json()
    assert [check.name for check in found.checks if check.ok is False] == [name], found.as_json()


def test_a_file_too_large_to_be_examined_is_not_called_forged(genuine: Genuine) -> None:
    large = b"%PDF-1.7\n/ByteRange credential.json" + bytes(LARGEST_BYTES)
    found = verify_online(genuine.home.services, large)
    assert found.verdict is Verdict.UNKNOWN
    assert [check.name for check in found.checks if check.ok is False] == [CheckName.PDF_SIZE]


def test_the_genuine_parts_they_are_made_of_hold(genuine: Genuine) -> None:
    services = genuine.home.services
    code = qr_text("https://certsvc.example", genuine.token, genuine.cose)
    assert code == genuine.code(cbor2.loads(genuine.cose).value[0])
    for content in (genuine.credential, code):
        assert verify_online(services, content).verdict is Verdict.VALID


def test_a_code_longer_than_any_is_not_read(genuine: Genuine) -> None:
    services = genuine.home.services
    text = qr_text("https://certsvc.example", genuine.token, genuine.cose) + "A" * 5000
    found = verify_offline(text, services.trust, Options(now=services.now()))
    assert (found.verdict, [check.name for check in found.checks]) == (Verdict.UNKNOWN, [CheckName.FILE_FORM])


def test_a_checkpoint_of_another_log_proves_nothing(genuine: Genuine, other: Genuine) -> None:
    services = genuine.home.services
    receipt = prove(services, genuine.number).encode()
    foreign = prove(other.home.services, other.number).encode()
    head = receipt.partition(b"\n\n")[0]
    of_another_key = head + b"\n\n" + foreign.partition(b"\n\n")[2]
    of_another_name = receipt.replace(b"certsvc.example/log\n", b"another.example/log\n", 1)
    for wrong in (foreign, of_another_key, of_another_name):
        found = verify_offline(genuine.credential, services.trust, Options(now=services.now(), receipt=wrong))
        assert found.verdict is Verdict.FORGED
        assert [check.name for check in found.checks if check.ok is False] == [CheckName.LOG_RECEIPT]
    checkpoint = (other.home.services.folders.published / "log" / "checkpoint").read_bytes()
    with pytest.raises(CheckpointRefused):
        open_checkpoint(checkpoint, origin(services), log_keys(services))


def test_a_status_list_for_another_purpose_or_by_another_key_says_nothing(genuine: Genuine) -> None:
    services = genuine.home.services
    folder = services.folders.published / "status"
    content = (folder / "revocation-1").read_bytes()
    url = "https://certsvc.example/status/revocation-1"
    assert read_published(content, services.trust, url=url, purpose=ListPurpose.REVOCATION)
    for wrong in ({"purpose": ListPurpose.SUSPENSION}, {"url": url.replace("-1", "-2")}):
        with pytest.raises(MalformedCredential, match="not the status list that was asked for"):
            read_published(content, services.trust, **({"url": url, "purpose": ListPurpose.REVOCATION} | wrong))
    assert not verify_list(content, services.trust, Purpose.CREDENTIAL).ok
    unsigned = {name: member for name, member in json.loads(content).items() if name != "proof"}
    for purpose in (Purpose.CREDENTIAL, Purpose.LOG_CHECKPOINT):
        signer = services.keystore.signer(purpose)
        method = services.trust.verification_method(signer.kid)
        signed = sign_document(unsigned, signer, method, services.now())
        assert not verify_list(signed, services.trust, Purpose.STATUS_LIST).ok
