"""Corrections on SQLite and on PostgreSQL: many hands on one approval are one effect; kits and backups carry them."""

from __future__ import annotations

import shutil
import threading
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select, text

from certsvc.errors import CertsvcError
from certsvc.services.approvals import desk
from certsvc.services.audit.check_register import check_log
from certsvc.services.context import Services
from certsvc.services.issuing.issue import issue
from certsvc.services.kit.export import export_kit, rebuild
from certsvc.services.operation.backup import back_up, restore
from certsvc.services.operation.init import initialise
from certsvc.services.publishing.static import publish_static
from certsvc.store import ResultCorrectionRecord, WithdrawnResultRecord
from certsvc.transparency.leaf import Act
from tests.builders.correcting import annul, ask, correct, correction, record, register, states
from tests.builders.person import Candidate, candidates, open_home

TODAY = date(2026, 1, 1)
HANDS = 10


@pytest.fixture
def opened(either: Services) -> Services:
    return either


def corrected(services: Services, folder: Path) -> tuple[Candidate, Candidate, Candidate]:
    """One whose certificate is revoked by a correction, one who passes by one, one whose sitting is withdrawn."""
    one, two, three = candidates(3, first=20)
    register(services, folder, [one, two, three])
    record(
        services,
        folder,
        *one.passes(),
        two.result(score="59.99"),
        two.result(score="55", kind="free_retake", sat_on="2025-06-01"),
        two.result("practical", "75"),
        *three.passes(sat_on="2025-04-02"),
    )
    annul(services, "2025-04-02", Act.WITHDRAWN)
    assert len(issue(services, by="签发员").issued) == 1
    correct(
        services,
        folder,
        correction(one.result(outcome="misconduct", score=""), "作弊"),
        correction(two.result(score="60"), "成绩复核", corrected_sat_on="2025-03-23"),
    )
    return one, two, three


def rows(services: Services) -> list[tuple[object, ...]]:
    with services.database.reading() as session:
        return [
            tuple(row)
            for table in (ResultCorrectionRecord.__table__, WithdrawnResultRecord.__table__)
            for row in session.execute(select(table).order_by(table.c.id))
        ]


def test_everything_follows_on_each_engine(opened: Services, tmp_path: Path) -> None:
    one, two, three = corrected(opened, tmp_path)
    assert states(opened, TODAY) == {
        one.id_number: "failed",
        two.id_number: "passed",
        three.id_number: "in_progress",
    }
    assert len(issue(opened, by="签发员").issued) == 1
    found = check_log(opened)
    assert found.ok, found.problems


def test_many_hands_on_one_approval_are_one_effect(opened: Services, tmp_path: Path) -> None:
    one = candidates(1)[0]
    register(opened, tmp_path, [one])
    record(opened, tmp_path, *one.passes())
    (issued,) = issue(opened, by="签发员").issued
    request = ask(opened, tmp_path, correction(one.result(score="20"))).request
    assert request is not None
    start = threading.Barrier(HANDS)
    done: list[object] = []
    refused: list[str] = []

    def approve(hand: int) -> None:
        start.wait()
        try:
            done.append(desk.approve(opened, request.approval_id, by=f"批准人{hand}"))
        except CertsvcError as error:
            refused.append(error.en)

    threads = [threading.Thread(target=approve, args=(hand,)) for hand in range(HANDS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(done), len(refused)) == (1, HANDS - 1)
    assert all("already" in error for error in refused)
    with opened.database.reading() as session:
        counts = [
            session.execute(text(f"select count(*) from {table}")).scalar_one()
            for table in ("result_correction", "status_change")
        ]
        assert counts == [1, 1]
        assert session.execute(text("select number, status from certificate")).all() == [(issued.number, "revoked")]
    assert check_log(opened).ok


def test_two_corrections_of_one_attempt_approved_at_once_are_one(opened: Services, tmp_path: Path) -> None:
    one = candidates(1)[0]
    register(opened, tmp_path, [one])
    record(opened, tmp_path, *one.passes())
    requests = [ask(opened, tmp_path, correction(one.result(score=score))).request for score in ("61", "62", "63")]
    start = threading.Barrier(len(requests))
    outcomes: list[str] = []

    def approve(approval_id: int) -> None:
        start.wait()
        try:
            desk.approve(opened, approval_id, by="乙")
        except CertsvcError as error:
            outcomes.append(error.code)
        else:
            outcomes.append("done")

    threads = [threading.Thread(target=approve, args=(one.approval_id,)) for one in requests if one is not None]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "stale-request", "stale-request"]
    assert len(rows(opened)) == 1


def test_a_backup_carries_corrections(opened: Services, home: Path, tmp_path: Path) -> None:
    corrected(opened, tmp_path)
    back_up(opened, tmp_path / "backup.tar")
    moved = open_home(tmp_path / "moved", keys=home / "keys")
    restore(moved, tmp_path / "backup.tar")
    assert rows(moved) == rows(opened)
    assert states(moved, TODAY) == states(opened, TODAY)
    found = check_log(moved)
    assert found.ok, found.problems
    moved.database.close()


def test_a_kit_carries_corrections(opened: Services, home: Path, tmp_path: Path) -> None:
    corrected(opened, tmp_path)
    publish_static(opened)
    export_kit(opened, tmp_path / "kit")
    shutil.copytree(home / "keys", tmp_path / "new" / "keys")
    again = open_home(tmp_path / "new", keys=tmp_path / "new" / "keys")
    initialise(again)
    rebuild(again, tmp_path / "kit")
    assert rows(again) == rows(opened)
    assert states(again, TODAY) == states(opened, TODAY)
    found = check_log(again)
    assert found.ok, found.problems
    again.database.close()
