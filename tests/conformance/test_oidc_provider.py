"""Our client of a directory against a certified provider (node oidc-provider): PKCE, `iss`, signing in once more."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest
import requests

from certsvc.directory.oidc import DirectoryRefused, Provider
from tests.programs import need, node_modules

BACK = "https://certsvc.example/console/directory/back"
pytestmark = pytest.mark.conformance


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    import pytest_socket

    pytest_socket.enable_socket()
    folder = tmp_path_factory.mktemp("directory")
    secret = folder / "secret"
    secret.write_text("a client's secret", "utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = node_modules().parent / "provider.mjs"
    command = [need("node"), str(script), str(port), "a client's secret", BACK]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
    assert process.stdout is not None
    assert process.stdout.readline() == b"listening\n", (folder / "log").read_text("utf-8")
    yield Provider(f"http://localhost:{port}", "certsvc", secret, BACK)
    process.terminate()
    process.wait(20)
    process.stdout.close()


@pytest.fixture(autouse=True)
def sockets(socket_enabled: None) -> None:
    """The provider is asked over loopback."""


@dataclass
class Browser:
    """Follows the provider's pages and fills in their forms; `logins` counts how often a password was asked for."""

    subject: str
    logins: int = 0

    def __post_init__(self) -> None:
        self.session = requests.Session()

    def go(self, address: str) -> dict[str, str]:
        """What the browser is sent back to us with."""
        answer = self.session.get(address, allow_redirects=False, timeout=10)
        for _ in range(12):
            if answer.status_code in (302, 303):
                to = urljoin(answer.url, answer.headers["Location"])
                if to.startswith(BACK):
                    return dict(parse_qsl(urlsplit(to).query))
                answer = self.session.get(to, allow_redirects=False, timeout=10)
                continue
            form = re.search(r'action="([^"]+)"', answer.text)
            assert form, answer.text
            fields = {"prompt": "consent"}
            if 'name="login"' in answer.text:
                self.logins += 1
                fields = {"prompt": "login", "login": self.subject, "password": "any"}
            answer = self.session.post(urljoin(answer.url, form[1]), data=fields, allow_redirects=False, timeout=10)
        raise AssertionError("the provider sends us round in circles")


def test_who_signs_in_there_is_vouched_for(client: Provider) -> None:
    asked = client.ask()
    answer = Browser("u-17").go(asked.address)
    assert answer["iss"] == client.issuer
    assert client.vouched(answer, asked, datetime.now(UTC)).subject == "u-17"
    with pytest.raises(DirectoryRefused) as again:
        client.vouched(answer, asked, datetime.now(UTC))
    assert again.value.fault == "code"


def test_a_code_without_its_verifier_is_worth_nothing(client: Provider) -> None:
    asked, other = client.ask(), client.ask()
    answer = Browser("u-17").go(asked.address)
    with pytest.raises(DirectoryRefused) as stolen:
        client.vouched(answer, replace(asked, verifier=other.verifier), datetime.now(UTC))
    assert stolen.value.fault == "code"


def test_it_asks_for_the_password_once_more_where_we_ask_it_to(client: Provider) -> None:
    browser = Browser("u-17")
    since = datetime.now(UTC)
    first = client.ask()
    browser.go(first.address)
    at_ease = client.ask()
    answer = browser.go(at_ease.address)
    assert browser.logins == 1, "the directory's own session"
    with pytest.raises(DirectoryRefused) as before:
        client.vouched(answer, at_ease, datetime.now(UTC), since=since)
    assert before.value.fault == "auth-time"
    asked = client.ask(again=True)
    person = client.vouched(browser.go(asked.address), asked, datetime.now(UTC), since=since)
    assert browser.logins == 2
    assert person.auth_time is not None
    assert person.auth_time >= (since - timedelta(seconds=1)).timestamp()


def test_another_secret_than_the_clients_is_told_as_that(client: Provider, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("another secret", "utf-8")
    asked = client.ask()
    answer = Browser("u-17").go(asked.address)
    with pytest.raises(DirectoryRefused) as refused:
        replace(client, secret_file=wrong).vouched(answer, asked, datetime.now(UTC))
    assert refused.value.fault == "client"
