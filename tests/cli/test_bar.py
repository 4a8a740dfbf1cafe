"""A long command says on standard error how far it is and how long it will take, and a short one says nothing."""

from __future__ import annotations

import pytest

from certsvc.cli import speech
from certsvc.cli.speech import Bar


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    monkeypatch.setattr(speech, "monotonic", clock)
    return clock


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    found = capsys.readouterr()
    assert found.out == ""
    return found.err.splitlines()


def test_a_quiet_one_that_is_done_at_once_says_nothing(time: Time, capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar(quiet=True)
    for done in range(4):
        time.now += 0.5
        bar("files", done, 3)
    assert said(capsys) == []


def test_one_that_takes_long_says_every_few_seconds_how_far_it_is_and_the_time_left(
    time: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    bar = Bar(quiet=True)
    for done in range(101):
        bar("files", done, 100)
        time.now += 1
    lines = said(capsys)
    assert len(lines) == 20
    assert lines[0].endswith("] 5/100  约剩 left 1:35")
    assert lines[9].endswith("] 50/100  约剩 left 0:50")
    assert lines[-1].endswith("] 100/100")


def test_the_next_step_begins_its_own_count(time: Time, capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar(quiet=True)
    bar("rows", 0, 10)
    time.now += 100
    bar("rows", 10, 10)
    bar("files", 0, 10)
    time.now += 6
    bar("files", 6, 10)
    assert [line.rpartition("] ")[2] for line in said(capsys)] == ["10/10", "6/10  约剩 left 0:04"]


def test_where_no_one_knows_how_many_there_are_it_counts(time: Time, capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar(quiet=True)
    bar("read", 500, 0)
    time.now += 6
    bar("read", 1_000, 0)
    assert said(capsys) == ["读取 reading 1000"]


def test_one_that_is_not_quiet_says_the_end(time: Time, capsys: pytest.CaptureFixture[str]) -> None:
    Bar()("issue", 3, 3)
    assert [line.rpartition("] ")[2] for line in said(capsys)] == ["3/3"]
