"""Strangers' bytes have a size by their kind, few are worked on at once, and the others wait in turn or come again."""

from __future__ import annotations

import asyncio
import io
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from certsvc.app import create_app
from certsvc.web import intake
from certsvc.web.gate import Busy, Gate, most_bytes
from certsvc.web.intake import Room
from certsvc.web.site import EXTENSION
from tests.builders.site import Register

MB = 1024 * 1024


class Queue:
    """Threads at a gate: `order` is that in which they had their turn; each holds it until it is let go."""

    def __init__(self, at: Gate) -> None:
        self.at, self.order, self.refused = at, list[str](), list[str]()
        self._let_go = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []

    def come(self, address: str) -> None:
        waiting = len(self.order) + len(self.refused) + sum(map(len, self.at._queues.values()))
        thread = threading.Thread(target=self._run, args=(address,))
        self._threads.append(thread)
        thread.start()
        for _ in range(500):  # until it has its turn, waits, or was refused
            if len(self.order) + len(self.refused) + sum(map(len, self.at._queues.values())) > waiting:
                return
            time.sleep(0.01)
        raise AssertionError("it neither came in nor waits")

    def _run(self, address: str) -> None:
        try:
            with self.at.turn(address):
                self.order.append(address)
                self._let_go.acquire(timeout=20)
        except Busy:
            self.refused.append(address)

    def let_go(self, count: int) -> None:
        for _ in range(count):
            self._let_go.release()
            time.sleep(0.05)

    def end(self) -> None:
        for _ in self._threads:
            self._let_go.release()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def queue() -> Iterator[Queue]:
    made = Queue(Gate(at_once=1, waiting=4, waiting_of_one=3, patience_seconds=20))
    yield made
    made.end()


def test_an_upload_waits_for_one_turn_of_each_address_not_for_all_of_one(queue: Queue) -> None:
    for address in ("flood", "flood", "flood", "flood", "honest"):
        queue.come(address)
    queue.let_go(4)
    assert queue.order == ["flood", "flood", "honest", "flood", "flood"]


def test_one_address_and_all_together_may_wait_only_so_many_times(queue: Queue) -> None:
    for address in ("flood",) * 5:
        queue.come(address)
    assert queue.refused == ["flood"]
    queue.come("honest")
    queue.come("late")
    assert queue.refused == ["flood", "late"]


def test_one_that_waits_too_long_is_told_to_come_again_and_leaves_the_queue() -> None:
    at = Gate(at_once=1, patience_seconds=0.05)
    with at.turn("a"):
        for _ in range(2):
            with pytest.raises(Busy), at.turn("b"):
                pass
    with at.turn("b"), suppress(Busy), at.turn("c"):
        raise AssertionError("there was one turn alone")
    with at.turn("c"):
        pass


def test_a_turn_that_comes_at_the_last_moment_is_not_lost() -> None:
    at = Gate(at_once=1)
    with at.turn("a"):
        mine = at._ask("b")
        assert mine is not None
    assert at._give_up("b", mine)
    at._pass_on()
    with at.turn("c"):
        pass


def test_a_turn_ends_with_an_error_too() -> None:
    at = Gate(at_once=1, patience_seconds=0.05)
    with pytest.raises(ZeroDivisionError), at.turn("a"):
        raise ZeroDivisionError
    with at.turn("a"):
        pass


@pytest.mark.parametrize(
    ("content_type", "most"),
    [
        ("application/json", MB),
        ("Application/JSON; charset=utf-8", MB),
        ("application/problem+json", MB),
        ("", MB),
        ("application/pdf", 10 * MB),
        ("application/x-www-form-urlencoded", 64 * 1024),
        ("multipart/form-data; boundary=x", 25 * MB),
    ],
)
def test_a_body_has_a_size_by_its_kind(content_type: str, most: int) -> None:
    assert most_bytes(content_type, 25 * MB) == most
    assert most_bytes(content_type, 1000) <= 64 * 1024


def test_a_body_too_large_for_its_kind_is_refused_by_flask_too(client: FlaskClient) -> None:
    body = b'{"rows":[' + b"{}," * 400_000 + b"{}]}"
    answer = client.post("/api/v1/verifications", data=body, content_type="application/json")
    assert answer.status_code == 413
    form = client.post("/verify/number", data={"number": "1" * 70_000, "name": "x"})
    assert form.status_code == 413


def test_every_long_json_is_counted_before_it_is_read(register: Register) -> None:
    app = create_app(replace(register.settings, limit_file="2/minute"), services=register.services)
    sender = {"REMOTE_ADDR": "198.51.100.231"}
    statuses = [
        app.test_client()
        .post("/api/v1/verifications", data=body, content_type="application/json", environ_base=sender)
        .status_code
        for body in (b"[" * 900_000, b'{"rows":' * 90_000, b"{" * 900_000)
    ]
    assert statuses == [400, 400, 429]


def test_a_key_that_is_none_is_refused_before_a_form_is_read(client: FlaskClient) -> None:
    answer = client.post(
        "/api/v1/verifications",
        data={"file": (io.BytesIO(b"%PDF-"), "a.pdf")},
        headers={"Authorization": "Bearer csk_no"},
    )
    assert answer.status_code == 401


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_full_gate_says_to_come_again_and_no_word_of_a_certificate(register: Register, accept: str) -> None:
    own = create_app(register.settings, services=register.services)
    at: Gate = own.extensions[EXTENSION].gate
    at._most_waiting = 0
    with at.turn("a"), at.turn("b"):
        answer = own.test_client().post(
            "/verify/file", data={"file": (io.BytesIO(b"%PDF-"), "a.pdf")}, headers={"Accept": accept}
        )
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "一分钟后再试" in answer.text
    assert "签名" not in answer.text


def test_a_list_goes_on_with_what_it_can_where_the_gate_is_full(register: Register) -> None:
    own = create_app(register.settings, services=register.services)
    at: Gate = own.extensions[EXTENSION].gate
    content = f"证书编号,姓名\n{register.valid.number},{register.valid.name}\n".encode()
    turns = [0]

    def once(address: str) -> object:
        turns[0] += 1
        if turns[0] > 2:  # the form and the rows were read; then comes the look-up
            raise Busy
        return nullcontext()

    at.turn = once  # type: ignore[method-assign, assignment]
    sent = {"list": (io.BytesIO(content), "a.csv")}
    answer = own.test_client().post("/verify/list", data=sent, headers={"Accept": "text/csv"})
    assert answer.status_code == 200
    assert "暂时无法查询" in answer.data.decode("utf-8-sig")


@pytest.mark.usefixtures("socket_enabled")
def test_all_bodies_together_have_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_ROOM_SECONDS", 0.05)

    async def scene() -> list[str]:
        room, told = Room(100), []
        await room.take(80)
        try:
            await room.take(30)
        except Busy:
            told.append("busy")
        waiting = asyncio.create_task(room.take(30))
        await asyncio.sleep(0)
        await room.give_back(80)
        await waiting
        told.append("taken")
        return told

    assert asyncio.run(scene()) == ["busy", "taken"]
