"""`certsvc results correct|annul|withdraw`: what would follow is told before it is approved, and what did, after."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from certsvc.signing.keystore import Keystore
from tests.builders.correcting import correction
from tests.builders.person import SAT, Candidate, write_csv
from tests.cli.conftest import Certsvc


@pytest.fixture
def number(certsvc: Certsvc, passed: list[Candidate]) -> str:
    """The number of the first one's certificate."""
    issued = json.loads(certsvc("issue", "--json").stdout)
    return next(one["number"] for one in issued["certificates"] if one["name"] == passed[0].name)


def file_of(folder: Path, *rows: dict[str, str]) -> Path:
    return write_csv(folder / "corrections.csv", rows)


def test_a_file_is_asked_for_shown_and_approved(
    certsvc: Certsvc, passed: list[Candidate], number: str, tmp_path: Path
) -> None:
    file = file_of(tmp_path, correction(passed[0].result(score="59"), "成绩复核"))
    dry = certsvc("results", "correct", file, "--by", "甲", "--dry-run")
    assert (dry.exit_code, "1 new, 0 unchanged" in dry.stdout, number in dry.stdout) == (0, True, True)
    assert certsvc("approval", "list").stdout == ""
    asked = certsvc("results", "correct", file, "--by", "甲")
    assert asked.exit_code == 0
    assert all(told in asked.stdout for told in ("approval approve 1", f"revoked: {number}", "1 decisions change"))
    assert passed[0].id_number not in asked.stdout
    shown = json.loads(certsvc("approval", "show", 1, "--json").stdout)
    assert (shown["kind"], shown["object"], shown["reason"]) == ("results.correct", "corrections.csv", "成绩复核")
    assert shown["results"]["follows"]["revoked"] == [number]
    (change,) = shown["results"]["changes"]
    assert (change["was"]["score"], change["says"]["score"], change["name"]) == ("88", "59", passed[0].name)
    refused = certsvc("approval", "approve", 1, "--by", "甲")
    assert (refused.exit_code, "R2.4" in refused.stderr) == (1, True)
    assert certsvc("approval", "show", 1).exit_code == 0
    done = certsvc("approval", "approve", 1, "--by", "乙")
    assert (done.exit_code, "carried out" in done.stdout) == (0, True)
    assert json.loads(certsvc("certificate", "show", number, "--json").stdout)[0]["status"] == "revoked"
    assert certsvc("log", "check").exit_code == 0
    again = certsvc("results", "import", tmp_path / "results.csv")
    assert again.stdout.splitlines()[0] == "0 new, 7 unchanged"
    same = certsvc("results", "correct", file, "--by", "甲")
    assert (same.exit_code, same.stdout.splitlines()[0]) == (0, "0 new, 1 unchanged")


def test_both_at_once_with_development_keys_and_not_with_real_ones(
    certsvc: Certsvc, passed: list[Candidate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = file_of(tmp_path, correction(passed[0].result(score="59")))
    with monkeypatch.context() as real:
        real.setattr(Keystore, "development", property(lambda _: False))
        refused = certsvc("results", "correct", file, "--approved-by", "乙")
        assert (refused.exit_code, "R1.6" in refused.stderr) == (1, True)
        refused = certsvc("results", "correct", file, "--by", "someone-else")
        assert (refused.exit_code, "R1.6" in refused.stderr) == (1, True)
    same = certsvc("results", "correct", file, "--by", "Li Ming", "--approved-by", "LIMING")
    assert (same.exit_code, "R2.4" in same.stderr) == (1, True)
    done = json.loads(certsvc("results", "correct", file, "--by", "甲", "--approved-by", "乙", "--json").stdout)
    assert (done["state"], done["new"], done["follows"]["attempts"]) == ("approved", 1, 1)


def test_a_failed_one_who_passes_is_issued_to_next(certsvc: Certsvc, passed: list[Candidate], tmp_path: Path) -> None:
    failed = Candidate(serial=500, name="未过者")
    assert (
        certsvc("results", "import", write_csv(tmp_path / "more.csv", [failed.result("practical", "80")])).exit_code
        == 0
    )
    file = file_of(tmp_path, correction(failed.result(score="60"), "成绩复核"))
    done = certsvc("results", "correct", file, "--by", "甲", "--approved-by", "乙")
    assert (done.exit_code, "now passes" in done.stdout) == (0, True)
    assert len(json.loads(certsvc("issue", "--json").stdout)["certificates"]) == len(passed) + 1


def test_a_bad_file_is_refused_by_cell_and_asks_for_nothing(
    certsvc: Certsvc, passed: list[Candidate], tmp_path: Path
) -> None:
    file = file_of(tmp_path, correction(passed[0].result(score="101")))
    refused = certsvc("results", "correct", file, "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["refused"]["errors"][0]["column"] == "score"
    assert certsvc("approval", "list", "--state", "all").stdout == ""


def test_a_sitting_is_annulled_and_anybody_counts_it(
    certsvc: Certsvc, passed: list[Candidate], number: str, tmp_path: Path
) -> None:
    sitting = ("--sitting", f"{SAT}/theory", "--reason", "考场断电", "--evidence", "青应急〔2025〕9 号")
    asked = json.loads(certsvc("results", "annul", *sitting, "--by", "甲", "--json").stdout)
    assert (asked["state"], asked["act"], asked["follows"]["attempts"]) == ("waiting", "annulled", 4)
    assert number in asked["follows"]["revoked"]
    assert certsvc("approval", "approve", asked["approval"], "--by", "乙").exit_code == 0
    decided = json.loads(certsvc("decide", "--json").stdout)
    assert {one["state"] for one in decided} == {"in_progress"}
    published = tmp_path / "home" / "published"
    audit = ("log", "audit", published, "--trust", published / "trust.json")
    found = certsvc(*audit)
    assert (found.exit_code, "4 annulled with their sitting" in found.stdout) == (0, True)
    told = json.loads(certsvc(*audit, "--json").stdout)
    assert told["results"] == {"corrected": 0, "annulled": 4, "withdrawn": 0}
    assert certsvc("results", "annul", *sitting, "--by", "甲").exit_code == 1
    assert len(passed) == 3


def test_results_are_withdrawn_until_they_are_published(
    certsvc: Certsvc, passed: list[Candidate], tmp_path: Path
) -> None:
    sitting = ("--sitting", SAT, "--reason", "传错文件", "--by", "甲")
    done = certsvc("results", "withdraw", *sitting, "--approved-by", "乙")
    assert (done.exit_code, "7 results" in done.stdout) == (0, True)
    again = certsvc("results", "import", tmp_path / "results.csv")
    assert again.stdout.splitlines()[0] == "7 new, 0 unchanged"
    assert certsvc("results", "publish").exit_code == 0
    refused = certsvc("results", "withdraw", *sitting, "--approved-by", "乙")
    assert (refused.exit_code, "R2.7" in refused.stderr) == (1, True)
    assert certsvc("results", "annul", "--sitting", "昨天", "--reason", "断电").exit_code == 1
    assert passed
