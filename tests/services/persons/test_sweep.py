"""What the retention schedule has go, goes: portraits first, nothing of an open enrolment, and once (R10)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from certsvc.errors import ImportRefused
from certsvc.resources import schemes_folder
from certsvc.rules.retention import kept_until, portrait_goes_if_closed_by
from certsvc.rules.scheme import parse_scheme
from certsvc.services.audit.check_register import check_log
from certsvc.services.examination.import_results import import_results
from certsvc.services.persons import sweep as sweeping
from certsvc.services.persons.erase import erase
from certsvc.services.persons.sweep import Swept, sweep
from certsvc.services.registration import review
from certsvc.services.registration.import_roster import import_candidates
from certsvc.services.registration.review_list import list_registrations
from certsvc.services.verification.scan import by_token
from certsvc.store import AttemptRecord, AuditEventRecord, EnrolmentRecord, NoticeRecord, PersonRecord
from tests.builders.erasing import NOW
from tests.builders.holding import identity
from tests.builders.insider import by_sql
from tests.builders.installation import Installation, open_again
from tests.builders.killing import die, killed
from tests.builders.person import candidates, write_csv, write_portrait

FAILED, OPEN, PASSED, REJECTED = candidates(4, first=50)
SAT = date(2025, 3, 24)


@pytest.fixture
def swept_home(own: Installation, tmp_path: Path) -> Installation:
    """One who failed for good, one who still sits, one who passed, one who was rejected; each with a portrait."""
    services = own.services
    for number, colour in enumerate(("steelblue", "red", "green", "black")):
        write_portrait(tmp_path / f"{number}.jpg", colour)
    rows = [one.cells(photo=f"{number}.jpg") for number, one in enumerate((FAILED, OPEN, PASSED))]
    import_candidates(services, write_csv(tmp_path / "c.csv", rows), by="登记员")
    results = [FAILED.result("theory", "10"), FAILED.result("theory", "20", sat_on="2025-06-01", kind="free_retake")]
    results += [OPEN.result("theory", "80"), *PASSED.passes()]
    import_results(services, write_csv(tmp_path / "r.csv", results), by="考评员")
    import_candidates(
        services, write_csv(tmp_path / "x.csv", [REJECTED.cells(photo="3.jpg")]), by="登记员", for_review=True
    )
    (waiting,) = list_registrations(services)
    review.reject(services, [waiting.id], by="审核员", reason="材料不实")
    return own


def on_record(home: Installation) -> dict[str, bool]:
    """Who has a registration, and whether its portrait."""
    query = select(PersonRecord.name, EnrolmentRecord.photo_sha256).join(
        EnrolmentRecord, EnrolmentRecord.person_id == PersonRecord.id
    )
    with home.services.database.reading() as session:
        return {name: photo is not None for name, photo in session.execute(query)}


def photos(home: Installation) -> int:
    return len(list(home.services.folders.photos.glob("*.jpg")))


def test_portraits_go_first_then_registrations_and_open_and_passed_ones_stay(
    swept_home: Installation, tmp_path: Path
) -> None:
    services = swept_home.services
    assert sweep(services, by="定时").as_json() == Swept().as_json()
    swept_home.clock.move(days=200)
    assert sweep(services, by="定时", dry_run=True).portraits == 2
    assert photos(swept_home) == 4
    assert sweep(services, by="定时") == Swept(portraits=2)
    assert on_record(swept_home) == {FAILED.name: False, OPEN.name: True, PASSED.name: True, REJECTED.name: False}
    assert photos(swept_home) == 2
    assert sweep(services, by="定时") == Swept()
    swept_home.clock.move(days=1000)
    # Meanwhile OPEN's retakes were given up: theirs was closed not so long ago.
    assert sweep(services, by="定时", dry_run=True).registrations == 2
    done = sweep(services, by="定时")
    assert (done.registrations, done.persons) == (2, 2)
    assert sorted(on_record(swept_home)) == sorted([OPEN.name, PASSED.name])
    with services.database.reading() as session:
        assert session.scalars(select(AttemptRecord.enrolment_id).distinct()).all() == [2, 3]
        actions = session.scalars(select(AuditEventRecord.action)).all()
    assert actions.count("person.sweep") == 2
    assert sweep(services, by="定时") == Swept()
    rows = [FAILED.cells(photo="")]
    with pytest.raises(ImportRefused) as refused:
        import_candidates(services, write_csv(tmp_path / "old.csv", rows), by="登记员")
    assert [one.rule for one in refused.value.errors] == ["R10"]


def test_notices_go_with_the_registration_they_are_about(swept_home: Installation) -> None:
    by_sql(
        swept_home,
        "insert into notice (kind, about, id_lookup, message_id, state, queued_at, next_try_at, expires_at, tries) "
        "select 'registered', e.id || '', p.id_lookup, '', 'sent', '2026-01-01 00:00:00', '2026-01-01 00:00:00', "
        "'2026-01-01 00:00:00', 1 from enrolment e join person p on p.id = e.person_id",
    )
    swept_home.clock.move(days=1200)
    sweep(swept_home.services, by="定时")
    with swept_home.services.database.reading() as session:
        registrations = session.scalars(select(EnrolmentRecord.id)).all()
        assert session.scalars(select(NoticeRecord.about)).all() == [str(one) for one in registrations]
        assert len(registrations) == 2


def test_a_run_that_is_killed_is_finished_by_the_next(
    swept_home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept_home.clock.move(days=200)
    swept_home.services.database.close()
    monkeypatch.setattr(sweeping, "finish", die)
    killed(lambda: sweep(open_again(swept_home.home, swept_home.clock), by="定时"))
    monkeypatch.undo()
    services = swept_home.reopen()
    assert photos(swept_home) == 4
    assert sweep(services, by="定时") == Swept()
    assert photos(swept_home) == 2


def test_what_was_kept_at_first_goes_when_its_term_is_over(sqlite: Installation) -> None:
    services = sqlite.services
    erase(services, identity(NOW), reason="本人申请", by="甲", approved_by="乙", keep_certificate=True)
    assert sweep(services, by="定时").certificates == 0
    by_sql(sqlite, "update scheme set toml = replace(toml, 'certificate_years = ', 'certificate_years = 0 # ')")
    with services.database.reading() as session:
        token = session.scalars(
            select(AuditEventRecord.object_key).where(AuditEventRecord.action == "certificate.correct")
        ).first()
    assert token is not None
    row = sqlite.row(token.partition("-v")[0], 3)
    assert sweep(services, by="定时", dry_run=True).certificates == 2
    assert sweep(services, by="定时").certificates == 2
    record = by_token(services, row.token)
    assert record is not None
    assert record.state == "erased"
    assert check_log(services).problems == ()
    assert sweep(services, by="定时").certificates == 0
    with services.database.reading() as session:
        assert NOW.name not in session.scalars(select(PersonRecord.name)).all()


def test_terms_are_the_schemes_and_counted_in_calendar_days() -> None:
    qinghai, haiyue = (
        parse_scheme((schemes_folder() / f"emergency-rescuer-5/{name}.toml").read_text("utf-8"))
        for name in ("qinghai-2025", "haiyue-2026")
    )
    assert kept_until([date(2024, 2, 29), date(2023, 1, 1)], qinghai) == date(2054, 2, 28)
    assert kept_until([date(2026, 5, 1)], haiyue) == date(2036, 5, 1)
    assert portrait_goes_if_closed_by(date(2026, 8, 31), qinghai) == date(2026, 2, 28)
    assert portrait_goes_if_closed_by(date(2026, 8, 31), haiyue) == date(2026, 5, 31)
