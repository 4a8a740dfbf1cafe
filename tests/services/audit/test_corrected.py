"""What became of results is what the log was told and what two people agreed on (G10); what is in force is earned."""

from __future__ import annotations

from pathlib import Path

import pytest

from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates.resign import Selection, resign
from certsvc.services.publishing.static import publish_static
from certsvc.services.results import carry_out
from certsvc.signing.keys import Purpose
from certsvc.transparency.leaf import Act
from tests.builders.correcting import annul, correct, correction, record, register
from tests.builders.insider import audited, by_sql
from tests.builders.installation import Installation
from tests.builders.person import Candidate, candidates

ONE, TWO = Candidate(serial=301), candidates(1, first=302)[0]


@pytest.fixture
def corrected(at: Installation, tmp_path: Path) -> Installation:
    """Two more people with results; ONE's theory score corrected twice, TWO's sitting withdrawn."""
    register(at.services, tmp_path, [ONE, TWO])
    record(at.services, tmp_path, *ONE.passes(sat_on="2025-04-01"), *TWO.passes(sat_on="2025-04-02"))
    for score in ("40", "70"):
        correct(at.services, tmp_path, correction(ONE.result(score=score, sat_on="2025-04-01")))
    annul(at.services, "2025-04-02/practical", Act.WITHDRAWN)
    return at


def test_an_honest_register_is_found_whole_and_anybody_counts(corrected: Installation) -> None:
    found = check_log(corrected.services)
    assert found.ok, found.problems
    annul(corrected.services, "2025-04-02/theory")
    publish_static(corrected.services)
    report = audited(corrected)
    assert report.ok
    assert dict(report.results) == {Act.CORRECTED: 2, Act.WITHDRAWN: 1, Act.ANNULLED: 1}


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ("update result_correction set score_hundredths = 9900 where id = 2", {"G10"}),
        ("update result_correction set score_hundredths = 3900 where id = 1", {"G10"}),
        ("update result_correction set outcome = 'void', score_hundredths = null where id = 2", {"G10"}),
        ("update result_correction set approved_by = '丙' where id = 2", {"G10"}),
        ("update result_correction set reason_code = 'review' where id = 2", {"G10"}),
        ("update result_correction set act = 'annulled' where id = 2", {"G10"}),
        (
            "update attempt set score_hundredths = 100 where id = (select attempt_id from result_correction limit 1)",
            {"G10"},
        ),
        ("delete from result_correction where id = 2", {"G4"}),
        ("update approval set decided_by = '丙' where id = 1", {"G10"}),
        ("update approval set state = 'rejected', note = 'x' where id = 1", {"G10"}),
        ("update withdrawn_result set score_hundredths = 1", {"G10"}),
        ("delete from withdrawn_result", {"G4"}),
    ],
)
def test_what_is_changed_by_hand_is_found(corrected: Installation, change: str, rules: set[str]) -> None:
    by_sql(corrected, change)
    assert {one.rule for one in check_log(corrected.services).problems} == rules


def test_a_correction_made_by_hand_is_found(corrected: Installation) -> None:
    by_sql(
        corrected,
        "insert into result_correction (attempt_id, approval_id, act, reason_code, sat_on, outcome, score_hundredths, "
        "items_json, sealed, sealed_kid, asked_by, approved_by, at, leaf_index) select attempt_id, 3, act, "
        "reason_code, sat_on, outcome, 9900, items_json, sealed, sealed_kid, asked_by, approved_by, at, 9999 "
        "from result_correction where id = 2",
    )
    assert "G10" in {one.rule for one in check_log(corrected.services).problems}


def test_a_certificate_no_longer_earned_is_found(
    at: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A register in which the revocation that an approval carries was left out."""
    with monkeypatch.context() as patched:
        patched.setattr(carry_out, "change_within", lambda *_given, **_named: None)
        done = annul(at.services, "2025-03-24/theory")
    assert len(done.follows.revoked) == 2
    problems = check_log(at.services).problems
    assert [one.rule for one in problems] == ["G6", "G6"]
    assert "no longer earned" in problems[0].en
    at.clock.move(minutes=1)
    at.services.keystore.rotate(Purpose.CREDENTIAL, development=True)
    report = resign(at.services, Selection(scheme="emergency-rescuer-5/qinghai-2025"), by="甲")
    assert (report.resigned, len(report.refusals)) == ([], 2)
