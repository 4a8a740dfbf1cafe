"""Files and folders that a run works on and that must not outlive it: swept by the next run, also after `kill -9`.

A name says whose work it was (its prefix), a lock whether the run still lives: the kernel lets go of a lock when its
process dies, however it dies. So what bears the prefix and is locked by no one is a leftover, and nothing else is.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def working_file(folder: Path, prefix: str, *, sweeping: bool = True) -> Iterator[tuple[Path, int]]:
    """A new file of mode 600, its path and its descriptor, locked while it is worked on. It is gone at the end, unless
    it was moved into its place. What runs that were killed left under the same prefix is swept first, unless the caller
    sweeps (`sweep_tree`): one who writes a hundred thousand files beside each other looks once."""
    if sweeping:
        sweep(folder, prefix)
    while True:
        descriptor, name = tempfile.mkstemp(prefix=prefix, dir=folder)
        if _taken(descriptor, name):
            break
        os.close(descriptor)
    try:
        yield Path(name), descriptor
    finally:
        Path(name).unlink(missing_ok=True)
        os.close(descriptor)


@contextmanager
def working_folder(folder: Path, prefix: str) -> Iterator[Path]:
    """The same for a folder of mode 700."""
    sweep(folder, prefix)
    while True:
        name = tempfile.mkdtemp(prefix=prefix, dir=folder)
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        if _taken(descriptor, name):
            break
        os.close(descriptor)
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name, ignore_errors=True)
        os.close(descriptor)


def sweep(folder: Path, prefix: str) -> int:
    """Remove what bears the prefix in a folder and is worked on by no one; how many. Never fails for what is not ours
    to remove."""
    swept = 0
    with suppress(OSError):
        for entry in os.scandir(folder):
            if entry.name.startswith(prefix) and not entry.is_symlink():
                swept += _removed(Path(entry.path), is_folder=entry.is_dir(follow_symlinks=False))
    return swept


def sweep_tree(folder: Path, prefix: str) -> int:
    """The same in a folder and all that are in it."""
    return sum(sweep(Path(place), prefix) for place, _, _ in os.walk(folder))


def _removed(path: Path, *, is_folder: bool) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_folder:
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        return False  # somebody is at work on it, or it is not ours
    finally:
        os.close(descriptor)
    return True


def _taken(descriptor: int, name: str) -> bool:
    """Lock what was just made; False where another run swept it in between."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(name))  # noqa: PTH116 - beside fstat
    except FileNotFoundError:
        return False
