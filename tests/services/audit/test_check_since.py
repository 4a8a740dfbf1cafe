"""`log check` goes on from where a check before was whole or was stopped, over several processes or in one."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator

import pytest
from sqlalchemy import text

from certsvc.jobs import check_run
from certsvc.services.audit.check_register import LogReport, check_log
from certsvc.services.audit.portions import Checked, Portion, check_portion
from certsvc.services.certificates import change_status
from certsvc.services.examination.import_results import import_results
from certsvc.services.issuing.issue import issue
from certsvc.services.publishing.static import publish_static
from certsvc.services.registration.import_roster import import_candidates
from certsvc.signing.keys import Purpose
from tests.builders.installation import Installation, made_up, open_again
from tests.builders.person import Candidate, write_csv


def by_sql(at: Installation, statement: str) -> None:
    with at.services.database.writing() as session:
        session.execute(text(statement))


def since(at: Installation) -> LogReport:
    return check_log(at.services, since_last=True)


def rules(report: LogReport) -> list[str]:
    return [problem.rule for problem in report.problems]


def test_of_the_rows_only_what_is_new_is_looked_at_again(at: Installation) -> None:
    assert (check_log(at.services).certificates, check_log(at.services).since) == (2, None)
    assert since(at).certificates == 0
    (new,) = at.issue(made_up(3))
    report = since(at)
    assert (report.ok, report.certificates) == (True, 1)
    assert report.since is not None
    assert report.as_json()["since"] == report.since.as_json()
    change_status.suspend(at.services, new.number, reason="核查", by="甲")
    assert (since(at).ok, since(at).certificates) == (True, 0)
    assert since(at).ok


def test_a_certificate_whose_status_changed_since_is_looked_at_again(at: Installation) -> None:
    check_log(at.services)
    with at.services.database.reading() as session:
        number = session.execute(text("select number from certificate where id = 1")).scalar_one()
    change_status.suspend(at.services, str(number), reason="核查", by="甲")
    by_sql(at, "update certificate set holder_name = '改名' where id = 1")
    assert rules(since(at)) == ["G2"]


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("update certificate set holder_name = '改名' where id = 3", "G2"),
        ("update attempt set score_hundredths = 1 where enrolment_id = 3", "G6"),
        ("update certificate set status = 'revoked' where id = 1", "G3"),
        ("update log_leaf set content = x'7b7d' where \"index\" = 1", "G1"),
    ],
)
def test_what_is_wrong_in_what_is_new_or_in_the_log_is_found(at: Installation, statement: str, rule: str) -> None:
    check_log(at.services)
    at.issue(made_up(3))
    by_sql(at, statement)
    assert rule in rules(since(at))


def test_a_row_checked_before_and_changed_since_is_found_by_a_whole_check_which_forgets_the_one_before(
    at: Installation,
) -> None:
    check_log(at.services)
    by_sql(at, "update certificate set holder_name = '改名' where id = 1")
    assert since(at).ok, "this is what a check of all is for"
    assert rules(check_log(at.services)) == ["G2"]
    report = since(at)
    assert (report.since, rules(report)) == (None, ["G2"])


def test_a_state_that_is_another_s_or_changed_says_nothing(at: Installation) -> None:
    check_log(at.services)
    path = at.home / "log-check.json"
    said = json.loads(path.read_bytes())
    said["state"]["upto"]["certificates"] = 99
    path.write_text(json.dumps(said))
    assert since(at).since is None
    path.write_text("[]")
    assert since(at).since is None


def test_after_a_change_of_keys_everything_is_looked_at(at: Installation) -> None:
    check_log(at.services)
    at.clock.move(minutes=1)
    at.services.keystore.rotate(Purpose.CREDENTIAL, development=True)
    assert since(at).since is None


def test_where_the_log_was_begun_again_everything_is_looked_at(at: Installation) -> None:
    check_log(at.services)
    by_sql(at, "update log_leaf set hash = zeroblob(32)")
    report = since(at)
    assert report.since is None
    assert "G1" in rules(report)


def test_stopped_it_goes_on_with_the_portion_it_had_come_to(at: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certsvc.services.audit.portions.SIZE", 1)

    def stopped_at(count: int) -> object:
        def check_many(portions: Iterable[Portion]) -> Iterator[Checked]:
            for index, portion in enumerate(portions):
                if index == count:
                    raise KeyboardInterrupt
                yield check_portion(at.services, portion)

        return check_many

    at.issue(made_up(3))
    with pytest.raises(KeyboardInterrupt):
        check_log(at.services, check_many=stopped_at(2))  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        check_log(at.services, since_last=True, check_many=stopped_at(0))  # type: ignore[arg-type]
    report = since(at)
    assert (report.ok, report.certificates) == (True, 1)
    assert since(at).certificates == 0


def pass_one(at: Installation) -> None:
    """One more person who has passed and has no certificate."""
    person = Candidate(serial=77)
    import_candidates(at.services, write_csv(at.home / "c.csv", [person.cells()]), by="登记员")
    import_results(at.services, write_csv(at.home / "r.csv", person.passes()), by="考评员")


def test_a_certificate_that_was_only_reserved_is_looked_at_once_it_is_issued(at: Installation) -> None:
    pass_one(at)
    issue(at.services, by="签发员", reserve_only=True)
    assert check_log(at.services).certificates == 2
    assert since(at).certificates == 0
    assert len(issue(at.services, by="签发员").issued) == 1
    assert (since(at).certificates, since(at).certificates) == (1, 0)


def test_whoever_is_due_by_a_result_since_and_is_not_marked_is_found(at: Installation) -> None:
    check_log(at.services)
    pass_one(at)
    assert since(at).ok
    by_sql(at, "delete from to_decide")
    assert rules(check_log(at.services)) == ["G9"]


def test_over_several_processes_the_same_is_found(at: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_run, "POOL_FROM", 1)
    monkeypatch.setattr("certsvc.services.audit.portions.SIZE", 1)
    publish_static(at.services)
    opener = functools.partial(open_again, at.home, at.clock)
    steps: list[tuple[str, int, int]] = []
    published = at.services.folders.published / "log"
    whole = check_run.run(at.services, opener, published, progress=lambda *step: steps.append(step))
    assert whole == check_log(at.services, published)
    assert whole.ok
    assert {step for step, _, _ in steps} == {"leaves", "certificates", "enrolments"}
    by_sql(at, "update certificate set holder_name = '改名' where id = 2")
    by_sql(at, "update attempt set score_hundredths = 1 where enrolment_id = 1")
    found = check_run.run(at.services, opener, published)
    assert sorted(rules(found)) == ["G2", "G6"]
    assert found == check_log(at.services, published)
