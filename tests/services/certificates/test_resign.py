"""Signing again after a change of key: next versions by the key in use, nothing twice, nothing laundered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select, text

from certsvc.credential.verdict import Verdict
from certsvc.errors import Refused
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates import resign
from certsvc.services.certificates.change_status import revoke, suspend
from certsvc.services.certificates.distrust import distrust
from certsvc.services.certificates.resign import REASON, ResignReport, Selection
from certsvc.services.issuing.render import render, waiting
from certsvc.services.publishing.static import publish_static
from certsvc.services.records.secrets import CertificateSecrets
from certsvc.services.verification import look_up
from certsvc.services.verification.verify import Options, verify_online
from certsvc.signing.keys import Purpose
from certsvc.store import CertificateRecord, StatusChangeRecord
from tests.builders.installation import SAT, Installation, made_up
from tests.services.certificates.test_distrust import Theft, slip_in, theft  # noqa: F401 - a fixture

SCHEME = "emergency-rescuer-5/qinghai-2025"
SITTING = date.fromisoformat(SAT)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path / "home")
    yield installation
    installation.services.database.close()


def by_new_key(home: Installation, count: int = 3) -> list[str]:
    """Certificates of a key that is then followed by another."""
    numbers = [one.number for one in home.issue(*(made_up(serial) for serial in range(1, count + 1)))]
    home.clock.move(minutes=1)
    home.services.keystore.rotate(Purpose.CREDENTIAL, development=True)
    return numbers


def run(home: Installation, **selection: object) -> ResignReport:
    chosen = Selection(**selection) if selection else Selection(scheme=SCHEME)  # type: ignore[arg-type]
    return resign.resign(home.services, chosen, by="签发员", approved_by="复核员")


def versions(home: Installation) -> list[tuple[int, str, bool]]:
    active = home.services.keystore.active_kid(Purpose.CREDENTIAL).encode()
    with home.services.database.reading() as session:
        rows = session.query(CertificateRecord).order_by(CertificateRecord.number, CertificateRecord.version)
        return [(row.version, row.status, b"#" + active + b'"' in (row.credential or b"")) for row in rows]


def test_a_session_is_signed_anew_and_the_old_versions_are_superseded(home: Installation) -> None:
    numbers = by_new_key(home)
    report = run(home, scheme=SCHEME, first=SITTING, last=SITTING)
    assert report.resigned == [(number, 2) for number in numbers]
    assert versions(home) == [(1, "superseded", False), (2, "valid", True)] * 3
    with home.services.database.reading() as session:
        assert set(session.scalars(select(StatusChangeRecord.reason))) == {REASON}
        ids = waiting(session)
    render(home.services, ids)
    publish_static(home.services)
    services = home.services
    new, old = home.row(numbers[0], 2).credential, home.row(numbers[0], 1).credential
    assert new is not None and old is not None  # noqa: PT018
    for content, verdict in ((new, Verdict.VALID), (old, Verdict.SUPERSEDED), (home.pdf(numbers[0]), Verdict.VALID)):
        found = verify_online(services, content, Options(bounded=False))
        assert found.verdict is verdict
        if verdict is Verdict.SUPERSEDED:
            assert found.certificate is not None
            assert found.certificate["successor"] == f"{numbers[0]} v2"
    assert check_log(services, services.folders.published / "log").ok


def test_number_first_date_and_holder_stay_and_the_date_of_signing_anew_is_added(home: Installation) -> None:
    (number, *_) = by_new_key(home, 1)
    run(home)
    old, new = home.row(number, 1), home.row(number, 2)
    assert (new.issued_on, new.holder_name, new.batch_id) == (old.issued_on, old.holder_name, old.batch_id)
    assert new.reissued_on == home.services.today()
    assert new.token != old.token


def test_run_again_it_signs_nothing_twice(home: Installation) -> None:
    by_new_key(home)
    run(home)
    again = run(home)
    assert (again.resigned, again.already, again.refusals) == ([], 3, [])
    assert len(versions(home)) == 6


def test_stopped_between_two_lots_it_goes_on_where_it_was(home: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = by_new_key(home)
    monkeypatch.setattr(resign, "LOT", 1)

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resign.resign(home.services, Selection(scheme=SCHEME), by="签发员", progress=stop)
    assert sum(new for _, _, new in versions(home)) == 2
    report = run(home)
    assert (report.resigned, report.already) == ([(numbers[2], 2)], 2)


@pytest.mark.parametrize("table", ["certificate", "log_leaf", "status_change", "audit_event"])
def test_a_failing_insert_leaves_the_lot_as_it_was(home: Installation, table: str) -> None:
    by_new_key(home)
    with home.services.database.writing() as session:
        session.execute(text(f"create trigger stop before insert on {table} begin select raise(abort, 'x'); end"))
    before = versions(home)
    with pytest.raises(Exception, match="x"):
        run(home)
    assert versions(home) == before
    with home.services.database.writing() as session:
        session.execute(text("drop trigger stop"))
    assert len(run(home).resigned) == 3


def test_a_batch_is_signed_anew_by_itself(home: Installation) -> None:
    first = home.issue(made_up(1))[0].number
    second = home.issue(made_up(2))[0].number
    home.clock.move(minutes=1)
    home.services.keystore.rotate(Purpose.CREDENTIAL, development=True)
    assert run(home, batch=home.row(first).batch_id).resigned == [(first, 2)]
    assert home.row(second).superseded_by_id is None


def test_another_session_another_scheme_and_no_selection_sign_nothing(home: Installation) -> None:
    by_new_key(home)
    assert run(home, scheme=SCHEME, first=date(2025, 3, 25)).resigned == []
    with pytest.raises(Refused):
        run(home, scheme="no/such")
    with pytest.raises(Refused):
        resign.resign(home.services, Selection(first=SITTING), by="签发员")


def test_revoked_is_left_alone_and_suspended_is_refused(home: Installation) -> None:
    numbers = by_new_key(home)
    revoke(home.services, numbers[0], reason="成绩作废", by="甲")
    suspend(home.services, numbers[1], reason="核查中", by="甲")
    report = run(home)
    assert report.resigned == [(numbers[2], 2)]
    assert [number for number, _ in report.refusals] == [numbers[1]]


def test_after_a_theft_those_logged_too_late_get_a_version_that_is_valid(home: Installation) -> None:
    stolen = home.services.keystore.active_kid(Purpose.CREDENTIAL)
    numbers = by_new_key(home)
    publish_static(home.services)
    done = distrust(home.services, stolen, home.row(numbers[1]).leaf_index or 0, by="安全员")
    assert done.to_resign == 2
    late = home.row(numbers[2])
    assert late.credential is not None
    services = home.services
    assert verify_online(services, late.credential).verdict is Verdict.UNKNOWN
    assert run(home, kid=stolen).resigned == [(numbers[1], 2), (numbers[2], 2)]
    publish_static(services)
    record = look_up.by_token(services, home.row(numbers[2], 2).token)
    assert record is not None
    assert record.state == "valid"
    report = check_log(services, services.folders.published / "log")
    assert report.ok, report.problems
    assert [notice.rule for notice in report.notices] == ["G2", "G2"]


def test_what_a_thief_slipped_into_the_register_is_not_signed_anew(theft: Theft) -> None:  # noqa: F811
    slip_in(theft, 0, CertificateSecrets.draw("11010119900101001X"))
    report = resign.resign(theft.home.services, Selection(scheme=SCHEME), by="签发员")
    assert sorted(number for number, _ in report.resigned) == sorted(theft.numbers)
    assert len(report.refusals) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "update attempt set score_hundredths = 100 where enrolment_id = :enrolment",
        "update enrolment set review_state = 'submitted' where id = :enrolment",
    ],
)
def test_whoever_has_not_passed_or_was_not_approved_is_not_certified_anew(home: Installation, statement: str) -> None:
    numbers = by_new_key(home, 2)
    with home.services.database.writing() as session:
        session.execute(text(statement), {"enrolment": home.row(numbers[0]).enrolment_id})
    report = run(home)
    assert report.resigned == [(numbers[1], 2)]
    assert [number for number, _ in report.refusals] == [numbers[0]]
