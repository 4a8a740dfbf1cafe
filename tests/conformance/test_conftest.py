"""A missing program is told, and CI does not let it pass."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import need

pytestmark = pytest.mark.conformance


def test_a_missing_program_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-verifier is not installed"):
        need("no-such-verifier")


def test_a_missing_program_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-verifier is not installed"):
        need("no-such-verifier")
