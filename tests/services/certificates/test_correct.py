"""A correction supersedes, keeps number and date, and is logged as what it is (R8.4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from certsvc.credential.canonical import load_strict
from certsvc.credential.document import read_claims
from certsvc.errors import InvalidIdentity, InvalidName, Refused, StatusChangeRefused
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates import change_status
from certsvc.services.certificates.correct import Correction, correct
from certsvc.services.issuing.issue import issue
from certsvc.services.records.secrets import open_secrets
from certsvc.services.verification import look_up
from tests.builders.installation import Installation, made_up

OLD, NEW = made_up(1), made_up(5)


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "home")


def test_number_and_original_date_stay_and_the_new_version_names_the_old(home: Installation) -> None:
    (issued,) = home.issue(OLD)
    home.clock.move(days=40)
    done = correct(
        home.services, issued.number, Correction(name="测试新名"), reason="姓名录入有误", by="甲", approved_by="复核员"
    )
    old, new = home.row(issued.number, 1), home.row(issued.number, 2)
    claims = read_claims(load_strict(new.document))
    assert (done.number, done.version, done.changed) == (issued.number, 2, ("name",))
    assert (claims.number, claims.issued_on, claims.reissued_on) == (
        issued.number,
        issued.issued_on,
        home.services.today(),
    )
    assert claims.replaces == f"https://certsvc.example/v/{issued.token}"
    assert claims.holder_name == "测试新名"
    assert new.token != old.token
    assert (old.status, old.superseded_by_id, new.status) == ("superseded", new.id, "valid")
    assert check_log(home.services).ok
    assert home.pdf(issued.number, 1) != home.pdf(issued.number, 2)


def test_an_identity_number_is_corrected_and_the_holder_found_under_it(home: Installation) -> None:
    (issued,) = home.issue(OLD)
    done = correct(
        home.services,
        issued.number,
        Correction(id_number=NEW.id_number),
        reason="证号有误",
        by="甲",
        approved_by="复核员",
    )
    assert open_secrets(home.services.vault, home.row(issued.number, 2)).id_number == NEW.id_number
    assert look_up.match(home.services, done.token, OLD.name, NEW.last_six)
    assert not look_up.match(home.services, done.token, OLD.name, OLD.last_six)


def test_a_corrected_enrolment_is_not_issued_again(home: Installation) -> None:
    (issued,) = home.issue(OLD)
    correct(home.services, issued.number, Correction(name="测试新名"), reason="更正", by="甲", approved_by="复核员")
    report = issue(home.services, by="签发员")
    assert (report.issued, report.already) == ([], 1)


def test_a_correction_can_be_corrected(home: Installation) -> None:
    (issued,) = home.issue(OLD)
    correct(home.services, issued.number, Correction(name="测试二"), reason="更正", by="甲", approved_by="复核员")
    correct(home.services, issued.number, Correction(name="测试三"), reason="再更正", by="甲", approved_by="复核员")
    assert [home.row(issued.number, version).status for version in (1, 2, 3)] == ["superseded", "superseded", "valid"]
    assert check_log(home.services).ok


@pytest.mark.parametrize(
    ("correction", "error"),
    [
        (Correction(), Refused),
        (Correction(name=OLD.name), Refused),
        (Correction(name="1"), InvalidName),
        (Correction(name="测\u202e试"), InvalidName),
        (Correction(id_number="632801198001150101"), InvalidIdentity),
        (Correction(name="测\U000e0100"), Refused),
    ],
)
def test_what_cannot_be_corrected_changes_nothing(home: Installation, correction: Correction, error: type) -> None:
    (issued,) = home.issue(OLD)
    size = check_log(home.services).size
    with pytest.raises(error):
        correct(home.services, issued.number, correction, reason="更正", by="甲", approved_by="复核员")
    assert home.row(issued.number).status == "valid"
    assert check_log(home.services).size == size


def test_a_glyph_that_cannot_be_drawn_stops_the_correction(home: Installation) -> None:
    (issued,) = home.issue(OLD)
    with pytest.raises(Refused, match="U\\+"):
        correct(
            home.services,
            issued.number,
            Correction(name="测试\U000323b0"),
            reason="更正",
            by="甲",
            approved_by="复核员",
        )
    assert home.row(issued.number).status == "valid"


def test_suspended_and_revoked_certificates_are_not_corrected(home: Installation) -> None:
    (issued,) = home.issue(OLD)
    change_status.suspend(home.services, issued.number, reason="核查", by="甲")
    with pytest.raises(StatusChangeRefused):
        correct(home.services, issued.number, Correction(name="测试新名"), reason="更正", by="甲", approved_by="复核员")


def test_whoever_records_a_correction_may_not_approve_it(home: Installation) -> None:
    (issued,) = home.issue(OLD)
    with pytest.raises(StatusChangeRefused):
        correct(home.services, issued.number, Correction(name="测试新名"), reason="更正", by="Jia", approved_by=" jia ")
    correct(home.services, issued.number, Correction(name="测试新名"), reason="更正", by="甲", approved_by="乙")
