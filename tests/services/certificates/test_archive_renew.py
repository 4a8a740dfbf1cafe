"""Renewal: a B-LTA file is stamped again before its newest stamp's chain ends, where that gains something."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from certsvc.credential.verdict import Verdict
from certsvc.services.certificates.give_out import pdf_of
from certsvc.signing.pdf import Level
from certsvc.store import AuditEventRecord, PdfFileRecord
from tests.builders.archiving import STOPS, Real, configure, make_real, pdf_level, stopped, verdicts
from tests.builders.installation import START, made_up
from tests.signing.tsa import SECOND

ENDS = (START + timedelta(days=200)).replace(hour=0, minute=0, second=0)
EARLY, DUE = ENDS - timedelta(days=100), ENDS - timedelta(days=30)


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Real]:
    made = make_real(tmp_path, until=ENDS)
    yield made
    made.home.services.database.close()


@pytest.fixture
def number(real: Real) -> str:
    """A certificate archived on the next day."""
    (one,) = real.home.issue(made_up(1))
    real.home.pdf(one.number)
    real.at(START + timedelta(days=1))
    assert real.archive().raised == 1
    return one.number


def ends(real: Real, pdf: bytes) -> datetime | None:
    with real.home.services.database.reading() as session:
        return session.get_one(PdfFileRecord, hashlib.sha256(pdf).hexdigest()).proven_until


def test_a_file_whose_proof_ends_soon_is_renewed_once_and_others_are_left(real: Real, number: str) -> None:
    before = real.home.pdf(number)
    assert ends(real, before) == ENDS
    real.authority.under = SECOND
    real.at(EARLY)
    report = real.archive()
    assert (report.raised, report.renewed, report.waiting, report.fault) == (0, 0, 0, None)
    assert real.home.pdf(number) == before
    real.at(DUE)
    report = real.archive()
    assert (report.raised, report.renewed, report.waiting, report.fault) == (0, 1, 0, None)
    after = real.home.pdf(number)
    assert after.startswith(before)
    assert len(after) > len(before)
    later = ends(real, after)
    assert later is not None
    assert later > ENDS + timedelta(days=365)
    assert pdf_level(real.home, number) == "B-LTA"
    assert pdf_of(real.home.services, number) == after
    assert verdicts(real.home, before) == verdicts(real.home, after) == [Verdict.UNCHECKED, Verdict.VALID]
    assert real.archive().renewed == 0
    assert real.home.pdf(number) == after
    with real.home.services.database.reading() as session:
        actions = list(session.scalars(select(AuditEventRecord.action)))
    assert actions.count("certificate.renew") == 1


@pytest.mark.slow
def test_asked_for_the_lower_level_nothing_is_renewed(real: Real, number: str) -> None:
    real.authority.under = SECOND
    real.at(DUE)
    assert real.archive(Level.STAMPED).renewed == 0
    assert real.archive().renewed == 1


@pytest.mark.parametrize(
    "fault",
    [
        "refused",
        "no list",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("junk", "another question", "another imprint")),
    ],
)
def test_an_authority_that_fails_leaves_the_file_as_it_is_and_queued(real: Real, number: str, fault: str) -> None:
    before = real.home.pdf(number)
    real.authority.under = SECOND
    real.at(DUE)
    real.authority.fault = fault
    report = real.archive()
    assert (report.renewed, report.waiting) == (0, 1)
    assert report.fault is not None
    assert (real.home.pdf(number), pdf_level(real.home, number)) == (before, "B-LTA")
    assert verdicts(real.home, before) == [Verdict.UNCHECKED, Verdict.VALID]
    real.authority.fault = ""
    configure(real.home, real.authority)
    assert (real.archive().renewed, real.archive().waiting) == (1, 0)


@pytest.mark.slow
def test_an_authority_that_still_stamps_under_the_same_certificate_is_asked_once_and_the_file_waits(
    real: Real, number: str
) -> None:
    before = real.home.pdf(number)
    real.at(DUE)
    report = real.archive()
    assert (report.renewed, report.waiting) == (0, 1)
    assert report.fault is not None
    assert "gains nothing" in report.fault.en
    assert real.home.pdf(number) == before
    real.authority.under = SECOND
    assert real.archive().renewed == 1


@pytest.mark.slow
def test_on_demand_every_archived_file_is_renewed_at_once(real: Real, number: str) -> None:
    before = real.home.pdf(number)
    (other,) = real.home.issue(made_up(2))
    real.home.pdf(other.number)
    real.at(START + timedelta(days=2))
    report = real.archive(renew_all=True)
    assert (report.raised, report.renewed, report.waiting, report.fault) == (1, 1, 0, None)
    assert real.home.pdf(number).startswith(before)
    assert real.home.pdf(number) != before
    assert verdicts(real.home, real.home.pdf(number)) == [Verdict.UNCHECKED, Verdict.VALID]


@pytest.mark.slow
def test_on_demand_a_renewal_waits_for_a_list_made_since_the_last_stamp(real: Real, number: str) -> None:
    before = real.home.pdf(number)
    real.authority.lists_at = START
    report = real.archive(renew_all=True)
    assert (report.renewed, report.no_list, report.waiting) == (0, 1, 1)
    assert real.home.pdf(number) == before


@pytest.mark.slow
def test_a_file_whose_proof_has_ended_is_not_renewed_and_told(real: Real, number: str) -> None:
    before = real.home.pdf(number)
    real.authority.under = SECOND
    real.at(ENDS + timedelta(days=1))
    report = real.archive()
    assert (report.renewed, report.no_list, report.waiting) == (0, 1, 1)
    assert real.home.pdf(number) == before


@pytest.mark.slow
def test_a_file_from_before_ends_were_recorded_is_read_and_renewed_only_when_due(real: Real, number: str) -> None:
    with real.home.services.database.writing() as session:
        session.execute(update(PdfFileRecord).values(proven_until=None))
    before = real.home.pdf(number)
    asked = real.authority.asked
    real.authority.under = SECOND
    real.at(EARLY)
    report = real.archive()
    assert (report.renewed, report.waiting, report.fault) == (0, 0, None)
    assert (real.home.pdf(number), ends(real, before), real.authority.asked) == (before, ENDS, asked)
    real.at(DUE)
    assert real.archive().renewed == 1


@pytest.mark.parametrize("stopped_at", [STOPS[0], pytest.param(STOPS[1], marks=pytest.mark.slow)])
def test_renewing_stopped_anywhere_is_finished_by_the_next_run(
    real: Real, number: str, monkeypatch: pytest.MonkeyPatch, stopped_at: str
) -> None:
    before = real.home.pdf(number)
    real.authority.under = SECOND
    real.at(DUE)
    with stopped(monkeypatch, stopped_at):
        real.archive()
    assert verdicts(real.home, real.home.pdf(number))[1] is Verdict.VALID
    assert real.archive().renewed == 1
    after = real.home.pdf(number)
    assert after.startswith(before)
    assert real.home.row(number).pdf_sha256 == hashlib.sha256(after).hexdigest()
    assert ends(real, after) != ENDS
    assert real.archive().renewed == 0


@pytest.mark.slow
def test_an_earlier_file_put_back_in_place_is_not_taken_for_a_newer_one(real: Real, number: str) -> None:
    before = real.home.pdf(number)
    real.authority.under = SECOND
    real.at(DUE)
    assert real.archive().renewed == 1
    place = real.home.services.folders.certificate_pdf(number, 1)
    newest = real.home.row(number).pdf_sha256
    place.write_bytes(before)
    report = real.archive(renew_all=True)
    assert (report.renewed, report.lost) == (0, 1)
    assert real.home.row(number).pdf_sha256 == newest
