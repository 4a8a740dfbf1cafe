"""The ASGI site: the same answers as Flask's, scans that wait for no one, bodies that hold no thread."""

from __future__ import annotations

import asyncio
import gc
import io
import threading
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from certsvc.app import create_app, create_asgi
from certsvc.services.certificates.change_status import reinstate, suspend
from certsvc.services.verification.scan import WouldWait, _forget, by_token
from certsvc.store.sqlite import sqlite
from certsvc.web import asgi, intake
from certsvc.web.answers import Answer
from certsvc.web.asgi import AsgiSite
from certsvc.web.public.record import Ask, answer_allowed
from certsvc.web.scans import Scans
from certsvc.web.site import EXTENSION
from tests.builders.site import Register
from tests.web.asgi_client import GONE, Heard, ask, exchange, pieces, scope_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

JSON = {"Accept": "application/json"}
MOST = 1000

pytestmark = pytest.mark.usefixtures("socket_enabled")  # an event loop has a pair of sockets of its own


@pytest.fixture
def site(register: Register) -> AsgiSite:
    return create_asgi(register.settings, services=register.services)


@pytest.fixture
def own_asgi(own: Register) -> AsgiSite:
    return create_asgi(own.settings, services=own.services)


def before(behind: WSGIApplication, register: Register) -> AsgiSite:
    """The ASGI site before another WSGI application than ours, which takes bodies of a thousand bytes."""
    app = create_app(register.settings, services=register.services)
    scans = Scans(app.extensions[EXTENSION], ["localhost"])
    return AsgiSite(behind, scans, lambda _environ, _start_response: (), MOST)


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("X-Length", environ.get("CONTENT_LENGTH", "-"))])
    return (environ["wsgi.input"].read(),)


def length_of(heard: Heard) -> str:
    return dict(heard.headers)["x-length"]


# Scans


def test_asgi_and_flask_answer_the_same(register: Register, site: AsgiSite) -> None:
    flask = create_app(register.settings, services=register.services, front=False).test_client()
    tokens = [held.token for held in register.held.values()] + ["a" * 26, "A" * 26, "z" * 25, "0" * 26]
    for token, accept, coding in product(tokens, ("text/html", "application/json"), ("", "gzip")):
        headers = {"Accept": accept, "Accept-Language": "en;q=0.8, zh;q=0.3", "Accept-Encoding": coding}
        for path in (f"/V/{token.upper()}", f"/v/{token}?lang=en", f"/api/v1/certificates/{token}"):
            one, other = ask(site, path, headers=headers), flask.get(path, headers=headers)
            assert (one.status, one.body) == (other.status_code, other.data)
            assert sorted(one.headers) == sorted((name.lower(), value) for name, value in other.headers)


def test_all_else_is_the_wsgi_site(register: Register, site: AsgiSite) -> None:
    flask = create_app(register.settings, services=register.services).test_client()
    for path in ("/verify", "/static/record.js", "/nix", "/healthz", "/v/short", "/.well-known/did.json"):
        one, other = ask(site, path), flask.get(path)
        assert (one.status, one.body) == (other.status_code, other.data)
    assert ask(site, f"/v/{register.valid.token}", method="HEAD").body == b""
    form = f"number={register.valid.number}&name={register.valid.name}".encode()
    sent = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(form))}
    found = ask(site, "/verify/number", pieces(form[:9], form[9:]), method="POST", headers=sent)
    assert found.status == 200
    assert register.valid.number.encode() in found.body


