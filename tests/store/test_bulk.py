"""Many rows go in at once, on each engine as one by one: in the same transaction, with the same refusals."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

import pytest
from sqlalchemy import Table, select
from sqlalchemy.exc import StatementError

from certsvc.errors import Conflict
from certsvc.store import Database, LogLeafRecord, SerialRecord
from certsvc.store.bulk import insert_rows
from certsvc.store.migrate import upgrade

LEAVES = cast("Table", LogLeafRecord.__table__)
SERIALS = cast("Table", SerialRecord.__table__)
AT = datetime(2026, 11, 27, 8, 30, 15, 123456, tzinfo=UTC)


def leaf(index: int, at: datetime = AT) -> dict[str, object]:
    return {"index": index, "content": b"\x00\t\n\\" + bytes([index]), "hash": bytes(32), "at": at}


def test_rows_come_back_as_they_went_in(empty_database: Database) -> None:
    upgrade(empty_database)
    odd = "甲\t乙\n丙\\N"
    with empty_database.writing() as session:
        insert_rows(session, LEAVES, [leaf(1), leaf(2)])
        insert_rows(session, SERIALS, [{"scope": odd, "next": 2**40}, {"scope": "null", "next": 1}])
        insert_rows(session, SERIALS, [])
        assert len(session.scalars(select(LogLeafRecord)).all()) == 2, "seen in the same transaction"
    with empty_database.reading() as session:
        rows = session.execute(select(LogLeafRecord.index, LogLeafRecord.content, LogLeafRecord.at)).all()
        assert [tuple(row) for row in rows] == [(n, b"\x00\t\n\\" + bytes([n]), AT) for n in (1, 2)]
        assert dict(session.execute(select(SerialRecord.scope, SerialRecord.next)).all()) == {odd: 2**40, "null": 1}


def test_what_is_there_already_is_a_conflict_and_changes_nothing(empty_database: Database) -> None:
    upgrade(empty_database)
    with empty_database.writing() as session:
        insert_rows(session, LEAVES, [leaf(1)])
    with pytest.raises(Conflict), empty_database.writing() as session:
        insert_rows(session, LEAVES, [leaf(2), leaf(1)])
    with empty_database.reading() as session:
        assert list(session.scalars(select(LogLeafRecord.index))) == [1]


def test_a_time_without_a_zone_is_refused(empty_database: Database) -> None:
    upgrade(empty_database)
    with pytest.raises((ValueError, StatementError), match="without a zone"), empty_database.writing() as session:
        insert_rows(session, LEAVES, [leaf(1, AT.replace(tzinfo=None))])
