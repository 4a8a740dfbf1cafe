"""Programs of others that tests ask: where they are found, and how the parts they need are fetched.

A program that is missing skips its tests, saying so; where CI is set it fails them. What npm and Maven bring comes by
locked versions, once, under a lock, so that workers side by side do not disturb each other.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

NODE = Path(__file__).parent / "conformance" / "node"


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


def fetch(folder: Path, made: Path, sources: Sequence[Path], *command: str) -> None:
    """Runs the command that makes `made`, unless it is there and younger than its sources."""
    with _alone(folder):
        if made.exists() and made.stat().st_mtime >= max(path.stat().st_mtime for path in sources):
            return
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=570)
        if done.returncode != 0:
            lacking(f"{' '.join(command)} failed (no network?): {(done.stderr or done.stdout)[-500:]}")
        made.touch()


def node_modules() -> Path:
    """The folder of what npm brings, as locked in conformance/node."""
    made = NODE / "node_modules"
    fetch(NODE, made / ".package-lock.json", [NODE / "package-lock.json"], need("npm"), "ci", "--no-progress")
    return made
