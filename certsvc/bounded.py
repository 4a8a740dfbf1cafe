"""Work on a stranger's bytes in a process of its own, under limits of time, memory and what it may say.

Readers of PDF, spreadsheets and pictures have faults; this keeps one within a process that knows no secret (it is
given no environment of ours), can write no file and soon ends. Parent and child speak by files: a line of JSON and
the bytes go in, what the work says comes out. All children of a process have so much memory together, and yield to it:
however many files are brought at once, they wait for one another and hold up nothing else.
Not here: what is read, and what is told where it was beyond its bounds (`signing.pdf_bounded`, `roster.xlsx_bounded`,
`pictures.codes`).
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any, BinaryIO, Final

# What an interpreter needs to start. CERTSVC_… holds passphrases and addresses of databases.
_ENVIRONMENT: Final = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "LANG", "LC_ALL", "TZ")


class OutOfBounds(Exception):  # an answer of this module to its callers, who have words for a person
    """The work took too long, too much memory, said too much, or died."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """`seconds` are of processor time; by the clock it may take five times as long. `answer_bytes` may be said."""

    seconds: int
    memory_bytes: int
    answer_bytes: int


class Pool:
    """So much memory for children at work at once. One that may use more than there is works alone."""

    def __init__(self, memory_bytes: int) -> None:
        self._most = self._free = memory_bytes
        self._freed = threading.Condition()
        self._next = threading.Lock()  # who waits for much memory is not passed by all who want little

    @contextmanager
    def room_for(self, memory_bytes: int) -> Iterator[None]:
        wanted = min(memory_bytes, self._most)
        with self._next, self._freed:
            self._freed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        try:
            yield
        finally:
            with self._freed:
                self._free += wanted
                self._freed.notify()


# With the site itself, and two uploads in its memory, under 700 MB (benchmarks/hostile.py).
_POOL: Final = Pool(448 * 1024 * 1024)
_TIMES_BY_THE_CLOCK: Final = 5  # where all else on a busy machine goes before
_YIELD: Final = 10  # of 19: a scan that is asked for goes before, and a child still ends within its time

Say = Callable[[bytes], object]
Work = Callable[[dict[str, Any], bytes, Say], None]
"""Takes the settings, the stranger's bytes, and by what it answers. A function of a module, found there by its name."""


def run_bounded(work: Work | str, settings: Mapping[str, object], content: bytes, bounds: Bounds) -> bytes:
    """What `work` said of `content`, once there is room for it; raises `OutOfBounds`.

    Named as "module:function", it is imported in the child alone.
    """
    name = work if isinstance(work, str) else f"{work.__module__}:{work.__qualname__}"
    asked = json.dumps({"bounds": asdict(bounds), "settings": settings}).encode()
    # In files: so the limit on a file's size holds for the answer, and a pipe's small pieces hold up no scan.
    with _POOL.room_for(bounds.memory_bytes), tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as given:
        given.write(asked + b"\n")
        given.write(content)
        given.seek(0)
        try:
            child = subprocess.run(  # noqa: S603 - our own interpreter and module, no shell
                # -P: the folder one stands in, perhaps that of downloads, is no place to take Python modules from.
                [sys.executable, "-P", "-m", "certsvc.bounded", name],
                stdin=given,
                stdout=said,
                stderr=subprocess.DEVNULL,
                timeout=bounds.seconds * _TIMES_BY_THE_CLOCK,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                check=False,
            )
        except (subprocess.TimeoutExpired, OSError) as error:
            raise OutOfBounds from error
        if child.returncode != 0:
            raise OutOfBounds
        said.seek(0)
        return said.read()


def serve(
    work: Work,
    source: BinaryIO,
    sink: BinaryIO,
    limit: Callable[[int, tuple[int, int]], None] = resource.setrlimit,
) -> None:
    """The child's part: read what is asked, take the limits, do the work."""
    asked = json.loads(source.readline())
    bounds, content = Bounds(**asked["bounds"]), source.read()
    limit(resource.RLIMIT_CORE, (0, 0))  # it would hold what the stranger sent
    limit(resource.RLIMIT_CPU, (bounds.seconds, bounds.seconds))
    limit(resource.RLIMIT_AS, (bounds.memory_bytes, bounds.memory_bytes))
    limit(resource.RLIMIT_FSIZE, (bounds.answer_bytes, bounds.answer_bytes))
    work(asked["settings"], content, sink.write)


def work_named(name: str) -> Work:
    """The work that `run_bounded` names "module:function"."""
    module, _, function = name.partition(":")
    work: Work = getattr(import_module(module), function)
    return work


if __name__ == "__main__":
    os.nice(_YIELD)
    serve(work_named(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
