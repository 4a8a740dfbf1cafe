"""Paper lost or damaged becomes electronic, once, by two persons (R8)."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from sqlalchemy import update

from certsvc.credential.canonical import load_strict
from certsvc.credential.commitment import digest_multibase
from certsvc.credential.document import read_claims
from certsvc.errors import NotFound, ReissueRefused, Unavailable
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates import reissue
from certsvc.services.certificates.correct import Correction, correct
from certsvc.services.certificates.reissue_request import Request
from certsvc.services.certificates.unregistered_paper import Evidence
from certsvc.services.verification import look_up
from certsvc.store import EnrolmentRecord, PersonRecord
from tests.builders.insider import by_sql
from tests.builders.installation import Installation, Person, made_up
from tests.rendering.faces import portrait

HOLDER, OTHER = made_up(1), made_up(2)
NUMBER = "1763010001500077"
EVIDENCE = Evidence("原件复印件与考试名册", date(2019, 5, 1), "示例鉴定中心")


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "home")


def apply(
    home: Installation,
    person: Person = HOLDER,
    *,
    number: str = NUMBER,
    by: str = "甲",
    evidence: Evidence | None = None,
) -> Request:
    identity = IdentityDocument(IdType.RESIDENT_ID, person.id_number)
    return reissue.apply(
        home.services, number=number, name=person.name, identity=identity, reason="lost", by=by, evidence=evidence
    )


def test_number_and_date_stay_and_the_version_follows_the_paper(home: Installation) -> None:
    home.import_paper((NUMBER, HOLDER))
    request = apply(home)
    approved = reissue.approve(home.services, request.id, by="乙", decision_note="核对无误")
    claims = read_claims(load_strict(home.row(NUMBER, 2).document))
    assert (approved.state, approved.version, approved.decided_by) == ("approved", 2, "乙")
    assert (claims.number, claims.issued_on, claims.reissued_on) == (NUMBER, date(2023, 6, 1), home.services.today())
    assert (claims.version, claims.replaces_paper) == (2, NUMBER)
    assert check_log(home.services).ok
    assert home.pdf(NUMBER)


@pytest.mark.parametrize("by", ["甲", " 甲 "])
def test_whoever_recorded_a_request_may_not_decide_it(home: Installation, by: str) -> None:
    home.import_paper((NUMBER, HOLDER))
    request = apply(home)
    with pytest.raises(ReissueRefused, match=r"R8\.2"):
        reissue.approve(home.services, request.id, by=by)
    with pytest.raises(ReissueRefused, match=r"R8\.2"):
        reissue.reject(home.services, request.id, by=by, decision_note="不符")
    assert reissue.list_requests(home.services, "applied")[0].id == request.id


def test_asking_again_leads_to_the_existing_request_and_then_to_the_certificate(home: Installation) -> None:
    home.import_paper((NUMBER, HOLDER))
    first = apply(home)
    again = apply(home, by="丙")
    assert (again.id, again.existing) == (first.id, True)
    approved = reissue.approve(home.services, first.id, by="乙")
    assert reissue.approve(home.services, first.id, by="丁").existing
    later = apply(home)
    assert (later.existing, later.token, later.version) == (True, approved.token, 2)
    assert len(reissue.list_requests(home.services)) == 1


def test_a_rejected_request_says_why_and_does_not_stand_in_the_way(home: Installation) -> None:
    home.import_paper((NUMBER, HOLDER))
    request = apply(home)
    with pytest.raises(ReissueRefused):
        reissue.reject(home.services, request.id, by="乙", decision_note=" ")
    rejected = reissue.reject(home.services, request.id, by="乙", decision_note="材料不全")
    assert (rejected.state, rejected.decision_note) == ("rejected", "材料不全")
    with pytest.raises(ReissueRefused):
        reissue.approve(home.services, request.id, by="丁")
    second = apply(home)
    assert second.id != request.id
    assert reissue.approve(home.services, second.id, by="乙").version == 2
    with pytest.raises(ReissueRefused):
        reissue.reject(home.services, second.id, by="丁", decision_note="晚了")


def test_another_name_or_identity_than_the_registers_is_refused(home: Installation) -> None:
    home.import_paper((NUMBER, HOLDER))
    for person in (OTHER, Person("别人", HOLDER.id_number), Person(HOLDER.name, OTHER.id_number)):
        with pytest.raises(ReissueRefused, match=r"R8\.2"):
            apply(home, person, evidence=EVIDENCE)
    assert reissue.list_requests(home.services) == []


def corrected(home: Installation, correction: Correction) -> Request:
    """The holder's paper, reissued, and the reissue corrected since: the approved request."""
    home.import_paper((NUMBER, HOLDER))
    approved = reissue.approve(home.services, apply(home).id, by="乙")
    correct(home.services, NUMBER, correction, reason="更正", by="甲", approved_by="复核员")
    return approved


