"""Rows as JSON and back, so that a register outlives the shape of its tables: in backups and in survival kits.

One row is an object by column name; bytes are base64, dates and moments ISO 8601. Loading inserts just the columns that
a row has, so rows of an older program go into tables of that program's shape, which `migrate.upgrade` then brings up to
date. Not here: which tables are kept (`kept_tables`), how the rows are packed (`services.operation.backup`,
`services.kit.register`).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import Date, DateTime, LargeBinary, Table, column, func, insert, select, text, update
from sqlalchemy import table as lightweight
from sqlalchemy.orm import Session

from certsvc.store.base import UtcDateTime

Plain = dict[str, Any]
_AT_ONCE: Final = 500
_PLAIN: Final = frozenset({str, int, bool, float, type(None)})


def dump(session: Session, table: Table) -> Iterator[Plain]:
    """Every row of a table as plain values, by primary key."""
    query = select(table).order_by(*table.primary_key.columns)
    names = [str(column.name) for column in table.columns]  # a name that needs quotes is a kind of string of its own
    for row in session.execute(query.execution_options(yield_per=_AT_ONCE)):
        yield {name: value if type(value) in _PLAIN else plain(value) for name, value in zip(names, row, strict=True)}


def load(session: Session, table: Table, rows: Iterable[Mapping[str, Any]]) -> int:
    """Insert rows that `dump` gave, of this or an earlier shape; how many. Raises `KeyError` for a column unknown here,
    `ValueError` for a value that is not its column's."""
    # A row may point at a later one of its own table: those pointers are set when every row is there.
    own = [column.name for column in table.columns if any(key.column.table is table for key in column.foreign_keys)]
    pointers: list[tuple[int, Plain]] = []
    count = 0
    # Without the defaults of today's tables, which would fill in columns that an older shape does not have.
    bare = lightweight(table.name, *(column(each.name, each.type) for each in table.columns))
    waiting = iter(rows)
    while some := list(islice(waiting, _AT_ONCE)):
        values = [{name: _value(table, name, value) for name, value in row.items()} for row in some]
        for row in values:
            pointing = {name: row[name] for name in own if row.get(name) is not None}
            if pointing:
                pointers.append((int(str(row["id"])), pointing))
                row.update(dict.fromkeys(pointing))
        session.execute(insert(bare), values)
        count += len(values)
    for row_id, pointing in pointers:
        session.execute(update(table).where(table.c.id == row_id).values(pointing))
    if count:
        _count_on(session, table)
    return count


def plain(value: Any) -> object:
    """A value as JSON holds it."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, date) else value


def _value(table: Table, name: str, value: Any) -> object:
    if value is None:
        return None
    kind = table.c[name].type
    if isinstance(kind, LargeBinary):
        return base64.b64decode(value)
    if isinstance(kind, UtcDateTime | DateTime):
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if isinstance(kind, Date) else value


def _count_on(session: Session, table: Table) -> None:
    """PostgreSQL counts ids apart from the rows: after they were given it must go on behind the last."""
    if session.connection().dialect.name == "sqlite" or "id" not in table.c or table.c.id.autoincrement is False:
        return
    last = session.scalar(select(func.max(table.c.id)))
    session.execute(
        text("select setval(pg_get_serial_sequence(:table, 'id'), :last)"), {"table": table.name, "last": last}
    )
