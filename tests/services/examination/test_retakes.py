"""Free retakes about to be lost: who they are, and the one notice that says nothing personal (R3.3, R6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from certsvc.rules.terms import Subject
from certsvc.services.context import Services
from certsvc.services.examination.publish_results import publish_results
from certsvc.services.examination.retakes import ending, notify, open_retakes
from certsvc.services.issuing.issue import issue
from certsvc.services.notices.deliver import deliver
from tests.builders.correcting import correct, correction
from tests.builders.examining import add, admit, on_record, results
from tests.builders.person import SAT, Candidate, open_home

DEADLINE = date(2026, 3, 24)
TODAY = datetime(2026, 3, 1, 4, tzinfo=UTC)


@pytest.fixture
def march(home: Path) -> Iterator[Services]:
    """The same home three weeks before the deadline."""
    opened = open_home(home, now=TODAY)
    yield opened
    opened.database.close()


@pytest.fixture
def failed(march: Services, tmp_path: Path) -> list[Candidate]:
    people = on_record(march, tmp_path, 2)
    results(
        march,
        tmp_path,
        people[0].result("theory", "59"),
        people[0].result("practical", "90"),
        *people[1].passes(),
    )
    return people


def messages(services: Services) -> list[dict[str, str]]:
    deliver(services)
    return [json.loads(path.read_text("utf-8")) for path in sorted(services.folders.outbox.glob("*.json"))]


def test_who_is_about_to_lose_a_retake_is_listed_until_the_deadline(march: Services, failed: list[Candidate]) -> None:
    (one,) = ending(march, 30)
    assert (one.name, one.subject, one.deadline) == (failed[0].name, Subject.THEORY, DEADLINE)
    assert (one.published, one.booked, one.noticed) == (False, None, False)
    assert ending(march, 22) == []
    assert len(ending(march, 23)) == 1


def test_a_notice_goes_out_once_and_names_no_exam_and_no_person(march: Services, failed: list[Candidate]) -> None:
    publish_results(march, by="考务员", on=SAT)
    (told,) = notify(march, 30, by="考务员")
    assert told.noticed
    (again,) = notify(march, 30, by="考务员")
    assert again.noticed
    (message,) = messages(march)
    assert message["to"] == failed[0].phone
    assert DEADLINE.isoformat() in message["text"]
    assert "Something of yours ends on" in message["text"]
    for personal in (failed[0].name, failed[0].id_number, "补考", "retake", "59"):
        assert personal not in message["text"]


def test_no_notice_tells_what_is_not_published(march: Services, failed: list[Candidate]) -> None:
    (one,) = notify(march, 30, by="考务员")
    assert not one.noticed
    assert messages(march) == []
    publish_results(march, by="考务员", on=SAT)
    assert [one.noticed for one in notify(march, 30, by="考务员")] == [True]


def test_one_who_is_booked_in_time_is_not_told(march: Services, failed: list[Candidate]) -> None:
    publish_results(march, by="考务员", on=SAT)
    sitting = add(march, Subject.THEORY, date(2026, 3, 20))
    admit(march, sitting, failed[:1])
    (one,) = notify(march, 30, by="考务员")
    assert (one.booked, one.noticed) == (sitting.id, False)
    assert messages(march) == []


def test_the_pages_of_open_retakes_say_what_the_list_of_all_says(march: Services, failed: list[Candidate]) -> None:
    assert open_retakes(march, 30).found == tuple(ending(march, 30))
    assert open_retakes(march, 22).found == ()
    assert [one.deadline for one in open_retakes(march).found] == [DEADLINE]
    publish_results(march, by="考务员", on=SAT)
    notify(march, 30, by="考务员")
    (one,) = open_retakes(march).found
    assert (one.noticed, one.published) == (True, True)


def test_the_next_page_begins_where_the_last_one_ended(march: Services, failed: list[Candidate]) -> None:
    found, page = [], open_retakes(march, most=1)
    while page.after is not None:
        found += page.found
        page = open_retakes(march, after=page.after, most=1)
    assert found + list(page.found) == ending(march, 400)


def test_a_correction_opens_a_retake_and_takes_it_away(
    march: Services, failed: list[Candidate], tmp_path: Path
) -> None:
    issue(march, by="签发员")
    correct(march, tmp_path, correction(failed[0].result("theory", "60")))
    assert open_retakes(march).found == ()
    correct(march, tmp_path, correction(failed[1].result("practical", "30")))
    assert [one.name for one in open_retakes(march).found] == [failed[1].name], "its certificate went with it"