@pytest.mark.parametrize(
    ("correction", "now"),
    [
        (Correction(name="测试新"), Person("测试新", HOLDER.id_number)),
        (Correction(id_number=OTHER.id_number), Person(HOLDER.name, OTHER.id_number)),
    ],
    ids=["name", "identity"],
)
def test_whoever_asks_again_by_the_paper_or_as_corrected_since_is_led_to_the_reissue(
    home: Installation, correction: Correction, now: Person
) -> None:
    """R8.3: the paper bears the old name, the holder's document the new one; it is one holder and one reissue."""
    approved = corrected(home, correction)
    for person in (HOLDER, now):
        again = apply(home, person, by="丙")
        assert (again.id, again.existing) == (approved.id, True)
    assert len(reissue.list_requests(home.services)) == 1


def test_a_correction_opens_the_reissue_to_nobody_else(home: Installation) -> None:
    """Name and number are taken together: as on the paper, or as on the newest version."""
    corrected(home, Correction(name="测试新"))
    for correction in (Correction(name="测试又新"), Correction(id_number=OTHER.id_number)):
        correct(home.services, NUMBER, correction, reason="更正", by="甲", approved_by="复核员")
    between = Person("测试新", HOLDER.id_number)
    mixed = (
        Person("测试又新", HOLDER.id_number),
        Person(HOLDER.name, OTHER.id_number),
        Person("别人", OTHER.id_number),
    )
    for person in (between, *mixed):
        with pytest.raises(ReissueRefused, match=r"R8\.2"):
            apply(home, person, evidence=EVIDENCE)
    assert len(reissue.list_requests(home.services)) == 1


def test_each_of_two_who_asked_for_one_number_is_led_to_their_own_request(home: Installation) -> None:
    first, second = apply(home, evidence=EVIDENCE), apply(home, OTHER, evidence=EVIDENCE)
    assert [apply(home, person, evidence=EVIDENCE).id for person in (HOLDER, OTHER)] == [first.id, second.id]
    assert len(reissue.list_requests(home.services)) == 2


def test_without_an_entry_in_the_register_evidence_is_due_and_makes_the_entry(home: Installation) -> None:
    with pytest.raises(ReissueRefused, match=r"R8\.2"):
        apply(home)
    request = apply(home, evidence=EVIDENCE)
    assert look_up.by_number_and_name(home.services, NUMBER, HOLDER.name) is None
    reissue.approve(home.services, request.id, by="乙")
    record = look_up.by_number_and_name(home.services, NUMBER, HOLDER.name)
    assert record is not None
    assert (record.state, record.issued_on, record.issuer_zh) == ("paper_replaced", date(2019, 5, 1), "示例鉴定中心")
    assert check_log(home.services).ok


def test_an_electronic_certificate_needs_no_reissue(home: Installation) -> None:
    (issued,) = home.issue(HOLDER)
    with pytest.raises(ReissueRefused, match=r"R8\.5"):
        apply(home, number=issued.number, evidence=EVIDENCE)


def test_a_reissued_certificate_can_be_corrected_and_the_paper_points_to_the_newest(home: Installation) -> None:
    home.import_paper((NUMBER, HOLDER))
    reissue.approve(home.services, apply(home).id, by="乙")
    correct(home.services, NUMBER, Correction(name="测试新"), reason="更正", by="甲", approved_by="复核员")
    record = look_up.by_number_and_name(home.services, NUMBER, HOLDER.name)
    assert record is not None
    assert (record.state, record.successor_version, record.successor_state) == ("paper_replaced", 3, "valid")
    assert check_log(home.services).ok


def test_no_scheme_of_another_occupation_words_a_reissue(home: Installation) -> None:
    home.import_paper((NUMBER, HOLDER))
    with home.services.database.writing() as session:
        session.connection().exec_driver_sql("update paper_certificate set occupation = '电工'")
    request = apply(home)
    with pytest.raises(ReissueRefused, match="R0"):
        reissue.approve(home.services, request.id, by="乙")
    assert reissue.list_requests(home.services)[0].state == "applied"


