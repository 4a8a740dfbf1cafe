"""Results on record are put right by two people, nothing is overwritten, and what follows follows (R2.4 to R2.6)."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from certsvc.errors import ImportRefused, Refused, StaleRequest
from certsvc.rules.progress import EnrolmentState
from certsvc.services.approvals import desk
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates.change_status import revoke
from certsvc.services.context import Services
from certsvc.services.examination.decide import explain_all
from certsvc.services.examination.import_results import import_results
from certsvc.services.issuing.issue import issue, issued_of, waiting_batches
from certsvc.services.issuing.sign_approved import sign_approved
from certsvc.services.results.correct import propose
from certsvc.signing.keystore import Keystore
from tests.builders.correcting import approve, ask, correct, correction, record, register, states
from tests.builders.person import Candidate, again, candidates, write_csv

ONE = Candidate()
TODAY = date(2026, 1, 1)
RETAKEN = "2025-06-01"


@pytest.fixture(autouse=True)
def registered(services: Services, tmp_path: Path) -> None:
    register(services, tmp_path, [ONE])


def state(services: Services) -> str:
    return states(services, TODAY)[ONE.id_number]


def rows_of(services: Services, table: str) -> list[dict[str, object]]:
    with services.database.reading() as session:
        return [dict(row) for row in session.execute(text(f"select * from {table} order by id")).mappings()]


def test_a_failed_one_passes_is_due_and_is_issued_to(services: Services, tmp_path: Path) -> None:
    record(services, tmp_path, ONE.result(score="59.99"), ONE.result("practical", "70"))
    imported = rows_of(services, "attempt")
    proposed = ask(services, tmp_path, correction(ONE.result(score="60"), "成绩复核"))
    assert proposed.request is not None
    follows = proposed.request.follows
    assert [(one.was, one.now) for one in follows.decisions] == [(EnrolmentState.FORFEITED, EnrolmentState.PASSED)]
    assert [one.name for one in follows.passing] == [ONE.name]
    assert (follows.revoked, follows.not_counted) == ([], [])
    assert state(services) == "retake_open"  # asked for is not done
    approve(services, proposed.request.approval_id)
    assert state(services) == "passed"
    assert rows_of(services, "attempt") == imported
    assert len(issue(services, by="签发员").issued) == 1
    assert check_log(services).ok


def test_a_passed_one_fails_and_the_certificate_goes_with_it(services: Services, tmp_path: Path) -> None:
    record(services, tmp_path, *ONE.passes())
    (issued,) = issue(services, by="签发员").issued
    done = correct(services, tmp_path, correction(ONE.result(score="58"), "成绩复核"))
    assert done.follows.revoked == [issued.number]
    (certificate,) = rows_of(services, "certificate")
    assert (certificate["status"], certificate["status_reason"]) == ("revoked", "results_withdrawn")
    (change,) = rows_of(services, "status_change")
    assert change["by"] == "甲"
    assert state(services) == "retake_open"
    assert issue(services, by="签发员").issued == []
    found = check_log(services)
    assert found.ok, found.problems


def test_a_pass_that_is_given_back_is_certified_once_more_under_a_number_of_its_own(
    services: Services, tmp_path: Path
) -> None:
    record(services, tmp_path, *ONE.passes())
    (first,) = issue(services, by="签发员").issued
    for _ in range(2):
        correct(services, tmp_path, correction(ONE.result(score="58"), "成绩复核"))
        assert issue(services, by="签发员").issued == []
        done = correct(services, tmp_path, correction(ONE.result(score="88"), "成绩复核"))
        assert [one.name for one in done.follows.passing] == [ONE.name]
        assert done.follows.notices == []
        # By the signer, which believes no row: one enrolment, one certificate more.
        issue(services, by="签发员", approved_by="复核员", reserve_only=True)
        (batch,) = waiting_batches(services)
        assert sign_approved(services, batch) == 1
        (again,) = issued_of(services, batch)
        assert again.number != first.number
        assert issue(services, by="签发员").issued == []
    assert [one["status"] for one in rows_of(services, "certificate")] == ["revoked", "revoked", "valid"]
    found = check_log(services)
    assert found.ok, found.problems


def test_one_that_was_revoked_on_other_grounds_stays_so(services: Services, tmp_path: Path) -> None:
    record(services, tmp_path, *ONE.passes())
    (issued,) = issue(services, by="签发员").issued
    revoke(services, issued.number, reason="冒名顶替", by="甲")
    correct(services, tmp_path, correction(ONE.result(score="58")))
    done = correct(services, tmp_path, correction(ONE.result(score="88")))
    assert (done.follows.passing, [one.rule for one in done.follows.notices]) == ([], ["R7.1"])
    assert issue(services, by="签发员").issued == []


def test_a_retake_after_a_first_attempt_corrected_to_passed_is_not_counted(services: Services, tmp_path: Path) -> None:
    record(
        services,
        tmp_path,
        ONE.result(score="50"),
        ONE.result("practical", "70"),
        ONE.result(score="40", kind="free_retake", sat_on=RETAKEN),
    )
    assert state(services) == "failed"
    done = correct(services, tmp_path, correction(ONE.result(score="65")))
    assert done.follows.retakes == 1
    assert [(one.fallen.rule, one.fallen.attempt.sat_on.isoformat()) for one in done.follows.not_counted] == [
        ("R3.7", RETAKEN)
    ]
    assert state(services) == "passed"
    (explained,) = explain_all(services, TODAY)
    told = [reason for reason in explained.decision.reasons if "不计" in reason.zh]
    assert [reason.rule for reason in told] == ["R3.7"]
    assert "不予登记" not in told[0].zh
    assert "not counted" in told[0].en


def test_a_decision_changes_with_a_subject_or_a_deadline_also_where_the_state_stays(
    services: Services, tmp_path: Path
) -> None:
    sat, before = (str(services.today() - timedelta(days=days)) for days in (20, 22))
    record(services, tmp_path, ONE.result(score="50", sat_on=sat))
    for changes in ({"score": "70"}, {"score": "50", "corrected_sat_on": before}, {"score": "51"}):
        row = correction(ONE.result(sat_on=sat), **changes)
        request = propose(services, write_csv(tmp_path / "one.csv", [row]), by="甲", dry_run=True).request
        assert request is not None
        told = request.follows.as_json()["decisions"]
        assert isinstance(told, list)
        if changes == {"score": "51"}:
            assert told == []
            continue
        (one,) = told
        assert (one["from"], one["to"]) == ("in_progress", "in_progress")
        assert list(one["subjects"]) == ["theory"]
        assert one["subjects"]["theory"]["from"] != one["subjects"]["theory"]["to"]


def test_misconduct_found_later_closes_the_enrolment_for_the_other_subject(services: Services, tmp_path: Path) -> None:
    record(services, tmp_path, ONE.result(score="80"), ONE.result("practical", "90", sat_on=RETAKEN))
    (issued,) = issue(services, by="签发员").issued
    done = correct(services, tmp_path, correction(ONE.result(outcome="misconduct", score=""), "监控发现作弊"))
    assert [one.fallen.rule for one in done.follows.not_counted] == ["R3.8"]
    assert done.follows.revoked == [issued.number]
    assert state(services) == "failed"
    assert rows_of(services, "result_correction")[0]["reason_code"] == "misconduct"


def test_a_result_entered_for_the_wrong_person_is_annulled_and_entered_for_the_right_one(
    services: Services, tmp_path: Path
) -> None:
    (other,) = candidates(1, first=40)
    register(services, tmp_path, [other])
    record(services, tmp_path, *ONE.passes(), other.result("practical", "80"))
    correct(services, tmp_path, correction(ONE.result(outcome="void", score=""), "录给他人"))
    record(services, tmp_path, other.result(score="88"))
    assert states(services, TODAY) == {ONE.id_number: "in_progress", other.id_number: "passed"}
    # The right person's own result of the same subject comes in as ever.
    record(services, tmp_path, ONE.result(score="77", sat_on="2025-03-25"))
    assert state(services) == "passed"


def test_a_date_is_corrected_and_its_deadline_moves_with_it(services: Services, tmp_path: Path) -> None:
    file = record(services, tmp_path, ONE.result(score="50"), ONE.result("practical", "70"))
    correct(services, tmp_path, correction(ONE.result(score="50"), corrected_sat_on="2025-03-20"))
    (explained,) = explain_all(services, TODAY)
    retake = next(iter(explained.decision.subjects.values())).free_retake
    assert retake.deadline == date(2026, 3, 20)
    # The files of before and of after are both known; neither undoes it.
    for path in (file, write_csv(tmp_path / "new.csv", [ONE.result(score="50", sat_on="2025-03-20")])):
        report = import_results(services, path, by="考评员")
        assert (report.new, report.unchanged > 0) == (0, True)
    # It is named by either day from then on.
    correct(services, tmp_path, correction(ONE.result(score="51", sat_on="2025-03-20")))
    correct(services, tmp_path, correction(ONE.result(score="52")))
    (explained,) = explain_all(services, TODAY)
    theory = next(iter(explained.decision.subjects.values()))
    assert (theory.score, theory.free_retake.deadline) == (52, date(2026, 3, 20))


@pytest.mark.parametrize(
    ("day", "rule"), [("2025-02-28", "R3.7"), ("2025-05-02", "R1.5"), ("2025-03-24", None), ("2025-03-02", None)]
)
def test_a_corrected_day_stays_within_its_enrolment(
    services: Services, tmp_path: Path, day: str, rule: str | None
) -> None:
    record(services, tmp_path, ONE.result(outcome="absent", score=""), ONE.result("practical", "", outcome="absent"))
    register(services, tmp_path, [again(ONE, date(2025, 5, 1))])
    row = correction(ONE.result(outcome="absent", score=""), corrected_sat_on=day)
    if rule is None:
        assert ask(services, tmp_path, row).new == (day != "2025-03-24")
        return
    with pytest.raises(ImportRefused) as caught:
        ask(services, tmp_path, row)
    assert [(one.column, one.rule) for one in caught.value.errors] == [("corrected_sat_on", rule)]


def test_two_attempts_cannot_take_one_day(services: Services, tmp_path: Path) -> None:
    record(
        services,
        tmp_path,
        ONE.result(outcome="excused", score=""),
        ONE.result(score="70", sat_on="2025-04-24"),
    )
    with pytest.raises(ImportRefused) as caught:
        ask(services, tmp_path, correction(ONE.result(score="70", sat_on="2025-04-24"), corrected_sat_on="2025-03-24"))
    assert [(one.column, one.rule) for one in caught.value.errors] == [("corrected_sat_on", "R3.7")]


@pytest.mark.parametrize(
    ("changes", "column", "rule"),
    [
        ({"score": "100.01"}, "score", "R2.2"),
        ({"score": "59.999"}, "score", "R2"),
        ({"score": ""}, "score", "R2.2"),
        ({"outcome": "absent"}, "score", "R2.2"),
        ({"name": "别人"}, "name", "R9"),
        ({"sat_on": "2025-03-25"}, "sat_on", "R2.4"),
        ({"kind": "free_retake"}, "sat_on", "R2.4"),
        ({"id_number": candidates(1, first=700)[0].id_number}, "id_number", "R1.5"),
        ({"correction_reason": ""}, "correction_reason", "file.required"),
        ({"correction_reason": "#N/A"}, "correction_reason", None),
        ({"correction_reason": "a\u202eb"}, "correction_reason", "file.character"),
        ({"corrected_sat_on": "2025年4月1日"}, "corrected_sat_on", "file.date"),
        ({"corrected_sat_on": "#VALUE!"}, "corrected_sat_on", None),
    ],
)
def test_a_bad_cell_is_named_and_nothing_is_asked_for(
    services: Services, tmp_path: Path, changes: dict[str, str], column: str, rule: str | None
) -> None:
    record(services, tmp_path, *ONE.passes())
    with pytest.raises(ImportRefused) as caught:
        ask(services, tmp_path, correction(ONE.result("practical", "60")), {**correction(ONE.result()), **changes})
    assert [(one.row, one.column) for one in caught.value.errors] == [(3, column)]
    assert rule is None or caught.value.errors[0].rule == rule
    assert desk.list_approvals(services, None) == []


def test_one_attempt_is_corrected_once_in_a_file(services: Services, tmp_path: Path) -> None:
    record(services, tmp_path, *ONE.passes())
    with pytest.raises(ImportRefused) as caught:
        ask(services, tmp_path, correction(ONE.result(score="60")), correction(ONE.result(score="61")))
    assert [one.row for one in caught.value.errors] == [3]


def test_what_is_on_record_already_asks_for_nothing(services: Services, tmp_path: Path) -> None:
    record(services, tmp_path, *ONE.passes())
    rows = [correction(ONE.result(score="70")), correction(ONE.result("practical", "91.50"))]
    proposed = ask(services, tmp_path, *rows)
    assert (proposed.new, proposed.unchanged) == (1, 1)
    assert proposed.request is not None
    approve(services, proposed.request.approval_id)
    later = ask(services, tmp_path, *rows)
    assert (later.new, later.unchanged, later.request) == (0, 2, None)
    assert len(desk.list_approvals(services, None)) == 1


def test_the_results_of_before_come_in_again_as_unchanged(services: Services, tmp_path: Path) -> None:
    file = record(services, tmp_path, *ONE.passes())
    correct(services, tmp_path, correction(ONE.result(score="10")))
    report = import_results(services, file, by="考评员")
    assert (report.new, report.unchanged) == (0, 2)
    assert state(services) == "retake_open"


def test_the_order_of_rows_does_not_matter(services: Services, tmp_path: Path) -> None:
    people = candidates(6, first=50)
    register(services, tmp_path, people)
    record(services, tmp_path, *[row for one in people for row in one.passes()])
    rows = [correction(one.result("practical", str(40 + 10 * n))) for n, one in enumerate(people)]
    plans = []
    for seed in range(3):
        random.Random(seed).shuffle(rows)
        path = write_csv(tmp_path / "shuffled.csv", rows)
        request = propose(services, path, by="甲", dry_run=True).request
        assert request is not None
        plans.append(request.follows.as_json())
    assert plans[0] == plans[1] == plans[2]
    assert len(request.follows.decisions) == 2
    assert desk.list_approvals(services, None) == []


def test_an_approval_is_refused_once_another_correction_has_been_made(services: Services, tmp_path: Path) -> None:
    record(services, tmp_path, *ONE.passes())
    first, second = (ask(services, tmp_path, correction(ONE.result(score=score))).request for score in ("61", "62"))
    assert first is not None
    assert second is not None
    approve(services, first.approval_id)
    with pytest.raises(StaleRequest):
        approve(services, second.approval_id)
    shown = desk.show(services, second.approval_id).results
    assert shown is not None
    assert "refused" in shown
    assert len(rows_of(services, "result_correction")) == 1


@pytest.mark.parametrize("meanwhile", ["another attempt", "a certificate", "published"])
def test_an_approval_is_refused_once_what_it_stood_on_has_changed(
    services: Services, tmp_path: Path, meanwhile: str
) -> None:
    record(
        services,
        tmp_path,
        ONE.result(score="80"),
        *([ONE.result("practical", "80")] * (meanwhile != "another attempt")),
    )
    request = ask(services, tmp_path, correction(ONE.result(score="20"))).request
    assert request is not None
    if meanwhile == "another attempt":
        record(services, tmp_path, ONE.result("practical", "80"))
    elif meanwhile == "a certificate":
        issue(services, by="签发员")
    else:
        from certsvc.services.examination.publish_results import publish_results

        publish_results(services, by="发布员")
    with pytest.raises(StaleRequest):
        approve(services, request.approval_id)
    assert rows_of(services, "result_correction") == []


@pytest.mark.parametrize("same", ["甲", " 甲 ", "甲\u200b", ""])
def test_one_person_in_two_spellings_is_one(services: Services, tmp_path: Path, same: str) -> None:
    record(services, tmp_path, *ONE.passes())
    request = ask(services, tmp_path, correction(ONE.result(score="20"))).request
    assert request is not None
    with pytest.raises(Refused, match=r"R2\.4"):
        approve(services, request.approval_id, by=same)
    with pytest.raises(Refused, match=r"R2\.4"):
        propose(services, tmp_path / "corrections.csv", by="甲", approved_by=same)
    assert state(services) == "passed"
    assert len(desk.list_approvals(services)) == 1


def test_both_in_one_act_are_for_development_keys(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(services, tmp_path, *ONE.passes())
    path = write_csv(tmp_path / "corrections.csv", [correction(ONE.result(score="20"))])
    monkeypatch.setattr(Keystore, "development", property(lambda _: False))
    with pytest.raises(Refused, match=r"R1\.6"):
        propose(services, path, by="甲", approved_by="乙")
    monkeypatch.undo()
    done = propose(services, path, by="甲", approved_by="乙").request
    assert done is not None
    assert done.state == "approved"
    assert state(services) == "retake_open"


def test_a_certificate_that_waits_to_be_signed_is_signed_first(services: Services, tmp_path: Path) -> None:
    record(services, tmp_path, *ONE.passes())
    issue(services, by="签发员", reserve_only=True)
    with pytest.raises(Refused, match=r"R2\.6"):
        ask(services, tmp_path, correction(ONE.result(score="20")))


def test_a_reason_and_the_evidence_rest_sealed(services: Services, tmp_path: Path) -> None:
    record(services, tmp_path, *ONE.passes())
    row = correction(ONE.result(score="20"), "张三丰举报，复核属实", correction_evidence="青应急〔2025〕9 号")
    correct(services, tmp_path, row)
    everything = str([rows_of(services, table) for table in ("approval", "result_correction", "audit_event")])
    assert "张三丰" not in everything
    assert "青应急" not in everything
    shown = desk.show(services, 1).results
    assert "青应急〔2025〕9 号" in str(shown)


def test_after_a_correction_a_retake_without_ground_is_in_no_ones_way(services: Services, tmp_path: Path) -> None:
    record(
        services,
        tmp_path,
        ONE.result(score="50"),
        ONE.result(score="55", kind="free_retake", sat_on=RETAKEN),
    )
    correct(services, tmp_path, correction(ONE.result(outcome="void", score=""), "场次作废"))
    # The retake has no first attempt now. A first attempt after it, and the retake that follows, count.
    record(services, tmp_path, ONE.result(score="50", sat_on="2025-05-01"))
    assert state(services) == "failed"
