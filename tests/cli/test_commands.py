"""What each command says to a person, and how the program ends when something goes wrong."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click
import pytest
from click.testing import Result

from certsvc import cli as program
from certsvc.cli import run
from certsvc.resources import schemes_folder
from certsvc.store.sqlite import sqlite
from tests.builders.person import Candidate, write_csv

Certsvc = Callable[..., Result]
SCHEME = schemes_folder() / "emergency-rescuer-5" / "qinghai-2025.toml"


def test_init_tells_that_certificates_are_samples(certsvc: Certsvc) -> None:
    assert "SAMPLE" in certsvc("init").stdout
    assert "nothing changed" in certsvc("init").stdout


def test_the_paper_register_is_listed_beside_the_electronic_ones(certsvc: Certsvc, tmp_path: Path) -> None:
    certsvc("init")
    person = Candidate()
    row = {
        "number": "2063010001500001",
        "name": person.name,
        "id_number": person.id_number,
        "occupation": "应急救援员",
        "level": "5",
        "issued_on": "2020-06-01",
        "issuer": "原鉴定中心",
    }
    register = write_csv(tmp_path / "paper.csv", [row])
    assert "1 new, 0 unchanged" in certsvc("paper", "import", register, "--dry-run").stdout
    assert certsvc("certificate", "list", "--paper").stdout == ""
    certsvc("paper", "import", register)
    assert "paper" in certsvc("certificate", "list", "--paper").stdout
    assert certsvc("certificate", "list").stdout == ""
    assert "paper" in certsvc("certificate", "show", "2063010001500001").stdout
    result = certsvc("certificate", "pdf", "2063010001500001", "-o", tmp_path / "x.pdf")
    assert result.exit_code == 1


def test_a_warning_about_a_name_is_talk_not_result(certsvc: Certsvc, tmp_path: Path) -> None:
    certsvc("init")
    roster = write_csv(tmp_path / "c.csv", [Candidate().cells(name="阿依•买买提")])
    result = certsvc("candidates", "import", roster, "--json")
    assert "阿依" not in result.stdout.split('"warnings"', maxsplit=1)[0]
    assert "·" in result.stderr


def test_a_name_that_cannot_be_drawn_is_named_in_a_line(certsvc: Certsvc, tmp_path: Path) -> None:
    certsvc("init")
    person = Candidate(name="测试\U0003fffd")
    certsvc("candidates", "import", write_csv(tmp_path / "c.csv", [person.cells()]))
    certsvc("results", "import", write_csv(tmp_path / "r.csv", person.passes()))
    assert certsvc("issue", "--dry-run").exit_code == 1
    result = certsvc("issue")
    assert "U+3FFFD" in result.stderr
    assert person.id_number not in result.stderr
    assert "1 refused" in result.stdout


def test_a_refused_certificate_makes_the_run_exit_1_though_the_others_are_issued(
    certsvc: Certsvc, passed: list[Candidate], tmp_path: Path
) -> None:
    unknown = Candidate(serial=700, name="测试\U0003fffd")
    certsvc("candidates", "import", write_csv(tmp_path / "c2.csv", [unknown.cells()]))
    certsvc("results", "import", write_csv(tmp_path / "r2.csv", unknown.passes()))
    result = certsvc("issue", "--json")
    report = json.loads(result.stdout)
    assert (report["issued"], report["refused"]) == (len(passed), 1)
    assert result.exit_code == 1
    assert certsvc("issue").exit_code == 1, "still refused, still told"


def test_a_dry_run_shows_no_token_since_none_is_drawn_yet(certsvc: Certsvc, passed: list[Candidate]) -> None:
    rehearsed = json.loads(certsvc("issue", "--dry-run", "--json").stdout)
    assert {one["token"] for one in rehearsed["certificates"]} == {None}


def test_a_date_of_issue_to_come_is_remarked_on(certsvc: Certsvc, passed: list[Candidate]) -> None:
    result = certsvc("issue", "--on", "2199-01-01", "--dry-run")
    assert result.exit_code == 0
    assert "in the future" in result.stderr


def test_a_home_that_cannot_be_made_is_told_in_a_line(
    certsvc: Certsvc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "a file"
    home.write_text("not a folder", "utf-8")
    monkeypatch.setenv("CERTSVC_HOME", str(home / "inside"))
    result = certsvc("init")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


def test_a_place_that_cannot_be_written_is_told_in_a_line(certsvc: Certsvc, passed: list[Candidate]) -> None:
    certsvc("issue")
    result = certsvc("certificate", "pdf", "--all", "-o", "/proc/nowhere/at/all")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert "/proc/nowhere" in line


def test_a_changed_scheme_is_tried_then_put_on_record_once(
    certsvc: Certsvc, passed: list[Candidate], tmp_path: Path
) -> None:
    stricter = tmp_path / "stricter.toml"
    text = (
        SCHEME.read_text("utf-8").replace("pass_mark = 60", "pass_mark = 90").replace('version = "1"', 'version = "2"')
    )
    stricter.write_text(text, "utf-8")
    shown = certsvc("decide", "--scheme-file", stricter).stdout
    assert "4 would be decided otherwise" in shown
    assert "added" in certsvc("scheme", "add", stricter).stdout
    assert "unchanged" in certsvc("scheme", "add", stricter).stdout
    stricter.write_text(text + "\n# changed\n", "utf-8")
    assert certsvc("scheme", "add", stricter).exit_code == 1
    stricter.write_text("not a scheme", "utf-8")
    assert certsvc("scheme", "add", stricter).exit_code == 1
    stricter.write_bytes(b"\xff\xfe")
    assert certsvc("scheme", "add", stricter).exit_code == 1
    assert "默认 default" in certsvc("scheme", "list").stdout


def test_human_lines_of_the_register_and_of_issuing(certsvc: Certsvc, passed: list[Candidate], tmp_path: Path) -> None:
    assert "would be issued" in certsvc("issue", "--dry-run").stdout
    shown = certsvc("issue")
    assert "3 issued, 0 had one already, 0 refused" in shown.stdout
    assert "3/3" in shown.stderr
    number = certsvc("certificate", "list").stdout.split()[0]
    certsvc("certificate", "suspend", number, "--reason", "复核中")
    assert "复核中" in certsvc("certificate", "show", number).stdout
    folder = tmp_path / "out"
    folder.mkdir()
    assert certsvc("certificate", "pdf", number, "-o", folder, "--json").exit_code == 0
    assert (folder / f"{number}.pdf").is_file()
    assert certsvc("certificate", "pdf", number, "--version", "9", "-o", folder).exit_code == 1
    assert "2 published" not in certsvc("results", "publish").stdout
    assert certsvc("db", "backup", tmp_path / "b.tar").exit_code == 0
    (home_pdf,) = (tmp_path / "home" / "pdf").glob(f"{number}-*.pdf")
    home_pdf.unlink()
    assert home_pdf.name in certsvc("db", "backup", tmp_path / "c.tar").stderr


def test_keys_are_listed_retired_and_distrusted(certsvc: Certsvc) -> None:
    certsvc("init")
    kid = certsvc("key", "list").stdout.split()[0]
    assert "retired" in certsvc("key", "retire", kid).stdout
    assert certsvc("key", "retire", kid).exit_code == 1
    assert certsvc("key", "distrust", kid, "--from-index", "0", "--json").exit_code == 0
    assert certsvc("key", "new", "credential").exit_code == 0


def test_db_upgrade_says_what_it_did(certsvc: Certsvc) -> None:
    assert certsvc("db", "upgrade").exit_code == 1
    certsvc("init")
    assert "up to date" in certsvc("db", "upgrade").stdout


def test_a_database_of_another_shape_is_refused_with_what_to_run(certsvc: Certsvc, tmp_path: Path) -> None:
    certsvc("init")
    with sqlite.connect(tmp_path / "home" / "certsvc.sqlite3") as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    connection.close()
    result = certsvc("decide")
    assert result.exit_code == 1
    assert "db upgrade" in result.stderr


def test_what_a_command_wrote_stands_in_the_one_file_when_it_ends(certsvc: Certsvc, tmp_path: Path) -> None:
    certsvc("init")
    assert [path.name for path in (tmp_path / "home").glob("certsvc.sqlite3*")] == ["certsvc.sqlite3"]


def test_a_database_that_cannot_be_read_is_an_outage_in_one_line(certsvc: Certsvc, tmp_path: Path) -> None:
    certsvc("init")
    (tmp_path / "home" / "certsvc.sqlite3").write_bytes(b"not a database" * 1000)
    result = certsvc("decide")
    assert result.exit_code == 1
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_password_is_asked_for_where_no_file_is_given(monkeypatch: pytest.MonkeyPatch, certsvc: Certsvc) -> None:
    certsvc("init")
    monkeypatch.setattr(click, "prompt", lambda *_, **__: "correct horse battery")
    assert certsvc("user", "add", "auditor1", "--role", "auditor", "--json").exit_code == 0
    assert certsvc("user", "list", "--json").exit_code == 0


@pytest.mark.parametrize(
    ("fault", "status"), [(KeyboardInterrupt(), 1), (click.Abort(), 1), (click.ClickException("no"), 1)]
)
def test_how_a_command_ends(monkeypatch: pytest.MonkeyPatch, fault: BaseException, status: int) -> None:
    def fail(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(program.cli, "main", fail)
    assert run(["decide"]) == status


def test_a_fault_of_the_program_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(program.cli, "main", fail)
    with pytest.raises(ZeroDivisionError):
        run(["decide"])


def test_help_lists_commands_in_whole_sentences() -> None:
    """Click cuts them to a line, which was the Chinese and half of the English."""
    waiting: list[tuple[str, click.Group]] = [("certsvc", program.cli)]
    while waiting:
        path, group = waiting.pop()
        with click.Context(group, info_name=path, terminal_width=80) as context:
            listed = group.get_help(context)
            commands = {name: group.get_command(context, name) for name in group.list_commands(context)}
        assert "..." not in listed.partition("Commands:")[2], path
        for name, one in commands.items():
            assert one is not None
            assert one.get_short_help_str(300).split()[-1] in listed
            if isinstance(one, click.Group):
                waiting.append((f"{path} {name}", one))


def test_a_reader_that_has_seen_enough_is_no_fault(certsvc: Certsvc, passed: list[Candidate], tmp_path: Path) -> None:
    command = f"{sys.executable} -c 'from certsvc.cli import main; main()' decide | head -1"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env=os.environ | {"CERTSVC_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""


def test_bench_runs_what_the_checkout_has(monkeypatch: pytest.MonkeyPatch, certsvc: Certsvc, tmp_path: Path) -> None:
    from certsvc import resources

    folder = tmp_path / "checkout" / "benchmarks"
    folder.mkdir(parents=True)
    monkeypatch.setattr(resources, "PACKAGE", tmp_path / "checkout" / "certsvc")
    assert certsvc("bench").exit_code == 1
    (folder / "__init__.py").touch()
    (folder / "quick.py").write_text("print('figures')")
    (folder / "broken.py").write_text("raise SystemExit(3)")
    assert certsvc("bench", "quick").exit_code == 0
    assert certsvc("bench").exit_code == 1
    assert certsvc("bench", "unknown").exit_code == 2


def test_serve_answers_and_ends_when_it_is_told(certsvc: Certsvc, tmp_path: Path, socket_enabled: None) -> None:
    assert certsvc("serve").exit_code == 1, "nothing to serve before init"
    certsvc("init")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Started, as the installed program is, without the current folder among those that modules are taken from.
    (tmp_path / "flask.py").write_text("raise SystemExit('planted')")
    site = subprocess.Popen(
        [sys.executable, "-P", "-c", "from certsvc.cli import main; main()", "serve", "--port", str(port)],
        env=os.environ | {"CERTSVC_HOME": str(tmp_path / "home")},
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        assert _answers(f"{address}/healthz") == 200
        scan = urllib.request.Request(f"{address}/v/{'a' * 26}", headers={"Accept": "application/json"})
        with pytest.raises(urllib.error.HTTPError) as unknown, urllib.request.urlopen(scan, timeout=20):
            pass
        assert json.load(unknown.value)["state"] == "unknown"
        # In pieces and without a length, as a browser's worker or a program may send.
        whole = (b"%PDF-1.7 ", b"nothing ", b"of ours")
        upload = urllib.request.Request(f"{address}/api/v1/verifications", iter(whole), method="POST")
        upload.add_header("Content-Type", "application/pdf")
        with urllib.request.urlopen(upload, timeout=60) as judged:
            (file,) = json.load(judged)["files"]
        assert file["verdict"] == "unknown"
    finally:
        site.terminate()
        assert site.wait(20) is not None


def test_serve_told_to_stop_while_it_starts_stops(certsvc: Certsvc, tmp_path: Path, socket_enabled: None) -> None:
    certsvc("init")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, "-c", "from certsvc.cli import main; main()", "serve", "--port", str(port)],
        env=os.environ | {"CERTSVC_HOME": str(tmp_path / "home")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as site:
        assert site.stderr is not None
        try:
            assert any("/verify" in line for line in site.stderr)  # its first word, before it listens
            site.terminate()
            assert site.wait(60) is not None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(site.pid, signal.SIGKILL)


def test_serve_says_in_one_line_where_it_cannot_listen(certsvc: Certsvc, socket_enabled: None) -> None:
    certsvc("init")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = certsvc("serve", "--port", taken.getsockname()[1])
    assert refused.exit_code == 1
    assert "cannot listen" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.slow
def test_serve_with_two_workers_replaces_one_that_dies_and_ends_both(
    certsvc: Certsvc, tmp_path: Path, socket_enabled: None
) -> None:
    certsvc("init")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-P", "-c", "from certsvc.cli import main; main()"]
    with subprocess.Popen(
        [*command, "serve", "--workers", "2", "--port", str(port)],
        env=os.environ | {"CERTSVC_HOME": str(tmp_path / "home")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as site:
        try:
            assert _answers(f"http://127.0.0.1:{port}/healthz") == 200
            first = _workers_of(site.pid)
            assert len(first) == 2
            os.kill(first.pop(), signal.SIGKILL)
            for _ in range(200):
                if len(_workers_of(site.pid) - first) == 1:
                    break
                time.sleep(0.1)
            assert len(_workers_of(site.pid)) == 2
            assert _answers(f"http://127.0.0.1:{port}/healthz") == 200
            both = _workers_of(site.pid)
            site.terminate()
            assert site.wait(60) == 0
            assert not any(Path(f"/proc/{one}").exists() for one in both)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(site.pid, signal.SIGKILL)


def _workers_of(parent: int) -> set[int]:
    """The processes that it started to serve; another keeps count of what they share."""
    found = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return {int(one) for one in found if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()}


def _answers(address: str) -> int:
    for _ in range(500):
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return int(answer.status)
        except OSError:
            time.sleep(0.2)
    return 0


@pytest.mark.usefixtures("passphrase")
def test_a_real_issuer_begins_without_development_keys(certsvc: Certsvc) -> None:
    assert "key new PURPOSE" in certsvc("init", "--no-keys").stdout
    assert certsvc("key", "list").stdout == ""
    for purpose in ("credential", "pdf-seal", "status-list", "log-checkpoint", "lookup", "personal-data", "session"):
        assert "development" not in certsvc("key", "new", purpose).stdout
    assert "nothing changed" in certsvc("init").stdout
    assert "development" not in certsvc("key", "list").stdout
    assert certsvc("publish").exit_code == 0


def test_an_older_home_says_from_where_to_where_it_was_brought(certsvc: Certsvc, tmp_path: Path) -> None:
    from certsvc.store import open_database
    from certsvc.store.migrate import head, upgrade

    (tmp_path / "home").mkdir()
    older = open_database(f"sqlite:///{tmp_path / 'home' / 'certsvc.sqlite3'}")
    upgrade(older, to="0002")
    older.close()
    assert "certsvc db upgrade" in certsvc("decide").stderr
    assert f"0002 → {head()}" in certsvc("db", "upgrade").stdout
    assert certsvc("decide").exit_code == 0


def test_a_run_that_ends_early_tells_what_it_issued(
    certsvc: Certsvc, passed: list[Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk_full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("certsvc.jobs.issue_run.render_waiting", disk_full)
        result = certsvc("issue", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["issued"], told["failed"]["code"]) == (1, 3, "unavailable")
    assert {one["name"] for one in told["certificates"]} == {one.name for one in passed}
    assert "No space left" in result.stderr
    again = certsvc("issue", "--json")
    assert (again.exit_code, json.loads(again.stdout)["issued"], json.loads(again.stdout)["already"]) == (0, 0, 3)


def test_a_run_that_is_stopped_tells_it_too(
    certsvc: Certsvc, passed: list[Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("certsvc.jobs.issue_run.render_waiting", stopped)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background begins without it
    try:
        result = certsvc("issue")
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.exit_code == 1
    assert all(one.name in result.stdout for one in passed)
    assert "run it again" in result.stderr


def test_told_to_end_by_a_timer_it_rolls_back_and_says_so(
    certsvc: Certsvc, passed: list[Candidate], tmp_path: Path
) -> None:
    """SIGTERM in the real program, while it waits for the issuing lock of another run."""
    with (tmp_path / "home" / ".issue.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [sys.executable, "-c", "from certsvc.cli import main; main()", "issue"],
            env=os.environ | {"CERTSVC_HOME": str(tmp_path / "home")},
            stderr=subprocess.PIPE,
        )
        while str(tmp_path / "home" / ".issue.lock") not in open_files(process.pid):
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
    assert (process.returncode, "aborted" in told.decode()) == (1, True)
    assert json.loads(certsvc("issue", "--json").stdout)["issued"] == len(passed)


def open_files(pid: int) -> set[str]:
    found = set()
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            found.add(str(one.readlink()))
    return found


def test_what_is_left_of_the_numbers_is_shown(certsvc: Certsvc, passed: list[Candidate]) -> None:
    assert certsvc("issue").exit_code == 0
    found = json.loads(certsvc("scheme", "ranges", "--json").stdout)
    first = next(one for one in found if one["key"] == "emergency-rescuer-5/qinghai-2025")
    assert (first["left"], first["short"], first["ranges"][0]["used"]) == (99_999 - len(passed), False, len(passed))
    assert str(99_999 - len(passed)) in certsvc("scheme", "ranges").stdout


def test_a_check_goes_on_from_the_one_before(certsvc: Certsvc, passed: list[Candidate]) -> None:
    assert certsvc("issue").exit_code == 0
    assert json.loads(certsvc("log", "check", "--json").stdout)["certificates"] == len(passed)
    result = certsvc("log", "check", "--since-last", "--json")
    assert (result.exit_code, json.loads(result.stdout)["certificates"]) == (0, 0)
    assert "--all" in certsvc("log", "check", "--since-last").stderr


def test_a_backup_goes_to_a_file_or_into_a_folder_and_not_to_both(
    certsvc: Certsvc, passed: list[Candidate], tmp_path: Path
) -> None:
    assert certsvc("issue").exit_code == 0
    assert certsvc("db", "backup").exit_code == 2
    assert certsvc("db", "backup", tmp_path / "a.tar", "--into", tmp_path / "b").exit_code == 2
    result = certsvc("db", "backup", "--into", tmp_path / "b", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["files"], told["missing"]) == (0, len(passed) + 1, [])
    assert Path(told["to"]).is_file()
