from __future__ import annotations

from certsvc.credential.verdict import Check, Verdict, Verification


def test_a_verification_is_written_as_the_fixed_edge_says() -> None:
    found = Verification(Verdict.REVOKED, (Check("proof", True, "真", "genuine"),), {"number": "1"})
    assert found.as_json() == {
        "verdict": "revoked",
        "checks": [{"name": "proof", "ok": True, "detail": "真 / genuine"}],
        "certificate": {"number": "1"},
    }


def test_nothing_signed_means_no_certificate() -> None:
    assert Verification(Verdict.UNKNOWN, ()).as_json()["certificate"] is None
