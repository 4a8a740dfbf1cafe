"""Which SQLite library the embedded database runs on.

SQLite 3.7.0–3.51.2 can corrupt a database in WAL mode when two writers reset its log (sqlite.org/wal.html, "The WAL
Reset Bug"), and only in that mode does a reader never wait for a writer, nor a writer for a reader. So where Python's
own library is older, the one that the package `pysqlite3` brings is used, by the same interface; where that is not
there either, the rollback journal (ADR 9). A process opens the register by this library alone: two copies of SQLite in
one process undo each other's file locks (sqlite.org/howtocorrupt.html, 2.2.1).
"""

from __future__ import annotations

import sqlite3
from types import ModuleType
from typing import Final

WAL_IS_SAFE_FROM: Final = (3, 51, 3)

try:
    from pysqlite3 import dbapi2
except ImportError:  # no wheel for this machine
    dbapi2 = None


def choose(own: ModuleType, brought: ModuleType | None) -> ModuleType:
    """The first of the two that may write in WAL mode; where none may, Python's own."""
    if own.sqlite_version_info < WAL_IS_SAFE_FROM and brought is not None:
        return brought if brought.sqlite_version_info >= WAL_IS_SAFE_FROM else own
    return own


sqlite: Final = choose(sqlite3, dbapi2)
"""As `sqlite3` of the standard library."""

LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
"""The primary result codes of a lock that someone else holds."""

HAS_WAL: Final[bool] = sqlite.sqlite_version_info >= WAL_IS_SAFE_FROM
"""Whether no reader waits for a writer, and no writer for a reader."""
