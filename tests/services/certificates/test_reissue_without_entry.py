"""A reissue that the register has no entry for: its number, date, two people, and what its leaf says (R8.1a)."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest

from certsvc.errors import ReissueRefused
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates import reissue
from certsvc.services.certificates.reissue_request import Request
from certsvc.services.certificates.unregistered_paper import Evidence
from certsvc.services.publishing.static import publish_static
from certsvc.transparency.leaf import Entry
from tests.builders.insider import audited, by_sql
from tests.builders.installation import Installation, made_up

HOLDER, OTHER = made_up(8), made_up(9)
PAPER, LISTED = "1763010001500077", "1763010001500078"
ISSUED_ON = date(2019, 5, 1)


def apply(own: Installation, number: str = PAPER, *, issued_on: date = ISSUED_ON, by: str = "甲") -> Request:
    return reissue.apply(
        own.services,
        number=number,
        name=HOLDER.name,
        identity=IdentityDocument(IdType.RESIDENT_ID, HOLDER.id_number),
        reason="lost",
        by=by,
        evidence=Evidence("原件复印件", issued_on, "示例鉴定中心"),
    )


@pytest.mark.parametrize("number", ["2463010001500001", "2663010001599999", "9963010001500077", "4063-0100-0150-0001"])
def test_no_number_that_the_electronic_numbering_comes_to_is_reissued(own: Installation, number: str) -> None:
    if number.startswith("99"):  # 1999 lies behind the numbering, 2099 beyond what it is told apart by
        assert apply(own, number).state == "applied"
        return
    with pytest.raises(ReissueRefused, match=r"electronic numbering.*R8\.1a"):
        apply(own, number)
    assert reissue.list_requests(own.services) == []


@pytest.mark.parametrize("number", ["12345", "ABC-1", "17630100015000771", "X176301000150000000001"])
def test_the_number_has_the_form_of_a_paper_number(own: Installation, number: str) -> None:
    with pytest.raises(ReissueRefused, match=r"form of a former paper.*R8\.1a"):
        apply(own, number)


def test_the_date_is_one_on_which_paper_was_issued(own: Installation) -> None:
    for wrong in (date(2024, 1, 1), own.services.today(), own.services.today() + timedelta(days=1)):
        with pytest.raises(ReissueRefused, match=r"no paper was issued.*R8\.1a"):
            apply(own, issued_on=wrong)
    assert apply(own, issued_on=date(2023, 12, 31)).state == "applied"


def test_it_takes_a_second_person(own: Installation) -> None:
    asked = apply(own)
    with pytest.raises(ReissueRefused, match=r"R8\.2"):
        reissue.approve(own.services, asked.id, by="甲")
    assert reissue.approve(own.services, asked.id, by="乙").version == 2


@pytest.mark.parametrize(
    "change",
    ["number = '1763010001500079'", "name = '测试友'", "applied_by = '丙'", "evidence = '别的'", "reason = 'damaged'"],
)
def test_a_request_changed_by_hand_is_not_approved(own: Installation, change: str) -> None:
    asked = apply(own)
    by_sql(own, f"update reissue_request set {change}")
    with pytest.raises(ReissueRefused, match="by hand"):
        reissue.approve(own.services, asked.id, by="甲" if "applied_by" in change else "乙")


def test_a_request_of_an_earlier_program_is_approved_as_its_row_has_it(own: Installation) -> None:
    asked = apply(own)
    lookup = own.services.vault.lookup(IdentityDocument(IdType.RESIDENT_ID, HOLDER.id_number))
    sealed = own.services.vault.seal(
        {"id_number": HOLDER.id_number, "issued_on": ISSUED_ON.isoformat(), "issuer": "示例鉴定中心"}, lookup
    )
    with own.services.database.writing() as session:
        row = session.get_one(reissue.ReissueRequestRecord, asked.id)
        row.sealed, row.sealed_kid = sealed.content, sealed.kid
    assert reissue.approve(own.services, asked.id, by="乙").version == 2


def test_anybody_counts_the_reissues_without_an_entry(own: Installation) -> None:
    own.import_paper((LISTED, OTHER))
    reissue.approve(own.services, apply(own).id, by="乙")
    listed = reissue.apply(
        own.services,
        number=LISTED,
        name=OTHER.name,
        identity=IdentityDocument(IdType.RESIDENT_ID, OTHER.id_number),
        reason="lost",
        by="甲",
    )
    reissue.approve(own.services, listed.id, by="乙")
    publish_static(own.services)
    found = audited(own)
    assert found.ok
    assert Counter(found.reissues) == Counter({Entry.REGISTERED: 1, Entry.NONE: 1})
    assert check_log(own.services).ok
    by_sql(own, "update paper_certificate set from_evidence = not from_evidence")
    assert [one.rule for one in check_log(own.services).problems] == ["G6", "G6"]