def test_a_scan_is_answered_with_every_thread_taken(register: Register) -> None:
    let_go, began = threading.Event(), threading.Semaphore(0)

    def slow(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began.release()
        let_go.wait(60)
        start_response("200 OK", [])
        return (b"",)

    async def scene() -> tuple[Heard, list[Heard]]:
        app = before(slow, register)
        others = [asyncio.create_task(exchange(app, scope_of("/verify"))) for _ in range(asgi._THREADS + 10)]
        try:
            for _ in range(asgi._THREADS):
                assert await asyncio.to_thread(began.acquire, timeout=20)
            async with asyncio.timeout(20):
                heard = await exchange(app, scope_of(f"/v/{register.valid.token}", headers=JSON))
        finally:  # what fails is not held up by those that wait, and their threads end while the loop is there
            let_go.set()
            answered = await asyncio.gather(*others)
        return heard, answered

    heard, others = asyncio.run(scene())
    assert heard.json["state"] == "valid"
    assert [other.status for other in others] == [200] * len(others)


@pytest.fixture
def locked(own: Register, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The register's file, locked by somebody who writes: with the journal of an older library, where that can be."""
    monkeypatch.setattr("certsvc.store.database.HAS_WAL", False)
    _forget()
    own.services.database.close()
    with own.services.database.reading() as session:
        assert session.execute(text("pragma journal_mode")).scalar_one() == "delete"
    file = own.services.database.sqlite_file
    assert file is not None
    writer = sqlite.connect(file, isolation_level=None, check_same_thread=False)
    writer.execute("PRAGMA locking_mode=EXCLUSIVE")
    writer.execute("BEGIN EXCLUSIVE")
    yield writer
    writer.close()


def test_a_scan_that_must_wait_holds_up_nobody(own: Register, own_asgi: AsgiSite, locked: Any) -> None:
    async def scene() -> tuple[Heard, Heard]:
        scan = asyncio.create_task(exchange(own_asgi, scope_of(f"/v/{own.valid.token}", headers=JSON)))
        await asyncio.sleep(0)
        alive = await exchange(own_asgi, scope_of("/healthz"))
        assert not scan.done()
        locked.rollback()
        locked.close()
        return await scan, alive

    with pytest.raises(WouldWait):
        by_token(own.services, own.valid.token, wait=False)
    scan, alive = asyncio.run(scene())
    assert alive.status == 200
    assert scan.json["state"] == "valid"


def test_scans_are_answered_as_soon_as_the_file_is_not_locked(
    own: Register, own_asgi: AsgiSite, locked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_threads: list[str] = []

    def in_turn(scans: Scans, one: Ask) -> Answer:
        in_threads.append(one.token)
        return answer_in_turn(scans, one)

    async def scene() -> list[Heard]:
        tokens = [own.held[state].token for state in ("valid", "revoked", "valid")]
        scans = [asyncio.create_task(exchange(own_asgi, scope_of(f"/v/{one}", headers=JSON))) for one in tokens]
        await asyncio.sleep(0.1)
        assert not any(scan.done() for scan in scans)
        locked.rollback()
        locked.close()
        return await asyncio.gather(*scans)

    answer_in_turn = Scans.answer_in_turn
    monkeypatch.setattr(Scans, "answer_in_turn", in_turn)
    schemes = {
        own.services.database.engine: dict.fromkeys(range(10), False)
    }  # asked before whether they show portraits
    monkeypatch.setattr("certsvc.services.verification.portrait._public", schemes)
    assert [one.json["state"] for one in asyncio.run(scene())] == ["valid", "revoked", "valid"]
    # One in plain sight waits on the loop, by a few milliseconds at a time; in a thread SQLite itself would wait.
    assert in_threads == [own.held["revoked"].token]


def test_one_scan_alone_asks_whether_the_file_is_still_locked(
    own: Register, own_asgi: AsgiSite, locked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def ask_again(*arguments: Any, **named: Any) -> Answer:
        nonlocal asked
        asked += 1
        return answer_allowed(*arguments, **named)

    async def scene() -> int:
        scans = [asyncio.create_task(exchange(own_asgi, scope_of(f"/v/{own.valid.token}"))) for _ in range(50)]
        await asyncio.sleep(0.2)
        before = asked
        locked.rollback()
        locked.close()
        assert {one.status for one in await asyncio.gather(*scans)} == {200}
        return before

    monkeypatch.setattr(asgi, "answer_allowed", ask_again)
    monkeypatch.setattr(asgi, "_AGAIN_SECONDS", 0.02)
    before = asyncio.run(scene())
    assert before <= 50 + 11
    assert asked == before + 50


def test_a_scan_that_waits_too_long_cannot_be_checked_just_now(
    own: Register, own_asgi: AsgiSite, locked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "_SCAN_SECONDS", 0.2)

    async def scene() -> Heard:
        try:
            return await exchange(own_asgi, scope_of(f"/v/{own.valid.token}", headers=JSON))
        finally:
            locked.close()  # before the loop waits for its threads

    heard = asyncio.run(scene())
    assert heard.status == 503
    assert heard.json["state"] == "unavailable"


def test_the_status_is_read_anew_with_every_scan(own: Register, own_asgi: AsgiSite) -> None:
    async def scene() -> list[str]:
        states = []
        for deed in (None, suspend, reinstate):
            if deed is not None:
                deed(own.services, own.valid.number, reason="查实", by="甲")
            heard = await exchange(own_asgi, scope_of(f"/v/{own.valid.token}", headers=JSON))
            states.append(heard.json["state"])
        return states

    assert asyncio.run(scene()) == ["valid", "suspended", "valid"]


@pytest.mark.parametrize("state", ["valid", "superseded"])  # answered at once, and in a thread
def test_a_scan_counts_once(register: Register, state: str) -> None:
    app = create_asgi(replace(register.settings, limit_page="2/minute"), services=register.services)
    path = f"/v/{register.held[state].token}"
    assert [ask(app, path, headers=JSON).status for _ in range(4)] == [200, 200, 429, 429]
    assert ask(app, path, client="198.51.100.9").status == 200


def test_exactly_the_configured_proxies_are_believed_and_no_underscore(register: Register) -> None:
    settings = replace(register.settings, limit_page="1/minute", trusted_proxies=1)
    app = create_asgi(settings, services=register.services)

    def scanned(**headers: str) -> int | None:
        named = {name.replace("__", "-"): value for name, value in headers.items()}
        return ask(app, f"/v/{register.valid.token}", headers=named).status

    assert scanned(X__Forwarded__For="203.0.113.1") == 200
    assert scanned(X__Forwarded__For="203.0.113.1") == 429
    assert scanned(X__Forwarded__For="203.0.113.2") == 200
    # The same name to WSGI: anyone who may add one to a proxy's would choose the address that is counted.
    assert scanned(X__Forwarded__For="203.0.113.1", X_Forwarded_For="203.0.113.77") == 429
    assert scanned(X_Forwarded_For="203.0.113.78") == 200
    assert scanned(X_Forwarded_For="203.0.113.79") == 429


def test_nothing_stays_of_what_strangers_headers_hold(site: AsgiSite) -> None:
    def scan(number: int) -> None:
        long = f"{number}," + "json" * 50_000
        named = {"Accept": long, "Accept-Language": long, "Accept-Encoding": long, "Cookie": long, f"X-{long}": "1"}
        assert ask(site, "/v/" + "a" * 26, headers=named).status == 404

    scan(0)
    tracemalloc.start()
    before_all, _ = tracemalloc.get_traced_memory()
    for number in range(1, 11):
        scan(number)
    gc.collect()
    after_all, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after_all - before_all < 1_000_000


def test_a_fault_goes_on_to_flask(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    app = before(echo, register)
    monkeypatch.setattr("certsvc.web.scans._ask", lambda *_: 1 / 0)
    assert length_of(ask(app, f"/v/{register.valid.token}")) == "-"


# Bodies


def test_a_body_is_whole_before_a_thread_has_it(register: Register) -> None:
    app = before(echo, register)
    for headers in ({"Content-Length": "9"}, {"Transfer-Encoding": "chunked"}, {"Content-Length": "nine"}):
        heard = ask(app, "/x", pieces(b"abc", b"", b"defghi"), method="POST", headers=headers)
        assert (heard.body, length_of(heard)) == (b"abcdefghi", "9")
    assert ask(app, "/x", method="POST").body == b""
    large = bytes(range(256)) * 4
    assert ask(app, "/x", pieces(large[:MOST]), method="POST", headers={"Content-Length": "1000"}).body == large[:MOST]


def test_what_is_too_large_is_not_taken_in(register: Register) -> None:
    app = before(echo, register)
    declared = ask(app, "/x", pieces(b"abc"), method="POST", headers={"Content-Length": "1001"})
    assert (declared.body, length_of(declared)) == (b"", "1001")
    endless = [{"type": "http.request", "body": b"x" * 700, "more_body": True}] * 9
    heard = ask(app, "/x", endless, method="POST", headers={"Transfer-Encoding": "chunked"})
    assert (len(heard.body), length_of(heard)) == (1001, "1001")


def test_flask_refuses_what_is_too_large_in_its_own_words(register: Register) -> None:
    app = create_asgi(replace(register.settings, max_upload_mb=1), services=register.services)
    for headers in ({"Content-Length": "2000000"}, {"Transfer-Encoding": "chunked"}):
        sent = headers | {"Content-Type": "multipart/form-data; boundary=b", "Accept": "text/html"}
        heard = ask(app, "/verify/file", pieces(b"x" * 2_000_000), method="POST", headers=sent)
        assert heard.status == 413
        assert "上传的内容太大" in heard.body.decode()


@pytest.mark.parametrize("length", [{"Content-Length": "9"}, {"Transfer-Encoding": "chunked"}])
def test_a_body_that_breaks_off_is_no_fault_of_ours(register: Register, length: dict[str, str]) -> None:
    heard = ask(before(echo, register), "/x", [*pieces(b"ab", b"")[:1], GONE], method="POST", headers=length)
    assert heard.status == 400  # servers say 500 where nothing is said
    assert "请求不完整" in heard.body.decode()


def test_an_address_may_bear_letters_that_nobody_escaped(site: AsgiSite) -> None:
    escaped = ask(site, "/verify?number=%E5%BC%A0&lang=en&x=100%25")
    assert escaped.status == 200
    raw = scope_of("/verify")
    raw["query_string"] = "number=张&lang=en&x=100%25".encode()
    heard = asyncio.run(exchange(site, raw))
    assert (heard.status, heard.body) == (200, escaped.body)


@pytest.mark.parametrize("pace", ["_STALL_SECONDS", "_LARGE_SECONDS"])
@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Accept": "application/json"}, '"code":"request-timeout"'),
        ({"Accept-Language": "en"}, "The upload was too slow"),
        ({}, "上传太慢"),
    ],
)
def test_a_slow_body_is_ended(
    register: Register, monkeypatch: pytest.MonkeyPatch, pace: str, headers: dict[str, str], said: str
) -> None:
    monkeypatch.setattr(intake, pace, 0.05)
    sent = headers | {"Transfer-Encoding": "chunked"}
    start = [{"type": "http.request", "body": b"a", "more_body": True}]
    heard = ask(before(echo, register), "/x", start, method="POST", headers=sent)
    assert heard.status == 408
    assert said in heard.body.decode()


def test_slow_uploads_hold_up_no_form(register: Register) -> None:
    start = [{"type": "http.request", "body": b"a", "more_body": True}]
    chunked = {"Transfer-Encoding": "chunked"}

    async def scene() -> Heard:
        app = before(echo, register)
        slow = [
            asyncio.create_task(exchange(app, scope_of("/x", method="POST", headers=chunked), start))
            for _ in range(intake._PLACES + 5)
        ]
        await asyncio.sleep(0.05)
        heard = await exchange(app, scope_of("/x", method="POST", headers={"Content-Length": "3"}), pieces(b"abc"))
        for task in slow:
            task.cancel()
        return heard

    assert asyncio.run(scene()).body == b"abc"


# The server's own


def test_a_server_that_stops_loses_no_count(own: Register, own_asgi: AsgiSite) -> None:
    ask(own_asgi, f"/v/{own.valid.token}", headers=JSON)
    sent: list[str] = []

    async def live() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "lifespan"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message["type"])

        await own_asgi({"type": "lifespan"}, receive, send)

    with own.services.database.reading() as session:
        assert session.execute(text("select count(*) from scan_count")).scalar_one() == 0
    asyncio.run(live())
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    with own.services.database.reading() as session:
        assert session.execute(text("select count(*) from scan_count")).scalar_one() == 1


class Lingering:
    """A body whose thread goes on after the last of it was sent."""

    def __init__(self) -> None:
        self.sent, self.let_go, self.ended = threading.Event(), threading.Event(), False

    def __iter__(self) -> Iterator[bytes]:
        yield b"all there is"
        self.sent.set()

    def close(self) -> None:
        self.let_go.wait(30)
        self.ended = True


@pytest.mark.parametrize("patience", [30, 0.1])
def test_a_server_that_stops_waits_for_its_threads_but_not_for_ever(
    register: Register, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    monkeypatch.setattr(asgi, "_END_SECONDS", patience)
    body = Lingering()

    def behind(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return body

    async def silent(*_: object) -> dict[str, Any]:
        return {"type": "lifespan"}

    async def scene() -> None:
        app = before(behind, register)
        asked = asyncio.create_task(exchange(app, scope_of("/x")))
        await asyncio.to_thread(body.sent.wait)
        stopping = asyncio.create_task(app({"type": "lifespan"}, silent, silent))
        if patience < 1:
            await stopping
            assert not body.ended
        else:
            await asyncio.sleep(0.3)
            assert not stopping.done()
        body.let_go.set()
        await asyncio.gather(asked, stopping)

    asyncio.run(scene())
    assert body.ended


def test_a_connection_that_is_no_request_is_let_be(site: AsgiSite) -> None:
    assert asyncio.run(exchange(site, {"type": "websocket"})).status is None


def test_faults_are_told_on_the_standard_error(register: Register, capsys: pytest.CaptureFixture[str]) -> None:
    def faulty(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        errors: io.TextIOBase = environ["wsgi.errors"]
        errors.write("a fault")
        start_response("500 Fault", [])
        return ()

    ask(before(faulty, register), "/x")
    assert capsys.readouterr() == ("", "a fault")
