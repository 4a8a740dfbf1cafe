"""Time stamps of PDFs: had at once where the authority answers, made up for later where it did not, never pretended."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.credential.verdict import Verdict
from certsvc.errors import Refused
from certsvc.services.certificates.archive import archive, count_below
from certsvc.services.certificates.give_out import pdf_of
from certsvc.signing.pdf import Level, level_of
from certsvc.store import CertificateRecord, PdfFileRecord
from tests.builders.archiving import STOPS, LongToken, configure, pdf_level, stopped, verdicts
from tests.builders.installation import START, Installation, made_up
from tests.signing.tsa import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "tsa", at=START + timedelta(minutes=1))


@pytest.fixture
def home(tmp_path: Path, authority: Authority) -> Iterator[Installation]:
    installation = Installation(tmp_path / "home")
    configure(installation, authority)
    yield installation
    installation.services.database.close()


def test_with_an_authority_a_certificate_is_stamped_as_it_is_issued(home: Installation) -> None:
    (one,) = home.issue(made_up(1))
    pdf = home.pdf(one.number)
    assert level_of(pdf) is Level.STAMPED
    assert pdf_level(home, one.number) == "B-T"
    assert verdicts(home, pdf) == [Verdict.UNCHECKED, Verdict.VALID]


def test_without_an_authority_a_certificate_is_b_b_and_says_so(home: Installation) -> None:
    configure(home, None)
    (one,) = home.issue(made_up(1))
    assert level_of(home.pdf(one.number)) is Level.SEALED
    assert pdf_level(home, one.number) == "B-B"
    with pytest.raises(Refused, match="CERTSVC_TSA_URL"):
        archive(home.services, by="档案员")


def test_an_authority_that_is_down_delays_the_stamp_and_not_the_certificate(
    home: Installation, authority: Authority
) -> None:
    authority.fault = "junk"
    (one,) = home.issue(made_up(1))
    before = home.pdf(one.number)
    assert (level_of(before), pdf_level(home, one.number)) == (Level.SEALED, "B-B")
    assert count_below(home.services, Level.STAMPED) == 1

    authority.fault = ""
    configure(home, authority)
    assert archive(home.services, by="档案员").as_json() == {
        "level": "B-T",
        "raised": 1,
        "renewed": 0,
        "no_room": 0,
        "no_list": 0,
        "lost": 0,
        "waiting": 0,
        "fault": None,
    }
    after = home.pdf(one.number)
    assert (level_of(after), pdf_level(home, one.number)) == (Level.STAMPED, "B-T")
    assert count_below(home.services, Level.STAMPED) == 0
    assert pdf_of(home.services, one.number) == after
    # Both are genuine; who holds the earlier file holds no forgery.
    assert verdicts(home, before) == verdicts(home, after) == [Verdict.UNCHECKED, Verdict.VALID]


def test_an_authority_still_down_leaves_the_rest_waiting_at_the_lower_level(
    home: Installation, authority: Authority
) -> None:
    authority.fault = "refused"
    issued = home.issue(made_up(1), made_up(2))
    for one in issued:
        home.pdf(one.number)
    configure(home, authority)
    report = archive(home.services, by="档案员")
    assert (report.raised, report.waiting) == (0, 2)
    assert report.fault is not None
    assert {pdf_level(home, one.number) for one in issued} == {"B-B"}


def test_archiving_again_changes_nothing(home: Installation) -> None:
    (one,) = home.issue(made_up(1))
    before = home.pdf(one.number)
    report = archive(home.services, by="档案员")
    assert (report.raised, report.waiting) == (0, 0)
    assert home.pdf(one.number) == before


def test_a_file_issued_without_room_for_a_stamp_is_told(home: Installation, authority: Authority) -> None:
    configure(home, None)
    (one,) = home.issue(made_up(1))
    long = home.pdf(one.number)
    configure(home, authority)
    assert home.services.stamps is not None
    home.services = dataclasses.replace(home.services, stamps=LongToken())  # type: ignore[arg-type]
    report = archive(home.services, by="档案员")
    assert (report.raised, report.no_room, report.waiting) == (0, 1, 0)
    assert home.pdf(one.number) == long


def test_a_file_that_is_lost_or_changed_is_not_stamped(home: Installation, authority: Authority) -> None:
    authority.fault = "junk"
    issued = home.issue(made_up(1), made_up(2))
    places = [home.services.folders.certificate_pdf(one.number, 1) for one in issued if home.pdf(one.number)]
    places[0].unlink()
    places[1].write_bytes(places[1].read_bytes() + b"\n")
    authority.fault = ""
    configure(home, authority)
    report = archive(home.services, by="档案员")
    assert (report.raised, report.lost, report.waiting) == (0, 2, 0)


@pytest.mark.parametrize("stopped_at", [STOPS[0], pytest.param(STOPS[1], marks=pytest.mark.slow)])
def test_stopped_anywhere_the_file_in_place_is_known_and_the_next_run_finishes(
    home: Installation, authority: Authority, monkeypatch: pytest.MonkeyPatch, stopped_at: str
) -> None:
    authority.fault = "junk"
    (one,) = home.issue(made_up(1))
    home.pdf(one.number)
    authority.fault = ""
    configure(home, authority)
    with stopped(monkeypatch, stopped_at):
        archive(home.services, by="档案员")
    assert verdicts(home, home.pdf(one.number))[1] is Verdict.VALID
    assert pdf_level(home, one.number) == "B-B"  # never told higher than the register's newest file
    assert archive(home.services, by="档案员").raised == 1
    assert pdf_level(home, one.number) == "B-T"
    row = home.row(one.number)
    assert hashlib.sha256(home.pdf(one.number)).hexdigest() == row.pdf_sha256


def test_every_recorded_file_stays_on_record(home: Installation, authority: Authority) -> None:
    authority.fault = "junk"
    (one,) = home.issue(made_up(1))
    first = hashlib.sha256(home.pdf(one.number)).hexdigest()
    authority.fault = ""
    configure(home, authority)
    archive(home.services, by="档案员")
    with home.services.database.reading() as session:
        row = session.scalars(select(CertificateRecord)).one()
        files = {record.sha256: record.level for record in session.scalars(select(PdfFileRecord))}
    assert files == {first: "B-B", row.pdf_sha256: "B-T"}


def test_the_program_takes_the_authority_from_its_settings(tmp_path: Path, authority: Authority) -> None:
    pem = tmp_path / "roots.pem"
    pem.write_bytes(b"".join(root.public_bytes(Encoding.PEM) for root in authority.roots))
    wanted = {"CERTSVC_HOME": str(tmp_path), "CERTSVC_TSA_URL": "https://tsa.example", "CERTSVC_TSA_ROOTS": str(pem)}
    opened = open_services(Settings.from_environment(wanted))
    assert opened.stamps is not None
    assert (opened.stamps.url, opened.stamp_roots) == ("https://tsa.example", authority.roots)
    # The roots stay pinned when the authority is given up: files that it stamped are still checked.
    kept = open_services(Settings.from_environment(wanted | {"CERTSVC_TSA_URL": ""}))
    assert (kept.stamps, kept.stamp_roots) == (None, authority.roots)
    for variable, value in (("CERTSVC_TSA_ROOTS", ""), ("CERTSVC_TSA_ROOTS", str(tmp_path / "none.pem"))):
        with pytest.raises(Refused, match="CERTSVC_TSA_ROOTS"):
            open_services(Settings.from_environment(wanted | {variable: value}))
