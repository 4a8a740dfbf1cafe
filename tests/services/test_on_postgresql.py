"""The main job on PostgreSQL: the same code and answers; two runs at once; a backup of SQLite restored there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from certsvc.credential.number import parse_number
from certsvc.errors import ImportRefused
from certsvc.services.audit.check_register import check_log
from certsvc.services.context import Services
from certsvc.services.examination.import_results import import_results
from certsvc.services.holders import share_links
from certsvc.services.issuing.issue import issue
from certsvc.services.operation.backup import back_up, restore
from certsvc.services.operation.init import initialise
from certsvc.services.registration.import_roster import import_candidates
from certsvc.store import CertificateRecord
from tests.builders.person import Candidate, candidates, open_home, write_csv
from tests.builders.postgresql import postgresql_database

pytestmark = pytest.mark.postgresql
ON = date(2026, 11, 22)


@pytest.fixture
def url(socket_enabled: None) -> Iterator[str]:
    for database in postgresql_database():
        yield database.engine.url.render_as_string(hide_password=False)


def pass_all(services: Services, folder: Path, people: list[Candidate]) -> None:
    import_candidates(services, write_csv(folder / "c.csv", [one.cells() for one in people]), by="登记员")
    rows = [row for one in people for row in one.passes()]
    import_results(services, write_csv(folder / "r.csv", rows), by="考评员")


def serials(services: Services) -> list[int]:
    with services.database.reading() as session:
        numbers = session.scalars(select(CertificateRecord.number).order_by(CertificateRecord.id))
        return [parse_number("digits16", number).serial for number in numbers]


def test_import_again_and_two_runs_at_once(url: str, home: Path, tmp_path: Path) -> None:
    mine, other = (open_home(home, database_url=url) for _ in range(2))
    initialise(mine)
    people = candidates(450)
    pass_all(mine, tmp_path, people)
    assert import_results(mine, tmp_path / "r.csv", by="考评员").unchanged == 900
    with pytest.raises(ImportRefused):
        import_candidates(mine, write_csv(tmp_path / "x.csv", [people[0].cells(phone="13911111111")]), by="登记员")

    faults: list[BaseException] = []
    issued: list[int] = []

    def work(services: Services) -> None:
        try:
            issued.append(len(issue(services, by="签发员", on=ON).issued))
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(one,)) for one in (mine, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert sum(issued) == 450
    assert serials(mine) == list(range(1, 451))
    assert check_log(mine).ok
    mine.database.close()
    other.database.close()


def test_a_backup_of_sqlite_goes_on_in_postgresql(url: str, services: Services, home: Path, tmp_path: Path) -> None:
    pass_all(services, tmp_path, candidates(3))
    issue(services, by="签发员", on=ON)
    back_up(services, tmp_path / "backup.tar")
    moved = open_home(tmp_path / "moved", database_url=url, keys=home / "keys")
    restore(moved, tmp_path / "backup.tar")
    assert check_log(moved).ok
    pass_all(moved, tmp_path, candidates(2, first=50))
    assert len(issue(moved, by="签发员", on=ON).issued) == 2
    assert serials(moved) == [1, 2, 3, 4, 5]
    assert check_log(moved).ok
    moved.database.close()


def test_a_link_is_opened_while_the_register_is_written(url: str, home: Path, tmp_path: Path) -> None:
    """An import may take minutes; twenty who open a link meanwhile, or guess one, would use up every connection."""
    services = open_home(home, database_url=url)
    initialise(services)
    pass_all(services, tmp_path, candidates(1))
    (issued,) = issue(services, by="签发员", on=ON).issued
    link = share_links.create(services, issued.token, life=timedelta(days=1), by="holder")
    opened: list[object] = []
    with services.database.writing():
        secrets = (str(link.secret), "a" * 26)
        threads = [
            threading.Thread(target=lambda one=secret: opened.append(share_links.open_link(services, one)), daemon=True)
            for secret in secrets
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert len(opened) == 2
    assert [len(one.opened_at) for one in share_links.list_links(services, issued.token)] == [1]
    services.database.close()
