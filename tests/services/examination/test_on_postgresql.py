"""Sittings on PostgreSQL: the same roll and scores; two who confirm at once; two tablets at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from certsvc.errors import Refused
from certsvc.rules.enrolment import AttemptKind
from certsvc.services.context import Services
from certsvc.services.examination import scores, sittings
from certsvc.services.examination.draw import draw
from certsvc.services.examination.overdue import overdue
from certsvc.services.examination.retakes import notify
from certsvc.services.operation.init import initialise
from tests.builders.examining import add, admit, attempts, enter_all, entry, on_record
from tests.builders.person import SAT, open_home
from tests.builders.postgresql import postgresql_database

pytestmark = pytest.mark.postgresql


@pytest.fixture
def services(home: Path, socket_enabled: None) -> Iterator[Services]:
    for database in postgresql_database():
        opened = open_home(home, database_url=database.engine.url.render_as_string(hide_password=False))
        initialise(opened)
        yield opened
        opened.database.close()


def at_once(deed: Callable[[int], object], times: int) -> list[object]:
    """What so many threads answer that do it at the same time; a refusal is an answer."""
    answers: list[object] = []

    def call(number: int) -> None:
        try:
            answers.append(deed(number))
        except Refused as refused:
            answers.append(refused)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_a_sitting_from_its_roll_to_locked_scores(services: Services, tmp_path: Path) -> None:
    people = on_record(services, tmp_path, 4)
    sitting = add(services, capacity=4)
    rolls = at_once(lambda _: admit(services, sitting, people), 4)
    assert sorted(len(one.admitted) for one in rolls if isinstance(one, sittings.Admission)) == [0, 0, 0, 4]
    drawn = draw(services, sitting.id, by="考务员")
    assert len({one.ticket for one in drawn}) == 4
    tickets = [one.ticket for one in drawn]

    sent = at_once(lambda n: enter_all(services, sitting, entry(tickets[0], score="80", id=f"tablet-{n}"))[0], 4)
    assert sorted(one.state for one in sent if isinstance(one, scores.Entered)) == [
        "refused",
        "refused",
        "refused",
        "taken",
    ]
    enter_all(services, sitting, *(entry(one, score="59") for one in tickets[1:]))
    enter_all(services, sitting, entry(tickets[1], kind=AttemptKind.ONSITE_RETAKE, score="60"))
    confirmed = at_once(lambda n: scores.confirm(services, sitting.id, by=f"站长{n}"), 4)
    assert sum(not isinstance(one, Refused) for one in confirmed) == 1
    assert len(attempts(services)) == 5
    with pytest.raises(Refused, match="roll stands"):
        sittings.remove(services, sitting.id, tickets[0], by="考务员")
    (late,) = overdue(services, on=SAT + timedelta(days=16)).scores
    assert (late.sitting, late.missing, late.unpublished) == (sitting.id, 0, 5)
    assert sittings.list_sittings(services)[0].with_results == 4
    assert notify(services, 30, by="考务员") == []
