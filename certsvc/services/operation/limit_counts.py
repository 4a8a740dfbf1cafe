"""Count one attempt in the database, for the limits of R10 that every process and machine must share.

Which rates there are, and whose digest a key holds, is decided in `web.limits`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from certsvc.store import Database

_COUNT = text(
    # The same words on SQLite (≥ 3.35) and PostgreSQL: one statement, so two attempts at once are both counted.
    'insert into limit_count (key, "window", ends_at, seen) values (:key, :window, :ends_at, 1) '
    'on conflict (key) do update set seen = case when limit_count."window" = excluded."window" '
    'then limit_count.seen + 1 else 1 end, "window" = excluded."window", ends_at = excluded.ends_at returning seen'
)
_PRUNE = text("delete from limit_count where ends_at < :past")


@dataclass(frozen=True, slots=True)
class Window:
    key: str
    index: int  # Unix time divided by `seconds`
    seconds: int


def count(database: Database, windows: Sequence[Window]) -> list[int]:
    """Count one attempt in each window; answers how many each has seen, this one included. Raises `Unavailable`."""
    with database.writing("limits") as session:
        seen = []
        opened = None
        for window in windows:
            ends_at = (window.index + 1) * window.seconds
            bound = {"key": window.key, "window": window.index, "ends_at": ends_at}
            seen.append(int(session.execute(_COUNT, bound).scalar_one()))
            if seen[-1] == 1:
                opened = window
        if opened is not None:
            # Only a window that has just opened makes the table longer, so only then is it swept.
            session.execute(_PRUNE, {"past": opened.index * opened.seconds - 86_400})
    return seen
