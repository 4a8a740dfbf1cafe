"""On SQLite no long read holds up a scan or a count, and no long write a scan or a look-up (ADR 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from sqlalchemy import select, text

from certsvc.app import create_app
from certsvc.services.operation import scan_counts
from certsvc.store import CertificateRecord, Database
from certsvc.store.sqlite import HAS_WAL
from certsvc.web.site import EXTENSION
from tests.builders.site import Register

pytestmark = pytest.mark.skipif(not HAS_WAL, reason="an older SQLite, with a rollback journal")


@contextmanager
def long_read(database: Database) -> Iterator[None]:
    """As a backup, a dry run or a check of the log."""
    with database.reading() as session:
        rows = session.execute(select(CertificateRecord.id).execution_options(yield_per=1))
        next(rows)
        yield


@contextmanager
def long_write(database: Database) -> Iterator[None]:
    """As an import or a batch, larger than SQLite's cache; it is given up."""
    with database.writing() as session:
        session.execute(text("create table big (content blob)"))
        for _ in range(1500):
            session.execute(text("insert into big values (zeroblob(4000))"))
        yield
        session.rollback()


@pytest.mark.parametrize("long", [long_read, long_write])
def test_scans_and_look_ups_are_answered_meanwhile(
    own: Register, long: Callable[[Database], AbstractContextManager[None]]
) -> None:
    client = create_app(own.settings, services=own.services).test_client()
    with long(own.services.database):
        scanned = client.get(f"/v/{own.valid.token}", headers={"Accept": "application/json"})
        pair = {"number": own.valid.number, "name": own.valid.name}
        looked_up = client.post("/api/v1/verifications", json=pair)
        with own.services.database.counts.reading() as session:
            counted = session.execute(text("select count(*) from limit_count")).scalar_one()
    assert (scanned.status_code, scanned.get_json()["state"]) == (200, "valid")
    assert (looked_up.status_code, looked_up.get_json()["state"]) == (200, "valid")
    assert counted > 0


def test_scans_are_added_up_beside_a_long_read(own: Register) -> None:
    app = create_app(own.settings, services=own.services)
    with long_read(own.services.database):
        app.test_client().get(f"/v/{own.valid.token}", headers={"Accept": "application/json"})
        app.extensions[EXTENSION].figures.flush()
        ((_, _, scans),) = scan_counts.of_certificate(own.services.database, own.valid.number)
    assert scans == 1
