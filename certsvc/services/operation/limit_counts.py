"""Count attempts in the database, for the limits of R10 that every process and machine must share.

Beside an embedded register they are in a file of their own (`Database.counts`): an attempt must not wait for a batch.
Which rates there are, and whose digest a key holds, is decided in `web.limits`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select, text

from certsvc.store import Database, LimitCountRecord

_COUNT = text(
    # The same words on SQLite (≥ 3.35) and PostgreSQL: one statement, so two attempts at once are both counted.
    'insert into limit_count (key, "window", ends_at, seen) values (:key, :window, :ends_at, 1) '
    'on conflict (key) do update set seen = case when limit_count."window" = excluded."window" '
    'then limit_count.seen + 1 else 1 end, "window" = excluded."window", ends_at = excluded.ends_at returning seen'
)
_GIVE_BACK = text('update limit_count set seen = seen - 1 where key = :key and "window" = :window and seen > 0')
_PRUNE = text("delete from limit_count where ends_at < :past")


_AT_ONCE = 500  # keys in one question


@dataclass(frozen=True, slots=True)
class Window:
    key: str
    index: int  # Unix time divided by `seconds`
    seconds: int


def count(database: Database, windows: Sequence[Window]) -> list[int]:
    """Count one attempt in each window; answers how many each has seen, this one included. Raises `Unavailable`."""
    with database.counts.writing("limits", small=True) as session:
        seen: list[int] = []
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


def give_back(database: Database, windows: Sequence[Window]) -> None:
    """Take one attempt back from each window that is still open. Raises `Unavailable`."""
    with database.counts.writing("limits", small=True) as session:
        for window in windows:
            session.execute(_GIVE_BACK, {"key": window.key, "window": window.index})


def seen_in(database: Database, windows: Iterable[Window]) -> dict[Window, int]:
    """How many attempts each window has seen so far. Raises `Unavailable`."""
    wanted = list(dict.fromkeys(windows))
    found: dict[tuple[str, int], int] = {}
    with database.counts.reading() as session:
        for start in range(0, len(wanted), _AT_ONCE):
            record = LimitCountRecord
            keys = [window.key for window in wanted[start : start + _AT_ONCE]]
            query = select(record.key, record.window, record.seen).where(record.key.in_(keys))
            found |= {(key, window): seen for key, window, seen in session.execute(query)}
    return {window: found.get((window.key, window.index), 0) for window in wanted}
