"""A station's day: candidates on record, sittings, entries on the scoring sheet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select

from certsvc.rules.enrolment import AttemptKind
from certsvc.rules.terms import Subject
from certsvc.services.context import Services
from certsvc.services.examination import sittings
from certsvc.services.examination.import_results import import_results
from certsvc.services.examination.scores import Entered, ScoreEntry, enter
from certsvc.services.examination.sittings import Admission, Sitting
from certsvc.services.registration.import_roster import import_candidates
from certsvc.store import AttemptRecord, EnrolmentRecord, PersonRecord
from tests.builders.person import SAT, Candidate, candidates, write_csv

STATION = "示例鉴定站"
REQUIRED = {"safety_assessment": "12", "fire_extinguisher": "18", "cpr": "22.5", "bleeding_control": "13"}


def on_record(services: Services, folder: Path, count: int = 3, *, first: int = 1, photo: str = "") -> list[Candidate]:
    people = [
        Candidate(one.serial, one.name, one.born, photo=photo, batch="第一批") for one in candidates(count, first)
    ]
    path = write_csv(folder / f"roster{first}.csv", [one.cells() for one in people])
    import_candidates(services, path, by="登记员")
    return people


def results(services: Services, folder: Path, *rows: dict[str, str]) -> None:
    number = len(list(folder.glob("results*.csv")))
    import_results(services, write_csv(folder / f"results{number}.csv", rows), by="考评员")


def add(services: Services, subject: Subject = Subject.PRACTICAL, on: date = SAT, **changes: Any) -> Sitting:
    given: dict[str, Any] = {
        "sat_on": on,
        "begins": "09:00",
        "place": "一号实训楼",
        "station": STATION,
        "subject": subject,
        "capacity": 30,
        "by": "考务员",
    }
    return sittings.add(services, **(given | changes))


def enrolments(services: Services, people: Sequence[Candidate]) -> list[int]:
    """The newest enrolment of each, in their order."""
    with services.database.reading() as session:
        query = select(PersonRecord.name, EnrolmentRecord.id).join(
            EnrolmentRecord, EnrolmentRecord.person_id == PersonRecord.id
        )
        rows = session.execute(query.order_by(EnrolmentRecord.registered_on))
        by_name = {row[0]: row[1] for row in rows}
        return [by_name[one.name] for one in people]


def admit(services: Services, sitting: Sitting, people: Sequence[Candidate]) -> Admission:
    return sittings.admit(services, sitting.id, enrolments(services, people), by="考务员")


def entry(ticket: str, **changes: Any) -> ScoreEntry:
    given: dict[str, Any] = {
        "id": f"{ticket}/{changes.get('kind', AttemptKind.FIRST).value}/{changes.get('sequence', 1)}",
        "sequence": 1,
        "ticket": ticket,
        "kind": AttemptKind.FIRST,
        "outcome": "scored",
    }
    return ScoreEntry(**(given | changes))


def enter_all(services: Services, sitting: Sitting, *entries: ScoreEntry, by: str = "考评员") -> list[Entered]:
    return enter(services, sitting.id, entries, by=by)


def attempts(services: Services) -> list[tuple[str, str, str, int | None, str]]:
    with services.database.reading() as session:
        query = select(AttemptRecord).order_by(AttemptRecord.enrolment_id, AttemptRecord.id)
        return [
            (one.subject, one.kind, one.outcome, one.score_hundredths, one.recorded_by)
            for one in session.scalars(query)
        ]
