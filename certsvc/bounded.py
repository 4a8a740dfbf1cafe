"""Work on a stranger's bytes in a process of its own, under limits of time, memory and what it may say.

Readers of PDF, spreadsheets and pictures have faults; this keeps one within a process that knows no secret (it is
given no environment of ours), can write no file and soon ends. Parent and child speak over pipes: a line of JSON and
the bytes go in, what the work says comes out.
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
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any, BinaryIO, Final

# What an interpreter needs to start. CERTSVC_… holds passphrases and addresses of databases.
_ENVIRONMENT: Final = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "LANG", "LC_ALL", "TZ")


class OutOfBounds(Exception):  # an answer of this module to its callers, who have words for a person
    """The work took too long, too much memory, said too much, or died."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """`seconds` are of processor time; by the clock it may take three times as long. `answer_bytes` may be said."""

    seconds: int
    memory_bytes: int
    answer_bytes: int


Say = Callable[[bytes], object]
Work = Callable[[dict[str, Any], bytes, Say], None]
"""Takes the settings, the stranger's bytes, and by what it answers. A function of a module, found there by its name."""


def run_bounded(work: Work | str, settings: Mapping[str, object], content: bytes, bounds: Bounds) -> bytes:
    """What `work` said of `content`; raises `OutOfBounds`. Named as "module:function", it is imported in the child
    alone."""
    name = work if isinstance(work, str) else f"{work.__module__}:{work.__qualname__}"
    asked = json.dumps({"bounds": asdict(bounds), "settings": settings}).encode()
    # In a file, so that the limit on its size holds for the answer.
    with tempfile.TemporaryFile() as said:
        try:
            child = subprocess.run(  # noqa: S603 - our own interpreter and module, no shell
                # -P: the folder one stands in, perhaps that of downloads, is no place to take Python modules from.
                [sys.executable, "-P", "-m", "certsvc.bounded", name],
                input=asked + b"\n" + content,
                stdout=said,
                stderr=subprocess.DEVNULL,
                timeout=bounds.seconds * 3,
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
    serve(work_named(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
