"""Results that are corrected: people on record with results, files of corrections, and what two people do with them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from certsvc.services.approvals import desk
from certsvc.services.context import Services
from certsvc.services.examination.decide import explain_all
from certsvc.services.examination.import_results import import_results
from certsvc.services.registration.import_roster import import_candidates
from certsvc.services.results.carry_out import ResultsChanged
from certsvc.services.results.correct import Proposed, propose
from certsvc.services.results.sitting import Sitting
from certsvc.services.results.sitting import propose as propose_sitting
from certsvc.transparency.leaf import Act
from tests.builders.person import Candidate, Cells, write_csv


def register(services: Services, folder: Path, people: Iterable[Candidate]) -> None:
    import_candidates(services, write_csv(folder / "roster.csv", [one.cells() for one in people]), by="登记员")


def record(services: Services, folder: Path, *rows: Cells) -> Path:
    """Import results; the file, so that it can be handed in again."""
    path = write_csv(folder / "results.csv", rows)
    import_results(services, path, by="考评员")
    return path


def correction(row: Cells, reason: str = "录入有误", **changes: str) -> dict[str, str]:
    """A row of corrections: a row of results with what it shall say, and why."""
    return {**row, "correction_reason": reason, "corrected_sat_on": "", **changes}


def ask(services: Services, folder: Path, *rows: Cells, by: str = "甲") -> Proposed:
    return propose(services, write_csv(folder / "corrections.csv", rows), by=by)


def correct(services: Services, folder: Path, *rows: Cells, by: str = "甲", approved_by: str = "乙") -> ResultsChanged:
    """Asked for by one, approved by another."""
    request = ask(services, folder, *rows, by=by).request
    assert request is not None
    return approve(services, request.approval_id, by=approved_by)


def approve(services: Services, approval_id: int, *, by: str = "乙") -> ResultsChanged:
    done = desk.approve(services, approval_id, by=by)
    assert isinstance(done, ResultsChanged)
    return done


def annul(services: Services, sitting: str, act: Act = Act.ANNULLED) -> ResultsChanged:
    asked = propose_sitting(services, act, Sitting.parse(sitting), reason="考场断电", by="甲")
    return approve(services, asked.approval_id)


def states(services: Services, on: date) -> dict[str, str]:
    """The decision on each person, by identity number."""
    return {one.id_number: one.decision.state.value for one in explain_all(services, on)}
