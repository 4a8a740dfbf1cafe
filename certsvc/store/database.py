"""One database: engine, sessions, and the two kinds of transaction. SQLite embedded by default, PostgreSQL at scale.

`reading()` sees one consistent state and writes nothing. `writing()` commits at the end of its block or changes
nothing at all; on SQLite it takes the write lock at once (`BEGIN IMMEDIATE`), so two writers never deadlock half way,
on PostgreSQL a named lock orders the writers that must not overlap (imports, issuing, the log's head).

With a write-ahead log (`store.sqlite`) a reader on SQLite never waits for a writer, nor a writer for a reader, however
long; with the rollback journal of an older library a writer waits for the readers there are, and those who come later
wait for it. `synchronous=FULL` either way: what was acknowledged survives the power failure.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any, cast

from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DatabaseError, DataError, IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from certsvc.errors import Conflict, NotPermitted, Refused, Unavailable
from certsvc.store.sqlite import HAS_WAL, LOCKED, sqlite
from certsvc.store.traffic import LimitCountRecord

BUSY_TIMEOUT_MS = 60_000
_AGAIN_SECONDS = 0.002
_JOURNAL_BYTES = 64 << 20  # a log that grew beside a long read is cut back to this once it was copied into the file
_WRITES = "certsvc_writes"
_INSUFFICIENT_PRIVILEGE = "42501"  # PostgreSQL, appendix A
_SMALL = "certsvc_small"
_LIMITS = cast("Table", LimitCountRecord.__table__)


@dataclass(frozen=True, slots=True)
class Database:
    engine: Engine
    beside: Database | None = None

    @property
    def counts(self) -> Database:
        """Where attempts are counted against the limits (R10): in a file beside an embedded database's, so that no
        count waits for an import or a batch; on PostgreSQL, where a count waits for its own row alone, in this one."""
        return self.beside or self

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @property
    def sqlite_file(self) -> Path | None:
        """The file of an embedded database; None in memory and on PostgreSQL."""
        if not self.is_sqlite or self.engine.url.database in (None, "", ":memory:"):
            return None
        return Path(str(self.engine.url.database))

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session over one consistent state; whatever it wrote is rolled back. Raises `Unavailable` on an outage."""
        with _wrapped_errors(), Session(self.engine, expire_on_commit=False) as session:
            if not self.is_sqlite:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session
            session.close()  # rolls back, and leaves what was read readable

    @contextmanager
    def writing(self, lock: str = "register", *, small: bool = False) -> Iterator[Session]:
        """A session that commits when its block ends well. `lock` names what may not be written by two at once.

        What is `small` rests in memory until it is committed. On SQLite a change that is not begins to be written once
        the cache is full, and from then on no one reads.
        """
        engine = self.engine.execution_options(**{_WRITES: True, _SMALL: small})
        with _wrapped_errors(), Session(engine, expire_on_commit=False) as session, session.begin():
            if not self.is_sqlite:
                session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _lock_key(lock)})
            yield session

    def close(self) -> None:
        self.engine.dispose()
        if self.beside is not None:
            self.beside.close()


@contextmanager
def connected(database: Database) -> Iterator[Connection]:
    """A bare connection that only reads."""
    with _wrapped_errors(), database.engine.connect() as connection:
        yield connection


@contextmanager
def exclusively(database: Database) -> Iterator[Connection]:
    """A bare connection in one writing transaction, for migrations."""
    engine = database.engine.execution_options(**{_WRITES: True})
    with _wrapped_errors(), engine.begin() as connection:
        yield connection


def forget(database: Database, tables: Sequence[str]) -> None:
    """After rows were erased: take what they said out of what the database keeps beside its tables (R10). SQLite's
    journal is emptied into the file, where it was overwritten; PostgreSQL's dead rows of these tables are cleared.
    What a reader holds open just now goes with the next call."""
    if database.is_sqlite:
        with connected(database) as connection:
            connection.exec_driver_sql("COMMIT")  # `_begin_sqlite` began; a checkpoint stands outside
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
        return
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with _wrapped_errors(), engine.connect() as connection:
        connection.exec_driver_sql(f"VACUUM {', '.join(tables)}")


