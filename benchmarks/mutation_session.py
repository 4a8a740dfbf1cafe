"""One pytest process that tries mutants: it collects the tests once, then a fork of it makes each change and runs them.

    python -m benchmarks.mutation_session PLAN.json RESULTS.jsonl      (started by `mutation`, within a copy of ours)

First the tests run once as they are, under coverage, so that a mutant is asked only of tests that come by its line, the
quick ones first, then of their neighbours in the same files (a fixture may have come by it for them). In the fork the
code of the live functions is exchanged, which takes no time; the file is changed too, for processes that tests start.
What stands outside functions needs a process of its own. Not here: what a mutant is (`source_mutants`), which are
drawn and what is reported (`mutation`).
"""

from __future__ import annotations

import contextlib
import functools
import gc
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import IO, Final

import coverage
import pytest

from benchmarks.source_mutants import SourceMutant

# pytest's own answers; a fork ends with one of the first two.
PASSED, FAILED, NO_TESTS = 0, 1, 5
NEEDS_PROCESS: Final = 77
_MEMORY: Final = 6 * 2**30
OPTIONS: Final = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=0", "-m", "not postgresql"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to try: `mutants` in this order, with `tests` (paths), each for at most `seconds` of them as they take
    unchanged. After `minutes` no other is begun."""

    tests: list[str]
    mutants: list[SourceMutant]
    seconds: float
    minutes: float

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), ensure_ascii=False), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Plan:
        held = json.loads(path.read_text(encoding="utf-8"))
        held["mutants"] = [SourceMutant(**mutant) for mutant in held["mutants"]]
        return cls(**held)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the mutant with that place in the plan. `how`: failed, time, survived, unreached."""

    at: int
    how: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The tests on our source as it is: seconds of each, which of them failed, and which come by a line of a file (all
    by their places in the list)."""

    seconds: list[float]
    failed: list[int]
    reached: dict[str, dict[str, list[int]]]

    def reaching(self, mutant: SourceMutant) -> list[int]:
        lines = self.reached.get(mutant.path, {})
        if mutant.inside:
            lines = {str(line): lines.get(str(line), []) for line in range(mutant.first, mutant.last + 1)}
        return sorted({test for tests in lines.values() for test in tests})


class Tries:
    """The plugin: in the place of running the tests, they are run once a mutant."""

    def __init__(self, plan: Plan, results: IO[str], root: Path) -> None:
        self._plan = plan
        self._results = results
        self._root = root
        self._touched = int(time.time())

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = list(session.items)
        unchanged = self._run_unchanged(session, items)
        self._results.write(json.dumps({"left_out": [items[at].nodeid for at in unchanged.failed]}) + "\n")
        until = time.monotonic() + 60 * self._plan.minutes
        for at, mutant in enumerate(self._plan.mutants):
            if time.monotonic() >= until:
                break
            began = time.monotonic()
            how = self._try(session, items, unchanged, mutant)
            outcome = Outcome(at, how, time.monotonic() - began)
            self._results.write(json.dumps(asdict(outcome)) + "\n")
            self._results.flush()
        return True

    def _run_unchanged(self, session: pytest.Session, items: list[pytest.Item]) -> Unchanged:
        """In a fork as well, so that nothing a test leaves behind is there for the mutants."""
        answer = self._root / "unchanged.json"
        files = sorted({str(self._root / mutant.path) for mutant in self._plan.mutants})

        def run() -> int:
            watched = _Watched(files, session)
            session.config.pluginmanager.register(watched)
            session.config.option.maxfail = 0
            watched.measure.start()
            _run(session, items, stop=False)
            watched.measure.stop()
            found = {Path(path).relative_to(self._root).as_posix(): watched.lines(path) for path in files}
            answer.write_text(json.dumps(asdict(Unchanged(watched.seconds, watched.failed, found))))
            return PASSED

        code = _in_fork(run, quiet=False, seconds=3600)
        if code != PASSED:
            raise pytest.UsageError(f"the tests cannot be run on our source as it is ({code})")
        return Unchanged(**json.loads(answer.read_text()))

    def _try(
        self, session: pytest.Session, items: list[pytest.Item], unchanged: Unchanged, mutant: SourceMutant
    ) -> str:
        chosen = self._chosen(items, unchanged, mutant)
        if not chosen:
            return "unreached"
        patience = 60 + 5 * sum(unchanged.seconds[at] for at in chosen)
        path = self._root / mutant.path
        source = path.read_bytes()
        mutated = mutant.apply(source)
        self._write(path, mutated)
        try:
            code: int | None = NEEDS_PROCESS
            if mutant.inside:
                code = _in_fork(
                    lambda: _run(session, [items[at] for at in chosen]) if exchange(path, mutated) else NEEDS_PROCESS,
                    quiet=True,
                    seconds=patience,
                )
            if code == NEEDS_PROCESS:
                code = self._in_process([items[at].nodeid for at in chosen], patience)
        finally:
            self._write(path, source)
        if code is None:
            return "time"
        return "survived" if code == PASSED else "failed"

    def _chosen(self, items: list[pytest.Item], unchanged: Unchanged, mutant: SourceMutant) -> list[int]:
        """The tests to ask, in order, as many as fit into the seconds; at least one."""
        quick = lambda at: unchanged.seconds[at]  # noqa: E731
        reaching = sorted(unchanged.reaching(mutant), key=quick)
        files = {items[at].path for at in reaching}
        known = set(reaching)
        beside = sorted((at for at, item in enumerate(items) if item.path in files and at not in known), key=quick)
        chosen: list[int] = []
        spent = 0.0
        for at in (*reaching, *beside):
            if at in unchanged.failed:
                continue
            spent += unchanged.seconds[at]
            if chosen and spent > self._plan.seconds:
                break
            chosen.append(at)
        return chosen

    def _write(self, path: Path, content: bytes) -> None:
        """Each time with a time of its own, so that no compiled file of the one before is taken for it."""
        path.write_bytes(content)
        self._touched += 1
        os.utime(path, (self._touched, self._touched))

    def _in_process(self, names: Sequence[str], seconds: float) -> int | None:
        listed = self._root / "chosen.txt"
        listed.write_text("\n".join(names), encoding="utf-8")
        with subprocess.Popen(
            [sys.executable, "-m", "pytest", *OPTIONS, f"--basetemp={self._root / 'tmp'}", f"@{listed}"],
            cwd=self._root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                return process.wait(seconds)
            except subprocess.TimeoutExpired:
                return None
            finally:
                _end_group(process.pid)


class _Watched:
    """Coverage of each test, and how long it takes."""

    def __init__(self, files: Sequence[str], session: pytest.Session) -> None:
        self.measure = coverage.Coverage(data_file=None, config_file=False, include=files)
        self.seconds: list[float] = []
        self.failed: list[int] = []
        self._session = session

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        self.measure.switch_context(str(len(self.seconds)))
        began, failed = time.monotonic(), self._session.testsfailed
        done = yield
        if self._session.testsfailed > failed:
            self.failed.append(len(self.seconds))
        self.seconds.append(time.monotonic() - began)
        return done

    def lines(self, path: str) -> dict[str, list[int]]:
        by_line = self.measure.get_data().contexts_by_lineno(path)
        return {str(line): sorted(int(test) for test in tests if test) for line, tests in by_line.items()}


def _run(session: pytest.Session, items: list[pytest.Item], *, stop: bool = True) -> int:
    """Run these tests in this process, up to the first that fails or to the end."""
    session.items = items
    session.testscollected = len(items)
    try:
        for at, item in enumerate(items):
            following = items[at + 1] if at + 1 < len(items) else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if stop and session.testsfailed:
                return FAILED
    except (pytest.Session.Interrupted, pytest.Session.Failed):
        return FAILED
    return PASSED


def _in_fork(run: Callable[[], int], *, quiet: bool, seconds: float) -> int | None:
    """What `run` gives in a child of its own; None where it takes longer, and FAILED where it dies of it."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        code = FAILED
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
            if quiet:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 1)
                os.dup2(nowhere, 2)
            code = run()
        finally:
            os._exit(code)
    until = time.monotonic() + seconds
    try:
        for pause in _pauses():
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > until:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return None
            time.sleep(pause)
    finally:
        _end_group(child)
    raise AssertionError("the pauses do not end")


