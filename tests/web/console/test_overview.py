"""Oversight in the browser: figures, charts without a style or a script, files for a spreadsheet; and retakes."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from certsvc.services.operation.scan_counts import Place, add
from certsvc.web.console.overview import by_days, columns
from tests.builders.correcting import record, register
from tests.builders.person import SAT, Candidate
from tests.builders.staff import said
from tests.web.console.conftest import Office

PERIOD = f"since={SAT - timedelta(days=30)}&until={SAT + timedelta(days=60)}"
FILES = ("waits", "subjects", "institutions", "exams", "certificates", "scans", "places")


def bring(office: Office, folder: Path) -> None:
    people = [Candidate(801, "概览甲"), Candidate(802, "概览乙", institution="概览机构")]
    register(office.services, folder, people)
    record(office.services, folder, people[0].result("theory", "80"), people[1].result("theory", "40"))
    with office.services.database.writing() as session:  # no roster brings one; a register restored from elsewhere may
        session.connection().exec_driver_sql(
            "update enrolment set institution = '=概览机构' where institution = '概览机构'"
        )
    add(office.services.database, {Place(SAT, "1", "CN-63"): 4})


@pytest.fixture(scope="module")
def seen(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Office:
    bring(office, tmp_path_factory.mktemp("overview"))
    return office


def test_the_overview_shows_rates_days_and_scans_and_names_no_candidate(seen: Office) -> None:
    page = seen.browser("auditor").get(f"/console/overview?{PERIOD}")
    main = said(page)
    assert re.search(r"50\.0 %|\d+(\.\d)? %", main)
    assert "=概览机构" in main
    assert "概览甲" not in main
    assert "CN-63" in main
    assert page.text.count("<svg") >= 3
    assert not re.search(r"<[^>]+ style=|<script(?! type=\"module\" src)", page.text.partition("<main")[2])


@pytest.mark.parametrize("table", FILES)
def test_each_table_is_a_file_that_no_spreadsheet_runs(seen: Office, table: str) -> None:
    answer = seen.browser("reviewer").get(f"/console/overview/csv?table={table}&{PERIOD}")
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    assert f"{table}-" in answer.headers["Content-Disposition"]
    lines = answer.data.decode("utf-8-sig").splitlines()
    assert len(lines) >= 2
    if table == "institutions":
        assert any(line.startswith('"\'=概览机构",') for line in lines)


def test_a_table_that_is_not_there_is_told(seen: Office) -> None:
    assert seen.browser("auditor").get("/console/overview/csv?table=persons").status_code == 404


@pytest.mark.parametrize("query", ["", "since=x&until=y", "since=2030-01-01&until=2020-01-01", "since=1900-01-01"])
def test_a_period_that_is_none_is_the_usual_one(seen: Office, query: str) -> None:
    assert seen.browser("auditor").get(f"/console/overview?{query}").status_code == 200


def test_bars_are_as_high_as_what_they_stand_for() -> None:
    drawn = columns([("a", 10), ("b", 5), ("c", 0)])
    assert [(one.y, one.height) for one in drawn.bars] == [(0.0, 100.0), (50.0, 50.0), (100.0, 0.0)]
    assert (drawn.width, drawn.most) == (3, 10)
    assert columns([]).width == 1


def test_longer_periods_take_days_together() -> None:
    since = date(2025, 1, 1)
    assert by_days([(since, 2)], since, since + timedelta(days=2)) == [
        ("2025-01-01", 2),
        ("2025-01-02", 0),
        ("2025-01-03", 0),
    ]
    year = by_days([(since, 2), (since + timedelta(days=364), 1)], since, since + timedelta(days=364))
    assert len(year) <= 120
    assert sum(count for _, count in year) == 3


def test_open_retakes_are_listed_and_told_of_by_those_who_may(seen: Office, tmp_path: Path) -> None:
    today = seen.services.today()
    sat = today.replace(year=today.year - 1) + timedelta(days=10)
    one = Candidate(810, "补考甲", registered_on=sat - timedelta(days=20))
    register(seen.services, tmp_path, [one])
    record(seen.services, tmp_path, one.result("theory", "30", sat_on=sat.isoformat()))
    maker, auditor = seen.browser("maker"), seen.browser("auditor")
    page = auditor.get("/console/retakes")
    assert one.name in said(page)
    assert re.search(r"10\s+天", said(page))
    assert "成绩未公布" in said(page)
    assert "发通知" not in page.text
    assert "发通知" in maker.get("/console/retakes").text
    assert "已通知 0 人" in said(maker.get(maker.post("/console/retakes/notify", within="30").location))
    reviewer = seen.browser("reviewer")
    reviewer.get("/console/results")
    exam = {"day": sat.isoformat(), "subject": "theory", "sitting": "0"}
    assert reviewer.post("/console/results/publish", **exam).status_code == 303
    maker.get("/console/retakes")
    assert "已通知 1 人" in said(maker.get(maker.post("/console/retakes/notify", within="30").location))
    assert "已通知 0 人" in said(maker.get(maker.post("/console/retakes/notify", within="30").location)), "once"
    assert one.name in said(auditor.get("/console/retakes?within=all"))
    assert auditor.get("/console/retakes?within=x&after=x&id=y").status_code == 200