def open_database(url: str | URL) -> Database:
    """Open (not create) the database at `url`: `sqlite:///FILE` or `postgresql+psycopg://…`. Raises `Refused`."""
    try:
        parsed = make_url(url)
    except SQLAlchemyError as error:
        raise Refused(f"数据库地址无法识别：{error}", f"not a database address: {error}") from error
    if parsed.get_backend_name() == "sqlite":
        return Database(_sqlite_engine(parsed), _counts_beside(parsed))
    if parsed.get_backend_name() == "postgresql":
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        return Database(create_engine(parsed, pool_pre_ping=True))
    raise Refused(
        f"不支持的数据库：{parsed.get_backend_name()}（只支持 sqlite 与 postgresql）",
        f"unsupported database {parsed.get_backend_name()!r}: sqlite or postgresql",
    )


def _sqlite_engine(address: URL) -> Engine:
    engine = create_engine(
        address, module=sqlite, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False}
    )
    event.listen(engine, "do_connect", _create_for_owner)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _counts_beside(address: URL) -> Database | None:
    if address.database in (None, "", ":memory:"):
        return None
    file = Path(str(address.database))
    engine = _sqlite_engine(address.set(database=str(file.with_name(f"{file.stem}-counts{file.suffix}"))))
    event.listen(engine, "connect", _prepare_counts)
    return Database(engine)


def _prepare_counts(connection: Any, _record: Any) -> None:
    # No migration makes this table, since none would have anything to carry over: what it holds is over within days.
    connection.execute("PRAGMA synchronous=NORMAL")  # after a power failure the last attempts may be made once more
    made: list[ExecutableDDLElement] = [CreateTable(_LIMITS, if_not_exists=True)]
    made += [CreateIndex(index, if_not_exists=True) for index in _LIMITS.indexes]
    for one in made:
        connection.execute(str(one.compile(dialect=dialect())))


def _create_for_owner(_dialect: Any, _record: Any, arguments: Sequence[Any], _parameters: Any) -> None:
    # SQLite itself would make the file readable by everyone, and its journals after it; the home's folder may have to
    # be open to others, for the sake of the published files in it.
    if arguments[0] != ":memory:":
        with suppress(OSError):  # it is there already, or SQLite has its own words for why it cannot be
            os.close(os.open(arguments[0], os.O_CREAT | os.O_EXCL, 0o600))


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling is off (PEP 249 mode commits at odd places); `_begin_sqlite` takes over.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",  # first: a file of the other journal is changed over under a lock
        f"journal_mode={'WAL' if HAS_WAL else 'DELETE'}",
        f"journal_size_limit={_JOURNAL_BYTES}",
        "synchronous=FULL",
        "foreign_keys=ON",
        "trusted_schema=OFF",
        "secure_delete=ON",  # what is erased is overwritten in the file, not only taken out of its index (R10)
        "temp_store=FILE",  # an import's staging table must not grow in memory (pysqlite3's is built to keep it there)
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get(_WRITES, False):
        # Each time, since the connection serves all kinds; within a transaction it would change nothing.
        connection.exec_driver_sql(f"PRAGMA cache_spill={'OFF' if options.get(_SMALL, False) else 'ON'}")
        _begin_writing(connection)
    else:
        connection.exec_driver_sql("BEGIN")


def _begin_writing(connection: Connection) -> None:
    """Take the write lock, asking every two milliseconds: SQLite's own waiting pauses up to a tenth of a second, and
    beside a run of many transactions it misses the gaps between them until it gives up."""
    driver: Any = connection.connection.driver_connection
    give_up_at = monotonic() + BUSY_TIMEOUT_MS / 1000
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while monotonic() < give_up_at:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in LOCKED:
                    break
                sleep(_AGAIN_SECONDS)
            else:
                return
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # once more, for an error of SQLAlchemy's own
    finally:
        driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")


def _lock_key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(b"certsvc:" + name.encode()).digest()[:8], "big", signed=True)


@contextmanager
def _wrapped_errors() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        # Another writer was there first, and a constraint kept the register whole.
        raise Conflict(
            f"与已有记录冲突：{error.orig}", f"in conflict with what is on record: {error.orig}", where="database"
        ) from error
    except (ProgrammingError, DataError) as error:
        if getattr(error.orig, "sqlstate", None) == _INSUFFICIENT_PRIVILEGE:
            raise NotPermitted(
                "此处的数据库账户无权进行该操作，见部署文档",
                "the database account used here may not do that; see docs/operations.md",
            ) from error
        raise  # a fault of this program, not of the database
    except DatabaseError as error:
        raise Unavailable(
            f"数据库暂时无法使用：{error.orig}", f"the database cannot be used just now: {error.orig}"
        ) from error
