"""The log's append: indexes, head, compare-and-swap, clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from certsvc.errors import ClockWentBack, Conflict, LogMismatch
from certsvc.services.log.append import CLOCK_SKEW, _head, _move_head, append, clock, frontier
from certsvc.store import Database, LogHeadRecord, LogLeafRecord, LogNodeRecord, open_database
from certsvc.store.migrate import upgrade
from certsvc.transparency import tree

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path / 'log.sqlite3'}")
    upgrade(database)
    yield database
    database.close()


def contents(first: int, count: int) -> list[bytes]:
    return [f"leaf {number}".encode() for number in range(first, first + count)]


def test_indexes_follow_on_and_the_head_is_the_root_of_all_leaves(database: Database) -> None:
    expected: list[bytes] = []
    for count in (1, 2, 5, 0, 8):
        added = contents(len(expected), count)
        with database.writing() as session:
            indexes = append(session, added, at=NOW)
        assert indexes == list(range(len(expected), len(expected) + count))
        expected += added
        with database.reading() as session:
            assert frontier(session).root() == tree.root(expected)


def test_every_complete_subtree_is_stored_once_above_the_leaves(database: Database) -> None:
    with database.writing() as session:
        append(session, contents(0, 11), at=NOW)
    with database.reading() as session:
        stored = {(n.level, n.index): n.hash for n in session.scalars(select(LogNodeRecord))}
        hashes = session.scalars(select(LogLeafRecord.hash).order_by(LogLeafRecord.index)).all()
    assert set(stored) == {(1, i) for i in range(5)} | {(2, 0), (2, 1), (3, 0)}
    assert stored[3, 0] == tree.root(contents(0, 8))
    assert hashes == [tree.leaf_hash(content) for content in contents(0, 11)]


def test_a_rolled_back_transaction_leaves_no_leaf_behind(database: Database) -> None:
    def fail() -> None:
        with database.writing() as session:
            append(session, contents(0, 3), at=NOW)
            raise RuntimeError("power failure")

    with pytest.raises(RuntimeError):
        fail()
    with database.reading() as session:
        assert frontier(session).size == 0
        assert session.scalars(select(LogLeafRecord)).all() == []


def test_a_head_that_another_writer_moved_is_a_conflict(database: Database) -> None:
    with database.writing() as session:
        append(session, contents(0, 1), at=NOW)
    with database.reading() as session:
        stale = _head(session)
        session.expunge_all()
    with database.writing() as session:
        append(session, contents(1, 1), at=NOW)
    with pytest.raises(Conflict), database.writing() as session:
        _move_head(session, stale, tree.Frontier(), NOW)
    with pytest.raises(Conflict), database.writing() as session:
        _move_head(session, None, tree.Frontier(), NOW)


def test_the_log_refuses_to_grow_when_the_clock_went_back(database: Database) -> None:
    with database.writing() as session:
        append(session, contents(0, 1), at=NOW)
    with pytest.raises(ClockWentBack), database.writing() as session:
        append(session, contents(1, 1), at=NOW - timedelta(microseconds=1))


def test_a_small_skew_takes_the_heads_time_and_a_larger_one_is_refused(database: Database) -> None:
    with database.reading() as session:
        assert clock(session, NOW) == NOW
    with database.writing() as session:
        append(session, contents(0, 1), at=NOW)
    with database.reading() as session:
        assert clock(session, NOW - CLOCK_SKEW) == NOW
        assert clock(session, NOW + timedelta(hours=1)) == NOW + timedelta(hours=1)
        with pytest.raises(ClockWentBack):
            clock(session, NOW - CLOCK_SKEW - timedelta(seconds=1))


def test_a_head_that_does_not_fit_its_edge_is_a_mismatch(database: Database) -> None:
    with database.writing() as session:
        append(session, contents(0, 3), at=NOW)
        session.execute(update(LogHeadRecord).values(root=bytes(32)))
    with pytest.raises(LogMismatch), database.writing() as session:
        append(session, contents(3, 1), at=NOW)
