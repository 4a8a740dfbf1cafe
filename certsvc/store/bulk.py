"""Many rows at once where nothing is asked back: COPY on PostgreSQL, one statement run many times on SQLite.

Within the session's own transaction, and seen by all that it does after. Not here: rows whose ids are needed (the ORM),
rows of another shape than today's (`rows`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session


def insert_rows(session: Session, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows that all name the same columns; what they do not name is the database's own default.

    Raises what an insert raises, such as `IntegrityError`.
    """
    if not rows:
        return
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
    else:
        session.execute(insert(table), list(rows))


def _copy(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    dialect, names = connection.dialect, list(rows[0])
    # As the column's type would bind them: a moment without its zone is refused here too.
    binds = [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
    quoted = dialect.identifier_preparer.quote
    statement = f"copy {quoted(table.name)} ({', '.join(map(quoted, names))}) from stdin"
    driver: Any = connection.connection.driver_connection  # psycopg's, which need not be installed where this is not
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                values = zip((row[name] for name in names), binds, strict=True)
                copy.write_row([value if bind is None else bind(value) for value, bind in values])
    except dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(statement, None, error, dialect.loaded_dbapi.Error, dialect=dialect) from error
