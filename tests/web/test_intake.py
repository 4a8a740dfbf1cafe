"""What a body may be before anybody reads it, and that a small one waits for no one; counts that do not grow (R10)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from certsvc.web import intake, limits
from certsvc.web.intake import BrokenOff, Intake

MOST = 100_000
SMALL = 64 * 1024


def sending(*pieces: bytes) -> Callable[[], Awaitable[dict[str, Any]]]:
    left = [
        {"type": "http.request", "body": piece, "more_body": at < len(pieces) - 1} for at, piece in enumerate(pieces)
    ]

    async def receive() -> dict[str, Any]:
        return left.pop(0) if left else {"type": "http.disconnect"}

    return receive


def scope(length: int | None = None, *, chunked: bool = False) -> dict[str, Any]:
    headers = [(b"host", b"localhost")]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    if chunked:
        headers.append((b"transfer-encoding", b"chunked"))
    return {"type": "http", "headers": headers}


async def taken(door: Intake, asked: dict[str, Any], *pieces: bytes) -> bytes:
    """The body as the site gets it."""
    async with door.taken_in(asked, sending(*pieces)) as give:
        body = b""
        while True:
            message = await give()
            body += message["body"]
            if not message["more_body"]:
                return body


def told(asked: dict[str, Any]) -> int:
    [length] = [int(value) for name, value in asked["headers"] if name == b"content-length"]
    return length


@pytest.mark.parametrize("length", [1, SMALL, SMALL + 1, MOST])
def test_a_body_up_to_the_most_is_taken_whole(length: int) -> None:
    asked = scope(length)
    body = bytes(range(256)) * (length // 256 + 1)
    assert asyncio.run(taken(Intake(MOST), asked, body[: length // 2], body[length // 2 : length])) == body[:length]
    assert told(asked) == length


@pytest.mark.parametrize("length", [0, MOST + 1, 10**12])
def test_no_body_and_one_that_says_it_is_too_large_are_not_taken_in(length: int) -> None:
    """Its length stays, so that the site refuses it in its own words."""
    asked = scope(length)
    assert asyncio.run(taken(Intake(MOST), asked, b"x" * 10)) == b""
    assert told(asked) == length


def test_of_a_body_that_hides_its_length_one_byte_too_many_is_kept() -> None:
    for sent, kept in ((MOST, MOST), (MOST + 1, MOST + 1), (3 * MOST, MOST + 1)):
        asked = scope(chunked=True)
        body = asyncio.run(taken(Intake(MOST), asked, b"x" * (sent // 2), b"y" * (sent - sent // 2)))
        assert (len(body), told(asked)) == (kept, kept)
        assert all(name != b"transfer-encoding" for name, _ in asked["headers"])


def test_a_body_that_says_less_than_it_sends_has_its_true_length_told() -> None:
    asked = scope(5)
    assert asyncio.run(taken(Intake(MOST), asked, b"x" * 20)) == b"x" * 20
    assert told(asked) == 20


def test_a_body_that_breaks_off_is_none() -> None:
    async def broken() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def ask() -> None:
        async with Intake(MOST).taken_in(scope(5), broken):
            raise AssertionError("nothing came")

    with pytest.raises(BrokenOff):
        asyncio.run(ask())


async def _full() -> Intake:
    """A door whose places are all taken."""
    door = Intake(MOST)
    for _ in range(intake._PLACES):
        await door._places.acquire()
    return door


@pytest.mark.parametrize(
    ("length", "chunked", "waits"), [(SMALL, False, False), (SMALL + 1, False, True), (None, True, True)]
)
def test_only_a_body_larger_than_a_form_needs_a_place(length: int | None, chunked: bool, waits: bool) -> None:
    """With every place taken by slow uploads, a form goes through; what is larger, or does not say, waits."""

    async def ask() -> bytes | None:
        door = await _full()
        try:
            return await asyncio.wait_for(taken(door, scope(length, chunked=chunked), b"x" * (length or 1)), 0.2)
        except TimeoutError:
            return None

    assert (asyncio.run(ask()) is None) is waits


def test_a_place_is_given_back() -> None:
    async def ask() -> int:
        door = Intake(MOST)
        for _ in range(intake._PLACES + 1):
            await taken(door, scope(SMALL + 1), b"x" * (SMALL + 1))
        return door._places._value

    assert asyncio.run(ask()) == intake._PLACES == 64


def test_a_process_counts_a_million_addresses_and_then_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """R10's limits by address are no way to fill its memory: who has that many is not held by them anyway."""
    assert limits._MOST == 1_000_000
    monkeypatch.setattr(limits, "_MOST", 3)
    here = limits._Here()
    assert [here.count(subject, 60, 0) for subject in "aab"] == [1, 2, 1]
    assert here.count("c", 60, 0) == 1
    assert here.count("a", 60, 0) == 1, "three are known: the window begins again"
    for at in range(100):
        here.count(f"198.51.100.{at}", 60, 0)
        assert len(here._windows[60][1]) <= 3
    assert len(here._windows) == 1


def test_a_window_keeps_its_counts_to_its_end_and_each_length_its_own() -> None:
    here = limits._Here()
    assert [here.count("a", 60, moment) for moment in (0, 59, 60, 119, 120)] == [1, 2, 1, 2, 1]
    assert [here.count("a", 3600, moment) for moment in (0, 59, 60, 3599, 3600)] == [1, 2, 3, 4, 1]
