"""Figures: counted in memory, added up over processes, kept through an outage, and naming no one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from certsvc.app import create_app
from certsvc.services.operation import answer_counts, scan_counts
from certsvc.services.operation.answer_counts import Figure
from certsvc.store import Database
from certsvc.web.figures import ANSWERS, LIMITED, MICROSECONDS, SECONDS, Figures
from certsvc.web.limits import Allowance, Kind, Limits
from tests.builders.site import Register
from tests.web.test_limits import AT, database
from tests.web.test_operation import figures as shown

__all__ = ["database"]  # a fixture: SQLite, and PostgreSQL where there is one
TODAY = date(2026, 1, 5)


@pytest.fixture
def counting(database: Database) -> Figures:
    return Figures(database, lambda: TODAY)


def test_what_processes_count_is_added_up(database: Database, counting: Figures) -> None:
    other = Figures(database, lambda: TODAY)
    for each in (counting, other, counting):
        each.scanned("valid", "2563010509000001", "CN-63")
        each.answered("list", "unknown", 40)
        each.flush()
    assert answer_counts.read(database) == {
        Figure(ANSWERS, "scan", "valid"): 3,
        Figure(ANSWERS, "list", "unknown"): 120,
    }
    assert scan_counts.of_certificate(database, "2563010509000001") == [(TODAY, "CN-63", 3)]


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("CN-63", "CN-63"),
        ("US", "US"),
        ("cn-63", "-"),
        ("198.51.100.7", "-"),
        ("CN-6300", "-"),
        ("CN\n", "-"),
        ("", "-"),
    ],
)
def test_an_origin_is_a_region_or_nothing(database: Database, counting: Figures, told: str, kept: str) -> None:
    counting.scanned("valid", "A1", told)
    counting.flush()
    assert scan_counts.of_certificate(database, "A1") == [(TODAY, kept, 1)]


def test_what_an_outage_keeps_from_the_database_is_added_later(database: Database, counting: Figures) -> None:
    counting.scanned("valid", "A1", "-")
    counting.limited("guess")
    with database.writing() as session:
        session.execute(text("alter table scan_count rename to scan_gone"))
    counting.flush()
    assert answer_counts.read(database) == {}
    with database.writing() as session:
        session.execute(text("alter table scan_gone rename to scan_count"))
    counting.scanned("valid", "A1", "-")
    counting.flush()
    assert scan_counts.of_certificate(database, "A1") == [(TODAY, "-", 2)]
    assert answer_counts.read(database) == {Figure(ANSWERS, "scan", "valid"): 2, Figure(LIMITED, "guess"): 1}


def test_nothing_counted_asks_nothing_of_the_database(counting: Figures, database: Database) -> None:
    database.close()
    counting.flush()


def test_a_counter_begins_anew_before_its_column_is_full(database: Database) -> None:
    figure = Figure(ANSWERS, "scan", "valid")
    for _ in range(3):
        answer_counts.add(database, {figure: 1_999_999_999})
    assert answer_counts.read(database) == {figure: 1_999_999_997}


def test_times_fall_into_buckets_by_their_upper_bound(database: Database, counting: Figures) -> None:
    for seconds in (0.005, 0.0051, 0.09, 7.0):
        counting.took("scan", seconds)
    counting.flush()
    assert answer_counts.read(database) == {
        Figure(SECONDS, "scan", "0.005"): 1,
        Figure(SECONDS, "scan", "0.025"): 1,
        Figure(SECONDS, "scan", "0.1"): 1,
        Figure(SECONDS, "scan", "+Inf"): 1,
        Figure(MICROSECONDS, "scan"): 7_100_100,
    }


def test_the_sweep_of_the_limits_leaves_the_figures_alone(database: Database, counting: Figures) -> None:
    allowance = Allowance(page="1/minute", guess="1/minute", record="1/minute", file="1/minute")
    limits = Limits(database, b"k" * 32, allowance, lambda: AT, counting.limited)
    asked = [limits.allow(kind, "a") for kind in (Kind.PAGE, Kind.PAGE, Kind.GUESS, Kind.GUESS)]
    assert asked == [True, False, True, False]
    counting.flush()
    Limits(database, b"k" * 32, allowance, lambda: AT.replace(year=2030)).allow(Kind.GUESS, "a")
    assert answer_counts.read(database) == {Figure(LIMITED, "page"): 1, Figure(LIMITED, "guess"): 1}


def test_an_operator_sees_what_was_answered_how_fast_and_what_was_refused(own: Register, tmp_path: Path) -> None:
    from dataclasses import replace

    settings = replace(own.settings, limit_record="3/minute")
    client = create_app(settings, services=own.services).test_client()
    client.get(f"/v/{own.held['revoked'].token}")
    client.get("/v/" + "a" * 26, headers={"Accept": "application/json"})
    pair = {"number": own.valid.number, "name": "张三"}
    for _ in range(4):
        client.post("/verify/number", data=pair)
    held = own.held["second"]
    client.post(f"/v/{held.token}/match", data={"name": held.name, "last_six": held.id_number[-6:]})
    client.post("/verify/match", data={"number": "A1", "name": "张三", "last_six": "000000"})
    page = client.get("/metrics").text
    seen = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    assert seen['certsvc_answers_total{way="scan",state="revoked"}'] == "1"
    assert seen['certsvc_answers_total{way="scan",state="unknown"}'] == "1"
    assert seen['certsvc_answers_total{way="number",state="unknown"}'] == "3"
    assert seen['certsvc_answers_total{way="match",state="match"}'] == "1"
    assert seen['certsvc_answers_total{way="match",state="no match"}'] == "1"
    assert seen['certsvc_limited_total{kind="record"}'] == "1"
    assert seen['certsvc_answer_seconds_count{way="number"}'] == "4"
    assert seen['certsvc_answer_seconds_bucket{way="number",le="+Inf"}'] == "4"
    assert seen["certsvc_log_published_leaves"] == seen["certsvc_log_leaves"]
    assert seen["certsvc_numbers_short"] == "0"
    assert 0 < int(seen['certsvc_numbers_left{scheme="emergency-rescuer-5/qinghai-2025"}']) <= 99_999
    for personal in (own.valid.number, own.valid.name, own.valid.token, "张三", "127.0.0.1"):
        assert personal not in page


def test_without_a_database_the_figures_say_so_and_nothing_else_fails(own: Register) -> None:
    app = create_app(own.settings, services=own.services)
    with own.services.database.writing() as session:
        session.execute(text("alter table certificate rename to certificate_gone"))
    client = app.test_client()
    assert client.get("/readyz").status_code in {200, 503}
    page = client.get("/metrics")
    assert page.status_code == 200
    assert "certsvc_database_up 0" in page.text
    assert client.get("/healthz").json == {"status": "alive"}


def test_a_database_of_another_shape_is_not_ready(own: Register) -> None:
    client = create_app(own.settings, services=own.services).test_client()
    assert client.get("/readyz").json == {"status": "ready"}
    with own.services.database.writing() as session:
        session.execute(text("update alembic_version set version_num = '0001'"))
    refused = client.get("/readyz")
    assert (refused.status_code, refused.json["status"]) == (503, "not ready")


def test_a_head_that_cannot_be_read_is_a_missing_figure(own: Register) -> None:

    (own.services.folders.published / "log" / "checkpoint").write_text("nonsense")
    assert "certsvc_log_published_leaves" not in shown(own)
