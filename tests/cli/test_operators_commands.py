"""API keys, the signer and the survival kit, by the commands an operator types."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import text

from certsvc.app import create_app, open_services
from certsvc.config import Settings
from tests.builders.person import Candidate

Certsvc = Callable[..., Result]


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def ask(home: Path, key: str) -> int:
    """What the API says to a system with this key: the HTTP status."""
    settings = Settings.from_environment({"CERTSVC_HOME": str(home)})
    services = open_services(settings)
    client = create_app(settings, services=services).test_client()
    answer = client.post(
        "/api/v1/verifications",
        json={"number": "2563010009999999", "name": "张三"},
        headers={"Authorization": f"Bearer {key}"},
    )
    services.database.close()
    return answer.status_code


def test_a_system_asks_with_its_key_until_the_quota_or_the_operator_ends_it(certsvc: Certsvc, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert certsvc("init").exit_code == 0
    shown = certsvc("api-key", "new", "用人单位", "--scope", "verifications", "--quota", "2", "--by", "管理员")
    key = shown.stdout.strip()
    other = told(certsvc("api-key", "new", "只查编号", "--scope", "certificates", "--json"))["key"]
    assert [ask(home, key) for _ in range(3)] == [404, 404, 429]
    assert ask(home, other) == 401
    (first, second) = told(certsvc("api-key", "list", "--json"))
    assert (first["label"], first["scopes"], first["quota_per_day"]) == ("用人单位", ["verifications"], 2)
    assert first["calls"][0]["calls"] >= 2
    assert (second["revoked"], second["calls"]) == (False, [])
    assert key not in certsvc("api-key", "list").stdout
    assert "撤销" in certsvc("api-key", "revoke", first["id"], "--by", "管理员").stdout
    assert ask(home, key) == 401
    assert "已撤销 revoked" in certsvc("api-key", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(("new", "x"), 2), (("new", " ", "--scope", "lists"), 1), (("new", "x", "--scope", "all"), 2), (("revoke", 7), 1)],
)
def test_a_key_without_label_or_scope_and_one_that_is_not_there_are_refused(
    certsvc: Certsvc, arguments: tuple[object, ...], status: int
) -> None:
    certsvc("init")
    assert certsvc("api-key", *arguments).exit_code == status


@pytest.fixture
def told_to_stop() -> Iterator[None]:
    """The process's own handlers are put back: `signer serve` takes them over."""
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


def test_the_signer_serves_a_desk_without_keys_until_it_is_told_to_stop(
    certsvc: Certsvc, passed: list[Candidate], tmp_path: Path, told_to_stop: None
) -> None:
    assert len(told(certsvc("key", "list", "--json"))) == 7
    assert certsvc("key", "web-copy", tmp_path / "desk").exit_code == 0
    path = tmp_path / "s.sock"
    said: list[subprocess.CompletedProcess[str]] = []

    def desk() -> None:
        try:
            for _ in range(600):
                if path.exists():
                    break
                time.sleep(0.05)
            said.append(
                subprocess.run(
                    [Path(sys.executable).with_name("certsvc"), "issue", "--by", "签发员", "--approved-by", "复核员"],
                    env=os.environ | {"CERTSVC_KEYS": str(tmp_path / "desk"), "CERTSVC_SIGNER_SOCKET": str(path)},
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=120,
                )
            )
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    clerk = threading.Thread(target=desk)
    clerk.start()
    with pytest.raises(SystemExit) as ended:
        certsvc("signer", "serve", "--socket", path)
    clerk.join()
    assert ended.value.code == 0
    assert not path.exists()
    assert "3 issued" in said[0].stdout, said[0].stderr


def test_a_signer_without_the_keys_says_so_before_anybody_can_connect(
    certsvc: Certsvc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told_to_stop: None
) -> None:
    certsvc("init")
    certsvc("key", "web-copy", tmp_path / "desk")
    monkeypatch.setenv("CERTSVC_KEYS", str(tmp_path / "desk"))
    refused = certsvc("signer", "serve", "--socket", tmp_path / "s.sock")
    assert (refused.exit_code, len(refused.stderr.splitlines())) == (1, 1)
    assert not (tmp_path / "s.sock").exists()


def test_a_kit_written_and_read_back_is_told_in_numbers(
    certsvc: Certsvc, passed: list[Candidate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, kit = tmp_path / "home", tmp_path / "kit"
    certsvc("issue")
    assert "3 certificates, 3 PDFs" in certsvc("export", kit).stdout
    shutil.copytree(home / "keys", tmp_path / "keys")
    shutil.rmtree(home)
    monkeypatch.setenv("CERTSVC_KEYS", str(tmp_path / "keys"))
    assert certsvc("init").exit_code == 0
    rebuilt = certsvc("rebuild", kit)
    assert (rebuilt.exit_code, rebuilt.stderr) == (0, "")
    assert "3 PDFs, 1 photos; 0 problems in the log" in rebuilt.stdout


def test_a_register_that_was_changed_before_the_kit_was_written_is_found_when_it_is_read_back(
    certsvc: Certsvc, passed: list[Candidate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, kit = tmp_path / "home", tmp_path / "kit"
    certsvc("issue")
    services = open_services(Settings.from_environment({"CERTSVC_HOME": str(home)}))
    with services.database.writing() as session:
        session.execute(text("update certificate set holder_name = '李四'"))
    services.database.close()
    certsvc("export", kit)
    shutil.copytree(home / "keys", tmp_path / "keys")
    shutil.rmtree(home)
    monkeypatch.setenv("CERTSVC_KEYS", str(tmp_path / "keys"))
    certsvc("init")
    rebuilt = certsvc("rebuild", kit)
    assert rebuilt.exit_code == 1
    assert "G2" in rebuilt.stderr


def test_a_backup_and_its_restoring_are_told_in_numbers_and_what_was_lost_by_name(
    certsvc: Certsvc, passed: list[Candidate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certsvc("issue")
    (lost, *_) = sorted((tmp_path / "home" / "pdf").glob("*.pdf"))
    lost.unlink()
    backed_up = certsvc("db", "backup", tmp_path / "b.backup", "--json")
    assert (backed_up.exit_code, lost.name in backed_up.stderr) == (1, True)  # so that a timer alarms
    report = json.loads(backed_up.stdout)
    assert report["missing"] == [f"pdf/{lost.name}"]
    monkeypatch.setenv("CERTSVC_KEYS", str(tmp_path / "home" / "keys"))
    monkeypatch.setenv("CERTSVC_HOME", str(tmp_path / "new"))
    restored = certsvc("db", "restore", tmp_path / "b.backup", "--json")
    assert told(restored) == {name: report[name] for name in ("rows", "files", "missing")}
    assert lost.name in restored.stderr
    again = certsvc("db", "restore", tmp_path / "b.backup")
    assert (again.exit_code, "not empty" in again.stderr) == (1, True)
