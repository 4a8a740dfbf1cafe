"""How SQLite would answer what is asked of a register: by an index, or by reading a table whole."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import event

from certsvc.services.context import Services


def read_whole(services: Services, ask: Callable[[], object]) -> set[str]:
    """The tables that are read from end to end while `ask` runs, by the plans of its questions."""
    engine = services.database.engine
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, given: Any, *_: object) -> None:
        if statement.lstrip().lower().startswith("select"):
            asked.append((statement, given))

    event.listen(engine, "before_cursor_execute", note)
    ask()
    event.remove(engine, "before_cursor_execute", note)
    tables = {str(row[0]) for row in _rows(services, "select name from sqlite_master where type = 'table'", ())}
    assert asked
    plans = [row[3] for question in asked for row in _rows(services, f"explain query plan {question[0]}", question[1])]
    scanned = {found[1] for plan in plans if (found := re.match(r"SCAN (\w+)(?! USING .*\?)", plan))}
    return {re.sub(r"_\d+$", "", one) for one in scanned} & tables  # SQLAlchemy's alias of a table ends in a number


def _rows(services: Services, statement: str, given: Any) -> list[Any]:
    connection = services.database.engine.raw_connection()
    try:
        return list(connection.cursor().execute(statement, given))
    finally:
        connection.close()
