"""An OpenID Connect provider that runs on this machine, in a process of its own (oidc-provider-mock, by Authlib)."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests


class RunningProvider:
    """Anyone may sign in there, under any subject; `knows` gives a subject further claims."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.issuer = f"http://localhost:{port}"
        self.secret_file = folder / "client-secret"
        self.secret_file.write_text("a client's secret\n", "utf-8")
        command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
        with (folder / "provider.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait()

    def _wait(self) -> None:
        for _ in range(300):
            try:
                requests.get(f"{self.issuer}/jwks", timeout=5)
            except requests.ConnectionError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError("the provider did not start")

    def knows(self, subject: str, **claims: object) -> None:
        answer = requests.put(f"{self.issuer}/users/{subject}", json=claims, timeout=5)
        assert answer.ok, answer.text

    def sign_in(self, address: str, subject: str) -> dict[str, str]:
        """Sign in at the page that a browser was sent to; what the browser is sent back with."""
        return _back(requests.post(address, data={"sub": subject}, allow_redirects=False, timeout=5))

    def deny(self, address: str) -> dict[str, str]:
        return _back(requests.post(address, data={"action": "deny"}, allow_redirects=False, timeout=5))

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)


def _back(answer: requests.Response) -> dict[str, str]:
    assert answer.status_code == 302, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProvider]:
    import pytest_socket

    pytest_socket.enable_socket()
    made = RunningProvider(tmp_path_factory.mktemp("provider"))
    yield made
    made.close()
