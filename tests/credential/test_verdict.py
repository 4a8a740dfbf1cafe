from __future__ import annotations

import hashlib

import pytest

from certsvc.credential.verdict import Alteration, Check, CheckName, Part, Verdict, Verification


def test_a_verification_is_written_as_the_fixed_edge_says() -> None:
    found = Verification(Verdict.REVOKED, (Check(CheckName.PROOF, True, "真", "genuine"),), {"number": "1"})
    told = found.as_json()
    assert {name: told[name] for name in ("verdict", "checks", "certificate")} == {
        "verdict": "revoked",
        "checks": [{"name": "proof", "ok": True, "detail": "真 / genuine"}],
        "certificate": {"number": "1"},
    }
    assert {told[name] for name in ("alteration", "original")} == {None}
    assert (told["others"], told["parts"]) == ([], [])


def test_nothing_signed_means_no_certificate() -> None:
    assert Verification(Verdict.UNKNOWN, ()).as_json()["certificate"] is None


def test_what_is_altered_says_how_and_names_its_original_by_digest() -> None:
    inner = Verification(Verdict.VALID, (), {"number": "1"})
    part = Part("a.pdf", inner, b"original")
    told = Verification(
        Verdict.ALTERED, (), {"number": "1"}, Alteration.CONTAINED, b"original", ({"number": "2"},), (part,)
    ).as_json()
    assert told["alteration"] == "contained"
    assert told["original"] == {"bytes": 8, "sha256": hashlib.sha256(b"original").hexdigest()}
    assert told["others"] == [{"number": "2"}]
    assert told["parts"] == [{"file": "a.pdf", **inner.as_json()}]


@pytest.mark.parametrize(
    ("verification", "original"),
    [
        (Verification(Verdict.VALID, ()), b"content"),
        (Verification(Verdict.REVOKED, ()), b"content"),
        (Verification(Verdict.ALTERED, (), None, Alteration.ADDED, b"sealed"), b"sealed"),
        (Verification(Verdict.ALTERED, (), None, Alteration.REWRITTEN), None),
        (Verification(Verdict.FORGED, ()), None),
        (Verification(Verdict.UNKNOWN, ()), None),
    ],
)
def test_the_original_of_a_part_is_what_is_as_it_was_issued(verification: Verification, original: bytes | None) -> None:
    assert Part("a.pdf", verification, b"content").original == original