def portraits(home: Installation, version: int) -> tuple[str | None, int]:
    """The portrait signed in a version of the certificate, and how many pictures its PDF draws."""
    claims = read_claims(load_strict(home.row(NUMBER, version).document))
    with pikepdf.open(io.BytesIO(home.pdf(NUMBER, version))) as pdf:
        drawn = [form for form in pdf.pages[0].Resources.XObject.values() if form.Subtype == "/Image"]
    return claims.portrait_digest, len(drawn)


def test_a_reissue_bears_the_portrait_of_whoever_is_on_file(home: Installation) -> None:
    home.issue(HOLDER, photo=True)
    (kept,) = home.services.folders.photos.glob("*.jpg")
    home.import_paper((NUMBER, HOLDER))
    reissue.approve(home.services, apply(home).id, by="乙")
    assert portraits(home, 2) == (digest_multibase(kept.read_bytes()), 1)
    # A correction of it keeps what was signed.
    correct(home.services, NUMBER, Correction(name="测试更名"), reason="公安机关更名", by="甲", approved_by="乙")
    assert portraits(home, 3) == (digest_multibase(kept.read_bytes()), 1)


def test_a_reissue_to_someone_who_has_no_photo_on_file_says_so_on_its_face(home: Installation) -> None:
    home.import_paper((NUMBER, HOLDER))
    reissue.approve(home.services, apply(home).id, by="乙")
    assert portraits(home, 2) == (None, 0)
    with pypdfium2.PdfDocument(home.pdf(NUMBER, 2)) as pdf:
        assert "无照片" in pdf[0].get_textpage().get_text_range()


@pytest.mark.parametrize("unfit", ["another name", "not approved", "no longer kept"])
def test_a_photo_that_may_be_anothers_or_is_gone_is_not_taken_over(home: Installation, unfit: str) -> None:
    home.issue(HOLDER, photo=True)
    home.import_paper((NUMBER, HOLDER))
    with home.services.database.writing() as session:
        if unfit == "another name":
            session.execute(update(PersonRecord).values(name="测试某"))
        if unfit == "not approved":
            session.execute(update(EnrolmentRecord).values(review_state="rejected"))
    if unfit == "no longer kept":
        for photo in home.services.folders.photos.glob("*.jpg"):
            photo.unlink()
    reissue.approve(home.services, apply(home).id, by="乙")
    assert portraits(home, 2) == (None, 0)


@pytest.mark.parametrize("swapped", [True, False])
def test_a_portrait_that_is_not_the_one_signed_is_not_drawn(home: Installation, swapped: bool) -> None:
    (one,) = home.issue(HOLDER, photo=True)
    (photo,) = home.services.folders.photos.glob("*.jpg")
    if swapped:
        photo.write_bytes(portrait())
    else:
        photo.unlink()
    with pytest.raises(Unavailable, match="signed"):
        home.pdf(one.number)


def test_a_request_that_is_not_there_is_refused(home: Installation) -> None:
    with pytest.raises(NotFound):
        reissue.approve(home.services, 99, by="乙")


def test_no_certificate_is_issued_under_a_number_that_another_bears(home: Installation) -> None:
    """Else anyone who revokes one of the two by its number revokes the other."""
    first = int(home.issue(made_up(3))[0].number)
    on_paper = str(first + 1)
    home.import_paper((on_paper, HOLDER))
    assert home.issue(made_up(4))[0].number == str(first + 2)
    reissue.approve(home.services, apply(home, number=on_paper).id, by="乙")
    assert home.issue(made_up(5))[0].number == str(first + 3)


def test_a_number_given_to_a_certificate_meanwhile_is_not_reissued(home: Installation) -> None:
    request = apply(home, OTHER, number=NUMBER, evidence=EVIDENCE)
    (issued,) = home.issue(made_up(3))
    by_sql(home, f"update certificate set number_folded = '{NUMBER}' where number = '{issued.number}'")
    with pytest.raises(ReissueRefused, match=r"R8\.5"):
        reissue.approve(home.services, request.id, by="乙")


@pytest.mark.parametrize("number", ["", "!!!", "0", "\0"])
def test_what_is_no_number_is_not_applied_for(home: Installation, number: str) -> None:
    """It would be certificate 0, and every look-up with a slip of the pen in the number would find it."""
    with pytest.raises(ReissueRefused, match=r"R8\.1"):
        apply(home, number=number, evidence=EVIDENCE)
