"""Each store test runs on SQLite, and on PostgreSQL where CERTSVC_TEST_POSTGRESQL names a server (a must in CI)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from certsvc.store import Database, open_database
from certsvc.store.migrate import upgrade
from tests.builders.postgresql import postgresql_database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        database = open_database(f"sqlite:///{tmp_path / 'certsvc.db'}")
        yield database
        database.close()
    else:
        request.getfixturevalue("socket_enabled")
        yield from postgresql_database()


@pytest.fixture
def database(empty_database: Database) -> Database:
    upgrade(empty_database)
    return empty_database
