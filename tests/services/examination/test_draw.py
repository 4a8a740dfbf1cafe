"""The draw: committed to before, the same for ever, and checked from its published file alone."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from certsvc.errors import Refused
from certsvc.rules.draw import commitment_of
from certsvc.rules.terms import Subject
from certsvc.services.context import Services
from certsvc.services.examination import sittings
from certsvc.services.examination.draw import check_draw, draw
from certsvc.services.publishing.static import publish_static
from tests.builders.examining import add, admit, on_record

VECTORS = Path(__file__).parents[2] / "vectors" / "draw"


def published(services: Services, sitting_id: int) -> bytes:
    publish_static(services)
    return (services.folders.published / "draws" / f"{sitting_id}.json").read_bytes()


def vector(name: str) -> bytes:
    return (VECTORS / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", ["revealed", "another"])
def test_a_draw_that_was_reckoned_elsewhere_agrees(name: str) -> None:
    found = check_draw(vector(name), committed=json.loads(vector(name))["commitment"])
    assert (found.ok, found.faults) == (True, ())
    assert found.tickets == len(json.loads(vector(name))["draws"])


def test_what_was_changed_is_named() -> None:
    assert check_draw(vector("one-changed")).faults == ("250324-0001-003",)
    assert check_draw(vector("another-seed")).faults[0] == "seed"
    noted = commitment_of(bytes(32), 1)
    assert check_draw(vector("revealed"), committed=noted).faults == ("commitment",)


def test_before_the_seed_is_revealed_nothing_is_said_to_be_right() -> None:
    found = check_draw(vector("committed"))
    assert (found.ok, found.revealed, found.faults) == (False, False, ())


def test_a_draw_of_another_sitting_or_twice_is_no_draw_of_this_one() -> None:
    said = json.loads(vector("revealed"))
    other = json.loads(vector("another"))
    said["draws"].append(said["draws"][0])
    assert check_draw(json.dumps(said).encode()).faults == ("twice",)
    said["draws"][-1] = other["draws"][0]
    assert check_draw(json.dumps(said).encode()).faults == (other["draws"][0]["ticket"],)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format": "x", "sitting": "y"}', b"\xff"])
def test_what_is_no_draw_is_refused(content: bytes) -> None:
    with pytest.raises(Refused):
        check_draw(content)


def test_a_sitting_commits_draws_and_reveals_and_all_of_it_agrees(services: Services, tmp_path: Path) -> None:
    people = on_record(services, tmp_path, 12)
    sitting = add(services)
    admit(services, sitting, people[:10])
    before = published(services, sitting.id)
    assert not check_draw(before).revealed
    assert set(json.loads(before)) & {"seed", "draws"} == set()
    drawn = draw(services, sitting.id, by="考务员")
    assert {len(one.items) for one in drawn} == {2}
    assert len({one.items for one in drawn}) > 1
    admit(services, sitting, people[10:])  # who comes late is drawn by the same rule
    late = draw(services, sitting.id, by="考务员")
    assert late[:10] == drawn
    sittings.close(services, sitting.id, by="考务员")
    after = published(services, sitting.id)
    found = check_draw(after, committed=json.loads(before)["commitment"])
    assert (found.ok, found.tickets) == (True, 12)
    said = {one["ticket"]: one["drawn"] for one in json.loads(after)["draws"]}
    assert said == {one.ticket: [item.code for item in one.items] for one in late}
    assert not any(one.name in after.decode() for one in people)


def test_no_draw_is_shown_before_the_day(services: Services, tmp_path: Path) -> None:
    people = on_record(services, tmp_path, 1)
    sitting = add(services, on=services.today() + timedelta(days=1))
    admit(services, sitting, people)
    with pytest.raises(Refused, match="on the day"):
        draw(services, sitting.id, by="考务员")


def test_the_theory_test_draws_nothing(services: Services) -> None:
    sitting = add(services, Subject.THEORY)
    assert sitting.commitment is None
    with pytest.raises(Refused, match="nothing is drawn"):
        draw(services, sitting.id, by="考务员")
    publish_static(services)
    assert not (services.folders.published / "draws").exists()


def test_a_seed_moved_to_another_sitting_does_not_open(services: Services, tmp_path: Path) -> None:
    from certsvc.errors import KeyMissing
    from certsvc.store import SittingRecord

    first, second = add(services), add(services, begins="14:00")
    with services.database.writing() as session:
        other = session.get_one(SittingRecord, second.id)
        session.get_one(SittingRecord, first.id).seed_sealed = other.seed_sealed
    with pytest.raises(KeyMissing):
        draw(services, first.id, by="考务员")
