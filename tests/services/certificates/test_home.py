"""A reissue applied for from home: kept sealed and bounded, decided by staff, and told to the one who applied (R8)."""

from __future__ import annotations

import json
import stat
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select

from certsvc.errors import MissingGlyph, NotFound, Refused, ReissueRefused
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates import home, home_review, reissue
from certsvc.services.certificates.home import NoRoom, Picture, PicturesRefused, Shows
from certsvc.services.certificates.reissue_request import RequestState
from certsvc.services.certificates.unregistered_paper import Evidence
from certsvc.services.context import Services
from certsvc.services.holders.codes_by_message import send_due
from certsvc.services.notices.deliver import deliver
from certsvc.store import AuditEventRecord, EvidencePictureRecord, HomeApplicationRecord, ReissueRequestRecord
from certsvc.store.paper import FROM_HOME
from tests.builders.applying import PHONE, apply_from_home, photograph
from tests.builders.holding import identity, sent
from tests.builders.installation import Installation, made_up

HOLDER, OTHER = made_up(1, "孙长江"), made_up(2)
NUMBER, UNKNOWN = "1763010001500077", "1763010001500099"
LAST = PHONE[-4:]


@pytest.fixture
def home_(at: Installation) -> Installation:
    at.import_paper((NUMBER, HOLDER))
    return at


def request_id(services: Services) -> int:
    with services.database.reading() as session:
        return session.scalars(select(ReissueRequestRecord.id).order_by(ReissueRequestRecord.id.desc())).first() or 0


def count(services: Services, kind: type) -> int:
    with services.database.reading() as session:
        return session.scalar(select(func.count()).select_from(kind)) or 0


def apply(home_: Installation, number: str = NUMBER, **more: object) -> str:
    given = {"number": number, "name": HOLDER.name, "identity": identity(HOLDER)} | more
    return apply_from_home(home_.services, **given)  # type: ignore[arg-type]


def state(home_: Installation, reference: str, last: str = LAST) -> str | None:
    found = home.state_of(home_.services, reference, last)
    return None if found is None else found.state


def texts(home_: Installation) -> list[str]:
    home_.clock.move(seconds=1)
    send_due(home_.services)
    deliver(home_.services)
    return [one["text"] for one in sent(home_) if one["to"] == PHONE]


def test_pictures_and_what_was_typed_rest_sealed(home_: Installation) -> None:
    apply(home_)
    with home_.services.database.reading() as session:
        picture = session.scalars(select(EvidencePictureRecord)).one()
        row = session.scalars(select(HomeApplicationRecord)).one()
        assert b"JFIF" not in picture.sealed
        assert PHONE.encode() not in row.sealed
        shown = home_.services.vault.open_bytes(
            picture.sealed, picture.sealed_kid, home.picture_bound_to(row, picture.shows)
        )
        assert shown.startswith(b"\xff\xd8\xff")
        request = session.scalars(select(ReissueRequestRecord)).one()
        assert (request.applied_by, request.paper_id, request.state) == (FROM_HOME, None, RequestState.APPLIED)
        events = session.scalars(select(AuditEventRecord.detail)).all()
        assert not any(HOLDER.id_number in detail or PHONE in detail for detail in events)


def test_the_same_form_sent_twice_applies_once(home_: Installation) -> None:
    assert apply(home_) == apply(home_)
    assert count(home_.services, HomeApplicationRecord) == 1
    assert apply(home_, once="another form") != apply(home_)
    assert count(home_.services, HomeApplicationRecord) == 2


def test_an_application_that_the_register_knows_nothing_of_is_taken_alike(home_: Installation) -> None:
    known, unknown = apply(home_), apply(home_, UNKNOWN)
    assert state(home_, known) == state(home_, unknown) == "received"


def test_only_reference_and_telephone_together_open_it(home_: Installation) -> None:
    reference = apply(home_)
    assert state(home_, home.written(reference).lower()) == "received"
    assert state(home_, reference, "9999") is None
    assert state(home_, reference, "") is None
    assert state(home_, "A" * 12) is None


