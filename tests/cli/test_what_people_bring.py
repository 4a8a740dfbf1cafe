"""Seen from the command: a lost cell passes no one, and what was put right or not counted is said (R3.8, R9)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from openpyxl import Workbook

from tests.builders.person import Candidate, write_csv

Certsvc = Callable[..., Result]
CANDIDATE = Candidate(name="王芳")


def workbook(path: Path, rows: list[dict[str, str]]) -> Path:
    book = Workbook()
    assert book.active is not None
    for cells in [list(rows[0]), *(list(row.values()) for row in rows)]:
        book.active.append(cells)
    book.save(path)
    return path


@pytest.fixture
def registered(certsvc: Certsvc, tmp_path: Path) -> None:
    assert certsvc("init").exit_code == 0
    roster = write_csv(tmp_path / "roster.csv", [CANDIDATE.cells(name="王 芳")])
    told = certsvc("candidates", "import", roster)
    assert told.exit_code == 0
    assert "R9" in told.stderr + told.stdout


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("lost", ["#N/A", "=VLOOKUP(A2,Z:Z,2,0)"])
def test_a_lost_outcome_refuses_the_file_and_passes_no_one(certsvc: Certsvc, tmp_path: Path, lost: str) -> None:
    rows = [CANDIDATE.result("theory", outcome=lost), CANDIDATE.result("practical")]
    refused = certsvc("results", "import", workbook(tmp_path / "results.xlsx", rows), "--json")
    assert refused.exit_code == 1
    [error] = json.loads(refused.stdout)["refused"]["errors"]
    assert (error["row"], error["column"], error["rule"]) == (2, "outcome", "R9")
    [decided] = json.loads(certsvc("decide", "--json").stdout)
    assert decided["state"] == "in_progress"


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("name", ["王芳", "王 芳 ", "王　芳"])
def test_results_find_their_candidate_by_the_folded_name(certsvc: Certsvc, tmp_path: Path, name: str) -> None:
    rows = [row | {"name": name} for row in CANDIDATE.passes()]
    assert certsvc("results", "import", write_csv(tmp_path / "results.csv", rows)).exit_code == 0
    [decided] = json.loads(certsvc("decide", "--json").stdout)
    assert (decided["name"], decided["state"]) == ("王芳", "passed")


@pytest.mark.usefixtures("registered")
def test_a_first_attempt_after_misconduct_in_the_other_subject_is_told_and_not_counted(
    certsvc: Certsvc, tmp_path: Path
) -> None:
    rows = [
        CANDIDATE.result("theory", "", outcome="misconduct"),
        CANDIDATE.result("practical", "90", sat_on="2025-03-25"),
    ]
    told = certsvc("results", "import", write_csv(tmp_path / "results.csv", rows), "--json")
    assert told.exit_code == 0
    report = json.loads(told.stdout)
    assert report["new"] == 2
    assert [(warning["row"], warning["rule"]) for warning in report["warnings"]] == [(3, "R3.8")]
    [decided] = json.loads(certsvc("decide", "--json").stdout)
    assert decided["state"] == "failed"
    assert "R3.8" in [reason["rule"] for reason in decided["reasons"]]
