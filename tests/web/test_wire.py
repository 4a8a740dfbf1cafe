"""The server's own connections, over real sockets: scans as Flask answers them, and strangers held to their pace."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from certsvc.app import create_app, create_asgi
from certsvc.web import wire
from certsvc.web.wire import ScanServer
from certsvc.web.workers import configured
from tests.builders.site import Register

pytestmark = pytest.mark.usefixtures("socket_enabled")

JSON = "Accept: application/json\r\n"


@contextmanager
def serving(register: Register, **changes: object) -> Iterator[int]:
    """The port on which the site is served, by a thread of this process."""
    site = create_asgi(replace(register.settings, **changes), services=register.services)  # type: ignore[arg-type]
    server = ScanServer(configured(site))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(30)


@pytest.fixture(scope="module")
def port(register: Register) -> Iterator[int]:
    with serving(register) as number:
        yield number


class Connection:
    """A client that says just what it is given."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()

    def say(self, text: str | bytes) -> None:
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def heard(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next answer."""
        status = int(self.file.readline().split()[1])
        headers: dict[str, str] = {}
        while line := self.file.readline().strip().decode("latin-1"):
            name, _, value = line.partition(": ")
            headers[name] = value
        return status, headers, self.file.read(int(headers.get("content-length", 0)))

    def is_closed(self) -> bool:
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True


def scan(register: Register, state: str = "valid", more: str = "") -> str:
    return f"GET /v/{register.held[state].token} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n"


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
@pytest.mark.parametrize("state", ["valid", "revoked", "forged", "superseded"])
def test_a_scan_is_answered_as_flask_answers_it(register: Register, port: int, state: str, accept: str) -> None:
    flask = create_app(register.settings, services=register.services, front=False).test_client()
    with Connection(port) as connection:
        connection.say(scan(register, state, f"Accept: {accept}\r\n"))
        status, headers, body = connection.heard()
    other = flask.get(f"/v/{register.held[state].token}", headers={"Accept": accept})
    assert (status, body) == (other.status_code, other.data)
    assert headers.pop("date").endswith("GMT")
    assert sorted(headers.items()) == sorted((name.lower(), value) for name, value in other.headers)


def test_scans_in_one_piece_are_answered_in_their_order(register: Register, port: int) -> None:
    states = ["valid", "superseded", "valid", "revoked", "second"] * 4  # some at once, some in a thread
    with Connection(port) as connection:
        connection.say("".join(scan(register, state, JSON) for state in states))
        said = [json.loads(connection.heard()[2])["state"] for _ in states]
    assert said == ["valid", "superseded", "valid", "revoked", "valid"] * 4


def test_a_scan_behind_another_request_waits_its_turn(register: Register, port: int) -> None:
    with Connection(port) as connection:
        connection.say("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" + scan(register, "valid", JSON))
        assert connection.heard()[0] == 200
        assert json.loads(connection.heard()[2])["state"] == "valid"


def test_a_request_is_the_same_in_however_many_pieces(register: Register, port: int) -> None:
    whole = scan(register, "valid", JSON)
    with Connection(port) as connection:
        for place in range(0, len(whole), 9):
            connection.say(whole[place : place + 9])
            time.sleep(0.001)
        assert json.loads(connection.heard()[2])["state"] == "valid"


def test_the_body_of_a_scan_is_read_past(register: Register, port: int) -> None:
    for body in ("Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"):
        with Connection(port) as connection:
            connection.say(scan(register, "valid", JSON)[:-2] + body + scan(register, "revoked", JSON))
            assert json.loads(connection.heard()[2])["state"] == "valid"
            assert json.loads(connection.heard()[2])["state"] == "revoked"


def test_head_bears_no_body(register: Register, port: int) -> None:
    with Connection(port) as connection:
        connection.say(scan(register).replace("GET", "HEAD", 1) + scan(register, "valid", JSON))
        connection.file.readline()
        while connection.file.readline().strip():
            pass
        assert json.loads(connection.heard()[2])["state"] == "valid"


def test_a_connection_ends_when_its_client_says_so(register: Register, port: int) -> None:
    for said in (scan(register, "valid", "Connection: close\r\n"), scan(register).replace("1.1", "1.0", 1)):
        with Connection(port) as connection:
            connection.say(said + scan(register, "revoked"))  # what comes after it is not read
            assert connection.heard()[0] == 200
            assert connection.is_closed()


@pytest.mark.parametrize(
    "said",
    [
        "nonsense\r\n\r\n",
        "GET /v/x HTTP/1.1\nHost: localhost\n\n",
        "GET /v/x HTTP/1.1\r\nHost : localhost\r\n\r\n",
        "GET /v/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /v/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        "GET /v/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_ends(port: int, said: str) -> None:
    with Connection(port) as connection:
        connection.say(said)
        assert connection.heard()[0] == 400
        assert connection.is_closed()


def test_the_name_of_another_site_is_answered_by_flask(register: Register, port: int) -> None:
    with Connection(port) as connection:
        connection.say(scan(register).replace("localhost", "elsewhere.example"))
        assert connection.heard()[0] == 400


def test_another_protocol_is_not_spoken(register: Register, port: int) -> None:
    with Connection(port) as connection:
        connection.say(scan(register, "valid", JSON + "Connection: Upgrade\r\nUpgrade: websocket\r\n"))
        assert json.loads(connection.heard()[2])["state"] == "valid"


def test_trailers_are_no_headers(register: Register) -> None:
    """A proxy names the address in the head; what comes behind the body is its client's own."""
    form = "1\r\nx\r\n0\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"
    with serving(register, trusted_proxies=1, limit_page="1/minute") as port:
        for address, status in (("203.0.113.1", 200), ("203.0.113.1", 429)):
            with Connection(port) as connection:
                more = f"X-Forwarded-For: {address}\r\nTransfer-Encoding: chunked\r\n"
                connection.say(scan(register, "superseded", more) + form)
                assert connection.heard()[0] == status


@pytest.mark.parametrize(
    "start",
    [
        "GET /v/x HTTP/1.1\r\nX: ",
        "GET /",
        "POST /verify HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        "POST /verify HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
    ],
    ids=["header", "address", "chunk", "trailer"],
)
def test_a_head_without_end_is_refused(port: int, start: str) -> None:
    with Connection(port) as connection:
        connection.say(start)
        with pytest.raises((BrokenPipeError, ConnectionResetError, TimeoutError)):  # noqa: PT012 - sooner or later
            for _ in range(40):
                connection.say(b"a" * wire.LARGEST_HEAD)
                time.sleep(0.05)


def test_many_trailers_are_refused(port: int) -> None:
    with Connection(port) as connection:
        connection.say("POST /verify HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError, TimeoutError)):  # noqa: PT012 - sooner or later
            for _ in range(40):
                connection.say("X: y\r\n" * 10_000)
                time.sleep(0.05)


def test_who_says_nothing_or_half_is_not_waited_for(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(wire, "IDLE_SECONDS", 0.3)
    with serving(register) as port:
        waiting = [Connection(port) for _ in range(4)]
        waiting[1].say("GET /v/")
        waiting[2].say(scan(register, "valid", JSON))  # and then nothing more
        waiting[2].heard()
        waiting[3].say(scan(register, "valid", JSON)[:-2] + "Content-Length: 9\r\n\r\n")  # answered, with more to come
        waiting[3].heard()
        for connection in waiting:
            assert connection.is_closed()
            connection.__exit__()


def test_of_too_many_connections_the_last_are_ended(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_CONNECTIONS", 3)
    with serving(register) as port:
        first = [Connection(port) for _ in range(3)]
        for connection in first:
            connection.say(scan(register, "valid", JSON))
            assert connection.heard()[0] == 200
        with Connection(port) as one_more:
            assert one_more.is_closed()
        first[0].__exit__()
        for connection in first[1:]:
            connection.say(scan(register, "valid", JSON))
            assert connection.heard()[0] == 200
            connection.__exit__()


def test_an_address_is_counted_once_on_either_way(register: Register) -> None:
    for state in ("valid", "superseded"):  # answered at once, and in a thread
        with serving(register, limit_page="2/minute") as port, Connection(port) as connection:
            said = []
            for _ in range(4):
                connection.say(scan(register, state, JSON))
                said.append(connection.heard()[0])
            assert said == [200, 200, 429, 429]
