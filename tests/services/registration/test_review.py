"""Registrations are put to review, decided by another person, and count only once approved (R1.6); on each engine."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from certsvc.errors import ImportRefused, NotFound, RegistrationRefused
from certsvc.rules.registration_review import FaceCheck
from certsvc.services.audit.check_register import check_log
from certsvc.services.examination.decide import undecided
from certsvc.services.issuing.issue import issue
from certsvc.services.kit.export import export_kit, rebuild
from certsvc.services.operation.backup import back_up, restore
from certsvc.services.operation.init import initialise
from certsvc.services.registration import review
from certsvc.services.registration.review_list import list_registrations
from certsvc.store import AuditEventRecord, PersonRecord
from tests.builders.person import SAT, Candidate, again, candidates, open_home, write_portrait
from tests.builders.reviewing import CLERK, REVIEWER, Desk, desk

__all__ = ["desk"]  # a fixture
ONE = Candidate()
ON = date(2025, 4, 1)


# The way through


def test_a_roster_that_came_as_ever_counts_at_once(desk: Desk) -> None:
    report = desk.take(ONE.cells(), for_review=False)
    assert report.as_json() == {"new": 1, "unchanged": 0, "dry_run": False, "warnings": []}
    assert desk.states() == ["approved"]
    assert list(list_registrations(desk.services, "approved")) == []  # no one reviewed it here
    desk.results(*ONE.passes())
    assert desk.decided(ON) == ["passed"]
    with pytest.raises(RegistrationRefused, match=r"1: .*approved.*R1\.6"):
        review.approve(desk.services, [1], by=REVIEWER)


def test_a_registration_counts_from_its_approval_on(desk: Desk) -> None:
    assert desk.take(ONE.cells()).as_json()["resubmitted"] == 0
    assert desk.states() == ["submitted"]
    for before in ("submitted", "returned"):
        assert desk.one().state == before
        assert desk.results_refused(*ONE.passes()) == [(2, "id_number", "R1.6"), (3, "id_number", "R1.6")]
        assert desk.decided(ON) == []
        assert undecided(desk.services, ON) == undecided(desk.services, ON, id_number=ONE.id_number) == 1
        if before == "submitted":
            desk.give_back()
    assert desk.take(ONE.cells()).resubmitted == 1
    desk.approve()
    assert desk.results(*ONE.passes()).new == 2
    assert desk.decided(ON) == ["passed"]
    assert undecided(desk.services, ON) == 0
    assert len(issue(desk.services, by="签发员").issued) == 1
    assert check_log(desk.services).ok


def test_a_rejected_registration_is_closed_and_another_may_follow(desk: Desk) -> None:
    desk.take(ONE.cells())
    later = again(ONE, date(2025, 3, 8))
    for options in ({}, {"for_review": False}):
        with pytest.raises(ImportRefused) as caught:
            desk.take(later.cells(), **options)
        (error,) = caught.value.errors
        assert (error.column, error.rule) == ("registered_on", "R1.5")
        assert "still under review (submitted)" in error.en
    desk.reject()
    assert desk.results_refused(*ONE.passes())[0][2] == "R1.6"
    assert desk.take(later.cells()).new == 1
    earlier = again(ONE, date(2025, 2, 1))
    assert desk.refused(earlier.cells()) == [(2, "registered_on", "R1.5")]  # R1.5: an even later one is open
    desk.approve(2)
    assert desk.states() == ["rejected", "approved"]
    assert desk.results(*ONE.passes()).new == 2
    assert desk.decided(ON) == ["passed"]


def test_a_result_belongs_to_the_enrolment_before_a_rejected_registration(desk: Desk) -> None:
    desk.take(ONE.cells(), for_review=False)
    absent = {"outcome": "absent", "score": ""}
    desk.results(ONE.result(**absent), ONE.result("practical", **absent, sat_on="2025-03-26"))
    desk.take(again(ONE, date(2025, 5, 1)).cells())
    late = ONE.result("theory", "80", kind="free_retake", sat_on="2025-03-25")
    assert desk.results_refused(late) == [(2, "sat_on", "R1.5")]  # it would reopen the first while a second is open
    assert desk.results_refused({**late, "sat_on": "2025-06-01"}) == [(2, "id_number", "R1.6")]
    desk.reject(2)
    assert desk.results_refused({**late, "sat_on": "2025-06-01"})[0][2].startswith("R3")
    assert desk.results(late).new == 1


# Who, and what was confirmed


@pytest.mark.parametrize("by", [CLERK, f" {CLERK} "])
def test_whoever_entered_it_decides_nothing(desk: Desk, by: str) -> None:
    desk.take(ONE.cells())
    desk.confirm()
    for decide in (
        lambda: review.approve(desk.services, [1], by=by),
        lambda: review.return_(desk.services, [1], by=by, missing="缺照片"),
        lambda: review.reject(desk.services, [1], by=by, reason="不是本人"),
    ):
        with pytest.raises(RegistrationRefused, match=r"1: .*may not decide.*R1\.6"):
            decide()
    assert desk.states() == ["submitted"]


def test_it_is_approved_once_and_after_the_candidate_confirmed(desk: Desk) -> None:
    desk.take(ONE.cells())
    with pytest.raises(RegistrationRefused, match="has not confirmed"):
        review.approve(desk.services, [1], by=REVIEWER)
    desk.confirm(face=FaceCheck.FAIL)
    with pytest.raises(RegistrationRefused, match="face check failed"):
        review.approve(desk.services, [1], by=REVIEWER)
    desk.approve()
    with pytest.raises(RegistrationRefused, match="it is approved"):
        review.approve(desk.services, [1], by=REVIEWER)
    with pytest.raises(RegistrationRefused, match="it is approved"):
        review.reject(desk.services, [1], by=REVIEWER, reason="后悔")


def test_what_was_rejected_stays_so(desk: Desk) -> None:
    desk.take(ONE.cells())
    desk.confirm()
    desk.reject()
    with pytest.raises(RegistrationRefused, match="it is rejected"):
        review.approve(desk.services, [1], by=REVIEWER)
    report = desk.take(ONE.cells())
    assert (report.new, report.unchanged, report.resubmitted) == (0, 1, 0)
    assert [warning.rule for warning in report.warnings] == ["R1.6"]
    assert desk.refused(ONE.cells(institution="别的")) == [(2, "registered_on", "R1.6")]
    assert desk.states() == ["rejected"]


def test_several_are_decided_together_or_not_at_all(desk: Desk) -> None:
    desk.take(*(one.cells() for one in candidates(3)))
    for enrolment_id in (1, 2):
        desk.confirm(enrolment_id)
    with pytest.raises(RegistrationRefused, match="3: "):
        review.approve(desk.services, [1, 2, 3], by=REVIEWER)
    with pytest.raises(NotFound, match="99: "):
        review.approve(desk.services, [1, 2, 99], by=REVIEWER)
    assert desk.states() == ["submitted"] * 3
    assert [one.state for one in review.approve(desk.services, [1, 2, 1], by=REVIEWER)] == ["approved"] * 2
    assert desk.states() == ["approved", "approved", "submitted"]


def test_the_face_check_keeps_result_time_and_place_and_cannot_lie_ahead(desk: Desk) -> None:
    desk.take(ONE.cells())
    at = desk.services.now() - timedelta(hours=3)
    review.confirm(desk.services, 1, by="报名点", face=FaceCheck.MANUAL, place=" 第一报名点 ", checked_at=at)
    step = desk.one().steps[-1]
    assert (step["face"], step["checked_at"], step["place"]) == ("manual", at.isoformat(), "第一报名点")
    ahead = desk.services.now() + timedelta(minutes=1)
    with pytest.raises(RegistrationRefused, match="future"):
        review.confirm(desk.services, 1, by=CLERK, face=FaceCheck.PASS, place="某处", checked_at=ahead)


def test_the_audit_trail_names_the_deed_and_nobody(desk: Desk) -> None:
    desk.take(ONE.cells())
    desk.give_back()
    desk.take(ONE.cells(phone="13911111111"))
    desk.approve()
    with desk.services.database.reading() as session:
        events = list(session.scalars(select(AuditEventRecord).order_by(AuditEventRecord.id)))
    told = [(one.by, one.action) for one in events if one.action.split(".")[0] in ("candidates", "registration")]
    assert told == [
        (CLERK, "candidates.import"),
        (REVIEWER, "registration.return"),
        (CLERK, "candidates.import"),
        (CLERK, "registration.confirm"),
        (REVIEWER, "registration.approve"),
    ]
    everything = "".join(f"{one.object_key}{one.detail}" for one in events)
    assert not any(told in everything for told in (ONE.name, ONE.id_number, "1391", "缺照片", "第一报名点"))
    assert '"for_review": true' in everything
    assert '"resubmitted": 1' in everything


# Handed in again


def test_a_returned_registration_comes_again_with_the_values_it_has_now(desk: Desk) -> None:
    desk.take(ONE.cells())
    desk.confirm()
    desk.give_back()
    assert desk.one().remark == "缺照片"
    write_portrait(desk.folder / "a.png")
    corrected = ONE.cells(name="测试甲乙", phone="13911111111", institution="别的机构", batch="二", photo="a.png")
    assert desk.take(corrected, dry_run=True).resubmitted == 1
    assert desk.states() == ["returned"]
    report = desk.take(corrected)
    assert (report.new, report.unchanged, report.resubmitted) == (0, 0, 1)
    found = desk.one().as_json()
    assert (found["state"], found["name"], found["phone"], found["institution"], found["batch"], found["remark"]) == (
        "submitted",
        "测试甲乙",
        "13911111111",
        "别的机构",
        "二",
        None,
    )
    assert desk.services.folders.photo(str(found["photo_sha256"])).exists()
    assert desk.take(corrected).unchanged == 1  # and again: nothing
    with pytest.raises(RegistrationRefused, match="has not confirmed"):  # other values were confirmed
        review.approve(desk.services, [1], by=REVIEWER)
    desk.approve()
    assert desk.states() == ["approved"]


def test_one_handed_in_unchanged_keeps_what_the_candidate_confirmed(desk: Desk) -> None:
    desk.take(ONE.cells(phone=""))
    desk.confirm()
    desk.give_back()
    assert desk.take(ONE.cells(phone=""), by="另一登记员").resubmitted == 1
    with pytest.raises(RegistrationRefused, match="may not decide"):
        review.approve(desk.services, [1], by="另一登记员")
    review.approve(desk.services, [1], by=REVIEWER)


def test_a_telephone_that_was_wrong_can_be_taken_out(desk: Desk) -> None:
    desk.take(ONE.cells())
    desk.give_back()
    desk.take(ONE.cells(phone=""))
    assert desk.one().as_json()["phone"] is None


def test_what_waits_for_the_review_is_not_overwritten(desk: Desk) -> None:
    desk.take(ONE.cells())
    for options in ({}, {"for_review": False}):
        assert desk.refused(ONE.cells(institution="别的"), **options) == [(2, "institution", "R1.5")]
        assert desk.refused(ONE.cells(name="别名"), **options) == [(2, "name", "R1.5")]
    assert desk.take(ONE.cells()).unchanged == 1


@pytest.mark.parametrize("state", ["submitted", "returned", "rejected"])
def test_the_same_roster_as_a_reviewed_one_goes_round_no_review(desk: Desk, state: str) -> None:
    desk.take(ONE.cells())
    if state != "submitted":
        (desk.give_back if state == "returned" else desk.reject)()
    report = desk.take(ONE.cells(), for_review=False)
    assert (report.new, report.unchanged) == (0, 1)
    assert [(warning.row, warning.rule) for warning in report.warnings] == [(2, "R1.6")]
    assert desk.states() == [state]


# What is on record of a person


def closed(desk: Desk) -> Candidate:
    """Somebody whose first enrolment is over, registered again."""
    desk.take(ONE.cells(), for_review=False)
    absent = {"outcome": "absent", "score": ""}
    desk.results(ONE.result("theory", **absent), ONE.result("practical", **absent))
    return again(ONE, SAT + timedelta(days=1))


def test_a_row_under_review_moves_nobodys_telephone(desk: Desk) -> None:
    later = closed(desk)
    assert desk.refused(later.cells(phone="13911111111")) == [(2, "phone", "R1.6")]
    assert desk.refused(later.cells(name="别名")) == [(2, "name", "R1.5")]
    silent = later.cells(phone="")
    assert desk.take(silent).new == 1
    assert desk.take(silent).unchanged == 1
    desk.give_back(2)
    assert desk.refused(later.cells(phone="13911111111")) == [(2, "phone", "R1.6")]
    assert desk.take(silent).resubmitted == 1
    assert desk.one(2).as_json()["phone"] == ONE.phone


def test_one_file_says_one_thing_of_a_person(desk: Desk) -> None:
    other = again(ONE, date(2025, 3, 8)).cells(phone="13911111111", occupation="应急救援员")
    assert desk.refused(ONE.cells(occupation=""), other) == [(3, "phone", "R1.6")]


def test_nobody_puts_nothing_to_review(desk: Desk) -> None:
    with pytest.raises(RegistrationRefused, match="say who does it"):
        desk.take(ONE.cells(), by=" ")
    assert desk.states() == []


def test_what_was_rejected_binds_nobody(desk: Desk) -> None:
    desk.take(ONE.cells(name="冒名者", phone="13911111111"))
    desk.reject()
    later = again(ONE, date(2025, 3, 8))
    assert desk.take(later.cells()).new == 1
    with desk.services.database.reading() as session:
        person = session.scalars(select(PersonRecord)).one()
    assert person.name == ONE.name
    assert desk.one(2).as_json()["phone"] == ONE.phone


# Kept with the register


def test_a_backup_and_a_kit_carry_the_review_on(desk: Desk, home: Path, tmp_path: Path) -> None:
    desk.take(*(one.cells() for one in candidates(3)))
    desk.approve(1)
    desk.give_back(2)
    before = [desk.one(enrolment_id).as_json() for enrolment_id in (1, 2, 3)]
    back_up(desk.services, tmp_path / "backup")
    export_kit(desk.services, tmp_path / "kit")
    restored = open_home(tmp_path / "restored", keys=home / "keys")
    restore(restored, tmp_path / "backup")
    rebuilt = open_home(tmp_path / "rebuilt", keys=home / "keys")
    initialise(rebuilt)
    rebuild(rebuilt, tmp_path / "kit")
    for services in (restored, rebuilt):
        other = Desk(services, tmp_path)
        assert [other.one(enrolment_id).as_json() for enrolment_id in (1, 2, 3)] == before
        other.approve(3)  # ids go on behind the last
        assert other.states() == ["approved", "returned", "approved"]
        services.database.close()
