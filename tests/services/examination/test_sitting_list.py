"""Sittings as a desk lists them: open from their day until they are confirmed, of one station or of all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from certsvc.errors import NotFound
from certsvc.rules.terms import Subject
from certsvc.services.context import Services
from certsvc.services.examination import scores, sitting_list
from certsvc.services.examination.sitting_list import SittingState
from certsvc.services.operation.init import initialise
from tests.builders.examining import STATION, add, admit, enter_all, entry, on_record
from tests.builders.person import open_home
from tests.builders.postgresql import postgresql_database


def walk(services: Services, folder: Path) -> None:
    """One sitting of each state, and one of another station."""
    today = services.today()
    people = on_record(services, folder, 2)
    coming = add(services, on=today + timedelta(days=1))
    still_open = add(services, on=today)
    confirmed = add(services, Subject.THEORY, today - timedelta(days=1))
    foreign = add(services, on=today, station="别的鉴定站")
    for seat in admit(services, confirmed, people).admitted:
        enter_all(services, confirmed, entry(seat.ticket, outcome="absent"))
    scores.confirm(services, confirmed.id, by="站长")

    def listed(state: SittingState, station: str | None = None, **page: int) -> list[int]:
        return [one.id for one in sitting_list.queue(services, state, station=station, **page)]

    assert listed(SittingState.COMING) == [coming.id]
    assert listed(SittingState.OPEN) == [still_open.id, foreign.id]
    assert listed(SittingState.OPEN, STATION) == [still_open.id]
    assert listed(SittingState.CONFIRMED, STATION) == [confirmed.id]
    assert listed(SittingState.OPEN, most=1) == [still_open.id, foreign.id], "one more tells that there are more"
    assert listed(SittingState.OPEN, most=1, page=1) == [foreign.id]
    assert sitting_list.count_by_state(services) == {"coming": 1, "open": 2, "confirmed": 1}
    assert sitting_list.count_by_state(services, station="别的鉴定站") == {"open": 1}
    assert sitting_list.stations(services) == sorted([STATION, "别的鉴定站"])
    (shown,) = sitting_list.queue(services, SittingState.CONFIRMED)
    assert (shown.admitted, shown.confirmed_by) == (2, "站长")
    with pytest.raises(NotFound):
        sitting_list.show_to(services, foreign.id, station=STATION)
    assert sitting_list.show_to(services, foreign.id, station=None)[0].id == foreign.id


def test_a_sitting_is_open_from_its_day_until_it_is_confirmed(services: Services, tmp_path: Path) -> None:
    walk(services, tmp_path)


@pytest.fixture
def on_postgresql(home: Path, socket_enabled: None) -> Iterator[Services]:
    for database in postgresql_database():
        opened = open_home(home, database_url=database.engine.url.render_as_string(hide_password=False))
        initialise(opened)
        yield opened
        opened.database.close()


@pytest.mark.postgresql
def test_the_same_on_postgresql(on_postgresql: Services, tmp_path: Path) -> None:
    walk(on_postgresql, tmp_path)
