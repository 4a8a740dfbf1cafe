"""Each deed about a certificate or a result tells its holder, under the document they bear now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from certsvc.person.identity import IdentityDocument, IdType
from certsvc.services.certificates import change_status, reissue
from certsvc.services.certificates.correct import Correction, correct
from certsvc.services.certificates.import_paper import import_paper
from certsvc.services.context import Services
from certsvc.services.examination.publish_results import publish_results
from certsvc.services.issuing.issue import issue
from certsvc.services.notices.deliver import deliver
from certsvc.services.notices.listing import notices
from certsvc.services.registration.import_roster import import_candidates
from certsvc.store import NoticeRecord, PersonRecord
from tests.builders import correcting
from tests.builders.person import SAT, Candidate, candidates, write_csv


@pytest.fixture
def told(services: Services) -> Services:
    """A home with development keys, in which people are told."""
    return replace(services, notices_on=True)


def kinds(services: Services) -> list[str]:
    return [one.kind.value for one in reversed(notices(services))]


def issued(services: Services, folder: Path, one: Candidate) -> str:
    import_candidates(services, write_csv(folder / "roster.csv", [one.cells()]), by="登记员")
    correcting.record(services, folder, *one.passes())
    (certificate,) = issue(services, by="经办人", on=services.today()).issued
    return certificate.number


def test_a_corrected_holder_is_told_under_the_document_they_have_now(told: Services, tmp_path: Path) -> None:
    (one,) = candidates(1)
    number = issued(told, tmp_path, one)
    assert deliver(told).sent == 2
    other = replace(one, serial=one.serial + 2)
    correct(told, number, Correction(id_number=other.id_number), reason="录入有误", by="甲", approved_by="乙")
    assert kinds(told)[-1] == "certificate-corrected"
    assert deliver(told).sent == 1
    with told.database.reading() as session:
        row = session.scalars(select(NoticeRecord).order_by(NoticeRecord.id.desc()).limit(1)).one()
        person = session.scalars(select(PersonRecord)).one()
        assert (row.id_lookup, row.about) == (person.id_lookup, f"{number} v2")


def test_what_waited_when_a_document_was_corrected_still_finds_its_holder(told: Services, tmp_path: Path) -> None:
    (one,) = candidates(1)
    number = issued(told, tmp_path, one)
    other = replace(one, serial=one.serial + 2)
    correct(told, number, Correction(id_number=other.id_number), reason="录入有误", by="甲", approved_by="乙")
    assert deliver(told).sent == 3


def test_each_change_of_status_is_told(told: Services, tmp_path: Path) -> None:
    (one,) = candidates(1)
    number = issued(told, tmp_path, one)
    for _ in range(2):
        change_status.suspend(told, number, reason="试", by="甲")
        change_status.reinstate(told, number, reason="试", by="甲")
    change_status.revoke(told, number, reason="试", by="甲")
    assert kinds(told)[2:] == [
        "certificate-suspended",
        "certificate-reinstated",
        "certificate-suspended",
        "certificate-reinstated",
        "certificate-revoked",
    ]


def test_results_put_right_after_publishing_are_told_and_with_them_what_follows(told: Services, tmp_path: Path) -> None:
    (one,) = candidates(1)
    number = issued(told, tmp_path, one)
    publish_results(told, by="考务员", on=SAT)
    before = len(kinds(told))
    correcting.correct(told, tmp_path, correcting.correction(one.result("theory", "40"), sat_on=SAT.isoformat()))
    assert kinds(told)[before:] == ["results-out", "certificate-revoked"]
    assert [each.about.split()[0] for each in notices(told) if each.kind == "certificate-revoked"] == [number]


@pytest.mark.parametrize(("approves", "kind"), [(True, "reissue-approved"), (False, "reissue-rejected")])
def test_a_reissue_asked_for_at_the_counter_is_told_to_one_who_is_on_record(
    told: Services, tmp_path: Path, approves: bool, kind: str
) -> None:
    (one,) = candidates(1)
    import_candidates(told, write_csv(tmp_path / "roster.csv", [one.cells()]), by="登记员")
    entry = {
        "number": "1763010001500077",
        "name": one.name,
        "id_type": "居民身份证",
        "id_number": one.id_number,
        "occupation": "应急救援员",
        "level": "5",
        "issued_on": "2023-06-01",
        "issuer": "示例鉴定中心",
    }
    import_paper(told, write_csv(tmp_path / "paper.csv", [entry]), by="登记员")
    identity = IdentityDocument(IdType.RESIDENT_ID, one.id_number)
    request = reissue.apply(told, number=entry["number"], name=one.name, identity=identity, reason="lost", by="甲")
    if approves:
        reissue.approve(told, request.id, by="乙")
    else:
        reissue.reject(told, request.id, by="乙", decision_note="登记不符")
    assert kinds(told) == ["registered", kind]
    assert deliver(told).sent == 2
