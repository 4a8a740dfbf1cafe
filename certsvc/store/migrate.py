"""Bring a database to the newest shape, and say which shape it has. Migrations only go forward: nothing is deleted.

Every command asks for the shape, few change it: Alembic is imported only by `bring`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from certsvc.errors import Refused
from certsvc.store.base import Base
from certsvc.store.database import Database, connected, exclusively

FOLDER = Path(__file__).resolve().parent / "migrations"
_UPGRADE_LOCK = 7233188405220


def upgrade(database: Database, to: str | None = None) -> tuple[str | None, str]:
    """Apply what is missing, all in one transaction; answers the revision before and after.

    `to` stops at an earlier revision, for the rows of an older backup. Raises `Refused` for one that is not known.
    """
    wanted = to or head()
    if wanted not in revisions():
        raise Refused(
            f"不认识的数据库版本 {wanted}，程序最新为 {head()}",
            f"revision {wanted} is not known; this program's newest is {head()}",
        )
    with exclusively(database) as connection:
        if not database.is_sqlite:
            # Two programs started at once would both create the tables.
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
        before = _revision(connection)
        if before != wanted:
            bring(connection, wanted)
        return before, wanted


def bring(connection: Connection, to: str) -> None:
    """Apply what is missing up to a revision that is known, in the caller's writing transaction."""
    from alembic import command  # noqa: PLC0415 - see the module's head
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def begin_again(connection: Connection, at: str) -> None:
    """Give an empty database the tables of an earlier revision, for rows of that age; whatever it holds is gone."""
    Base.metadata.drop_all(connection)
    connection.execute(text("drop table alembic_version"))
    bring(connection, at)


def revision(database: Database) -> str | None:
    """The revision this database has; None where there are no tables yet."""
    with connected(database) as connection:
        return _revision(connection)


@cache
def revisions() -> tuple[str, ...]:
    """Every revision this program knows, oldest first: their files begin with the number."""
    return tuple(sorted(path.name.split("_", 1)[0] for path in (FOLDER / "versions").glob("[0-9]*_*.py")))


def head() -> str:
    """The newest revision this program knows."""
    return revisions()[-1]


def require_head(database: Database) -> None:
    """Raise `Refused` where the database is not of this program's shape, saying what to run."""
    found = revision(database)
    if found is None:
        raise Refused("数据库尚未建立，请先运行 certsvc init", "there is no database yet; run: certsvc init")
    if found != head():
        raise Refused(
            f"数据库版本为 {found}，程序需要 {head()}，请运行 certsvc db upgrade",
            f"the database is at {found}, this program needs {head()}; run: certsvc db upgrade",
        )


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.scalar(text("select version_num from alembic_version"))
    return None if found is None else str(found)
