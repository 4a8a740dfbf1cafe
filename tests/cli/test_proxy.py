"""The proxy that operations.md ships: its logs name no certificate, and a flood ends in 429."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

NGINX = Path(__file__).parents[2] / "docs" / "deploy" / "nginx.conf"
TOKEN = "K7QHV2MXE4ARTJYD3ZPLC5WNU6"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class Proxy:
    folder: Path
    https: int
    http: int

    def ask(self, *paths: str, plain: bool = False) -> list[int]:
        """The statuses of answers, all by one connection, so that many come within a second."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection: http.client.HTTPConnection = (
            http.client.HTTPConnection("127.0.0.1", self.http, timeout=20)
            if plain
            else http.client.HTTPSConnection("127.0.0.1", self.https, timeout=20, context=context)
        )
        statuses = []
        for path in paths:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()
        return statuses

    def logs(self) -> str:
        return "".join(path.read_text("utf-8", "replace") for path in self.folder.glob("*.log"))


@pytest.fixture
def proxy(tmp_path: Path, socket_enabled: None) -> Iterator[Proxy]:
    """The shipped settings, with no site behind them: every visit is a fault that nginx would log."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    pair = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "certificate"), "-days", "2", "-subj", "/CN=x"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *pair]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    made = Proxy(tmp_path, free_port(), free_port())
    site = re.sub(r"/etc/ssl/certs/\S+;", f"{tmp_path}/certificate;", NGINX.read_text("utf-8"))
    site = re.sub(r"/etc/ssl/private/\S+;", f"{tmp_path}/key;", site).replace("/var/log/nginx", str(tmp_path))
    site = re.sub(r"listen \[::\].*", "", site).replace("127.0.0.1:8080", f"127.0.0.1:{free_port()}")
    site = site.replace("listen 443", f"listen 127.0.0.1:{made.https}").replace(
        "listen 80", f"listen 127.0.0.1:{made.http}"
    )
    parts = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{one}_temp_path {tmp_path}/{one};" for one in parts)
    # As Debian's own nginx.conf: both logs are on, and tell whole requests, wherever a site does not say otherwise.
    debian = f"access_log {tmp_path}/access.log; error_log {tmp_path}/error.log;"
    conf = tmp_path / "nginx.conf"
    conf.write_text(f"pid {tmp_path}/pid; daemon off; events {{}} http {{ {debian} {temporary} {site} }}")
    with subprocess.Popen([nginx, "-e", str(tmp_path / "start.log"), "-c", str(conf)]) as running:
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", made.https)) == 0:
                        break
                time.sleep(0.05)
            yield made
        finally:
            running.terminate()
            running.wait(20)


def test_no_log_names_a_certificate_or_a_share_link_even_where_the_site_is_down(proxy: Proxy) -> None:
    paths = [f"{before}{TOKEN}" for before in ("/v/", "/V/", "/s/", "/api/v1/certificates/", "/verify?number=")]
    assert proxy.ask(*paths) == [502] * len(paths)
    assert proxy.ask(*paths, plain=True) == [301] * len(paths)
    assert 429 in proxy.ask(*[f"/v/{TOKEN}"] * 300)
    assert TOKEN not in proxy.logs()
    assert '"GET /v/-" 502' in proxy.logs()


def test_one_visitors_flood_is_answered_429_and_a_scan_now_and_then_is_not(proxy: Proxy) -> None:
    assert proxy.ask(*[f"/v/{TOKEN}"] * 20) == [502] * 20
    uploads = proxy.ask(*["/api/v1/verifications"] * 60)
    assert uploads[:10] == [502] * 10
    assert uploads.count(429) > 20
