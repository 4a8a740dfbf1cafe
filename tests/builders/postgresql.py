"""A database of a test's own on the PostgreSQL server that CERTSVC_TEST_POSTGRESQL names (a must in CI)."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from certsvc.store import Database, open_database


def postgresql_database() -> Iterator[Database]:
    """A fresh database on the server CERTSVC_TEST_POSTGRESQL, dropped afterwards."""
    address = os.environ.get("CERTSVC_TEST_POSTGRESQL")
    if not address:
        if os.environ.get("CI"):
            pytest.fail("CERTSVC_TEST_POSTGRESQL is not set, and CI must test PostgreSQL")
        pytest.skip("CERTSVC_TEST_POSTGRESQL is not set")
    server = make_url(address).set(drivername="postgresql+psycopg")
    name = f"certsvc_test_{secrets.token_hex(6)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"create database {name}"))
    database = open_database(server.set(database=name))
    try:
        yield database
    finally:
        database.close()
        with engine.connect() as connection:
            connection.execute(text(f"drop database {name} with (force)"))
        engine.dispose()
