"""Write published files so that no reader ever sees half of one, and no one else writes meanwhile."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from certsvc.files.leftovers import working_file

NEW: Final = ".new-"


def write_if_changed(path: Path, content: bytes, *, mode: int = 0o644) -> bool:
    """Replace the file in one step unless it holds just this; True where it was written."""
    try:
        if path.read_bytes() == content:
            return False
    except OSError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    with working_file(path.parent, NEW, sweeping=False) as (temporary, descriptor):
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.fchmod(descriptor, mode)
        temporary.replace(path)
    return True


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the second one waits."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sync_files(descriptors: Sequence[int]) -> None:
    """Make open files survive a power failure together: all begin to be written before the first is waited for, so
    that they share the file system's commits in place of having one each."""
    if hasattr(os, "posix_fadvise"):
        for descriptor in descriptors:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)  # on Linux: begin to write what is not written
    for descriptor in descriptors:
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power failure, not only the files' contents."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
