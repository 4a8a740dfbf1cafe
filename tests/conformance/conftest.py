"""Where the independent programs are found, and the one world of certificates that all of them judge.

How a program is found, and what becomes of its tests without it: `tests.programs`.
`CERTSVC_SABOTAGE=NAME` breaks one proof before anything is made (`sabotage.py`): then this suite must go red.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.conformance import sabotage
from tests.conformance.world import World, make_world
from tests.programs import fetch, need, node_modules

HERE = Path(__file__).parent
Node = Callable[..., str]
Java = Callable[[Sequence[str | Path]], str]

sabotage.apply(os.environ.get("CERTSVC_SABOTAGE"))


@pytest.fixture(scope="session")
def node() -> Node:
    """Runs one of the scripts in node/ and gives its standard output."""
    program, folder = need("node"), node_modules().parent

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
    fetch(folder, folder / "target" / "conformance-1.jar", sources, need("mvn"), "-q", "-B", "package")

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
