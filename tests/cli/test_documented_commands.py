"""The commands of README and docs, run as they stand: each `sh` block of a page, in order, in one shell.

Folders of a server (`/srv`, `/etc/certsvc`, …) and addresses become folders of the test's own; nothing else is changed.
Blocks of another kind (`console`) need root or a second machine; plain ones are for make.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from certsvc.roster import candidates, corrections, employer_list, paper, results
from examples import made_up_roll
from tests.builders.postgresql import postgresql_database
from tests.softhsm import needs_softhsm

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
DOCS = ROOT / "docs"
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")] + sorted(
    DOCS.rglob("*.md")
)


def commands(page: Path) -> str:
    """The `sh` blocks of a page, as one script that says each command and stops at the first that fails."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks, page
    return "\n".join(blocks)


def run(script: str, folder: Path, environment: Mapping[str, str], timeout: int = 900) -> str:
    """What the commands print; fails with the end of it where one of them fails."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "LC_ALL") if name in os.environ}
    done = subprocess.run(
        ["bash", "-exo", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}
        | kept
        | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
    return done.stdout + done.stderr


_AS_ANOTHER = (
    "import os, pwd; from certsvc.cli import main; from certsvc.services import context; "
    "other = next(one.pw_uid for one in pwd.getpwall() if one.pw_uid != os.getuid()); "
    "context._signed_in = lambda: other; main()"
)
_SECOND = f"{shlex.quote(sys.executable)} -c {shlex.quote(_AS_ANOTHER)}"
"""The program as another account of this machine runs it, whose session this one cannot open."""


def moved(script: str, server: Path) -> str:
    """The script on a server whose root folder is `server`; what is asked over the network is read from a folder."""
    script = script.replace("https://certs.example.org/log ", f"{server}/srv/certsvc/published/log ")
    script = script.replace("ssh li@localhost certsvc", _SECOND)
    script = re.sub(r"(?<![\w./-])/(srv|etc/certsvc|media/offline)\b", rf"{server}/\1", script)
    return script.replace("sqlite:////srv", f"sqlite:///{server}/srv")


@pytest.mark.slow
def test_the_readme_leads_a_newcomer_from_a_roll_to_a_verified_certificate(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(BIN.parent)
    said = run(commands(ROOT / "README.md"), tmp_path, {})
    assert "【valid】真实有效" in said
    assert len(list((tmp_path / "certificates").glob("*.pdf"))) > 100


@pytest.fixture
def server(tmp_path: Path, socket_enabled: None) -> Iterator[tuple[Path, dict[str, str]]]:
    """A server's folders with the shipped settings, a PostgreSQL database, and the rolls in the working folder."""
    for name in ("srv/certsvc", "srv/certsvc-keys", "srv/backup", "srv/kit", "etc/certsvc", "media/offline", "desk"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "srv" / "certsvc-venv").symlink_to(BIN.parent)
    made_up_roll.write(tmp_path / "desk", count=40)
    (tmp_path / "desk" / "candidates.csv").rename(tmp_path / "desk" / "roster.csv")
    (tmp_path / "etc" / "certsvc" / "passphrase").write_text("a passphrase of the test\n")
    for name in ("published", "trust.json"):  # what an auditor has fetched
        (tmp_path / "desk" / name).symlink_to(
            tmp_path / "srv" / "certsvc" / "published" / name.removeprefix("published")
        )
    settings = (DOCS / "deploy" / "certsvc.env").read_text("utf-8")
    for database in postgresql_database():
        url = database.engine.url.render_as_string(hide_password=False)
        settings = re.sub(r"CERTSVC_DATABASE_URL=.*", f"CERTSVC_DATABASE_URL={url}", moved(settings, tmp_path))
        (tmp_path / "etc" / "certsvc" / "certsvc.env").write_text(settings, "utf-8")
        (tmp_path / "softhsm.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\nlog.level = ERROR\n")
        (tmp_path / "tokens").mkdir()
        yield tmp_path, {"SOFTHSM2_CONF": str(tmp_path / "softhsm.conf")}


@pytest.mark.slow
@pytest.mark.postgresql
@needs_softhsm
def test_an_operator_gets_from_nothing_to_production_and_through_every_change_of_keys(
    server: tuple[Path, dict[str, str]],
) -> None:
    folder, environment = server
    script = commands(DOCS / "operations.md") + commands(DOCS / "keys.md")
    said = run(moved(script, folder), folder / "desk", environment)
    assert "SAMPLE" not in said
    assert "development" not in re.sub(r"^\+.*", "", said, flags=re.MULTILINE)


def test_nginx_takes_the_settings_of_the_proxy(tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    site = (DOCS / "deploy" / "nginx.conf").read_text("utf-8")
    pair = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "certificate"), "-days", "2", "-subj", "/CN=x"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *pair]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    site = re.sub(r"/etc/ssl/certs/\S+;", f"{tmp_path}/certificate;", site)
    site = re.sub(r"/etc/ssl/private/\S+;", f"{tmp_path}/key;", site).replace("/var/log/nginx", str(tmp_path))
    site = re.sub(r"listen (\[::\]:)?(80|443)", r"listen 127.0.0.1:1\2", re.sub(r"listen \[::\].*", "", site))
    temporary = "".join(f"{one}_temp_path {tmp_path};" for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; events {{}} http {{ access_log off; {temporary} {site} }}"
    )
    tried = [nginx, "-t", "-q", "-e", str(tmp_path / "log"), "-c", str(tmp_path / "nginx.conf")]
    done = subprocess.run(tried, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_setting_is_explained_to_the_operator() -> None:
    known = set(re.findall(r"CERTSVC_[A-Z_]+[A-Z]", (ROOT / "certsvc" / "config.py").read_text("utf-8")))
    table = (DOCS / "operations.md").read_text("utf-8").split("## 2 Settings")[1].split("\n## ")[0]
    told = set(re.findall(r"CERTSVC_[A-Z_]+[A-Z]", table))
    for first, others in re.findall(r"`(CERTSVC_[A-Z]+)_[A-Z]+`((?: · `_[A-Z_]+`)+)", table):
        told |= {first + other for other in re.findall(r"_[A-Z_]+", others)}
    assert known - told == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_every_column_of_an_import_is_explained() -> None:
    told = (DOCS / "imports.md").read_text("utf-8")
    for module in (candidates, results, corrections, paper, employer_list):
        for column in module.COLUMNS:
            assert column.zh in told
            assert re.search(rf"\b{column.key}\b", told)
