"""PAdES B-LTA: given where every list and the document time stamp can be had, and told only then."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.credential.verdict import Verdict
from certsvc.errors import Refused
from certsvc.services.certificates.archive import archive, count_below
from certsvc.services.certificates.give_out import pdf_of
from certsvc.signing.pdf import Level, level_of
from certsvc.store import PdfFileRecord
from tests.builders.archiving import STOPS, LongToken, Real, configure, make_real, move, pdf_level, stopped, verdicts
from tests.builders.installation import START, Installation, made_up
from tests.signing.tsa import Authority

NEXT_DAY = START + timedelta(days=1)


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Real]:
    """No list is imported yet."""
    made = make_real(tmp_path)
    yield made
    made.home.services.database.close()


def issue(real: Real) -> tuple[str, bytes]:
    (one,) = real.home.issue(made_up(1))
    return one.number, real.home.pdf(one.number)


def test_with_lists_and_authority_a_certificate_is_archived(real: Real) -> None:
    number, before = issue(real)
    real.at(NEXT_DAY)
    report = real.archive()
    assert (report.level, report.raised, report.waiting, report.fault) == (Level.ARCHIVED, 1, 0, None)
    after = real.home.pdf(number)
    assert after.startswith(before)
    assert (level_of(after), pdf_level(real.home, number)) == (Level.ARCHIVED, "B-LTA")
    assert pdf_of(real.home.services, number) == after
    assert verdicts(real.home, before) == verdicts(real.home, after) == [Verdict.UNCHECKED, Verdict.VALID]
    with real.home.services.database.reading() as session:
        files = {record.sha256: record.level for record in session.scalars(select(PdfFileRecord))}
    assert files == {hashlib.sha256(pdf).hexdigest(): level for pdf, level in ((before, "B-T"), (after, "B-LTA"))}
    assert real.archive().raised == 0
    assert real.archive(Level.STAMPED).raised == 0
    assert real.home.pdf(number) == after


@pytest.mark.slow
def test_the_configured_level_is_the_one_raised_to_and_passes_by_b_t(real: Real) -> None:
    real.authority.fault = "junk"
    issued = real.home.issue(made_up(1), made_up(2))
    for one in issued:
        real.home.pdf(one.number)
    real.authority.fault = ""
    real.at(NEXT_DAY)
    real.authority.lists_at = NEXT_DAY + timedelta(seconds=1)
    real.home.services = dataclasses.replace(real.home.services, pdf_level="B-LTA")
    assert count_below(real.home.services, Level.ARCHIVED) == 2
    report = archive(real.home.services, by="档案员")
    assert (report.raised, report.waiting, report.fault) == (2, 0, None)
    assert {pdf_level(real.home, one.number) for one in issued} == {"B-LTA"}
    # One list is fetched once in a run, however many files need it.
    assert len(real.authority.fetched) == len(set(real.authority.fetched)) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "missing", ["the seal's", "the authority's", "the seal's is over", "the seal's was made before it was used"]
)
def test_without_a_list_the_file_stays_at_b_t_and_waits(real: Real, missing: str) -> None:
    number, before = issue(real)
    move(real.home, real.authority, NEXT_DAY)
    if missing == "the authority's":
        real.import_list()
        real.authority.fault = "no list"
    elif missing == "the seal's is over":
        real.import_list(now=START - timedelta(days=90))
    elif missing == "the seal's was made before it was used":
        real.import_list(now=START - timedelta(hours=1))
    report = real.archive()
    assert (report.raised, report.no_list, report.waiting) == (0, 1, 1)
    assert report.fault is not None
    assert (real.home.pdf(number), pdf_level(real.home, number)) == (before, "B-T")
    real.authority.fault = ""
    real.import_list()
    assert real.archive().raised == 1
    assert pdf_level(real.home, number) == "B-LTA"


@pytest.mark.slow
def test_a_list_from_before_the_seal_says_when_the_next_one_is_due(real: Real) -> None:
    issue(real)
    real.import_list(now=START - timedelta(hours=1))
    fault = real.archive().fault
    assert fault is not None
    assert f"{START - timedelta(hours=1) + timedelta(days=30):%Y-%m-%d}" in fault.en


@pytest.mark.slow
def test_a_development_seal_has_no_list_and_is_never_called_b_lta(tmp_path: Path) -> None:
    home = Installation(tmp_path / "home")
    configure(home, Authority(tmp_path / "tsa", at=START + timedelta(minutes=1), lists=True))
    (one,) = home.issue(made_up(1))
    home.pdf(one.number)
    report = archive(home.services, by="档案员", level=Level.ARCHIVED)
    assert (report.raised, report.no_list, report.waiting, pdf_level(home, one.number)) == (0, 1, 1, "B-T")
    home.services.database.close()


@pytest.mark.slow
def test_a_seal_revoked_before_its_stamp_is_not_archived(real: Real) -> None:
    leaf = real.home.services.keystore.seal_chain()[0]
    real.root.revoke(f"{leaf.serial_number:x}", reason="key-compromise", now=START - timedelta(hours=1))
    number, _ = issue(real)
    real.at(NEXT_DAY)
    report = real.archive()
    assert (report.raised, report.no_list, pdf_level(real.home, number)) == (0, 1, "B-T")


@pytest.mark.slow
@pytest.mark.parametrize("sealed_only", [True, False])
def test_an_authority_that_is_down_leaves_every_file_at_its_level(real: Real, sealed_only: bool) -> None:
    real.authority.fault = "refused" if sealed_only else ""
    number, _ = issue(real)
    real.at(NEXT_DAY)
    real.authority.fault = "refused"
    report = real.archive()
    assert (report.raised, report.waiting) == (0, 1)
    assert report.fault is not None
    assert pdf_level(real.home, number) == ("B-B" if sealed_only else "B-T")


@pytest.mark.slow
def test_a_file_that_cannot_be_archived_is_told(real: Real) -> None:
    number, _ = issue(real)
    real.at(NEXT_DAY)
    assert real.home.services.stamps is not None
    long = LongToken(real.home.services.stamps.revocation_lists)
    real.home.services = dataclasses.replace(real.home.services, stamps=long)  # type: ignore[arg-type]
    report = real.archive()
    assert (report.raised, report.no_room, report.waiting) == (0, 1, 0)
    assert report.fault is not None
    assert pdf_level(real.home, number) == "B-T"


@pytest.mark.parametrize("stopped_at", [STOPS[0], pytest.param(STOPS[1], marks=pytest.mark.slow)])
def test_archiving_stopped_anywhere_is_finished_by_the_next_run(
    real: Real, monkeypatch: pytest.MonkeyPatch, stopped_at: str
) -> None:
    number, _ = issue(real)
    real.at(NEXT_DAY)
    with stopped(monkeypatch, stopped_at):
        real.archive()
    assert verdicts(real.home, real.home.pdf(number))[1] is Verdict.VALID
    assert pdf_level(real.home, number) == "B-T"
    assert real.archive().raised == 1
    assert (pdf_level(real.home, number), level_of(real.home.pdf(number))) == ("B-LTA", Level.ARCHIVED)


@pytest.mark.slow
def test_the_wanted_level_and_the_days_of_renewal_come_from_the_settings(tmp_path: Path) -> None:
    wanted = {"CERTSVC_HOME": str(tmp_path)}
    opened = open_services(Settings.from_environment(wanted))
    assert (opened.pdf_level, opened.renew_days) == ("B-T", 90)
    changed = open_services(
        Settings.from_environment(wanted | {"CERTSVC_PDF_LEVEL": "lta", "CERTSVC_PDF_RENEW_DAYS": "30"})
    )
    assert (changed.pdf_level, changed.renew_days) == ("B-LTA", 30)
    for variable, value in (("CERTSVC_PDF_LEVEL", "b"), ("CERTSVC_PDF_RENEW_DAYS", "0")):
        with pytest.raises(Refused, match=variable):
            Settings.from_environment(wanted | {variable: value})
