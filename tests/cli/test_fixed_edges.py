"""The fixed edges (files, commands) as somebody sees them who never saw the code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.builders.person import Candidate

Certsvc = Callable[..., Result]


def test_a_credential_kept_by_redirection_is_genuine(certsvc: Certsvc, passed: list[Candidate], tmp_path: Path) -> None:
    assert certsvc("issue").exit_code == 0
    number = json.loads(certsvc("certificate", "list", "--json").stdout)[0]["number"]
    kept = tmp_path / "credential.json"
    kept.write_bytes(certsvc("certificate", "credential", number).stdout_bytes)
    assert json.loads(certsvc("verify", kept, "--json").stdout)["verdict"] == "valid"


def test_a_refusal_as_json_is_one_document(certsvc: Certsvc, passed: list[Candidate]) -> None:
    result = certsvc("decide", "--id-number", "11010519491231002X", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["refused"]["rule"] == "R1.5"


def test_an_empty_list_is_one_document(certsvc: Certsvc) -> None:
    assert certsvc("init").exit_code == 0
    assert json.loads(certsvc("decide", "--json").stdout) == []


def test_a_refusal_says_the_place_in_chinese_first(certsvc: Certsvc, tmp_path: Path) -> None:
    assert certsvc("init").exit_code == 0
    roster = tmp_path / "candidates.csv"
    roster.write_text("姓名,电话\n张三,1\n", encoding="utf-8")
    result = certsvc("candidates", "import", roster)
    assert result.exit_code == 1
    assert result.stderr.startswith("第 1 行 row 1: 缺少列：性别 sex")


def test_offline_without_any_pinned_key_is_refused_and_never_called_forged(certsvc: Certsvc) -> None:
    result = certsvc("verify", "HTTPS://CERTSVC.EXAMPLE/V/ZKRDMQYIBSOQM3GPZA4NZJ6C4U", "--offline")
    assert result.exit_code == 1
    assert "--trust" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("brought", ["pdf", "credential"])
def test_an_outage_of_the_register_is_a_verdict_and_never_invalid(
    certsvc: Certsvc, passed: list[Candidate], tmp_path: Path, brought: str
) -> None:
    assert certsvc("issue").exit_code == 0
    number = json.loads(certsvc("certificate", "list", "--json").stdout)[0]["number"]
    kept = tmp_path / "kept"
    if brought == "pdf":
        assert certsvc("certificate", "pdf", number, "-o", kept).exit_code == 0
    else:
        kept.write_bytes(certsvc("certificate", "credential", number).stdout_bytes)
    (tmp_path / "home" / "certsvc.sqlite3").write_bytes(b"no database" * 500)
    result = certsvc("verify", kept, "--json")
    assert (result.exit_code, json.loads(result.stdout)["verdict"]) == (1, "unavailable")


@pytest.mark.parametrize(
    "arguments",
    [
        ("certificate", "revoke", "1"),
        ("decide", "--on", "2025-02-30"),
        ("candidates", "import", "no.csv"),
        ("user", "add", "x"),
    ],
)
def test_wrong_usage_is_one_line_that_names_the_help(certsvc: Certsvc, arguments: tuple[str, ...]) -> None:
    result = certsvc(*arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith("用法不对，请看 certsvc")
    assert "--help" in result.stderr


def test_a_lost_database_beside_its_keys_points_to_the_backup_first(certsvc: Certsvc, tmp_path: Path) -> None:
    assert certsvc("init").exit_code == 0
    (tmp_path / "home" / "certsvc.sqlite3").unlink()
    done = certsvc("certificate", "list")
    assert done.exit_code == 1
    assert "certsvc db restore" in done.stderr
