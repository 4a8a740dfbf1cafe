"""At every door that needs two people, another spelling of one name is refused (R1.6, R8.1a, R8.4a)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from certsvc.errors import BatchRefused, Refused, RegistrationRefused, ReissueRefused, StatusChangeRefused
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.rules.registration_review import FaceCheck
from certsvc.services.certificates import reissue
from certsvc.services.certificates.correct import Correction, correct
from certsvc.services.certificates.reissue_request import Loss, RequestState
from certsvc.services.certificates.resign import Selection, resign
from certsvc.services.issuing.issue import issue
from certsvc.services.registration import review
from certsvc.services.registration.import_roster import import_candidates
from certsvc.services.registration.review_list import list_registrations
from certsvc.store import CertificateRecord
from tests.builders.installation import Installation, made_up
from tests.builders.person import Candidate, write_csv

CLERK = "li ming"
SPELLINGS = ["li ming", "LI  MING", "ｌｉ ｍｉｎｇ", "li\u200b ming", "li-ming", "lі ming", "lí ming"]
PAPER = "2063010001500001"


def versions(at: Installation) -> list[tuple[str, int]]:
    """Number and version of every certificate on record."""
    with at.services.database.reading() as session:
        query = select(CertificateRecord.number, CertificateRecord.version).order_by(CertificateRecord.id)
        return [(number, version) for number, version in session.execute(query)]


@pytest.mark.parametrize("other", SPELLINGS)
def test_a_correction(at: Installation, other: str) -> None:
    before = versions(at)
    number, _ = before[0]
    with pytest.raises(StatusChangeRefused):
        correct(at.services, number, Correction(name="测试新"), reason="录入有误", by=CLERK, approved_by=other)
    assert versions(at) == before


@pytest.mark.parametrize("other", SPELLINGS)
def test_a_reissue(own: Installation, other: str) -> None:
    person = made_up(3)
    own.import_paper((PAPER, person))
    asked = reissue.apply(
        own.services,
        number=PAPER,
        name=person.name,
        identity=IdentityDocument(IdType.RESIDENT_ID, person.id_number),
        reason=Loss.LOST,
        by=CLERK,
    )
    with pytest.raises(ReissueRefused):
        reissue.approve(own.services, asked.id, by=other)
    with pytest.raises(ReissueRefused):
        reissue.reject(own.services, asked.id, by=other, decision_note="不符")
    assert [one.state for one in reissue.list_requests(own.services)] == [RequestState.APPLIED]


@pytest.mark.parametrize("other", SPELLINGS)
def test_a_batch(own: Installation, other: str) -> None:
    with pytest.raises(BatchRefused):
        issue(own.services, by=CLERK, approved_by=other)


@pytest.mark.parametrize("other", SPELLINGS)
def test_signing_again(at: Installation, other: str) -> None:
    before = versions(at)
    with pytest.raises(Refused, match="approve"):
        resign(at.services, Selection(batch=1), by=CLERK, approved_by=other)
    assert versions(at) == before


@pytest.mark.parametrize("other", SPELLINGS)
def test_a_review(own: Installation, other: str) -> None:
    own.home.joinpath("in").mkdir()
    roster = write_csv(own.home / "in" / "roster.csv", [Candidate().cells()])
    import_candidates(own.services, roster, by=CLERK, for_review=True)
    (waiting,) = list_registrations(own.services)
    review.confirm(own.services, waiting.id, by="desk", face=FaceCheck.PASS, place="西宁")
    with pytest.raises(RegistrationRefused):
        review.approve(own.services, [waiting.id], by=other)
    (still,) = list_registrations(own.services)
    assert still.state == "submitted"
