"""Work on a stranger's bytes ends within its bounds, knows no secret, and takes nothing down with it."""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from certsvc.bounded import Bounds, OutOfBounds, Say, run_bounded, serve, work_named
from certsvc.roster.xlsx_bounded import read_in_child

BOUNDS = Bounds(seconds=5, memory_bytes=512 * 2**20, answer_bytes=2**20)


# The child finds these by this module's name, so the tests' folder must be on its path.
@pytest.fixture(autouse=True)
def tests_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))


def repeat(settings: dict[str, Any], content: bytes, say: Say) -> None:
    say(content * settings["times"])


def tell_environment(settings: dict[str, Any], content: bytes, say: Say) -> None:
    say(json.dumps(sorted(os.environ)).encode())


def spin(settings: dict[str, Any], content: bytes, say: Say) -> None:
    while True:
        pass


def sleep(settings: dict[str, Any], content: bytes, say: Say) -> None:
    time.sleep(60)


def hoard(settings: dict[str, Any], content: bytes, say: Say) -> None:
    say(str(len(bytearray(2**30))).encode())


def die(settings: dict[str, Any], content: bytes, say: Say) -> None:
    say(b"half an ans")
    os.abort()


def write_a_file(settings: dict[str, Any], content: bytes, say: Say) -> None:
    with Path(settings["path"]).open("wb") as file:
        file.write(content)


def test_the_answer_is_what_the_work_said() -> None:
    assert run_bounded(repeat, {"times": 3}, b"\x00a\n", BOUNDS) == b"\x00a\n\x00a\n\x00a\n"


@pytest.mark.parametrize(
    ("work", "bounds"),
    [
        (spin, Bounds(1, BOUNDS.memory_bytes, 10)),
        (sleep, Bounds(1, BOUNDS.memory_bytes, 10)),
        (hoard, BOUNDS),
        (die, BOUNDS),
    ],
)
def test_work_beyond_its_bounds_ends_alone(work: Any, bounds: Bounds) -> None:
    began = time.monotonic()
    with pytest.raises(OutOfBounds):
        run_bounded(work, {}, b"", bounds)
    assert time.monotonic() - began < 30


def test_no_more_is_said_than_may_be() -> None:
    with pytest.raises(OutOfBounds):
        run_bounded(repeat, {"times": 1}, bytes(2**20 + 1), BOUNDS)


def test_no_file_grows_beyond_what_may_be_said(tmp_path: Path) -> None:
    with pytest.raises(OutOfBounds):
        run_bounded(write_a_file, {"path": str(tmp_path / "planted")}, b"x" * 11, Bounds(5, 512 * 2**20, 10))
    assert (tmp_path / "planted").stat().st_size <= 10


def test_the_child_is_given_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CERTSVC_KEY_PASSPHRASE", "open sesame")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "likewise")
    told = json.loads(run_bounded(tell_environment, {}, b"", BOUNDS))
    assert "PATH" in told
    assert not [name for name in told if name.startswith(("CERTSVC", "AWS"))]


def tell_niceness(settings: dict[str, Any], content: bytes, say: Say) -> None:
    say(str(os.nice(0)).encode())


def test_a_child_goes_behind_the_one_that_asks() -> None:
    assert int(run_bounded(tell_niceness, {}, b"", BOUNDS)) == min(os.nice(0) + 10, 19)


def test_an_interpreter_that_is_not_there_is_out_of_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(OutOfBounds):
        run_bounded(repeat, {"times": 1}, b"a", BOUNDS)


def test_the_child_takes_its_limits_before_it_works() -> None:
    taken: list[int] = []

    def work(settings: dict[str, Any], content: bytes, say: Say) -> None:
        assert taken == [resource.RLIMIT_CORE, resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_FSIZE]
        say(content + settings["more"].encode())

    asked = json.dumps({"bounds": asdict(BOUNDS), "settings": {"more": "!"}}).encode() + b"\nfile\n"
    said = io.BytesIO()
    serve(work, io.BytesIO(asked), said, lambda kind, _: taken.append(kind))
    assert said.getvalue() == b"file\n!"


def test_work_is_found_by_its_name() -> None:
    assert work_named("certsvc.roster.xlsx_bounded:read_in_child") is read_in_child
