"""What stands on no certificate is put right by two people; a certificate by its own deed (R8.4, R10)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from certsvc.errors import ImportRefused, InvalidIdentity, Refused, RegistrationRefused
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.services.approvals import desk
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates.correct import Correction
from certsvc.services.certificates.correct import correct as correct_certificate
from certsvc.services.examination.import_results import import_results
from certsvc.services.persons import correct as putting
from certsvc.services.persons.correct import PutRight, Putting
from certsvc.services.registration.import_roster import import_candidates
from certsvc.signing.keystore import Keystore
from certsvc.store import EnrolmentRecord, PersonRecord
from tests.builders.holding import identity, number_of
from tests.builders.installation import Installation, made_up
from tests.builders.person import Candidate, write_csv

ONE = Candidate(serial=60, name="测试误")
RIGHT = Candidate(serial=61, name="测试误")
DOCUMENT = IdentityDocument(IdType.RESIDENT_ID, ONE.id_number)
WHY = {"reason": "录入错误", "by": "甲"}


@pytest.fixture
def entered(own: Installation, tmp_path: Path) -> Installation:
    import_candidates(own.services, write_csv(tmp_path / "c.csv", [ONE.cells(institution="错校")]), by="登记员")
    return own


def person(home: Installation) -> PersonRecord:
    with home.services.database.reading() as session:
        return session.scalars(select(PersonRecord)).one()


def test_one_asks_another_approves_and_nothing_is_changed_before(
    entered: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = putting.propose(entered.services, DOCUMENT, Putting(name="测试对"), **WHY)
    assert (asked.state, asked.changed) == ("waiting", ("name",))
    assert person(entered).name == "测试误"
    shown = desk.show(entered.services, asked.approval_id).wants
    assert (shown["name"], shown["was"]) == ("测试对", "测试误")
    with pytest.raises(Refused):
        desk.approve(entered.services, asked.approval_id, by="甲")
    done = desk.approve(entered.services, asked.approval_id, by="乙")
    assert done == PutRight(asked.approval_id, "approved", ("name",))
    assert person(entered).name == "测试对"
    monkeypatch.setattr(Keystore, "development", property(lambda _: False))
    with pytest.raises(Refused, match=r"R1\.6"):
        putting.correct(entered.services, DOCUMENT, Putting(name="又"), **WHY, approved_by="乙")


def test_a_corrected_number_brings_its_birth_date_and_an_old_roster_no_second_person(
    entered: Installation, tmp_path: Path
) -> None:
    right = replace(RIGHT, born=ONE.born.replace(year=1991))
    change = Putting(id_number=right.id_number)
    done = putting.correct(entered.services, DOCUMENT, change, **WHY, approved_by="乙")
    assert "id_number" in done.changed
    assert "birth_date" in done.changed
    opened = entered.services.vault.open(person(entered).sealed, person(entered).sealed_kid, person(entered).id_lookup)
    assert (opened["id_number"], opened["birth_date"]) == (right.id_number, right.born.isoformat())
    old = import_candidates(
        entered.services, write_csv(tmp_path / "old.csv", [ONE.cells(institution="错校")]), by="登记员"
    )
    assert (old.new, old.unchanged, [one.rule for one in old.warnings]) == (0, 1, ["R8.4"])
    person(entered)  # one alone
    # Results that name the earlier number are theirs; so are those that name the right one.
    results = [ONE.result("theory", "80"), right.result("practical", "90")]
    assert import_results(entered.services, write_csv(tmp_path / "r.csv", results), by="考评员").new == 2
    later = ONE.cells(registered_on="2026-05-04")
    with pytest.raises(ImportRefused) as refused:
        import_candidates(entered.services, write_csv(tmp_path / "later.csv", [later]), by="登记员")
    assert [one.rule for one in refused.value.errors] == ["R8.4"]
    # The number may be another person's own: they bear another name.
    other = ONE.cells(name="真号主")
    assert import_candidates(entered.services, write_csv(tmp_path / "other.csv", [other]), by="登记员").new == 1


def test_name_and_number_are_never_both_another(entered: Installation) -> None:
    with pytest.raises(Refused, match=r"R8\.4a"):
        putting.propose(entered.services, DOCUMENT, Putting(name="他人", id_number=RIGHT.id_number), **WHY)
    with pytest.raises(InvalidIdentity):
        putting.propose(entered.services, DOCUMENT, Putting(birth_date=ONE.born.replace(year=1991)), **WHY)
    with pytest.raises(Refused, match="nothing is to be corrected"):
        putting.propose(entered.services, DOCUMENT, Putting(name="测试误"), **WHY)


def test_of_a_registration_institution_and_batch_until_a_certificate_rests_on_it(
    entered: Installation, tmp_path: Path
) -> None:
    change = Putting(institution="测试培训机构", batch="一批")
    assert putting.correct(entered.services, DOCUMENT, change, **WHY, approved_by="乙").changed == (
        "institution",
        "batch",
    )
    with entered.services.database.reading() as session:
        row = session.scalars(select(EnrolmentRecord)).one()
    assert (row.institution, row.batch) == ("测试培训机构", "一批")
    with pytest.raises(RegistrationRefused, match="registered-on"):
        putting.propose(entered.services, DOCUMENT, Putting(batch="二", registered_on=ONE.born), **WHY)


def test_what_stands_on_a_certificate_goes_by_a_new_version_of_it(at: Installation, tmp_path: Path) -> None:
    holder, right = made_up(1), made_up(21)
    with pytest.raises(Refused, match="certificate correct"):
        putting.propose(at.services, identity(holder), Putting(name="测试新"), **WHY)
    with pytest.raises(Refused, match="rests on"):
        putting.propose(at.services, identity(holder), Putting(batch="新"), **WHY)
    number = number_of(at, holder)
    change = Correction(id_number=right.id_number)
    correct_certificate(at.services, number, change, reason="更正", by="甲", approved_by="乙")
    row = Candidate().cells(
        name=holder.name,
        id_number=holder.id_number,
        sex="男" if int(holder.id_number[16]) % 2 else "女",
        birth_date=f"{holder.id_number[6:10]}-{holder.id_number[10:12]}-{holder.id_number[12:14]}",
    )
    old = import_candidates(at.services, write_csv(tmp_path / "old.csv", [row]), by="登记员")
    assert (old.new, old.unchanged, [one.rule for one in old.warnings]) == (0, 1, ["R8.4"])
    assert check_log(at.services).ok
