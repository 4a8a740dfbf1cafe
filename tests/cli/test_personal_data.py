"""What the commands do with personal data: numbers in no list of processes, files for their owner alone."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from certsvc.cli.speech import id_number_option
from tests.builders.person import Candidate

Certsvc = Callable[..., Result]


@pytest.fixture
def open_to_all() -> Iterator[None]:
    before = os.umask(0o000)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_number_comes_by_standard_input_or_file_as_well_as_written_out(
    certsvc: Certsvc, passed: list[Candidate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = passed[0].id_number
    (tmp_path / "number").write_text(f"{number}\n")
    written_out = certsvc("decide", "--id-number", number, "--json")
    (one,) = json.loads(written_out.stdout)
    assert one["id_number"] == number
    assert certsvc("decide", "--id-number", f"@{tmp_path / 'number'}", "--json").stdout == written_out.stdout
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{number}\nmore\n"))
    assert certsvc("decide", "--id-number", "-", "--json").stdout == written_out.stdout
    assert certsvc("decide", "--id-number", f"@{tmp_path / 'nowhere'}").exit_code == 2


@pytest.mark.parametrize(
    "command", [("decide",), ("holder", "code"), ("reissue", "apply"), ("certificate", "correct")], ids=" ".join
)
def test_each_option_that_takes_a_number_says_how_it_leaks_and_how_not(certsvc: Certsvc, command: tuple[str]) -> None:
    told = " ".join(certsvc(*command, "--help").stdout.split())
    assert "@FILE" in told
    assert "it stands in ps" in told


@pytest.mark.parametrize("terminal", [True, False])
def test_one_that_is_due_is_asked_for_at_a_terminal_and_missed_elsewhere(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    @id_number_option("", required=True)
    def command(id_number: str) -> None:
        click.echo(f"[{id_number}]")

    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _self: terminal, raising=False)
    done = CliRunner().invoke(command, [], input="63280119800115001X\n")
    assert ("[63280119800115001X]" in done.output, done.exit_code) == ((True, 0) if terminal else (False, 2))
    asked = CliRunner().invoke(command, ["--id-number", "?"], input="63280119800115001X\n")
    assert "[63280119800115001X]" in asked.output


@pytest.mark.usefixtures("open_to_all")
def test_what_is_written_is_its_owners_alone_whatever_the_umask(
    certsvc: Certsvc, passed: list[Candidate], tmp_path: Path
) -> None:
    del passed
    (number, *_) = [one["number"] for one in json.loads(certsvc("issue", "--json").stdout)["certificates"]]
    assert certsvc("certificate", "pdf", "--all", "-o", tmp_path / "out" / "pdf").exit_code == 0
    assert certsvc("certificate", "pdf", number, "-o", tmp_path / "one.pdf").exit_code == 0
    assert certsvc("log", "prove", number, "-o", tmp_path / "one.tlog-proof").exit_code == 0
    assert certsvc("export", tmp_path / "kit").exit_code == 0
    for folder in (tmp_path / "out", tmp_path / "out" / "pdf", tmp_path / "kit", tmp_path / "kit" / "photos"):
        assert mode(folder) == 0o700, folder
    private = [tmp_path / "one.pdf", tmp_path / "one.tlog-proof", tmp_path / "kit" / "register.sealed"]
    private += [*(tmp_path / "out" / "pdf").iterdir(), *(tmp_path / "kit" / "photos").iterdir()]
    home = tmp_path / "home"
    private += [*(home / "pdf").iterdir(), *(home / "photos").iterdir(), *(home / "keys").iterdir()]
    assert {path.name: oct(mode(path)) for path in private if mode(path) != 0o600} == {}
    assert mode(home / "pdf") == mode(home / "photos") == mode(home / "keys") == 0o700


def test_an_older_home_that_was_open_to_others_is_closed_by_the_next_run(
    certsvc: Certsvc, passed: list[Candidate], tmp_path: Path
) -> None:
    del passed
    for name in ("pdf", "photos"):
        (tmp_path / "home" / name).chmod(0o755)
    assert certsvc("issue").exit_code == 0
    assert mode(tmp_path / "home" / "pdf") == 0o750
    assert mode(tmp_path / "home" / "photos") == 0o750
