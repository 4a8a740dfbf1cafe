"""The commands an authority types, from an empty folder to a verified certificate, through the real program."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from certsvc.cli import cli
from tests.builders.person import SAT, Candidate, candidates, write_csv

Certsvc = Callable[..., Result]


def told(result: Result) -> object:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_init_again_changes_nothing(certsvc: Certsvc) -> None:
    assert told(certsvc("init", "--json"))["changed"] is True  # type: ignore[index]
    assert told(certsvc("init", "--json"))["changed"] is False  # type: ignore[index]


def test_before_init_a_command_says_what_to_run(certsvc: Certsvc, tmp_path: Path) -> None:
    result = certsvc("decide")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "certsvc init" in result.stderr
    assert not (tmp_path / "home" / "certsvc.sqlite3").exists()


def test_an_import_again_says_so_in_the_fixed_words(certsvc: Certsvc, passed: list[Candidate], tmp_path: Path) -> None:
    assert "0 new, 4 unchanged" in certsvc("candidates", "import", tmp_path / "candidates.csv").stdout
    assert "0 new, 7 unchanged" in certsvc("results", "import", tmp_path / "results.csv").stdout


def test_a_refused_import_tells_each_cell_in_a_line_and_in_json(certsvc: Certsvc, tmp_path: Path) -> None:
    certsvc("init")
    one, other = candidates(2)
    bad = write_csv(tmp_path / "bad.csv", [one.cells(health_declared="否"), other.cells(birth_date="1999-02-30")])
    result = certsvc("candidates", "import", bad, "--json")
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert ["R1.2" in lines[0], "birth_date" in lines[1], len(lines)] == [True, True, 3]
    errors = json.loads(result.stdout)["refused"]["errors"]
    assert [(error["row"], error["column"]) for error in errors] == [(2, "health_declared"), (3, "birth_date")]


def test_decide_prints_the_fixed_shape(certsvc: Certsvc, passed: list[Candidate]) -> None:
    listed = told(certsvc("decide", "--on", "2025-04-01", "--json"))
    assert isinstance(listed, list)
    assert [one["state"] for one in listed] == ["passed", "passed", "passed", "in_progress"]
    failed = listed[3]
    assert set(failed) == {"id_number", "name", "state", "subjects", "reasons"}
    theory = failed["subjects"]["theory"]
    assert theory == {
        "standing": "failed",
        "score": 59.99,
        "free_retake": {"open": True, "deadline": "2026-03-24", "fee": 0},
    }
    assert all(set(reason) == {"rule", "zh", "en"} for reason in failed["reasons"])
    alone = told(certsvc("decide", "--id-number", passed[0].id_number, "--json"))
    assert isinstance(alone, list)
    assert [one["name"] for one in alone] == [passed[0].name]


def test_decide_explains_in_both_languages_and_masks_the_number(certsvc: Certsvc, passed: list[Candidate]) -> None:
    shown = certsvc("decide").stdout
    assert "R4.3" in shown
    assert "合格" in shown
    assert passed[0].id_number not in shown


def test_issue_list_pdf_and_credential(certsvc: Certsvc, passed: list[Candidate], tmp_path: Path) -> None:
    rehearsed = told(certsvc("issue", "--dry-run", "--json"))
    report = told(certsvc("issue", "--json"))
    assert isinstance(report, dict)
    assert isinstance(rehearsed, dict)
    assert (report["issued"], report["already"], report["refused"]) == (3, 0, 0)
    assert [one["number"] for one in report["certificates"]] == [one["number"] for one in rehearsed["certificates"]]
    assert told(certsvc("issue", "--json"))["already"] == 3  # type: ignore[index]

    listed = told(certsvc("certificate", "list", "--json"))
    assert isinstance(listed, list)
    number = listed[0]["number"]
    assert {"number", "name", "status", "issued_on", "version", "token", "carrier"} <= set(listed[0])
    assert listed[0]["name"] == passed[0].name
    assert told(certsvc("certificate", "show", number, "--json")) == [listed[0] | {"pdf_level": "B-B"}]

    assert certsvc("certificate", "pdf", number, "-o", tmp_path / "one.pdf").exit_code == 0
    assert certsvc("certificate", "pdf", "--all", "-o", tmp_path / "all").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == sorted(
        f"{one['number']}.pdf" for one in listed
    )
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "all" / f"{number}.pdf").read_bytes()
    credential = certsvc("certificate", "credential", number).stdout
    assert json.loads(credential)["proof"]
    assert told(certsvc("verify", tmp_path / "one.pdf", "--json"))["verdict"] == "valid"  # type: ignore[index]


def test_a_changed_pdf_is_not_given_out(certsvc: Certsvc, passed: list[Candidate], tmp_path: Path) -> None:
    number = told(certsvc("issue", "--json"))["certificates"][0]["number"]  # type: ignore[index]
    (path,) = (tmp_path / "home" / "pdf").glob(f"{number}-*.pdf")
    path.write_bytes(path.read_bytes() + b" ")
    result = certsvc("certificate", "pdf", number, "-o", tmp_path / "x.pdf")
    assert result.exit_code == 1
    assert "备份" in result.stderr
    assert not (tmp_path / "x.pdf").exists()


def test_results_are_published(certsvc: Certsvc, passed: list[Candidate]) -> None:
    published = told(certsvc("results", "publish", "--on", SAT, "--json"))
    assert published == {"on": "2025-03-24", "published": 7, "already": 0}


def test_backup_and_restore_give_the_same_certificates(
    certsvc: Certsvc, passed: list[Candidate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certsvc("issue")
    archive = tmp_path / "backup.tar"
    listed = certsvc("certificate", "list", "--json").stdout
    assert told(certsvc("db", "backup", archive, "--json"))["missing"] == []  # type: ignore[index]
    assert certsvc("db", "backup", archive).exit_code == 1
    assert certsvc("db", "restore", archive).exit_code == 1, "nothing is overwritten"

    monkeypatch.setenv("CERTSVC_HOME", str(tmp_path / "other"))
    monkeypatch.setenv("CERTSVC_KEYS", str(tmp_path / "home" / "keys"))
    assert certsvc("db", "restore", archive).exit_code == 0
    assert certsvc("certificate", "list", "--json").stdout == listed
    assert certsvc("log", "check").exit_code == 0
    assert told(certsvc("issue", "--json"))["already"] == 3  # type: ignore[index]
    number = json.loads(listed)[0]["number"]
    assert certsvc("certificate", "pdf", number, "-o", tmp_path / "again.pdf").exit_code == 0
    (first,) = (tmp_path / "home" / "pdf").glob(f"{number}-*.pdf")
    digests = [hashlib.sha256(path.read_bytes()).digest() for path in (first, tmp_path / "again.pdf")]
    assert digests[0] == digests[1]


def test_a_damaged_backup_is_refused_and_restores_nothing(
    certsvc: Certsvc, passed: list[Candidate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "backup.tar"
    certsvc("db", "backup", archive)
    content = bytearray(archive.read_bytes())
    at = content.index(b"tables/person.jsonl.gz") + 512 + 100  # behind its header, within the packed rows
    content[at] ^= 1
    archive.write_bytes(content)
    monkeypatch.setenv("CERTSVC_HOME", str(tmp_path / "other"))
    result = certsvc("db", "restore", archive)
    assert result.exit_code == 1
    assert "person" in result.stderr
    assert certsvc("decide").exit_code == 1


def test_keys_schemes_and_accounts(certsvc: Certsvc, tmp_path: Path) -> None:
    certsvc("init")
    keys = told(certsvc("key", "list", "--json"))
    assert isinstance(keys, list)
    assert {key["purpose"] for key in keys} >= {"credential", "pdf-seal", "lookup", "personal-data"}
    assert all("private" not in key for key in keys)
    rotated = told(certsvc("key", "rotate", "credential", "--json"))
    assert rotated["development"] is True  # type: ignore[index]
    assert certsvc("key", "rotate", "lookup").exit_code == 2
    assert certsvc("key", "new", "credential").exit_code == 1
    schemes = told(certsvc("scheme", "list", "--json"))
    assert isinstance(schemes, list)
    assert [one["default"] for one in schemes].count(True) == 1
    assert len({one["family"] for one in schemes}) == 2
    secret = tmp_path / "password"
    secret.write_text("correct horse battery\n")
    add = ("user", "add", "reviewer1", "--role", "reviewer", "--password-file", secret)
    assert certsvc(*add).exit_code == 0
    assert certsvc(*add).exit_code == 1
    assert "reviewer1" in certsvc("user", "list").stdout


def test_wrong_usage_is_two(certsvc: Certsvc) -> None:
    assert certsvc("nonsense").exit_code == 2
    assert certsvc("decide", "--on", "yesterday").exit_code == 2
    assert certsvc("certificate", "pdf", "-o", "x").exit_code == 2


def test_every_command_explains_itself() -> None:
    def walk(command: object, path: tuple[str, ...]) -> None:
        import click

        result = CliRunner().invoke(cli, [*path, "--help"])
        assert result.exit_code == 0, path
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                walk(command.get_command(context, name), (*path, name))

    walk(cli, ())