def test_one_of_the_staff_approves_what_the_register_has(home_: Installation) -> None:
    reference = apply(home_, number="1763-0100-0150-0077", name="孙 长江")
    done = reissue.approve(home_.services, request_id(home_.services), by="审核员")
    assert (done.number, done.state, done.version) == (NUMBER, "approved", 2)
    assert done.now is not None
    assert done.now.name == HOLDER.name
    assert state(home_, reference) == "approved"
    assert any("已批准" in text for text in texts(home_))
    assert check_log(home_.services).size > 0


def test_the_applicant_is_no_second_person_and_nobody_can_be_the_applicant(home_: Installation) -> None:
    apply(home_)
    for name in (FROM_HOME, FROM_HOME.upper(), ""):
        with pytest.raises(ReissueRefused, match=r"R8\.2"):
            reissue.approve(home_.services, request_id(home_.services), by=name)


def test_another_name_or_document_than_the_registers_is_refused_at_the_decision_alone(home_: Installation) -> None:
    apply(home_, name="别人")
    with pytest.raises(ReissueRefused, match="register"):
        reissue.approve(home_.services, request_id(home_.services), by="审核员")
    apply(home_, identity=identity(OTHER))
    with pytest.raises(ReissueRefused, match="register"):
        reissue.approve(home_.services, request_id(home_.services), by="审核员")


def test_without_an_entry_it_takes_two_of_the_staff(home_: Installation) -> None:
    apply(home_, UNKNOWN)
    asked = request_id(home_.services)
    with pytest.raises(ReissueRefused, match="reissue confirm"):
        reissue.approve(home_.services, asked, by="审核员")
    seen = Evidence("纸质证书照片与身份证相符", date(2020, 5, 6), "原鉴定中心")
    home_review.confirm(home_.services, asked, seen, by="受理员")
    for same in ("受理员", " 受 理员"):
        with pytest.raises(ReissueRefused, match="recorded the evidence"):
            reissue.approve(home_.services, asked, by=same)
    assert reissue.approve(home_.services, asked, by="审核员").number == UNKNOWN
    check_log(home_.services)


def test_who_confirmed_is_read_from_what_was_sealed(home_: Installation) -> None:
    apply(home_, UNKNOWN)
    asked = request_id(home_.services)
    home_review.confirm(home_.services, asked, Evidence("相符", date(2020, 5, 6), "原鉴定中心"), by="受理员")
    with home_.services.database.writing() as session:
        session.scalars(select(HomeApplicationRecord)).one().confirmed_by = None
    with pytest.raises(ReissueRefused, match="recorded the evidence"):
        reissue.approve(home_.services, asked, by="受理员")


@pytest.mark.parametrize("number", [NUMBER, "2563010001500001"])
def test_evidence_stands_in_for_no_entry_that_is_there_and_no_electronic_number(
    home_: Installation, number: str
) -> None:
    apply(home_, number)
    with pytest.raises(ReissueRefused):
        home_review.confirm(
            home_.services, request_id(home_.services), Evidence("相符", date(2020, 5, 6), "原鉴定中心"), by="受理员"
        )


def test_what_is_missing_is_asked_for_and_sent(home_: Installation) -> None:
    reference = apply(home_)
    asked = request_id(home_.services)
    home_review.return_for(home_.services, asked, missing="身份证背面", by="审核员")
    found = home.state_of(home_.services, reference, LAST)
    assert found is not None
    assert (found.state, found.remark) == ("returned", "身份证背面")
    assert any("需要补充材料" in text and "身份证背面" not in text for text in texts(home_))
    more = [Picture(Shows.DOCUMENT, photograph(5))]
    assert home.send_more(home_.services, reference, LAST, pictures=more, said="背面")
    assert state(home_, reference) == "received"
    assert not home.send_more(home_.services, reference, LAST, pictures=more)  # nothing is asked for now
    (row,) = [one for one in reissue.list_requests(home_.services) if one.id == asked]
    assert row.home is not None
    assert (row.home.pictures, row.home.phase) == (2, "received")


def test_a_rejection_is_told_with_its_reason_and_stands_in_no_way(home_: Installation) -> None:
    reference = apply(home_)
    reissue.reject(home_.services, request_id(home_.services), by="审核员", decision_note="照片不清")
    found = home.state_of(home_.services, reference, LAST)
    assert found is not None
    assert (found.state, found.remark) == ("rejected", "照片不清")
    assert any("未通过" in text for text in texts(home_))


