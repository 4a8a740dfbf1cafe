"""A scanned code's address, which is no file, is answered with the kit's page by the servers the kit has settings for.

The small server that comes with the kit is always tried; nginx, Caddy and Apache where they are installed.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from certsvc.services.kit.export import export_kit
from tests.builders.installation import Installation, made_up

Serve = Callable[[Path, Path, int], list[str]]
"""(kit, scratch folder, port) → the command that serves it, in the foreground."""


def _own(kit: Path, scratch: Path, port: int) -> list[str]:
    return [sys.executable, str(kit / "hosting" / "serve.py"), str(port)]


def _nginx(kit: Path, scratch: Path, port: int) -> list[str]:
    site = (kit / "hosting" / "nginx.conf").read_text(encoding="utf-8")
    site = site.replace("listen 80;", f"listen 127.0.0.1:{port};").replace("HOST", "localhost").replace("KIT", str(kit))
    temporary = "".join(
        f"{kind}_temp_path {scratch}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (scratch / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {scratch}/pid; error_log {scratch}/error.log;\nevents {{}}\n"
        f"http {{ access_log off; {temporary}\ntypes {{ text/html html; text/javascript js; }}\n{site}\n}}\n"
    )
    return ["nginx", "-p", str(scratch), "-c", str(scratch / "nginx.conf"), "-e", str(scratch / "error.log")]


def _caddy(kit: Path, scratch: Path, port: int) -> list[str]:
    site = (kit / "hosting" / "Caddyfile").read_text(encoding="utf-8")
    site = site.replace("\nHOST {", f"\nhttp://127.0.0.1:{port} {{").replace("KIT", str(kit))
    (scratch / "Caddyfile").write_text("{\n\tadmin off\n}\n" + site)
    return ["caddy", "run", "--config", str(scratch / "Caddyfile"), "--adapter", "caddyfile"]


def _apache(kit: Path, scratch: Path, port: int) -> list[str]:
    modules = os.environ.get("CERTSVC_APACHE_MODULES", "/usr/lib/apache2/modules")
    loaded = "".join(
        f"LoadModule {name}_module {modules}/mod_{name}.so\n" for name in ("mpm_event", "authz_core", "dir")
    )
    (scratch / "apache.conf").write_text(
        f"{loaded}ServerName localhost\nListen 127.0.0.1:{port}\nPidFile {scratch}/pid\nErrorLog {scratch}/error.log\n"
        f"DefaultRuntimeDir {scratch}\nMutex file:{scratch}\nDocumentRoot {kit}\nDirectoryIndex index.html\n"
        f"<Directory {kit}>\nAllowOverride FileInfo Options\nRequire all granted\n</Directory>\n"
    )
    return ["apache2", "-X", "-d", str(scratch), "-f", str(scratch / "apache.conf")]


SERVERS: dict[str, tuple[str | None, Serve]] = {
    "its own": (None, _own),
    "nginx": ("nginx", _nginx),
    "caddy": ("caddy", _caddy),
    "apache": ("apache2", _apache),
}


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hosting")
    home = Installation(root / "home")
    home.issue(made_up(1))
    export_kit(home.services, root / "kit")
    home.services.database.close()
    shutil.rmtree(home.home)
    root.chmod(0o755)  # a web server of another account reads it
    root.parent.chmod(0o755)
    return root / "kit"


@contextmanager
def serving(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, " ".join(command)
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def ask(port: int, address: str, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, address)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize("server", SERVERS)
def test_a_scanned_address_gets_the_page_and_no_folder_is_listed(kit: Path, tmp_path: Path, server: str) -> None:
    program, command = SERVERS[server]
    if program is not None and shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    port, page = _free_port(), (kit / "404.html").read_bytes()
    with serving(command(kit, tmp_path, port), port):
        for path in ("V/ABCDEFGHIJKLMNOPQRSTUVWXYZ", "v/abcdefghijklmnopqrstuvwxyz"):
            status, content = ask(port, f"/{path}")
            assert content == page, server
            assert status in {200, 404}
        for name in ("trust.json", ".well-known/did.json", "log/checkpoint", "status/revocation-1", "kit/page.js"):
            assert ask(port, f"/{name}") == (200, (kit / name).read_bytes()), name
        assert ask(port, "/")[1] == (kit / "index.html").read_bytes()
        for folder in ("credentials/", "pdf/", "status/", "log/tile/"):
            assert ask(port, f"/{folder}")[1] == page, folder
        assert ask(port, "/../../../etc/passwd")[1] in {page, ask(port, "/etc/passwd")[1]} or server != "its own"


def test_its_own_server_answers_other_questions_as_servers_do(kit: Path, tmp_path: Path) -> None:
    port = _free_port()
    with serving(_own(kit, tmp_path, port), port):
        assert ask(port, "/V/X", "HEAD") == (404, b"")
        assert ask(port, "/V/X", "POST")[0] == 501


def test_no_file_of_the_kit_bears_a_token(tmp_path: Path) -> None:
    home = Installation(tmp_path / "home")
    tokens = [home.row(one.number).token for one in home.issue(made_up(1), made_up(2))]
    export_kit(home.services, tmp_path / "kit")
    files = [path for path in (tmp_path / "kit").rglob("*") if path.is_file()]
    for token in tokens:
        assert not [path for path in files if token in str(path).lower()]
        assert not [path for path in files if token.encode() in path.read_bytes().lower()]
