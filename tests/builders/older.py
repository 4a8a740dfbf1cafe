"""What earlier versions of the program wrote: the shape of their tables, and a survival kit as one of them made it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Table, inspect
from sqlalchemy.orm import Session

from certsvc.services.context import Services
from certsvc.services.kit import register
from certsvc.services.kit.export import export_kit
from certsvc.store import Database, kept_tables, open_database
from certsvc.store.migrate import FOLDER, revisions, upgrade

EARLIER = revisions()[:-1]


def downgrade(database: Database, to: str) -> None:
    """Take the later migrations back."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, to)


def shape(at: str, folder: Path) -> dict[str, set[str]]:
    """The tables and columns that a version had."""
    database = open_database(f"sqlite:///{folder / at}.sqlite3")
    upgrade(database, to=at)
    found = inspect(database.engine)
    tables = {name: {column["name"] for column in found.get_columns(name)} for name in found.get_table_names()}
    database.close()
    return tables


def export_kit_as_made_by(services: Services, at: str, folder: Path) -> None:
    """The kit of this register that the program of revision `at` would have written: its tables, columns and header."""
    tables = shape(at, folder.parent)
    dump = register.rows.dump

    def older(session: Session, table: Table) -> Iterator[dict[str, Any]]:
        for row in dump(session, table):
            yield {name: value for name, value in row.items() if name in tables[table.name]}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(register.rows, "dump", older)
        patch.setattr(register, "head", lambda: at)
        patch.setattr(register, "kept_tables", lambda: [table for table in kept_tables() if table.name in tables])
        export_kit(services, folder)
