"""Our status lists spelt again by their own key, as Blockcerts' cert-verifier-js wants them, not as W3C's text does.

Three things stand between it and our lists (`test_blockcerts.py`); each can be changed here alone, so that the tests
show which of them decides. Nothing but tests ever publishes such a list.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certsvc.credential.quads import canonical_proof_quads
from certsvc.signing.keys import Purpose
from certsvc.signing.multibase import encode_base58
from certsvc.signing.proofs import RDFC, sign_document
from tests.conformance.world import OPEN_BADGES, World
from tests.credential.test_quads import processed


@dataclass(frozen=True)
class Spelling:
    """What is changed: a second context, the suite eddsa-rdfc-2022 instead of eddsa-jcs-2022, no multibase "u"."""

    second_context: bool
    rdfc: bool
    bare: bool

    def __str__(self) -> str:
        words = {"context": self.second_context, "rdfc": self.rdfc, "bare": self.bare}
        return "+".join(word for word, changed in words.items() if changed) or "ours"


OURS = Spelling(second_context=False, rdfc=False, bare=False)
THEIRS = Spelling(second_context=True, rdfc=True, bare=True)


def spell(world: World, folder: Path, spelling: Spelling, *, jwk: bool = True) -> None:
    """Writes into `folder` the documents of the world with every status list spelt so; without `jwk`, no jwks.json."""
    documents = json.loads((world.folder / "documents.json").read_text())
    for path in sorted((world.published / "status").iterdir()):
        respelt = folder / f"{path.name}.json"
        respelt.write_bytes(_signed(world, json.loads(path.read_bytes()), spelling))
        documents[f"{world.services.base_url}/status/{path.name}"] = str(respelt)
    if not jwk:
        del documents["jwks"]
    (folder / "documents.json").write_text(json.dumps(documents))


def _signed(world: World, published: dict[str, Any], spelling: Spelling) -> bytes:
    subject = published["credentialSubject"]
    unsigned: dict[str, Any] = {name: member for name, member in published.items() if name != "proof"}
    if spelling.second_context:
        unsigned["@context"] = [*published["@context"], OPEN_BADGES]
    if spelling.bare:
        unsigned["credentialSubject"] = {**subject, "encodedList": subject["encodedList"].removeprefix("u")}
    signer = world.services.keystore.signer(Purpose.STATUS_LIST)
    method, now = world.trust.verification_method(signer.kid), world.services.now()
    if not spelling.rdfc:
        return sign_document(unsigned, signer, method, now)
    created = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    forms = canonical_proof_quads(created, RDFC, method), processed(unsigned)
    digest = b"".join(hashlib.sha256(form).digest() for form in forms)
    proof = {
        "type": "DataIntegrityProof",
        "cryptosuite": RDFC,
        "created": created,
        "verificationMethod": method,
        "proofPurpose": "assertionMethod",
        "proofValue": encode_base58(signer.sign(digest)),
    }
    return json.dumps({**unsigned, "proof": proof}, ensure_ascii=False).encode()
