"""Bring a database to the newest shape, and say which shape it has. Migrations only go forward: nothing is deleted."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from certsvc.errors import Refused
from certsvc.store.database import Database, connected, exclusively

FOLDER = Path(__file__).resolve().parent / "migrations"


def upgrade(database: Database) -> tuple[str | None, str]:
    """Apply what is missing, all in one transaction; answers the revision before and after."""
    with exclusively(database) as connection:
        before = _revision(connection)
        if not database.is_sqlite:
            # Two programs started at once would both create the tables.
            connection.execute(text("select pg_advisory_xact_lock(7233188405220)"))
            before = _revision(connection)
        if before != head():
            command.upgrade(_config(connection), "head")
        return before, head()


def revision(database: Database) -> str | None:
    """The revision this database has; None where there are no tables yet."""
    with connected(database) as connection:
        return _revision(connection)


def head() -> str:
    """The newest revision this program knows."""
    newest = ScriptDirectory(str(FOLDER)).get_current_head()
    assert newest is not None
    return newest


def require_head(database: Database) -> None:
    """Raise `Refused` where the database is not of this program's shape, saying what to run."""
    found = revision(database)
    if found is None:
        raise Refused("数据库尚未建立,请先运行 certsvc init", "there is no database yet; run: certsvc init")
    if found != head():
        raise Refused(
            f"数据库版本为 {found},程序需要 {head()},请运行 certsvc db upgrade",
            f"the database is at {found}, this program needs {head()}; run: certsvc db upgrade",
        )


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
