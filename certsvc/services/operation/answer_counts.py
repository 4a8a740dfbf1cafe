"""How many answers of which kind were given, and how fast: figures for those who run the site, of all its processes.

A figure is a name and its labels, a count and nothing else, so that it names no one. Figures rest in the table of the
limits' counts (`limit_counts`), under keys that no limit has and that are never pruned: every process and machine adds
to the same ones, and they only grow. Not here: what is counted (`web.figures`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from sqlalchemy import text

from certsvc.store import Database

_PREFIX: Final = "figure:"
_NEVER: Final = 2**31 - 1  # ends_at: after every moment that is swept
_ADD: Final = text(
    'insert into limit_count (key, "window", ends_at, seen) values (:key, 0, :never, :seen) '
    "on conflict (key) do update set "
    # The column has 32 bits; who watches a counter expects it to begin again now and then.
    "seen = (cast(limit_count.seen as bigint) + excluded.seen) % 2000000000"
)
# Attempts that were counted in the register, before those of SQLite had a file of their own.
_FORGET: Final = text("delete from limit_count where ends_at < :never")
_READ: Final = text("select key, seen from limit_count where ends_at = :never")


class Figure(NamedTuple):
    """`first` and `second` are the labels' values: short words of our own."""

    name: str
    first: str
    second: str = ""


def add(database: Database, counts: Mapping[Figure, int]) -> None:
    """Add to the figures. Raises `Unavailable`."""
    with database.writing("figures", small=True) as session:
        # In one order, so that two processes never wait for each other's rows.
        for figure in sorted(counts):
            bound = {"key": _PREFIX + ":".join(figure), "never": _NEVER, "seen": counts[figure]}
            session.execute(_ADD, bound)
        if database.beside is not None:
            session.execute(_FORGET, {"never": _NEVER})


def read(database: Database) -> dict[Figure, int]:
    """Every figure there is. Raises `Unavailable`."""
    with database.reading() as session:
        rows = session.execute(_READ, {"never": _NEVER}).all()
    return {Figure(*key.removeprefix(_PREFIX).split(":")): seen for key, seen in rows if key.startswith(_PREFIX)}
