"""Run the real program in a home of its own: what it prints, where, and its exit status."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from certsvc.cli import run
from tests.builders.person import Candidate, candidates, write_csv, write_portrait

Certsvc = Callable[..., Result]


@pytest.fixture
def certsvc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Certsvc:
    """Run a command in a home of its own; answers exit status, standard output and standard error."""
    monkeypatch.setenv("CERTSVC_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CERTSVC_DATABASE_URL", raising=False)

    def call(*arguments: object) -> Result:
        capfd.readouterr()
        status = run([str(one) for one in arguments])
        out, err = capfd.readouterr()
        return Result(CliRunner(), out.encode(), err.encode(), out.encode(), None, status, None)

    return call


@pytest.fixture
def passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A passphrase for the keystore, without which it takes no real key."""
    (tmp_path / "keys-passphrase").write_text("of the keystore\n")
    monkeypatch.setenv("CERTSVC_KEY_PASSPHRASE_FILE", str(tmp_path / "keys-passphrase"))


@pytest.fixture
def passed(certsvc: Certsvc, tmp_path: Path) -> list[Candidate]:
    """A home with three passed candidates and one who failed; nothing issued."""
    write_portrait(tmp_path / "a.png")
    people = [Candidate(photo="a.png"), *candidates(2, first=10)]
    failed = Candidate(serial=500, name="未过者")
    assert certsvc("init").exit_code == 0
    roster = write_csv(tmp_path / "candidates.csv", [one.cells() for one in [*people, failed]])
    assert certsvc("candidates", "import", roster).exit_code == 0
    rows = [row for one in people for row in one.passes()]
    results = write_csv(tmp_path / "results.csv", [*rows, failed.result(score="59.99")])
    assert certsvc("results", "import", results).exit_code == 0
    return people
