"""A survival kit of each earlier version fills a fresh home of today's, on either engine."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pytest
from sqlalchemy import func, select

from certsvc.errors import FileRefused, Refused
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates.give_out import pdf_of
from certsvc.services.context import Services
from certsvc.services.kit.export import rebuild
from certsvc.services.operation.init import initialise
from certsvc.services.verification import look_up
from certsvc.store import Base, CertificateRecord, PersonRecord, ToDecideRecord, kept_tables, open_database, rows
from certsvc.store.migrate import head, require_head, revision, upgrade
from tests.builders.installation import Installation
from tests.builders.older import EARLIER, export_kit_as_made_by
from tests.builders.person import open_home
from tests.builders.postgresql import postgresql_database

KEPT = Path(__file__).parent / "register-0005.jsonl.gz"
"""The lines within a kit that the program of 24 November 2026 wrote; people and keys of that register are gone."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'newer.sqlite3'}"
    else:
        request.getfixturevalue("socket_enabled")
        for database in postgresql_database():
            yield database.engine.url.render_as_string(hide_password=False)


def fresh(at: Installation, tmp_path: Path, url: str | None = None) -> Services:
    """A home of today with the same keys, just initialised."""
    shutil.copytree(at.home / "keys", tmp_path / "keys")
    services = open_home(tmp_path / "new", database_url=url, keys=tmp_path / "keys", now=at.services.now())
    initialise(services)
    return services


@pytest.mark.parametrize("version", EARLIER)
def test_it_is_rebuilt_and_brought_up_to_date(at: Installation, version: str, url: str, tmp_path: Path) -> None:
    with at.services.database.reading() as session:
        number, name = session.execute(select(CertificateRecord.number, CertificateRecord.holder_name)).first() or (
            "",
            "",
        )
    pdf = at.pdf(number)
    export_kit_as_made_by(at.services, version, tmp_path / "kit")
    new = fresh(at, tmp_path, url)
    rebuild(new, tmp_path / "kit")
    require_head(new.database)
    assert check_log(new).ok
    assert pdf_of(new, number) == pdf
    found = look_up.by_number_and_name(new, number, f" {name} ")
    assert found is not None
    assert found.state == "valid"
    new.database.close()


def test_an_older_kit_that_is_damaged_leaves_the_fresh_home_as_it_was(at: Installation, tmp_path: Path) -> None:
    export_kit_as_made_by(at.services, EARLIER[-1], tmp_path / "kit")
    register = tmp_path / "kit" / "register.sealed"
    register.write_bytes(register.read_bytes()[:-1])
    new = fresh(at, tmp_path)
    with pytest.raises(FileRefused):
        rebuild(new, tmp_path / "kit")
    assert revision(new.database) == head()
    new.database.close()


def test_an_older_kit_is_not_rebuilt_over_a_register(at: Installation, tmp_path: Path) -> None:
    export_kit_as_made_by(at.services, EARLIER[-1], tmp_path / "kit")
    with pytest.raises(Refused, match="not empty"):
        rebuild(at.services, tmp_path / "kit")
    with at.services.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(PersonRecord)) == 2


def test_the_rows_of_a_kit_that_was_kept_are_read_into_todays_tables(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'kept.sqlite3'}")
    upgrade(database, to="0005")
    tables = {table.name: table for table in kept_tables()}
    lines = [json.loads(line) for line in gzip.decompress(KEPT.read_bytes()).splitlines()]
    with database.writing() as session:
        for name, of_table in groupby(lines, key=itemgetter(0)):
            rows.load(session, tables[name], (values for _, values in of_table))
    upgrade(database)
    require_head(database)
    with database.reading() as session:
        for table in Base.metadata.sorted_tables:
            if table.name != ToDecideRecord.__tablename__:
                kept = sum(1 for name, _ in lines if name == table.name)
                assert session.scalar(select(func.count()).select_from(table)) == kept, table.name
        # Whoever sat and has no certificate is decided once more.
        sat, issued = ({row["enrolment_id"] for name, row in lines if name == of} for of in ("attempt", "certificate"))
        assert set(session.scalars(select(ToDecideRecord.enrolment_id))) == sat - issued != set()
        names = set(session.scalars(select(CertificateRecord.holder_name)))
    assert {"王芳", "赵敏莉", "阿依古丽·买买提"} <= names
    database.close()
