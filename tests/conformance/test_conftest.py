"""A missing program is told, and CI does not let it pass; the evidence names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.programs import need

pytestmark = pytest.mark.conformance


def test_a_missing_program_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-verifier is not installed"):
        need("no-such-verifier")


def test_a_missing_program_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-verifier is not installed"):
        need("no-such-verifier")


def test_every_test_that_the_evidence_names_is_there() -> None:
    here = Path(__file__).parent
    sources = {path.stem: path.read_text(encoding="utf-8") for path in here.parent.glob("*/test_*.py")}
    there = set(sources) | {name for text in sources.values() for name in re.findall(r"^def (test_\w+)", text, re.M)}
    evidence = (here.parents[1] / "docs" / "evidence" / "conformance.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(test_\w+)", evidence))
    assert len(named) > 30
    assert named <= there, named - there
