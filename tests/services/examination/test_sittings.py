"""Sittings: who is admitted to what, until when, and what becomes of the roll."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp
from sqlalchemy import select

from certsvc.errors import Conflict, NotFound, Refused
from certsvc.rules.enrolment import AttemptKind
from certsvc.rules.terms import Subject
from certsvc.services.context import Services
from certsvc.services.examination import papers, sittings
from certsvc.services.examination.draw import draw
from certsvc.services.examination.publish_results import publish_results
from certsvc.services.operation.backup import back_up, restore
from certsvc.services.registration.import_roster import import_candidates
from certsvc.store import AuditEventRecord
from tests.builders.examining import add, admit, enrolments, on_record, results
from tests.builders.person import SAT, Candidate, open_home, write_csv, write_portrait

DEADLINE = date(2026, 3, 24)  # a year from SAT, inclusive (R3.3)


def text_of(pdf: bytes) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        return "".join(page.get_textpage().get_text_bounded() for page in document)


def refused(admission: sittings.Admission) -> list[str | None]:
    return [one.error.rule for one in admission.refused]


def test_approved_candidates_are_admitted_once_each_with_a_ticket(services: Services, tmp_path: Path) -> None:
    people = on_record(services, tmp_path)
    sitting = add(services)
    first = admit(services, sitting, people[:2])
    assert [seat.ticket for seat in first.admitted] == ["250324-0001-001", "250324-0001-002"]
    again = admit(services, sitting, people)
    assert ([seat.name for seat in again.admitted], again.already) == ([people[2].name], 2)
    shown, roll = sittings.show(services, sitting.id)
    assert (shown.admitted, shown.with_results) == (3, 0)
    assert [seat.kind for seat in roll] == [AttemptKind.FIRST] * 3


def test_one_who_is_not_approved_is_not_admitted(services: Services, tmp_path: Path) -> None:
    roster = write_csv(tmp_path / "c.csv", [Candidate().cells()])
    import_candidates(services, roster, by="登记员", for_review=True)
    assert refused(admit(services, add(services), [Candidate()])) == ["R1.6"]


def test_a_free_retake_is_booked_until_its_deadline_and_not_after(services: Services, tmp_path: Path) -> None:
    (one,) = on_record(services, tmp_path, 1)
    results(services, tmp_path, one.result("theory", "59"), one.result("practical", "90"))
    late = add(services, Subject.THEORY, DEADLINE + timedelta(days=1))
    (error,) = admit(services, late, [one]).refused
    assert (error.error.rule, "2026" in error.error.zh) == ("R3.7", True)
    (seat,) = admit(services, add(services, Subject.THEORY, DEADLINE), [one]).admitted
    assert seat.kind is AttemptKind.FREE_RETAKE


def test_a_passed_subject_is_not_booked_again(services: Services, tmp_path: Path) -> None:
    (one,) = on_record(services, tmp_path, 1)
    results(services, tmp_path, one.result("theory", "60"))
    assert refused(admit(services, add(services, Subject.THEORY, DEADLINE), [one])) == ["R3.7"]


def test_a_closed_enrolment_is_not_booked_not_even_for_the_other_subject(services: Services, tmp_path: Path) -> None:
    (one,) = on_record(services, tmp_path, 1)
    results(
        services,
        tmp_path,
        one.result("theory", "59"),
        one.result("theory", "59", sat_on="2025-06-01", kind="free_retake"),
    )
    assert refused(admit(services, add(services, on=date(2025, 7, 1)), [one])) == ["R3.4"]


def test_one_subject_is_booked_in_one_sitting_at_a_time(services: Services, tmp_path: Path) -> None:
    (one,) = on_record(services, tmp_path, 1)
    first, second = add(services), add(services, begins="14:00")
    admit(services, first, [one])
    assert refused(admit(services, second, [one])) == ["R3.7"]
    sittings.remove(services, first.id, "250324-0001-001", by="考务员")
    assert len(admit(services, second, [one]).admitted) == 1


def test_a_sitting_before_the_registration_admits_no_one(services: Services, tmp_path: Path) -> None:
    people = on_record(services, tmp_path, 1)
    assert refused(admit(services, add(services, on=date(2025, 2, 1)), people)) == ["R3.7"]


def test_there_are_as_many_seats_as_the_capacity_says(services: Services, tmp_path: Path) -> None:
    people = on_record(services, tmp_path, 3)
    sitting = add(services, capacity=2)
    with pytest.raises(Refused, match="no room: 2 seats, 0 taken, 3 more wanted"):
        admit(services, sitting, people)
    assert sittings.show(services, sitting.id)[1] == []
    assert len(admit(services, sitting, people[:2]).admitted) == 2


def test_one_who_is_removed_and_admitted_again_has_the_same_ticket(services: Services, tmp_path: Path) -> None:
    people = on_record(services, tmp_path, 3)
    sitting = add(services)
    admit(services, sitting, people[:2])
    sittings.remove(services, sitting.id, "250324-0001-001", by="考务员")
    with pytest.raises(NotFound):
        sittings.remove(services, sitting.id, "250324-0001-001", by="考务员")
    (third,) = admit(services, sitting, people[2:]).admitted
    (again,) = admit(services, sitting, people[:1]).admitted
    assert (third.ticket, again.ticket) == ("250324-0001-003", "250324-0001-001")


def test_no_one_is_removed_once_the_draw_was_shown(services: Services, tmp_path: Path) -> None:
    people = on_record(services, tmp_path, 2)
    sitting = add(services)
    admit(services, sitting, people[:1])
    draw(services, sitting.id, by="考务员")
    with pytest.raises(Refused, match="no one is removed"):
        sittings.remove(services, sitting.id, "250324-0001-001", by="考务员")
    assert len(admit(services, sitting, people[1:]).admitted) == 1  # who comes late


def test_a_closed_sitting_admits_and_removes_no_one(services: Services, tmp_path: Path) -> None:
    people = on_record(services, tmp_path, 2)
    sitting = add(services)
    admit(services, sitting, people[:1])
    closed = sittings.close(services, sitting.id, by="考务员")
    assert closed.closed
    assert sittings.close(services, sitting.id, by="另一人") == closed
    for deed in (
        lambda: admit(services, sitting, people[1:]),
        lambda: sittings.remove(services, sitting.id, "250324-0001-001", by="x"),
    ):
        with pytest.raises(Refused, match="roll stands"):
            deed()


def test_a_sitting_is_not_closed_before_its_day(services: Services) -> None:
    with pytest.raises(Refused, match="at the earliest"):
        sittings.close(services, add(services, on=services.today() + timedelta(days=1)).id, by="x")


def test_the_same_sitting_is_not_made_twice(services: Services) -> None:
    add(services)
    with pytest.raises(Conflict):
        add(services)
    add(services, begins="14:00")
    assert len(sittings.list_sittings(services)) == 2
    assert sittings.list_sittings(services, since=SAT + timedelta(days=1)) == []


@pytest.mark.parametrize("changes", [{"begins": "9:00"}, {"place": " "}, {"station": "x\ny"}, {"capacity": 0}])
def test_a_sitting_that_makes_no_sense_is_refused(services: Services, changes: dict[str, object]) -> None:
    with pytest.raises(Refused):
        add(services, **changes)


def test_a_group_is_found_by_batch_and_institution(services: Services, tmp_path: Path) -> None:
    people = on_record(services, tmp_path, 2)
    ids = enrolments(services, people)
    assert sittings.enrolments_of(services, batch="第一批") == ids
    assert sittings.enrolments_of(services, batch="第一批", institution="测试培训机构") == ids
    with pytest.raises(NotFound):
        sittings.enrolments_of(services, batch="第二批")


def test_who_has_a_result_of_the_day_is_matched_by_day_and_subject(services: Services, tmp_path: Path) -> None:
    people = on_record(services, tmp_path, 2)
    sitting = add(services, Subject.THEORY)
    admit(services, sitting, people)
    results(services, tmp_path, people[0].result("theory", "80"), people[1].result("practical", "80"))
    shown, roll = sittings.show(services, sitting.id)
    assert (shown.with_results, [seat.has_result for seat in roll]) == (1, [True, False])


def test_results_are_published_by_sitting(services: Services, tmp_path: Path) -> None:
    people = on_record(services, tmp_path, 3)
    sitting = add(services, Subject.THEORY)
    admit(services, sitting, people[:2])
    results(services, tmp_path, *(row for one in people for row in one.passes()))
    done = publish_results(services, by="考务员", sitting=sitting.id)
    assert (done.new, done.already) == (2, 0)
    assert publish_results(services, by="考务员", sitting=sitting.id).already == 2
    assert publish_results(services, by="考务员").new == 4
    with pytest.raises(NotFound):
        publish_results(services, by="考务员", sitting=9)


def test_the_papers_have_everyone_and_no_identity_number(services: Services, tmp_path: Path) -> None:
    write_portrait(tmp_path / "a.png")
    people = on_record(services, tmp_path, 17, photo="a.png")
    sitting = add(services)
    admit(services, sitting, people)
    listed = papers.check_in(services, sitting.id)
    tickets = list(papers.tickets(services, sitting.id))
    assert [one.ticket for one in tickets][::16] == ["250324-0001-001", "250324-0001-017"]
    text = text_of(listed)
    assert [one.name for one in people if one.name not in text] == []
    assert not any(one.id_number in text or one.id_number in text_of(tickets[0].pdf) for one in people)
    assert papers.check_in(services, sitting.id) == listed
    assert "250324-0001-001" in text_of(tickets[0].pdf)
    page = pypdfium2.PdfDocument(tickets[0].pdf)[0].render(scale=2).to_pil()
    assert [code.text for code in zxingcpp.read_barcodes(page)] == ["250324-0001-001"]


def test_every_deed_stands_in_the_trail(services: Services, tmp_path: Path) -> None:
    people = on_record(services, tmp_path, 2)
    sitting = add(services)
    admit(services, sitting, people)
    sittings.remove(services, sitting.id, "250324-0001-002", by="考务员")
    sittings.close(services, sitting.id, by="站长")
    with services.database.reading() as session:
        rows = session.scalars(select(AuditEventRecord).where(AuditEventRecord.object_kind == "sitting")).all()
    assert [row.action for row in rows] == ["sitting.add", "sitting.admit", "sitting.remove", "sitting.close"]
    assert json.loads(rows[0].detail)["commitment"] == sitting.commitment


def test_sittings_are_in_a_backup_with_their_seed(services: Services, home: Path, tmp_path: Path) -> None:
    people = on_record(services, tmp_path, 2)
    sitting = add(services)
    admit(services, sitting, people)
    drawn = draw(services, sitting.id, by="考务员")
    back_up(services, tmp_path / "backup.tar")
    moved = open_home(tmp_path / "moved", keys=home / "keys")
    restore(moved, tmp_path / "backup.tar")
    assert draw(moved, sitting.id, by="考务员") == drawn
    assert [replace(seat, id=0) for seat in sittings.show(moved, sitting.id)[1]] == [
        replace(seat, id=0) for seat in sittings.show(services, sitting.id)[1]
    ]
    moved.database.close()
