"""One run from decision to file: drawn over the pool, published, and finished by the next run where it was stopped."""

from __future__ import annotations

import functools
import hashlib
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from certsvc.jobs import issue_run
from certsvc.jobs.issue_run import run
from certsvc.services.certificates.give_out import pdf_of
from certsvc.services.context import Services
from certsvc.services.examination.import_results import import_results
from certsvc.services.issuing.issue import issue
from certsvc.services.issuing.render import adopt, draw, waiting
from certsvc.services.operation.init import initialise
from certsvc.services.registration.import_roster import import_candidates
from certsvc.store import CertificateRecord
from tests.builders.person import NOW, candidates, open_home, write_csv

ON = date(2026, 11, 22)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home where thirty have passed: enough for the pool."""
    services = open_home(tmp_path / "home")
    initialise(services)
    people = candidates(30)
    import_candidates(services, write_csv(tmp_path / "c.csv", [one.cells() for one in people]), by="登记员")
    rows = [row for one in people for row in one.passes()]
    import_results(services, write_csv(tmp_path / "r.csv", rows), by="考评员")
    services.database.close()
    return tmp_path / "home"


def digests(services: Services) -> dict[str, str | None]:
    with services.database.reading() as session:
        return {row.number: row.pdf_sha256 for row in session.scalars(select(CertificateRecord))}


def test_a_run_draws_over_the_pool_records_each_hash_and_publishes(home: Path) -> None:
    services = open_home(home)
    steps: list[tuple[str, int, int]] = []
    report = run(
        services, functools.partial(open_home, home, now=NOW), by="签发员", on=ON, progress=lambda *at: steps.append(at)
    )
    assert (len(report.issued), report.not_published) == (30, None)
    assert steps[-1] == ("render", 30, 30)
    for number, digest in digests(services).items():
        assert hashlib.sha256(pdf_of(services, number)).hexdigest() == digest
    assert (home / "published" / "log" / "checkpoint").is_file()
    before = digests(services)
    again = run(services, functools.partial(open_home, home, now=NOW), by="签发员", on=ON)
    assert (len(again.issued), again.already) == (0, 30)
    assert digests(services) == before
    services.database.close()


def test_what_is_issued_but_not_drawn_is_drawn_by_the_next_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services = open_home(home)
    issue(services, by="签发员", on=ON)
    assert set(digests(services).values()) == {None}
    monkeypatch.setattr(issue_run, "POOL_FROM", 1000)
    (services.folders.pdf / ".drawn-1-left.pdf").write_bytes(b"half a file")
    run(services, functools.partial(open_home, home, now=NOW), by="签发员", on=ON)
    assert None not in digests(services).values()
    assert len(list(services.folders.pdf.iterdir())) == 30
    services.database.close()


def test_of_two_drawings_of_one_certificate_the_first_recorded_stays(home: Path) -> None:
    services = open_home(home)
    issue(services, by="签发员", on=ON)
    with services.database.reading() as session:
        first_id = waiting(session)[0]
    (one,), (other,) = draw(services, [first_id]), draw(services, [first_id])
    assert adopt(services, [one]) == 1
    assert adopt(services, [other]) == 0
    assert not other.path.exists()
    with services.database.reading() as session:
        row = session.get_one(CertificateRecord, first_id)
    assert row.pdf_sha256 == one.sha256
    assert hashlib.sha256(pdf_of(services, row.number)).hexdigest() == one.sha256
    services.database.close()
