"""The two kinds of transaction, on each engine: what is written stands or falls together, and errors are ours."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import event, insert, select, text
from sqlalchemy.exc import ProgrammingError, StatementError
from sqlalchemy.orm import Session

from certsvc.errors import Conflict, Unavailable
from certsvc.store import AuditEventRecord, Database, SerialRecord, open_database
from certsvc.store.sqlite import HAS_WAL, choose, sqlite

AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


def happened(at: datetime) -> AuditEventRecord:
    return AuditEventRecord(at=at, by="test", action="test", object_kind="test", object_key="test", detail="{}")


def _write_and_fail(database: Database) -> None:
    with database.writing() as session:
        session.add(SerialRecord(scope="a", next=1))
        session.flush()
        raise ZeroDivisionError


def test_a_writing_block_that_fails_changes_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        _write_and_fail(database)
    with database.reading() as session:
        assert session.scalars(select(SerialRecord)).all() == []


def test_a_reading_block_writes_nothing_and_leaves_what_it_read_readable(database: Database) -> None:
    with database.writing() as session:
        session.add(SerialRecord(scope="a", next=1))
    with database.reading() as session:
        record = session.get_one(SerialRecord, "a")
        session.execute(text("update serial set next = 9"))
    assert record.next == 1
    with database.reading() as session:
        assert session.get_one(SerialRecord, "a").next == 1


def test_a_time_comes_back_in_utc_and_one_without_a_zone_is_refused(database: Database) -> None:
    shanghai = timezone(timedelta(hours=8))
    with database.writing() as session:
        session.add(happened(AT.astimezone(shanghai)))
    with database.reading() as session:
        stored = session.scalars(select(AuditEventRecord.at)).one()
    assert stored == AT
    assert stored.utcoffset() == timedelta(0)
    with pytest.raises(StatementError, match="without a zone"), database.writing() as session:
        session.add(happened(AT.replace(tzinfo=None)))


def test_a_broken_constraint_is_a_conflict(database: Database) -> None:
    with database.writing() as session:
        session.add(SerialRecord(scope="a", next=1))
    with pytest.raises(Conflict), database.writing() as session:
        session.execute(insert(SerialRecord), {"scope": "a", "next": 2})


def test_counting_in_turn_loses_no_count(database: Database) -> None:
    with database.writing() as session:
        session.add(SerialRecord(scope="a", next=0))

    def count() -> None:
        for _ in range(10):
            with database.writing() as session:
                session.get_one(SerialRecord, "a").next += 1

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as session:
        assert session.get_one(SerialRecord, "a").next == 40


def test_an_outage_is_not_a_verdict(tmp_path: object) -> None:
    gone = open_database(f"sqlite:///{tmp_path}/no/such/folder/certsvc.db")
    with pytest.raises(Unavailable), gone.reading() as session:
        session.execute(text("select 1"))
    gone.close()


def test_a_fault_of_the_program_is_not_called_an_outage() -> None:
    address = "postgresql://nobody@127.0.0.1:1/none"
    assert open_database(address).engine.url.drivername == "postgresql+psycopg"
    error = ProgrammingError("select", {}, Exception("no such column"))
    database = open_database("sqlite://")
    with pytest.raises(ProgrammingError), database.reading():
        raise error
    database.close()
    assert database.sqlite_file is None


def test_sqlite_keeps_what_it_acknowledged() -> None:
    database = open_database("sqlite://")
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    database.close()


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Names stand in it in clear, and the folder around it may be open to anyone who serves the published files."""
    path = tmp_path / "register.sqlite3"
    before = os.umask(0o022)
    try:
        database = open_database(f"sqlite:///{path}")
        with database.writing() as session:
            session.execute(text("create table one (id integer)"))
    finally:
        os.umask(before)
    database.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_small_change_locks_no_one_out_before_it_is_committed(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'small.sqlite3'}")
    with database.writing() as session:
        session.execute(text("create table big (content blob)"))
        session.execute(text("insert into big values ('before')"))
    reader = sqlite.connect(tmp_path / "small.sqlite3", timeout=0)

    def readable(*, small: bool) -> bool:
        with database.writing(small=small) as session:
            for _ in range(1500):  # more than SQLite's cache has room for
                session.execute(text("insert into big values (zeroblob(4000))"))
            with suppress(sqlite.OperationalError):
                return reader.execute("select count(*) from big").fetchone() is not None
        return False

    if reader.execute("pragma journal_mode").fetchone() == ("delete",):
        assert not readable(small=False)  # what this is about; a log that is written ahead locks no one out
    assert readable(small=True)
    with database.writing() as session:
        assert session.execute(text("pragma cache_spill")).scalar_one() != 0  # as ever, for those who come later
    reader.close()
    database.close()


with_wal = pytest.mark.skipif(not HAS_WAL, reason="an older SQLite, with a rollback journal")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Database]:
    """A database in a file, with one row."""
    database = open_database(f"sqlite:///{tmp_path / 'register.sqlite3'}")
    with database.writing() as session:
        session.execute(text("create table counted (seen integer)"))
        session.execute(text("insert into counted values (0)"))
    yield database
    database.close()


def counted(session: Session) -> int:
    return int(session.execute(text("select seen from counted")).scalar_one())


@with_wal
def test_no_one_waits_for_a_long_read_and_it_sees_one_state(file: Database) -> None:
    impatient(file)
    with file.reading() as long:
        assert counted(long) == 0
        for _ in range(3):
            with file.writing() as session:
                session.execute(text("update counted set seen = seen + 1"))
        with file.reading() as session:
            assert counted(session) == 3
        assert counted(long) == 0


@with_wal
def test_no_reader_waits_for_a_write_however_large(file: Database) -> None:
    impatient(file)
    with file.writing() as long:
        long.execute(text("create table big (content blob)"))
        for _ in range(1500):  # more than SQLite's cache has room for
            long.execute(text("insert into big values (zeroblob(4000))"))
        with file.reading() as session:
            assert counted(session) == 0


@with_wal
def test_a_file_of_the_older_journal_is_changed_over_by_all_who_open_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "register.sqlite3"
    with closing(sqlite.connect(path)) as older:
        older.execute("create table counted (seen integer)")
        older.execute("insert into counted values (0)")
        older.commit()
    databases = [open_database(f"sqlite:///{path}") for _ in range(8)]

    def count(database: Database) -> None:
        with database.writing() as session:
            session.execute(text("update counted set seen = seen + 1"))

    with ThreadPoolExecutor(len(databases)) as threads:
        list(threads.map(count, databases))
    with databases[0].reading() as session:
        assert counted(session) == len(databases)
        assert session.execute(text("pragma journal_mode")).scalar_one() == "wal"
    for database in databases:
        database.close()


def library(*version: int) -> ModuleType:
    made = ModuleType("library")
    made.__dict__["sqlite_version_info"] = version
    return made


def test_an_older_library_gives_way_to_one_that_is_safe_and_to_no_other() -> None:
    older, safe, newer = library(3, 51, 2), library(3, 51, 3), library(3, 53, 4)
    assert choose(older, newer) is newer
    assert choose(older, safe) is safe
    assert choose(safe, newer) is safe
    assert choose(older, None) is older
    assert choose(older, library(3, 51, 1)) is older


def impatient(database: Database) -> None:
    """Have whoever waits for a lock be refused at once."""

    @event.listens_for(database.engine, "connect")
    def _prepared(connection: Any, _record: object) -> None:
        connection.execute("pragma busy_timeout=0")

    database.engine.dispose()  # those that wait are replaced
