"""OpenSSL judges the seal's CMS as CAdES, and a credential's JCS proof with nothing but SHA-256 and Ed25519.

The second shows how little a stranger needs: the steps are those of docs/credential-format.md section 4, written here
with the standard library alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.conformance.world import World
from tests.programs import ask

pytestmark = pytest.mark.conformance

ED25519_PREFIX = bytes.fromhex("302a300506032b6570032100")  # SubjectPublicKeyInfo of RFC 8410, before the 32 bytes
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
# Neither the seal nor a proof knows a status: what was withdrawn since was genuinely issued all the same.
GENUINE = ("good", "rotated", "revoked", "suspended", "superseded", "successor")


def _cms(world: World, pdf: bytes, folder: Path) -> bool:
    """Whether OpenSSL takes the seal: chain to the root, digest, signature, signing-certificate-v2."""
    start = pdf.index(b"/Contents<") + len(b"/Contents")
    end = pdf.index(b">", start) + 1
    padded = bytes.fromhex(pdf[start + 1 : end - 1].decode())
    seal, content, root = folder / "seal.der", folder / "content", folder / "root.pem"
    seal.write_bytes(padded[: 4 + int.from_bytes(padded[2:4], "big")])
    content.write_bytes(pdf[:start] + pdf[end:])
    root.write_bytes(world.authority.root.public_bytes(Encoding.PEM))
    said = ask(
        "openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", seal, "-content", content,
        "-CAfile", root, "-purpose", "any", "-out", folder / "out",
    )  # fmt: skip
    return said.returncode == 0 and "Verification successful" in said.stderr


@pytest.mark.parametrize("kind", GENUINE)
def test_openssl_takes_the_seal_of_a_genuine_pdf(world: World, tmp_path: Path, kind: str) -> None:
    assert _cms(world, world.pdfs[kind], tmp_path)


def test_openssl_refuses_the_seal_of_a_changed_pdf(world: World, tmp_path: Path) -> None:
    pdf = world.pdfs["good"]
    assert not _cms(world, pdf[:-30] + bytes([pdf[-30] ^ 1]) + pdf[-29:], tmp_path)


def _jcs(value: Any) -> bytes:
    # Our documents hold no fraction and no member name beyond ASCII: then RFC 8785 is just this.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _decode(text: str) -> bytes:
    number = 0
    for character in text.removeprefix("z"):
        number = number * 58 + BASE58.index(character)
    return number.to_bytes(64, "big")


def _proof_holds(world: World, content: bytes, folder: Path) -> bool:
    document = json.loads(content)
    proof = document.pop("proof")[0]
    value = proof.pop("proofValue")
    jwks = json.loads((world.published / ".well-known" / "jwks.json").read_bytes())
    kid = proof["verificationMethod"].split("#")[1]
    public = next((base64.urlsafe_b64decode(key["x"] + "=") for key in jwks["keys"] if key["kid"] == kid), None)
    if public is None:
        return False  # of another issuer, or distrusted
    key, message, signature = folder / "key.der", folder / "message", folder / "signature"
    key.write_bytes(ED25519_PREFIX + public)
    message.write_bytes(hashlib.sha256(_jcs(proof)).digest() + hashlib.sha256(_jcs(document)).digest())
    signature.write_bytes(_decode(value))
    said = ask(
        "openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", key, "-rawin", "-in", message,
        "-sigfile", signature,
    )  # fmt: skip
    return said.returncode == 0 and "Signature Verified Successfully" in said.stdout


@pytest.mark.parametrize("kind", GENUINE)
def test_openssl_and_a_page_of_python_verify_a_credential(world: World, tmp_path: Path, kind: str) -> None:
    assert _proof_holds(world, world.credentials[kind], tmp_path)


@pytest.mark.parametrize(
    "kind",
    ["another name", "another time", "proofs of another", "foreign key", "foreign key under our name", "distrusted"],
)
def test_openssl_refuses_a_forgery_and_a_distrusted_key(world: World, tmp_path: Path, kind: str) -> None:
    assert not _proof_holds(world, world.credentials[kind], tmp_path)
