"""`certsvc candidates review …`: from a roster put to review to a certificate, and what each command says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.builders.person import Candidate, candidates, write_csv

Certsvc = Callable[..., Result]
PEOPLE = candidates(3)


@pytest.fixture
def entered(certsvc: Certsvc, tmp_path: Path) -> Certsvc:
    """A home in which three people are put to review."""
    certsvc("init")
    roster = write_csv(tmp_path / "c.csv", [one.cells() for one in PEOPLE])
    done = certsvc("candidates", "import", roster, "--for-review", "--by", "登记员")
    assert done.exit_code == 0
    assert done.stdout.startswith("3 new, 0 unchanged\n新增 3 条，未变 0 条\n0 submitted again")
    return certsvc


def review(certsvc: Certsvc, *arguments: object, by: str = "审核员") -> Result:
    return certsvc("candidates", "review", *arguments, "--by", by)


def confirm(certsvc: Certsvc, enrolment_id: int, *more: object) -> Result:
    given = ("confirm", enrolment_id, "--face", "pass", "--place", "第一报名点", *more)
    return review(certsvc, *given, by="登记员")


def test_a_roster_put_to_review_ends_in_certificates_of_those_approved(entered: Certsvc, tmp_path: Path) -> None:
    results = write_csv(tmp_path / "r.csv", [row for one in PEOPLE[:2] for row in one.passes()])
    early = entered("results", "import", results)
    assert early.exit_code == 1
    assert early.stderr.count("R1.6") == 4
    for enrolment_id in (1, 2):
        assert confirm(entered, enrolment_id).exit_code == 0
    assert review(entered, "approve", 1, 2).exit_code == 0
    assert entered("results", "import", results).exit_code == 0
    decided = entered("decide", "--json")
    assert [one["state"] for one in json.loads(decided.stdout)] == ["passed", "passed"]
    assert "1 more registrations are under review" in decided.stderr
    assert entered("decide", "--id-number", PEOPLE[2].id_number, "--json").stdout == "[]\n"
    assert "0 enrolments" in entered("decide", "--id-number", PEOPLE[2].id_number).stdout
    assert "under review" not in entered("decide", "--id-number", PEOPLE[0].id_number).stderr
    assert json.loads(entered("issue", "--json").stdout)["issued"] == 2
    assert entered("log", "check").exit_code == 0


def test_the_list_shows_what_waits_and_masks_the_number(entered: Certsvc) -> None:
    assert review(entered, "return", 2, "--missing", "近期照片").exit_code == 0
    assert review(entered, "reject", 3, "--reason", "不是本人").exit_code == 0
    listed = entered("candidates", "review", "list")
    lines = listed.stdout.splitlines()
    assert [line.split("  ")[:3] for line in lines] == [
        ["1", "待审核 submitted", PEOPLE[0].name],
        ["2", "已退回补充 returned", PEOPLE[1].name],
    ]
    assert lines[1].endswith("近期照片")
    assert PEOPLE[0].id_number not in listed.stdout
    assert entered("candidates", "review", "list", "--state", "rejected").stdout.endswith("不是本人\n")
    assert entered("candidates", "review", "list", "--state", "approved", "--json").stdout == "[]\n"


def test_json_has_everything_a_reviewer_compares(entered: Certsvc) -> None:
    at = "2026-01-05T09:30"
    confirm(entered, 1, "--at", at)
    (found,) = json.loads(confirm(entered, 1, "--json", "--at", f"{at}:00+00:00").stdout)
    assert (found["id"], found["state"], found["name"], found["id_number"]) == (
        1,
        "submitted",
        PEOPLE[0].name,
        PEOPLE[0].id_number,
    )
    assert (found["birth_date"], found["phone"], found["health_declared"]) == ("1980-01-01", PEOPLE[0].phone, True)
    assert [step["move"] for step in found["steps"]] == ["submit", "confirm", "confirm"]
    # Without a zone it was Beijing's clock.
    assert [step["checked_at"] for step in found["steps"][1:]] == ["2026-01-05T01:30:00+00:00", f"{at}:00+00:00"]


@pytest.mark.parametrize(
    ("arguments", "by", "said"),
    [
        (("approve", 1), "登记员", "may not decide"),
        (("return", 1, "--missing", "照片"), "登记员", "may not decide"),
        (("reject", 1, "--reason", "照片"), "登记员", "may not decide"),
        (("approve", 2), "审核员", "has not confirmed"),
        (("approve", 1, 2), "审核员", "has not confirmed"),
        (("approve", 99), "审核员", "no such registration"),
        (("reject", 1, "--reason", " "), "审核员", "say what is missing, or why"),
    ],
)
def test_a_refusal_is_one_line_with_its_rule(
    entered: Certsvc, arguments: tuple[object, ...], by: str, said: str
) -> None:
    confirm(entered, 1)
    result = review(entered, *arguments, by=by)
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert said in line
    assert line.endswith("(R1.6)")
    assert len(entered("candidates", "review", "list", "--state", "submitted").stdout.splitlines()) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ("approve",),
        ("return", 1),
        ("reject", 1),
        ("confirm", 1, "--face", "pass"),
        ("confirm", 1, "--face", "pass", "--place", "某处", "--at", "昨天"),
        ("confirm", 1, "--face", "pass", "--place", "某处", "--at", "0001-01-01T00:00"),
        ("confirm", 1, "--face", "template", "--place", "某处"),
        ("approve", 2**31),
        ("approve", 0),
        ("list", "--state", "draft"),
    ],
)
def test_wrong_usage_changes_nothing(entered: Certsvc, arguments: tuple[object, ...]) -> None:
    assert entered("candidates", "review", *arguments).exit_code == 2


@pytest.mark.parametrize("by", ["员" * 101, "甲\n乙", " ", "\x1b[2J"])
def test_whoever_does_it_has_a_name_of_one_line(entered: Certsvc, by: str) -> None:
    result = review(entered, "approve", 1, by=by)
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "one line, at most 100" in result.stderr


def test_a_returned_one_comes_back_corrected(entered: Certsvc, tmp_path: Path) -> None:
    review(entered, "return", 1, "--missing", "机构名称不全")
    corrected = [PEOPLE[0].cells(institution="测试培训机构有限公司"), *(one.cells() for one in PEOPLE[1:])]
    roster = write_csv(tmp_path / "c.csv", corrected)
    assert entered("candidates", "import", roster).exit_code == 1  # as a reviewed roster it is a conflict
    done = entered("candidates", "import", roster, "--for-review", "--by", "登记员", "--json")
    assert json.loads(done.stdout) == {"new": 0, "unchanged": 2, "resubmitted": 1, "dry_run": False, "warnings": []}
    (found,) = [one for one in json.loads(entered("candidates", "review", "list", "--json").stdout) if one["id"] == 1]
    assert (found["state"], found["institution"], found["remark"]) == ("submitted", "测试培训机构有限公司", None)


def test_the_fixed_path_says_what_it_always_said(certsvc: Certsvc, tmp_path: Path) -> None:
    certsvc("init")
    roster = write_csv(tmp_path / "c.csv", [Candidate().cells()])
    assert certsvc("candidates", "import", roster).stdout == "1 new, 0 unchanged\n新增 1 条，未变 0 条\n"
    report = json.loads(certsvc("candidates", "import", roster, "--json").stdout)
    assert report == {"new": 0, "unchanged": 1, "dry_run": False, "warnings": []}
    assert certsvc("decide").stderr == ""