def test_an_open_application_binds_no_one_else(home_: Installation) -> None:
    """Anybody may have sent it: the holder still applies at the counter, and no number is kept back."""
    apply(home_)
    own = reissue.apply(
        home_.services, number=NUMBER, name=HOLDER.name, identity=identity(HOLDER), reason="lost", by="窗口"
    )
    assert not own.existing
    (ordinary,) = home_.issue(made_up(5))
    apply(home_, str(int(ordinary.number) + 1))
    (following,) = home_.issue(made_up(6))
    assert int(following.number) == int(ordinary.number) + 1
    reissue.approve(home_.services, own.id, by="审核员")
    with pytest.raises(ReissueRefused, match=r"R8\.3"):
        reissue.approve(home_.services, 1, by="审核员")


def test_evidence_is_written_out_for_its_owner_alone_and_noted(home_: Installation, tmp_path: Path) -> None:
    reference = apply(home_, shows=(Shows.DOCUMENT, Shows.PAPER))
    folder = tmp_path / "out"
    done = home_review.write_evidence(home_.services, request_id(home_.services), folder, by="审核员")
    assert [file.name for file in done.files] == ["1-document.jpg", "2-paper.jpg", "application.json"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in done.files} == {0o600}
    told = json.loads((folder / "application.json").read_text("utf-8"))
    assert (told["id_number"], told["phone"], told["register"]) == (HOLDER.id_number, PHONE, "agrees")
    assert state(home_, reference) == "in_review"
    with home_.services.database.reading() as session:
        actions = session.scalars(select(AuditEventRecord.action).order_by(AuditEventRecord.id)).all()
    assert actions[-1] == "reissue.evidence"
    with pytest.raises(Refused, match="not empty"):
        home_review.write_evidence(home_.services, request_id(home_.services), folder, by="审核员")


def test_what_was_sent_is_deleted_in_time_and_the_decision_stays(home_: Installation) -> None:
    reference = apply(home_)
    asked = request_id(home_.services)
    open_one = apply(home_, UNKNOWN)
    reissue.approve(home_.services, asked, by="审核员")
    home_.clock.move(days=29)
    assert home_review.sweep(home_.services) == 0
    home_.clock.move(days=2)
    assert home_review.sweep(home_.services) == 1
    assert state(home_, reference) is None
    assert state(home_, open_one) == "received"
    assert count(home_.services, EvidencePictureRecord) == 1
    kept = next(one for one in reissue.list_requests(home_.services) if one.id == asked)
    assert (kept.state, kept.home) == ("approved", None)
    with pytest.raises(NotFound):
        home_review.write_evidence(home_.services, asked, home_.home / "out", by="审核员")


def test_pictures_of_a_hoax_go_at_once_once_it_is_decided(home_: Installation) -> None:
    apply(home_)
    asked = request_id(home_.services)
    with pytest.raises(Refused):
        home_review.drop_pictures(home_.services, asked, by="审核员")
    reissue.reject(home_.services, asked, by="审核员", decision_note="恶作剧")
    assert home_review.drop_pictures(home_.services, asked, by="审核员") == 1
    assert count(home_.services, EvidencePictureRecord) == 0


def test_strangers_fill_neither_the_desk_nor_the_disk(home_: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(home_)
    with monkeypatch.context() as few:
        few.setattr(home, "MOST_OPEN", 1)
        with pytest.raises(NoRoom):
            apply(home_, UNKNOWN)
    with monkeypatch.context() as little:
        little.setattr(home, "MOST_BYTES", 1000)
        with pytest.raises(NoRoom):
            apply(home_, UNKNOWN)
    assert count(home_.services, HomeApplicationRecord) == 1
    monkeypatch.setattr(home, "MOST_PICTURES", 1)
    reference = apply(home_)
    home_review.return_for(home_.services, request_id(home_.services), missing="背面", by="审核员")
    with pytest.raises(PicturesRefused):
        home.send_more(home_.services, reference, LAST, pictures=[Picture(Shows.PAPER, b"x")])


def test_a_name_that_no_font_draws_is_said_before_anything_is_sent() -> None:
    with pytest.raises(MissingGlyph, match=r"U\+31350"):
        home.check_name("王\U00031350")
