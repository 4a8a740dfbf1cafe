"""A registration desk: rosters put to review, and what becomes of them. What the tests of the review stand on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select, text

from certsvc.errors import ImportRefused
from certsvc.rules.registration_review import FaceCheck
from certsvc.services.context import Services
from certsvc.services.examination.decide import explain_all
from certsvc.services.examination.import_results import import_results
from certsvc.services.imports import ImportReport
from certsvc.services.operation.init import initialise
from certsvc.services.registration import review
from certsvc.services.registration.import_roster import import_candidates
from certsvc.services.registration.review_list import Registration, list_registrations
from certsvc.store import EnrolmentRecord
from tests.builders.person import open_home, write_csv
from tests.builders.postgresql import postgresql_database

CLERK, REVIEWER = "登记员", "审核员"


@dataclass
class Desk:
    services: Services
    folder: Path

    def take(self, *rows: dict[str, str], by: str = CLERK, **options: object) -> ImportReport:
        """Put rows to review."""
        path = write_csv(self.folder / "roster.csv", rows)
        return import_candidates(self.services, path, by=by, **({"for_review": True} | options))  # type: ignore[arg-type]

    def refused(self, *rows: dict[str, str], **options: object) -> list[tuple[int, str, str]]:
        with pytest.raises(ImportRefused) as caught:
            self.take(*rows, **options)
        return [(error.row, error.column, error.rule) for error in caught.value.errors]

    def results(self, *rows: dict[str, str]) -> ImportReport:
        return import_results(self.services, write_csv(self.folder / "results.csv", rows), by="考评员")

    def results_refused(self, *rows: dict[str, str]) -> list[tuple[int, str, str]]:
        with pytest.raises(ImportRefused) as caught:
            self.results(*rows)
        return [(error.row, error.column, error.rule) for error in caught.value.errors]

    def one(self, enrolment_id: int = 1) -> Registration:
        states = ("submitted", "returned", "approved", "rejected")
        found = {one.id: one for state in states for one in list_registrations(self.services, state)}
        return found[enrolment_id]

    def states(self) -> list[str]:
        with self.services.database.reading() as session:
            return list(session.scalars(select(EnrolmentRecord.review_state).order_by(EnrolmentRecord.id)))

    def confirm(self, enrolment_id: int = 1, face: FaceCheck = FaceCheck.PASS) -> Registration:
        return review.confirm(self.services, enrolment_id, by=CLERK, face=face, place="第一报名点")

    def approve(self, *ids: int, by: str = REVIEWER) -> None:
        for enrolment_id in ids or (1,):
            self.confirm(enrolment_id)
        review.approve(self.services, ids or (1,), by=by)

    def give_back(self, enrolment_id: int = 1) -> None:
        review.return_(self.services, [enrolment_id], by=REVIEWER, missing="缺照片")

    def reject(self, enrolment_id: int = 1) -> None:
        review.reject(self.services, [enrolment_id], by=REVIEWER, reason="不是本人")

    def by_sql(self, *statements: str) -> None:
        with self.services.database.writing() as session:
            for statement in statements:
                session.execute(text(statement))

    def decided(self, on: date) -> list[str]:
        return [one.decision.state.value for one in explain_all(self.services, on)]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def desk(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Desk]:
    if request.param == "sqlite":
        services = open_home(home)
        yield Desk(services, tmp_path)
        services.database.close()
        return
    request.getfixturevalue("socket_enabled")
    for database in postgresql_database():
        services = open_home(home, database_url=database.engine.url.render_as_string(hide_password=False))
        initialise(services)
        yield Desk(services, tmp_path)
        services.database.close()
