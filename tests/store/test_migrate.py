"""The migrations make exactly what the models say, on each engine."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from certsvc.errors import Refused
from certsvc.store import Base, Database, open_database
from certsvc.store.migrate import FOLDER, head, require_head, revision, upgrade


def test_the_head_has_the_shape_of_the_models(empty_database: Database) -> None:
    assert upgrade(empty_database) == (None, head())
    with empty_database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_files_are_numbered_as_the_migrations_follow_each_other() -> None:
    assert head() == ScriptDirectory(str(FOLDER)).get_current_head()


def test_upgrading_again_changes_nothing(empty_database: Database) -> None:
    upgrade(empty_database)
    assert upgrade(empty_database) == (head(), head())
    require_head(empty_database)


def test_a_database_without_tables_is_refused_with_what_to_run(empty_database: Database) -> None:
    assert revision(empty_database) is None
    with pytest.raises(Refused, match="certsvc init"):
        require_head(empty_database)


@pytest.mark.parametrize("address", ["nonsense", "mysql://host/x"])
def test_an_address_of_no_engine_we_keep_is_refused(address: str) -> None:
    with pytest.raises(Refused):
        open_database(address)
