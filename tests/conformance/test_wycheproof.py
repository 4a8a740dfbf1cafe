"""Wycheproof's Ed25519 and P-256 vectors through the very functions that check our credentials, codes, lists and seals.

Not one difference is allowed: what Wycheproof calls invalid is refused, what it calls valid is accepted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from certsvc.signing.keys import Algorithm, verify
from certsvc.signing.pdf_cms import low_s

pytestmark = pytest.mark.conformance

VECTORS = Path(__file__).parents[1] / "vectors" / "wycheproof"


def _tests(name: str) -> list[tuple[bytes, dict[str, Any]]]:
    content = json.loads((VECTORS / f"{name}.json").read_bytes())
    tests = [(bytes.fromhex(group["key"]), test) for group in content["groups"] for test in group["tests"]]
    assert len(tests) == content["numberOfTests"]
    assert {test["result"] for _, test in tests} == {"valid", "invalid"}
    return tests


@pytest.mark.parametrize(
    ("name", "algorithm", "count"),
    [("ed25519_test", Algorithm.ED25519, 151), ("ecdsa_secp256r1_sha256_test", Algorithm.P256, 484)],
)
def test_our_checks_agree_with_every_vector(name: str, algorithm: Algorithm, count: int) -> None:
    tests = _tests(name)
    assert len(tests) == count
    differing = [
        (test["tcId"], test["comment"], test["result"])
        for key, test in tests
        if verify(algorithm, key, bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"])) != (test["result"] == "valid")
    ]
    assert differing == []


def test_a_seals_signature_has_one_spelling() -> None:
    # Both s and n - s are valid in ECDSA; a seal is read only with the lower one, so that no bit of it can change.
    lower, higher = 0, 0
    for key, test in _tests("ecdsa_secp256r1_sha256_test"):
        signature, message = bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"])
        if test["result"] == "valid":
            assert verify(Algorithm.P256, key, low_s(signature), message)
            assert low_s(low_s(signature)) == low_s(signature)
            lower += low_s(signature) == signature
            higher += low_s(signature) != signature
    assert lower
    assert higher