def _pauses() -> Iterator[float]:
    pause = 0.002
    while True:
        yield pause
        pause = min(0.05, pause * 1.3)


def _end_group(leader: int) -> None:
    """End what tests may have left running."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def exchange(path: Path, source: bytes) -> bool:
    """Give the live functions of a file the code of this source; False where one of them cannot take it."""
    new = {(code.co_qualname, code.co_firstlineno): code for code in _codes(compile(source, str(path), "exec"))}
    for held in gc.get_objects():
        if isinstance(held, functools._lru_cache_wrapper) and held.__module__.startswith("certsvc."):
            held.cache_clear()  # what was remembered while the tests were collected
        elif isinstance(held, FunctionType) and held.__code__.co_filename == str(path):
            code = new.get((held.__code__.co_qualname, held.__code__.co_firstlineno))
            if code is None or code.co_freevars != held.__code__.co_freevars:
                return False
            held.__code__ = code
    return True


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def main() -> int:
    plan = Plan.read(Path(sys.argv[1]))
    root = Path.cwd().resolve()
    with Path(sys.argv[2]).open("w", encoding="utf-8") as results:
        arguments = [*OPTIONS, f"--basetemp={root / 'tmp'}", *plan.tests]
        return int(pytest.main(arguments, plugins=[Tries(plan, results, root)]))


if __name__ == "__main__":
    raise SystemExit(main())
