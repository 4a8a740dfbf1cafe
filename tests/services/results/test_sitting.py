"""A whole sitting is annulled in one act, and results are withdrawn before they are published (R2.7)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from certsvc.errors import NotFound, Refused
from certsvc.rules.terms import Subject
from certsvc.services.approvals import desk
from certsvc.services.audit.check_register import check_log
from certsvc.services.context import Services
from certsvc.services.examination.import_results import import_results
from certsvc.services.examination.publish_results import publish_results
from certsvc.services.issuing.issue import issue
from certsvc.services.results.sitting import Sitting, propose
from certsvc.transparency.leaf import Act
from tests.builders.correcting import annul, approve, correct, correction, record, register, states
from tests.builders.person import SAT, Candidate, candidates

TODAY = date(2026, 1, 1)


def everyone(services: Services, folder: Path, count: int) -> list[Candidate]:
    people = candidates(count)
    register(services, folder, people)
    record(services, folder, *[row for one in people for row in one.passes()])
    return people


def count(services: Services, table: str) -> int:
    with services.database.reading() as session:
        return int(session.execute(text(f"select count(*) from {table}")).scalar_one())


def test_every_attempt_of_a_sitting_becomes_void_and_certificates_go_with_it(
    services: Services, tmp_path: Path
) -> None:
    people = everyone(services, tmp_path, 120)
    later = people[:3]
    record(services, tmp_path, *[one.result(outcome="excused", score="", sat_on="2025-03-23") for one in later])
    issued = {one.number for one in issue(services, by="签发员").issued}
    done = annul(services, f"{SAT}/theory")
    assert done.follows.attempts == 120
    assert set(done.follows.revoked) == issued
    assert len(issued) == 120
    assert set(states(services, TODAY).values()) == {"in_progress"}
    assert count(services, "result_correction") == 120
    assert issue(services, by="签发员").issued == []
    with pytest.raises(NotFound):
        annul(services, f"{SAT}/theory")
    found = check_log(services)
    assert found.ok, found.problems[:3]


@pytest.mark.parametrize(
    ("code", "options", "attempts"),
    [
        ("2025-03-24", {}, 4),
        ("2025-03-24/theory", {}, 2),
        ("2025-03-24/技能考核", {}, 2),
        ("2025-03-24", {"subject": Subject.PRACTICAL}, 2),
        ("emergency-rescuer-5/qinghai-2025/2025-03-24", {}, 4),
        ("2025-03-24", {"institution": "测试培训机构"}, 4),
        ("2025-03-24", {"institution": "别的机构"}, 0),
        ("2025-03-25", {}, 0),
        ("2025-03-24", {"scheme": "no/such"}, 0),
    ],
)
def test_a_sitting_is_a_day_and_what_else_narrows_it(
    services: Services, tmp_path: Path, code: str, options: dict[str, object], attempts: int
) -> None:
    everyone(services, tmp_path, 2)
    sitting = Sitting.parse(code, **options)  # type: ignore[arg-type]
    if not attempts:
        with pytest.raises(NotFound):
            propose(services, Act.ANNULLED, sitting, reason="断电", by="甲")
        return
    assert propose(services, Act.ANNULLED, sitting, reason="断电", by="甲").follows.attempts == attempts


@pytest.mark.parametrize("code", ["", "昨天", "2025-02-30", "2025-03-24/driving", "2025-03-24/theory/x"])
def test_what_names_no_sitting_is_refused(code: str) -> None:
    with pytest.raises(Refused, match=r"R2\.7"):
        Sitting.parse(code)


def test_a_sitting_goes_by_the_day_that_counts(services: Services, tmp_path: Path) -> None:
    one, two = everyone(services, tmp_path, 2)
    correct(services, tmp_path, correction(one.result("theory", "88"), corrected_sat_on="2025-03-20"))
    sitting = Sitting.parse(f"{SAT}/theory")
    assert propose(services, Act.ANNULLED, sitting, reason="断电", by="甲").follows.attempts == 1
    annul(services, "2025-03-20")
    assert states(services, TODAY) == {one.id_number: "in_progress", two.id_number: "passed"}


def test_results_are_withdrawn_before_they_are_published_and_handed_in_again(
    services: Services, tmp_path: Path
) -> None:
    everyone(services, tmp_path, 3)
    annul(services, str(SAT), Act.WITHDRAWN)
    assert (count(services, "attempt"), count(services, "withdrawn_result")) == (0, 6)
    assert set(states(services, TODAY).values()) == {"in_progress"}
    found = check_log(services)
    assert found.ok, found.problems
    assert import_results(services, tmp_path / "results.csv", by="考评员").new == 6
    assert set(states(services, TODAY).values()) == {"passed"}
    assert check_log(services).ok


def test_published_results_are_not_withdrawn(services: Services, tmp_path: Path) -> None:
    everyone(services, tmp_path, 1)
    asked = propose(services, Act.WITHDRAWN, Sitting.parse(str(SAT)), reason="传错文件", by="甲")
    publish_results(services, by="发布员")
    with pytest.raises(Refused, match=r"R2\.7"):
        approve(services, asked.approval_id)
    with pytest.raises(Refused, match=r"R2\.7"):
        propose(services, Act.WITHDRAWN, Sitting.parse(str(SAT)), reason="传错文件", by="甲")
    assert (count(services, "attempt"), count(services, "withdrawn_result")) == (2, 0)


def test_results_that_were_corrected_or_certified_are_not_withdrawn(services: Services, tmp_path: Path) -> None:
    one, two = everyone(services, tmp_path, 2)
    correct(services, tmp_path, correction(one.result(score="10")))
    issue(services, by="签发员")
    for subject in Subject:
        with pytest.raises(Refused, match=r"R2\.7"):
            propose(services, Act.WITHDRAWN, Sitting(SAT, subject), reason="传错文件", by="甲")
    assert states(services, TODAY)[two.id_number] == "passed"


def test_one_person_alone_annuls_nothing(services: Services, tmp_path: Path) -> None:
    everyone(services, tmp_path, 1)
    asked = propose(services, Act.ANNULLED, Sitting.parse(str(SAT)), reason="断电", by="li ming")
    with pytest.raises(Refused, match=r"R2\.4"):
        desk.approve(services, asked.approval_id, by="LI MING")
    assert count(services, "result_correction") == 0
