"""A correction takes two people and changes the name or the identity number; the log says which (R8.4a)."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from certsvc.errors import MissingGlyph, NotFound, Refused, StatusChangeRefused
from certsvc.services.approvals import desk
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates import correct as corrections
from certsvc.services.certificates.change_status import revoke
from certsvc.services.certificates.correct import Correction, correct
from certsvc.services.certificates.resign import Selection, resign
from certsvc.services.publishing.static import publish_static
from certsvc.services.records.approvals import ApprovalState
from certsvc.signing.keys import Purpose
from certsvc.signing.keystore import Keystore
from certsvc.transparency.leaf import Changed
from tests.builders.insider import audited, by_sql
from tests.builders.installation import Installation, made_up

HOLDER, THIRD = made_up(1), made_up(5)
NAME, IDENTITY = Correction(name="测试新名"), Correction(id_number=THIRD.id_number)


@pytest.fixture
def number(at: Installation) -> str:
    with at.services.database.reading() as session:
        return str(session.execute(text("select number from certificate order by id limit 1")).scalar_one())


def ask(at: Installation, number: str, correction: Correction = NAME, by: str = "甲") -> int:
    return corrections.propose(at.services, number, correction, reason="录入有误", by=by).approval_id


def versions(at: Installation, number: str) -> int:
    with at.services.database.reading() as session:
        query = text("select count(*) from certificate where number = :number")
        return int(session.execute(query, {"number": number}).scalar_one())


def test_a_name_that_no_font_draws_is_not_even_asked_for(at: Installation, number: str) -> None:
    with pytest.raises(MissingGlyph, match=r"U\+31350"):
        ask(at, number, Correction(name="测试\U00031350"))
    assert desk.list_approvals(at.services) == []


def test_one_person_alone_corrects_nothing(at: Installation, number: str) -> None:
    approval = ask(at, number)
    assert versions(at, number) == 1
    for same in ("甲", " 甲 ", ""):
        with pytest.raises(Refused, match=r"R8\.4a"):
            desk.approve(at.services, approval, by=same)
    assert versions(at, number) == 1
    done = desk.approve(at.services, approval, by="乙")
    assert isinstance(done, corrections.Corrected)
    assert (done.version, done.changed, at.row(number, 2).holder_name) == (2, ("name",), "测试新名")
    with pytest.raises(Refused, match="already"):
        desk.approve(at.services, approval, by="丙")
    assert check_log(at.services).ok


def test_name_and_number_are_never_changed_in_one_act(at: Installation, number: str) -> None:
    both = Correction(name="测试新名", id_number=THIRD.id_number)
    for attempt in (
        lambda: ask(at, number, both),
        lambda: correct(at.services, number, both, reason="换人", by="甲", approved_by="乙"),
    ):
        with pytest.raises(StatusChangeRefused, match=r"R8\.4a"):
            attempt()
    assert versions(at, number) == 1
    assert desk.list_approvals(at.services) == []


def test_with_real_keys_no_one_names_the_second_person(
    at: Installation, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Keystore, "development", property(lambda _: False))
    with pytest.raises(Refused, match=r"R1\.6"):
        correct(at.services, number, NAME, reason="录入有误", by="甲", approved_by="乙")
    assert versions(at, number) == 1


@pytest.mark.parametrize(
    "change",
    ["asked_by = '丙'", "object_key = (select max(number) from certificate)", "kind = 'person.contact'"],
)
def test_a_request_changed_by_hand_is_not_carried_out(at: Installation, number: str, change: str) -> None:
    approval = ask(at, number)
    by_sql(at, f"update approval set {change}")
    with pytest.raises(Refused, match="by hand"):
        desk.approve(at.services, approval, by="甲")
    assert desk.show(at.services, approval).fault is not None


def test_a_request_for_an_older_version_is_not_carried_out(at: Installation, number: str) -> None:
    first, second = ask(at, number), ask(at, number, IDENTITY)
    desk.approve(at.services, first, by="乙")
    with pytest.raises(StatusChangeRefused, match="since"):
        desk.approve(at.services, second, by="乙")
    assert versions(at, number) == 2


def test_what_is_no_longer_in_force_is_not_corrected(at: Installation, number: str) -> None:
    approval = ask(at, number)
    revoke(at.services, number, reason="核查", by="甲")
    with pytest.raises(StatusChangeRefused):
        desk.approve(at.services, approval, by="乙")


def test_a_request_is_turned_down_or_withdrawn_with_a_reason(at: Installation, number: str) -> None:
    first, second = ask(at, number), ask(at, number)
    for empty in ("", " ", "两\n行"):
        with pytest.raises(Refused):
            desk.reject(at.services, first, by="乙", reason=empty)
    assert desk.reject(at.services, first, by="乙", reason="材料不全").note == "材料不全"
    assert desk.reject(at.services, second, by="甲", reason="填错了").state == "rejected"
    with pytest.raises(Refused, match="already"):
        desk.approve(at.services, first, by="丙")
    with pytest.raises(Refused, match="already"):
        desk.reject(at.services, first, by="丙", reason="再驳")
    with pytest.raises(NotFound):
        desk.show(at.services, 99)
    assert [one.id for one in desk.list_approvals(at.services, None)] == [first, second]
    assert desk.list_approvals(at.services, ApprovalState.WAITING) == []
    assert versions(at, number) == 1


def test_the_second_person_sees_what_is_and_what_shall_be(at: Installation, number: str) -> None:
    shown = desk.show(at.services, ask(at, number, IDENTITY))
    assert shown.as_json()["wants"] == {
        "id_number": THIRD.id_number,
        "was": HOLDER.name,
        "was_id_number": HOLDER.id_number,
    }
    assert (shown.reason, shown.asked_by, shown.object_key) == ("录入有误", "甲", number)
    with at.services.database.reading() as session:
        rows = [session.execute(text(f"select * from {table}")).all() for table in ("approval", "audit_event")]
    assert THIRD.id_number not in str(rows)
    assert "录入有误" not in str(rows)


def test_anybody_counts_corrections_of_names_of_numbers_and_of_keys_apart(at: Installation, number: str) -> None:
    desk.approve(at.services, ask(at, number), by="乙")
    desk.approve(at.services, ask(at, number, IDENTITY), by="乙")
    at.clock.move(minutes=1)
    at.services.keystore.rotate(Purpose.CREDENTIAL, development=True)
    resign(at.services, Selection(scheme="emergency-rescuer-5/qinghai-2025"), by="甲")
    publish_static(at.services)
    found = audited(at)
    assert found.ok
    assert dict(found.corrections) == {Changed.NAME: 1, Changed.IDENTITY: 1, Changed.KEY: 2}
    assert check_log(at.services).ok


@pytest.mark.parametrize(
    "change",
    [
        "update approval set asked_by = '丁'",
        "update approval set decided_by = '丙'",
        "update approval set state = 'rejected'",
        "delete from approval",
    ],
)
def test_the_register_is_asked_who_approved(at: Installation, number: str, change: str) -> None:
    desk.approve(at.services, ask(at, number), by="乙")
    by_sql(at, change)
    problems = check_log(at.services).problems
    assert {one.rule for one in problems} == {"G6"}
    assert "second person" in problems[0].en


def test_a_correction_logged_as_another_kind_is_found_in_the_register(
    at: Installation, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An issuer that hides a change of number among its changes of name."""
    genuine = corrections._corrected
    with monkeypatch.context() as patched:
        patched.setattr(corrections, "_corrected", lambda *given: (*genuine(*given)[:2], Changed.NAME))
        desk.approve(at.services, ask(at, number, IDENTITY), by="乙")
    problems = check_log(at.services).problems
    assert [(one.rule, "something else" in one.en) for one in problems] == [("G6", True)]
