"""Results come in whole or not at all, in any order of rows, and each belongs to the right enrolment (R1.5, R2, R3)."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from certsvc.errors import ImportRefused
from certsvc.services.context import Services
from certsvc.services.examination.decide import explain_all
from certsvc.services.examination.import_results import import_results
from certsvc.services.examination.publish_results import publish_results
from certsvc.services.imports import ImportReport
from certsvc.services.registration.import_roster import import_candidates
from certsvc.store import AttemptRecord, EnrolmentRecord
from tests.builders.person import SAT, Candidate, again, candidates, write_csv

CANDIDATE = Candidate()
ITEMS = {
    "safety_assessment": "15",
    "fire_extinguisher": "18.5",
    "cpr": "25",
    "bleeding_control": "10",
    "rescue_rope": "12",
    "triage": "9.25",
}


@pytest.fixture(autouse=True)
def registered(services: Services, tmp_path: Path) -> None:
    import_candidates(services, write_csv(tmp_path / "roster.csv", [CANDIDATE.cells()]), by="登记员")


def take(services: Services, path: Path, *rows: dict[str, str], dry_run: bool = False) -> ImportReport:
    return import_results(services, write_csv(path / "results.csv", rows), by="考评员", dry_run=dry_run)


def refused(services: Services, path: Path, *rows: dict[str, str]) -> list[tuple[int, str, str]]:
    with pytest.raises(ImportRefused) as caught:
        take(services, path, *rows)
    return [(error.row, error.column, error.rule) for error in caught.value.errors]


def attempts(services: Services) -> int:
    with services.database.reading() as session:
        return session.scalar(select(func.count()).select_from(AttemptRecord)) or 0


def test_results_are_stored_exactly_and_again_change_nothing(services: Services, tmp_path: Path) -> None:
    rows = [CANDIDATE.result("theory", "59.99"), CANDIDATE.result("practical", "", **ITEMS)]
    assert take(services, tmp_path, *rows).new == 2
    with services.database.reading() as session:
        scores = dict(session.execute(select(AttemptRecord.subject, AttemptRecord.score_hundredths)).all())
    assert scores == {"theory": 5999, "practical": 8975}
    report = take(services, tmp_path, *rows)
    assert (report.new, report.unchanged) == (0, 2)


def test_equal_scores_in_another_spelling_are_no_conflict(services: Services, tmp_path: Path) -> None:
    take(services, tmp_path, CANDIDATE.result("practical", "", **ITEMS))
    report = take(services, tmp_path, CANDIDATE.result("practical", "89.75", **ITEMS | {"fire_extinguisher": "18.50"}))
    assert report.unchanged == 1


def test_a_dry_run_stores_nothing_and_can_be_followed_by_a_real_one(services: Services, tmp_path: Path) -> None:
    assert take(services, tmp_path, *CANDIDATE.passes(), dry_run=True).new == 2
    assert attempts(services) == 0
    assert take(services, tmp_path, *CANDIDATE.passes()).new == 2


@pytest.mark.parametrize(
    ("changes", "column", "rule"),
    [
        ({"score": "100.01"}, "score", "R2.2"),
        ({"score": "59.999"}, "score", "R2"),
        ({"score": "-1"}, "score", "R2.2"),
        ({"score": "8e1"}, "score", "R2.2"),
        ({"outcome": "absent"}, "score", "R2.2"),
        ({"name": "别人"}, "name", "R9"),
        ({"sat_on": "2025-02-28"}, "sat_on", "R3.7"),
        ({"kind": "free_retake"}, "sat_on", "R3.7"),
        ({"kind": "onsite_retake"}, "sat_on", "R3.7"),
    ],
)
def test_a_result_against_the_rules_is_refused(
    services: Services, tmp_path: Path, changes: dict[str, str], column: str, rule: str
) -> None:
    other = {"subject": "practical"} if changes.get("kind") == "onsite_retake" else {}
    told = refused(services, tmp_path, CANDIDATE.result(**changes | other))
    assert [(row, at) for row, at, _ in told] == [(2, column)]
    assert told[0][2].startswith(rule.split(".", maxsplit=1)[0])
    assert attempts(services) == 0


@pytest.mark.parametrize(
    ("items", "column"),
    [
        ({"rescue_rope": "", "triage": "9"}, "rescue_rope"),
        ({"airway_obstruction": "3"}, "rescue_rope"),
        ({"cpr": ""}, "cpr"),
        ({"cpr": "26"}, "cpr"),
        ({"score": "50"}, "score"),
    ],
)
def test_items_must_be_whole_and_agree(services: Services, tmp_path: Path, items: dict[str, str], column: str) -> None:
    row = CANDIDATE.result("practical", "", **ITEMS)
    assert [(at, rule) for _, at, rule in refused(services, tmp_path, {**row, **items})] == [(column, "R2.2")]


def test_nobody_registered_under_the_number_is_refused_without_showing_it(services: Services, tmp_path: Path) -> None:
    stranger = Candidate(serial=77)
    with pytest.raises(ImportRefused) as caught:
        take(services, tmp_path, stranger.result())
    (error,) = caught.value.errors
    assert error.rule == "R1.5"
    assert stranger.id_number not in str(error)


def test_another_score_for_the_same_attempt_is_a_conflict(services: Services, tmp_path: Path) -> None:
    take(services, tmp_path, CANDIDATE.result(score="80"))
    assert refused(services, tmp_path, CANDIDATE.result(score="81")) == [(2, "score", "R2.2")]
    absent = CANDIDATE.result(score="", outcome="absent")
    assert [rule for _, _, rule in refused(services, tmp_path, absent)] == ["R2.2"]


def test_a_conflict_names_the_item_that_differs_and_what_the_file_says(services: Services, tmp_path: Path) -> None:
    take(services, tmp_path, CANDIDATE.result("practical", "", **ITEMS))
    with pytest.raises(ImportRefused) as caught:
        take(
            services,
            tmp_path,
            CANDIDATE.result("practical", "", **ITEMS | {"cpr": "24.50"}),
        )
    (error,) = caught.value.errors
    assert (error.column, error.value) == ("cpr", "24.5")
    assert "冲突" in error.zh
    assert "conflict" in error.en


def test_a_late_result_may_not_reopen_an_enrolment_after_which_the_person_registered_again(
    services: Services, tmp_path: Path
) -> None:
    absent = {"outcome": "absent", "score": ""}
    take(services, tmp_path, CANDIDATE.result(**absent), CANDIDATE.result("practical", **absent, sat_on="2025-03-26"))
    second = again(CANDIDATE, date(2025, 5, 1))
    import_candidates(services, write_csv(tmp_path / "roster.csv", [second.cells()]), by="登记员")
    makeup = CANDIDATE.result("theory", "80", kind="free_retake", sat_on="2025-03-25")
    assert refused(services, tmp_path, makeup) == [(2, "sat_on", "R1.5")]
    annulled = {**makeup, "outcome": "void", "score": ""}  # closed before and after: nothing is reopened
    assert take(services, tmp_path, annulled).new == 1


MISCONDUCT = CANDIDATE.result(outcome="misconduct", score="")
DAY_AFTER = CANDIDATE.result("practical", "70", sat_on="2025-03-25")


@pytest.mark.parametrize("rows", [[MISCONDUCT, DAY_AFTER], [DAY_AFTER, MISCONDUCT]])
def test_a_first_attempt_after_the_other_subject_closed_refuses_no_file(
    services: Services, tmp_path: Path, rows: list[dict[str, str]]
) -> None:
    report = take(services, tmp_path, *rows)
    assert report.new == 2
    (warning,) = report.warnings
    assert (warning.row, warning.column, warning.rule) == (rows.index(DAY_AFTER) + 2, "sat_on", "R3.8")
    assert "不计入" in warning.zh
    (explained,) = explain_all(services, services.today())
    assert explained.decision.state.value == "failed"
    assert "R3.8" in [reason.rule for reason in explained.decision.reasons]
    repeated = take(services, tmp_path, *rows)
    assert (repeated.new, repeated.unchanged, repeated.warnings) == (0, 2, ())


def test_a_late_row_that_makes_one_on_record_uncounted_says_so_once(services: Services, tmp_path: Path) -> None:
    assert take(services, tmp_path, DAY_AFTER).warnings == ()
    (warning,) = take(services, tmp_path, MISCONDUCT).warnings
    assert (warning.row, warning.rule) == (2, "R3.8")
    assert "practical" in warning.en
    annulled = {**DAY_AFTER, "sat_on": "2025-03-26", "outcome": "void", "score": ""}
    assert take(services, tmp_path, annulled).warnings == ()


def test_a_sitting_of_a_day_to_come_is_recorded_with_a_warning(services: Services, tmp_path: Path) -> None:
    (today, tomorrow) = (services.today(), services.today() + timedelta(days=1))
    report = take(
        services,
        tmp_path,
        CANDIDATE.result("theory", sat_on=today.isoformat()),
        CANDIDATE.result("practical", sat_on=tomorrow.isoformat()),
    )
    assert report.new == 2
    assert [(warning.row, warning.column, warning.value) for warning in report.warnings] == [
        (3, "sat_on", tomorrow.isoformat())
    ]


def test_a_passed_subject_is_closed(services: Services, tmp_path: Path) -> None:
    take(services, tmp_path, CANDIDATE.result(score="60"))
    told = refused(services, tmp_path, CANDIDATE.result(score="90", sat_on="2025-04-24", kind="free_retake"))
    assert told == [(2, "sat_on", "R3.7")]


def test_every_fault_of_a_file_is_told_in_row_order(services: Services, tmp_path: Path) -> None:
    told = refused(
        services,
        tmp_path,
        CANDIDATE.result(kind="free_retake"),
        CANDIDATE.result("practical", "101"),
        Candidate(serial=9).result(),
        CANDIDATE.result("practical", "70", sat_on="gestern"),
    )
    assert [row for row, _, _ in told] == [2, 3, 4, 5]


def test_the_order_of_rows_never_matters(services: Services, tmp_path: Path) -> None:
    people = candidates(40, first=100)
    import_candidates(services, write_csv(tmp_path / "more.csv", [one.cells() for one in people]), by="登记员")
    rows = []
    for one in people:
        rows += [
            one.result("theory", "40"),
            one.result("practical", "50"),
            one.result("practical", "55", kind="onsite_retake"),
            one.result("theory", "61", kind="free_retake", sat_on="2025-06-01"),
            one.result("practical", "61", kind="free_retake", sat_on="2025-06-01"),
        ]
    random.Random(7).shuffle(rows)
    assert take(services, tmp_path, *rows).new == 200
    states = {
        one.decision.state.value for one in explain_all(services, date(2025, 12, 1)) if one.name != CANDIDATE.name
    }
    assert states == {"passed"}


def test_a_result_belongs_to_the_latest_enrolment_on_or_before_its_date(services: Services, tmp_path: Path) -> None:
    absent = {"outcome": "absent", "score": ""}
    take(services, tmp_path, CANDIDATE.result("theory", **absent), CANDIDATE.result("practical", **absent))
    second = again(CANDIDATE, date(2025, 5, 1))
    import_candidates(services, write_csv(tmp_path / "roster.csv", [second.cells()]), by="登记员")
    take(services, tmp_path, *CANDIDATE.passes(sat_on="2025-05-01"))
    with services.database.reading() as session:
        rows = session.execute(
            select(EnrolmentRecord.registered_on, func.count())
            .join(AttemptRecord)
            .group_by(EnrolmentRecord.registered_on)
            .order_by(EnrolmentRecord.registered_on)
        ).all()
    assert [tuple(row) for row in rows] == [(date(2025, 3, 1), 2), (date(2025, 5, 1), 2)]


def test_one_person_is_explained_alone(services: Services, tmp_path: Path) -> None:
    take(services, tmp_path, *CANDIDATE.passes())
    (one,) = explain_all(services, SAT, id_number=CANDIDATE.id_number.lower())
    told = one.as_json()
    assert (told["id_number"], told["name"], told["state"]) == (CANDIDATE.id_number, CANDIDATE.name, "passed")


def test_a_changed_scheme_is_tried_without_being_put_in_force(services: Services, tmp_path: Path) -> None:
    from certsvc.resources import schemes_folder

    take(services, tmp_path, *CANDIDATE.passes())
    toml = (schemes_folder() / "emergency-rescuer-5" / "qinghai-2025.toml").read_text("utf-8")
    stricter = toml.replace("pass_mark = 60", "pass_mark = 90").replace('version = "1"', 'version = "2"')
    (one,) = explain_all(services, SAT, scheme_toml=stricter)
    assert (one.decision.state.value, one.changes) == ("passed", True)
    assert one.would_be is not None
    assert one.would_be.state.value == "retake_open"
    (now,) = explain_all(services, SAT)
    assert now.decision.state.value == "passed"


def test_results_are_published_once_with_effect_from_a_day(services: Services, tmp_path: Path) -> None:
    take(services, tmp_path, *CANDIDATE.passes())
    assert publish_results(services, by="审核员", on=date(2025, 3, 23)).new == 0
    assert publish_results(services, by="审核员", on=date(2025, 4, 8)).new == 2
    published = publish_results(services, by="审核员")
    assert (published.new, published.already) == (0, 2)
