"""Scores of a sitting: entered by one, confirmed by another, locked, and recorded by the rules of any import."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import func, select

from certsvc.errors import Conflict, ImportRefused, Refused
from certsvc.rules.enrolment import AttemptKind
from certsvc.rules.terms import Subject
from certsvc.services.context import Services
from certsvc.services.examination import scores, sheet
from certsvc.services.examination.draw import draw
from certsvc.services.examination.scores import ScoreEntry
from certsvc.services.examination.sheet import WITHDRAWN
from certsvc.services.examination.sittings import Sitting
from certsvc.store import AuditEventRecord, ScoreEntryRecord
from tests.builders.examining import REQUIRED, add, admit, attempts, enter_all, entry, on_record, results
from tests.builders.person import Candidate

ONSITE = AttemptKind.ONSITE_RETAKE
ONE, TWO, THREE = (f"250324-0001-{n:03d}" for n in (1, 2, 3))


@pytest.fixture
def people(services: Services, tmp_path: Path) -> list[Candidate]:
    return on_record(services, tmp_path, 3)


@pytest.fixture
def sitting(services: Services, people: list[Candidate]) -> Sitting:
    made = add(services)
    admit(services, made, people)
    return made


def drawn(services: Services, sitting: Sitting, ticket: str, score: str = "8") -> dict[str, str]:
    """Every item of a ticket, the drawn ones with this score."""
    items = next(one.items for one in draw(services, sitting.id, by="考务员") if one.ticket == ticket)
    return {**REQUIRED, **{item.code: score for item in items}}


def states(services: Services, sitting: Sitting, *entries: ScoreEntry) -> list[str]:
    return [one.state for one in enter_all(services, sitting, *entries)]


def fill(services: Services, sitting: Sitting, *tickets: str, by: str = "考评员") -> None:
    enter_all(services, sitting, *(entry(one, score="80") for one in tickets), by=by)


def test_items_and_an_onsite_retake_become_attempts_of_who_entered_them(services: Services, sitting: Sitting) -> None:
    taken = enter_all(
        services,
        sitting,
        entry(ONE, items=drawn(services, sitting, ONE)),
        entry(TWO, score="59"),
        entry(TWO, kind=ONSITE, score="60"),
        entry(THREE, outcome="absent"),
    )
    assert [(one.state, one.total) for one in taken] == [
        ("taken", "81.5"),
        ("taken", "59"),
        ("taken", "60"),
        ("taken", None),
    ]
    done = scores.confirm(services, sitting.id, by="站长")
    assert done.new == 4
    assert attempts(services) == [
        ("practical", "first", "scored", 8150, "考评员"),
        ("practical", "first", "scored", 5900, "考评员"),
        ("practical", "onsite_retake", "scored", 6000, "考评员"),
        ("practical", "first", "absent", None, "考评员"),
    ]


def test_an_item_that_was_not_drawn_is_refused(services: Services, sitting: Sitting) -> None:
    items = drawn(services, sitting, ONE)
    mine = "rescue_rope" if "rescue_rope" in items else "airway_obstruction"
    other = {"rescue_rope": "airway_obstruction", "airway_obstruction": "rescue_rope"}[mine]
    swapped = {other if code == mine else code: score for code, score in items.items()}
    (answer,) = enter_all(services, sitting, entry(ONE, items=swapped))
    assert answer.error is not None
    assert (answer.state, answer.error.rule, answer.error.where) == ("refused", "R2.1", mine)


def test_what_is_wrong_with_one_entry_keeps_no_other_back(services: Services, sitting: Sitting) -> None:
    assert states(
        services,
        sitting,
        entry(ONE, score="101"),
        entry("250324-0001-009", score="80"),
        entry(TWO, outcome="absent", score="3"),
        entry(TWO, score="80", id="b"),
        entry(THREE, kind=AttemptKind.FREE_RETAKE, score="80"),
    ) == ["refused", "refused", "refused", "taken", "refused"]


def test_an_entry_sent_again_has_one_effect(services: Services, sitting: Sitting) -> None:
    assert states(services, sitting, entry(ONE, score="80"), entry(ONE, score="80.00")) == ["taken", "unchanged"]
    (other,) = enter_all(services, sitting, entry(ONE, score="81"))
    assert other.error is not None
    assert other.error.code == "conflict"
    with services.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(ScoreEntryRecord)) == 1


def test_a_later_entry_counts_and_the_earlier_stays_as_history(services: Services, sitting: Sitting) -> None:
    later, earlier = entry(ONE, score="70", sequence=5), entry(ONE, score="50", sequence=2)
    assert states(services, sitting, later, earlier) == ["taken", "superseded"]
    (line, *_) = sheet.sheet(services, sitting.id)
    assert (line.entries["first"].score, line.entered) == ("70", 2)


def test_two_tablets_with_one_sequence_are_a_conflict_that_names_the_other(
    services: Services, sitting: Sitting
) -> None:
    enter_all(services, sitting, entry(ONE, score="80", id="tablet-a"), by="甲")
    (answer,) = enter_all(services, sitting, entry(ONE, score="70", id="tablet-b"), by="乙")
    assert answer.error is not None
    assert "甲" in answer.error.zh
    assert states(services, sitting, entry(ONE, score="70", id="tablet-b2", sequence=2)) == ["taken"]


def test_a_withdrawn_onsite_retake_is_not_recorded(services: Services, sitting: Sitting) -> None:
    fill(services, sitting, TWO, THREE)
    enter_all(
        services,
        sitting,
        entry(ONE, score="80"),
        entry(ONE, kind=ONSITE, score="90"),
        entry(ONE, kind=ONSITE, sequence=2, outcome=WITHDRAWN),
    )
    assert scores.confirm(services, sitting.id, by="站长").new == 3


def test_a_confirmation_names_the_sheet_that_was_seen(services: Services, sitting: Sitting) -> None:
    def digest() -> str:
        return sheet.digest_of(sitting.id, sheet.sheet(services, sitting.id))

    fill(services, sitting, ONE, TWO, THREE)
    seen = digest()
    enter_all(services, sitting, entry(ONE, score="80", sequence=2))
    assert digest() != seen, "the same score by another entry is another sheet"
    with pytest.raises(Conflict, match="another since"):
        scores.confirm(services, sitting.id, by="站长", digest=seen)
    assert attempts(services) == []
    assert scores.confirm(services, sitting.id, by="站长", digest=digest()).new == 3


def test_a_line_has_its_items_its_total_and_whether_it_passed(services: Services, sitting: Sitting) -> None:
    (before, *_) = sheet.sheet(services, sitting.id)
    assert (before.items, before.total("first"), before.passed("first"), before.may_sit_again) == (
        (),
        None,
        False,
        True,
    )
    enter_all(services, sitting, entry(ONE, items=drawn(services, sitting, ONE)), entry(TWO, score="59.99"))
    one, two, three = sheet.sheet(services, sitting.id)
    assert len(one.items) == 6
    assert [(line.total("first"), line.passed("first")) for line in (one, two, three)] == [
        ("81.5", True),
        ("59.99", False),
        (None, False),
    ]
    told = one.counts("first")
    assert told is not None
    assert (told["total"], told["sequence"], three.counts("first")) == ("81.5", 1, None)


def test_who_entered_a_score_does_not_confirm_it_in_any_spelling(services: Services, sitting: Sitting) -> None:
    fill(services, sitting, ONE, TWO, by="李明")
    fill(services, sitting, THREE, by="王芳")
    for by in ("李明", "李 明", "王芳"):
        with pytest.raises(Refused, match="another person"):
            scores.confirm(services, sitting.id, by=by)
    assert attempts(services) == []
    assert scores.confirm(services, sitting.id, by="站长").new == 3


def test_who_entered_what_was_replaced_does_not_confirm_either(services: Services, sitting: Sitting) -> None:
    fill(services, sitting, ONE, TWO, THREE, by="甲")
    enter_all(services, sitting, entry(ONE, score="99", sequence=2), by="乙")
    with pytest.raises(Refused, match="another person"):
        scores.confirm(services, sitting.id, by="乙")


def test_a_ticket_without_an_entry_holds_the_confirmation_up(services: Services, sitting: Sitting) -> None:
    fill(services, sitting, ONE, TWO)
    with pytest.raises(Refused, match=f"1 tickets have no entry.*{THREE}"):
        scores.confirm(services, sitting.id, by="站长")


def test_after_the_lock_nothing_new_is_taken_and_the_old_is_still_answered(
    services: Services, sitting: Sitting
) -> None:
    fill(services, sitting, ONE, TWO, THREE)
    scores.confirm(services, sitting.id, by="站长")
    with pytest.raises(Refused, match="confirmed already"):
        scores.confirm(services, sitting.id, by="站长")
    again, new = enter_all(services, sitting, entry(ONE, score="80"), entry(ONE, score="99", sequence=2))
    assert (again.state, new.state) == ("unchanged", "refused")
    assert new.error is not None
    assert new.error.rule == "R2.4"


def test_what_the_rules_refuse_is_named_and_nothing_is_recorded(services: Services, sitting: Sitting) -> None:
    fill(services, sitting, TWO, THREE)
    enter_all(services, sitting, entry(ONE, score="80"), entry(ONE, kind=ONSITE, score="90"))
    with pytest.raises(ImportRefused) as refusal:
        scores.confirm(services, sitting.id, by="站长")
    assert [(cell.row, cell.rule) for cell in refusal.value.errors] == [(1, "R3.7")]
    assert attempts(services) == []
    assert states(services, sitting, entry(ONE, kind=ONSITE, sequence=2, outcome=WITHDRAWN)) == ["taken"]
    assert scores.confirm(services, sitting.id, by="站长").new == 3


def test_a_free_retake_has_no_onsite_retake(services: Services, tmp_path: Path) -> None:
    (one,) = on_record(services, tmp_path, 1)
    results(services, tmp_path, one.result("practical", "50"))
    from datetime import date

    again = add(services, on=date(2025, 6, 1))
    (seat,) = admit(services, again, [one]).admitted
    retake = AttemptKind.FREE_RETAKE
    assert states(
        services,
        again,
        entry(seat.ticket, kind=retake, score="50"),
        entry(seat.ticket, kind=ONSITE, score="90"),
    ) == ["taken", "refused"]
    scores.confirm(services, again.id, by="站长")
    assert attempts(services)[-1] == ("practical", "free_retake", "scored", 5000, "考评员")


def test_excused_and_misconduct_are_outcomes_and_void_is_none(services: Services, sitting: Sitting) -> None:
    fill(services, sitting, THREE)
    enter_all(services, sitting, entry(ONE, outcome="excused"), entry(TWO, outcome="misconduct"))
    scores.confirm(services, sitting.id, by="站长")
    assert [one[2] for one in attempts(services)] == ["excused", "misconduct", "scored"]
    with pytest.raises(Refused, match="form"):
        scores.read_entries(json.dumps({"entries": [{"id": "a", "outcome": "void"}]}).encode())


def test_an_imported_result_and_the_same_entry_are_one_attempt(
    services: Services, sitting: Sitting, people: list[Candidate], tmp_path: Path
) -> None:
    results(services, tmp_path, people[0].result("practical", "80"))
    fill(services, sitting, ONE, TWO, THREE)
    done = scores.confirm(services, sitting.id, by="站长")
    assert (done.new, done.unchanged) == (2, 1)


def test_the_confirmation_stands_in_the_trail_also_where_all_was_on_record(
    services: Services, sitting: Sitting, people: list[Candidate], tmp_path: Path
) -> None:
    results(services, tmp_path, *(one.result("practical", "80") for one in people))
    fill(services, sitting, ONE, TWO, THREE)
    assert scores.confirm(services, sitting.id, by="站长").new == 0
    with services.database.reading() as session:
        (noted,) = session.scalars(select(AuditEventRecord).where(AuditEventRecord.action == "sitting.confirm"))
    assert (noted.by, json.loads(noted.detail)) == ("站长", {"entries": 3})


def test_theory_is_scored_by_its_total(services: Services, people: list[Candidate]) -> None:
    made = add(services, Subject.THEORY)
    (seat, *_) = admit(services, made, people[:1]).admitted
    assert states(services, made, entry(seat.ticket, score="88.5"), entry(seat.ticket, kind=ONSITE, score="90")) == [
        "taken",
        "refused",
    ]


def test_entries_come_as_json(services: Services) -> None:
    content = {
        "entries": [
            {"id": "a", "sequence": 1, "ticket": ONE, "kind": "first", "items": {"cpr": "20"}},
            {"id": "b", "sequence": 2, "ticket": ONE, "kind": "first", "outcome": "absent"},
        ]
    }
    first, second = scores.read_entries(json.dumps(content).encode())
    assert (first.outcome, first.items, first.score) == ("scored", {"cpr": "20"}, None)
    assert second.outcome == "absent"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"id": ""}, "id"),
        ({"sequence": "1"}, "sequence"),
        ({"sequence": True}, "sequence"),
        ({"sequence": 0}, "sequence"),
        ({"ticket": 5}, "ticket"),
        ({"ticket": "\ud800"}, "ticket"),
        ({"kind": "second"}, "kind"),
        ({"outcome": "good"}, "outcome"),
        ({"score": 60}, "score"),
        ({"items": {"cpr": 20}}, "items"),
        ({"note": "x"}, "note"),
    ],
)
def test_a_misshapen_entry_is_refused_with_its_place(change: dict[str, object], where: str) -> None:
    good: dict[str, object] = {"id": "a", "sequence": 1, "ticket": ONE, "kind": "first"}
    with pytest.raises(Refused) as refusal:
        scores.read_entries(json.dumps({"entries": [good, good | change]}).encode())
    assert refusal.value.where == f"entries[1].{where}"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"entries": []}', b'{"entries": [1]}', b"\xff\xfe"])
def test_what_is_no_list_of_entries_is_refused(content: bytes) -> None:
    with pytest.raises(Refused):
        scores.read_entries(content)
