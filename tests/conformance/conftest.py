"""Where the independent programs are found, and the one world of certificates that all of them judge.

A program that is missing skips its tests, saying so; where CI is set it fails them. What a program needs (npm, Maven)
is fetched by the fixture that runs it, once, under a lock, so that workers side by side do not disturb each other.
`CERTSVC_SABOTAGE=NAME` breaks one proof before anything is made (`sabotage.py`): then this suite must go red.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from tests.conformance import sabotage
from tests.conformance.world import World, make_world

HERE = Path(__file__).parent
Node = Callable[..., str]
Java = Callable[[Sequence[str | Path]], str]

sabotage.apply(os.environ.get("CERTSVC_SABOTAGE"))


def lacking(reason: str) -> NoReturn:
    """Skips the test, or fails it in CI, where everything must be there."""
    if os.environ.get("CI"):
        pytest.fail(f"CI must have it: {reason}", pytrace=False)
    pytest.skip(reason)


def need(program: str) -> str:
    """The path of a program that is judged by; skips or fails without it."""
    path = shutil.which(program)
    if path is None:
        lacking(f"{program} is not installed")
    return path


def ask(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a program of the system's and gives back what it said, whatever its exit status."""
    command = [need(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time in a folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _fetch(folder: Path, made: Path, sources: Sequence[Path], *command: str) -> None:
    """Runs the command that makes `made`, unless it is there and younger than its sources."""
    with _alone(folder):
        if made.exists() and made.stat().st_mtime >= max(path.stat().st_mtime for path in sources):
            return
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=570)
        if done.returncode != 0:
            lacking(f"{' '.join(command)} failed (no network?): {(done.stderr or done.stdout)[-500:]}")
        made.touch()


@pytest.fixture(scope="session")
def node() -> Node:
    """Runs one of the scripts in node/ and gives its standard output."""
    program, folder = need("node"), HERE / "node"
    lock = folder / "package-lock.json"
    _fetch(folder, folder / "node_modules" / ".package-lock.json", [lock], need("npm"), "ci", "--no-progress")

    def run(script: str, *arguments: str | Path) -> str:
        done = subprocess.run(
            [program, script, *map(str, arguments)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    return run


@pytest.fixture(scope="session")
def java() -> Java:
    """Runs EU DSS and veraPDF over files; gives the lines that Verify.java prints."""
    program, folder = need("java"), HERE / "java"
    sources = [folder / "pom.xml", *folder.glob("src/**/*.java")]
    _fetch(folder, folder / "target" / "conformance-1.jar", sources, need("mvn"), "-q", "-B", "package")

    def run(arguments: Sequence[str | Path]) -> str:
        path = f"{folder / 'target' / 'conformance-1.jar'}:{folder / 'target' / 'lib'}/*"
        command = [program, "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", path, "Verify", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    return run


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Certificates of every kind, really issued, with the files that are published beside them."""
    return make_world(tmp_path_factory.mktemp("world"))
