"""The telephone that opens a record changes by an act of its own: two people, word to the old one, a wait (R10)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from certsvc.errors import NotFound, Refused
from certsvc.services.approvals import desk
from certsvc.services.holders import contact
from certsvc.services.holders import sign_in as access
from certsvc.services.holders.codes_by_message import send_due
from certsvc.services.imports import ImportReport
from certsvc.services.registration.import_roster import import_candidates
from certsvc.services.registration.review_list import list_registrations
from certsvc.signing.keystore import Keystore
from tests.builders.holding import identity, sent
from tests.builders.insider import by_sql
from tests.builders.installation import Installation, Person, made_up
from tests.builders.person import Candidate, write_csv

HOLDER, STRANGER = made_up(1), made_up(30)
OLD, NEW = "13800000000", "13911111111"


def roster(
    at: Installation, person: Person, tmp_path: Path, *, phone: str, on: str, review: bool = False
) -> ImportReport:
    number = person.id_number
    row = Candidate().cells(
        name=person.name,
        id_number=number,
        sex="男" if int(number[16]) % 2 else "女",
        birth_date=f"{number[6:10]}-{number[10:12]}-{number[12:14]}",
        phone=phone,
        registered_on=on,
        institution="测试培训机构",
    )
    path = write_csv(tmp_path / "roster.csv", [row])
    return import_candidates(at.services, path, by="登记员", for_review=review)


def number_of_next_code(at: Installation, person: Person = HOLDER) -> str:
    """Where a code goes that is asked for now."""
    at.clock.move(minutes=61)
    access.request_code(at.services, person.name, identity(person))
    assert send_due(at.services).sent >= 1
    return [one for one in sent(at) if one["code"]][-1]["to"]


def ask(at: Installation, phone: str = NEW, by: str = "甲") -> int:
    return contact.propose(at.services, identity(HOLDER), phone, reason="换号", by=by).approval_id


@pytest.mark.parametrize("phone", [NEW, ""])
def test_no_later_roster_changes_the_telephone_of_a_certified_person(
    at: Installation, tmp_path: Path, phone: str
) -> None:
    done = roster(at, HOLDER, tmp_path, phone=phone, on="2026-05-04")
    assert done.new == 1
    assert [(one.column, one.rule) for one in done.warnings if one.column == "phone"] == [("phone", "R10")][
        : len(phone)
    ]
    assert number_of_next_code(at) == OLD
    again = roster(at, HOLDER, tmp_path, phone=phone, on="2026-05-04")
    assert (again.new, again.unchanged) == (0, 1)
    assert number_of_next_code(at) == OLD


def test_a_change_takes_a_second_person_a_wait_and_word_to_the_number_on_record(at: Installation) -> None:
    approval = ask(at)
    with pytest.raises(Refused):
        desk.approve(at.services, approval, by=" 甲")
    assert number_of_next_code(at) == OLD
    done = desk.approve(at.services, approval, by="乙")
    assert isinstance(done, contact.ContactChange)
    assert (done.due_at, done.told) == (at.clock() + contact.WAITING_TIME, True)
    access.request_code(at.services, HOLDER.name, identity(HOLDER))  # a code asked for now takes no notice away
    at.clock.move(seconds=1)
    assert send_due(at.services).sent == 2
    notice = next(one for one in sent(at) if not one["code"])
    assert notice["to"] == OLD
    assert "1111" in notice["text"]
    assert NEW not in notice["text"]
    at.clock.move(days=2)
    assert number_of_next_code(at) == OLD
    at.clock.move(days=1)
    assert number_of_next_code(at) == NEW


def test_a_change_is_stopped_until_it_counts_and_not_after(at: Installation) -> None:
    first = ask(at)
    desk.approve(at.services, first, by="乙")
    assert desk.reject(at.services, first, by="丙", reason="本人否认").state == "rejected"
    at.clock.move(days=4)
    assert number_of_next_code(at) == OLD
    second = ask(at)
    desk.approve(at.services, second, by="乙")
    at.clock.move(days=4)
    with pytest.raises(Refused):
        desk.reject(at.services, second, by="丙", reason="晚了")
    with pytest.raises(Refused, match="counts already"):
        contact.stop(at.services, second, by="丙", reason="晚了")
    assert number_of_next_code(at) == NEW


@pytest.mark.parametrize(
    "forged",
    [
        "state = 'approved', decided_by = '乙', decided_at = asked_at, due_at = asked_at",
        "state = 'approved', decided_by = '乙', due_at = asked_at, asked_by = '丙'",
    ],
)
def test_no_row_written_by_hand_changes_it(at: Installation, forged: str) -> None:
    ask(at)
    by_sql(at, f"update approval set {forged}")
    at.clock.move(days=30)
    assert number_of_next_code(at) == OLD


def test_the_wait_is_not_shortened_by_hand(at: Installation) -> None:
    desk.approve(at.services, ask(at), by="乙")
    by_sql(at, "update approval set due_at = asked_at")
    assert number_of_next_code(at) == OLD


def test_a_roster_with_the_former_number_comes_in_as_before_and_undoes_nothing(
    at: Installation, tmp_path: Path
) -> None:
    desk.approve(at.services, ask(at), by="乙")
    at.clock.move(days=4)
    same = roster(at, HOLDER, tmp_path, phone=OLD, on="2025-03-01")
    assert (same.new, same.unchanged) == (0, 1)
    later = roster(at, HOLDER, tmp_path, phone=OLD, on="2026-05-04", review=False)
    assert later.new == 1
    assert number_of_next_code(at) == NEW


def test_a_reviewer_sees_the_number_that_counts(at: Installation, tmp_path: Path) -> None:
    desk.approve(at.services, ask(at), by="乙")
    at.clock.move(days=4)
    assert roster(at, HOLDER, tmp_path, phone=NEW, on="2026-05-04", review=True).new == 1
    (waiting,) = list_registrations(at.services)
    assert waiting.entered["phone"] == NEW


def test_what_is_no_change_is_not_asked_for(at: Installation) -> None:
    for phone in (OLD, "", "abc"):
        with pytest.raises(Refused, match=r"R10"):
            ask(at, phone)
    with pytest.raises(NotFound):
        contact.propose(at.services, identity(STRANGER), NEW, reason="换号", by="甲")
    assert desk.list_approvals(at.services) == []


def test_both_people_are_named_in_one_act_with_development_keys_alone(
    at: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = {"reason": "换号", "by": "甲"}
    with pytest.raises(Refused):
        contact.change(at.services, identity(HOLDER), NEW, **change, approved_by="甲")
    assert contact.change(at.services, identity(HOLDER), NEW, **change, approved_by="乙").state == "approved"
    monkeypatch.setattr(Keystore, "development", property(lambda _: False))
    with pytest.raises(Refused, match=r"R1\.6"):
        contact.change(at.services, identity(HOLDER), NEW, **change, approved_by="乙")
    # With real keys and no gateway there is no way to tell the number on record, and it is said so.
    silent = replace(at.services, gateway=None)
    waiting = contact.propose(silent, identity(HOLDER), "13922222222", **change)
    assert not contact.approve(silent, waiting.approval_id, by="乙").told


def test_one_who_had_paper_alone_gets_a_telephone_the_same_way(at: Installation) -> None:
    holder = made_up(40)
    at.import_paper(("1763010001500088", holder))

    def asked_for(phone: str) -> int:
        return contact.propose(at.services, identity(holder), phone, reason="补发后登录", by="甲").approval_id

    asked = asked_for(NEW)
    with pytest.raises(Refused, match="may not decide"):
        desk.approve(at.services, asked, by="甲")
    desk.approve(at.services, asked, by="乙")
    at.clock.move(days=2)
    access.request_code(at.services, holder.name, identity(holder))
    assert send_due(at.services).sent == 0
    at.clock.move(days=1, minutes=1)
    assert number_of_next_code(at, holder) == NEW
    with pytest.raises(Refused, match="on record"):
        asked_for(NEW)
    again = asked_for(OLD)
    desk.approve(at.services, again, by="乙")
    at.clock.move(seconds=1)  # files of the outbox sort by time
    send_due(at.services)
    assert (sent(at)[-1]["to"], sent(at)[-1]["code"]) == (NEW, "")
    desk.reject(at.services, again, by="丙", reason="本人来电否认")
    at.clock.move(days=4)
    assert number_of_next_code(at, holder) == NEW
