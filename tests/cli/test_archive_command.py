"""Time stamps through the real program: said, made up for, and never told higher than they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.builders.person import Candidate
from tests.signing.tsa import Authority

Certsvc = Callable[..., Any]


def test_certificates_issued_while_the_authority_is_down_are_stamped_later(
    certsvc: Certsvc, passed: list[Candidate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path / "tsa")
    pem = tmp_path / "roots.pem"
    pem.write_bytes(b"".join(root.public_bytes(Encoding.PEM) for root in authority.roots))
    with authority.serving() as url:
        monkeypatch.setenv("CERTSVC_TSA_URL", url)
        monkeypatch.setenv("CERTSVC_TSA_ROOTS", str(pem))
        authority.fault = "junk"
        issued = certsvc("issue", "--json")
        assert issued.exit_code == 0
        assert "3 without a time stamp" in issued.stderr
        numbers = [one["number"] for one in json.loads(issued.stdout)["certificates"]]
        still_down = certsvc("certificate", "archive", "--json")
        assert still_down.exit_code == 1
        assert json.loads(still_down.stdout)["waiting"] == len(passed)

        def levels() -> set[str]:
            shown = [json.loads(certsvc("certificate", "show", number, "--json").stdout) for number in numbers]
            return {entry["pdf_level"] for (entry,) in shown}

        assert levels() == {"B-B"}
        authority.fault = ""
        assert "3 raised, 0 waiting" in certsvc("certificate", "archive").stdout
        assert levels() == {"B-T"}
        assert "PAdES B-T" in certsvc("certificate", "show", numbers[0]).stdout
        # A development seal has no revocation list: the higher level is refused, and the lower one still told.
        refused = certsvc("certificate", "archive", "--level", "lta")
        assert refused.exit_code == 1
        assert "0 raised, 3 waiting" in refused.stdout
        assert "without a revocation list" in refused.stdout
        assert levels() == {"B-T"}
    certsvc("certificate", "pdf", numbers[0], "-o", tmp_path / "one.pdf")
    assert json.loads(certsvc("verify", tmp_path / "one.pdf", "--json").stdout)["verdict"] == "valid"


def test_without_an_authority_nothing_can_be_archived(certsvc: Certsvc, passed: list[Candidate]) -> None:
    assert certsvc("issue").exit_code == 0
    refused = certsvc("certificate", "archive")
    assert refused.exit_code != 0
    assert "CERTSVC_TSA_URL" in refused.stderr
