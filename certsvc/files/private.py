"""Files with personal data: 600 in a folder of 700, whatever the umask says (R10).

The portraits and PDFs of a home may have to be read by the site's own account. The operator lets its group in by the
folder's mode (docs/operations.md, 1); files in it are then for the group to read, and never for others.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

OWNER: Final = 0o600
_GROUP_READS: Final = 0o040


def make_private(folder: Path) -> None:
    """Make the folder, and those above it that are missing, for the owner alone; a folder that is there is left."""
    if folder.is_dir():
        return
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)


def close_to_others(folder: Path) -> None:
    """Take from others what they might do in a folder, and leave the group what the operator gave it."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o007:
        folder.chmod(mode & ~0o007)


def mode_in(folder: Path) -> int:
    """The mode of a file with personal data in this folder."""
    return OWNER | (_GROUP_READS if folder.stat().st_mode & _GROUP_READS else 0)


def write_private(path: Path, content: bytes, *, mode: int = OWNER, new: bool = False) -> None:
    """Write a file for its owner alone, and to the disk. With `new`, raises `FileExistsError` where there is one."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_EXCL if new else os.O_TRUNC)
    with os.fdopen(os.open(path, flags, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)  # one that was there may be open to others
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
