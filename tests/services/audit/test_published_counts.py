"""The lists beside a log are counted: who was replaced is on the revocation list as well (L12)."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from certsvc.errors import Unavailable
from certsvc.services.audit.check_published import audit_published
from certsvc.services.certificates import change_status
from certsvc.services.certificates.correct import Correction, correct
from certsvc.services.log.fetch import fetcher, status_fetcher
from certsvc.services.publishing.static import publish_static
from certsvc.transparency.audit import AuditReport
from tests.builders.installation import Installation
from tests.builders.verifying import numbers

DATED_BACK = 36_500  # the test's clock and the dates of issue are apart


def audited(at: Installation, folder: Path | None = None, lists: Path | None = None) -> AuditReport:
    source = folder or at.services.folders.published
    return audit_published(
        fetcher(str(source)),
        at.services.trust,
        days_dated_back=DATED_BACK,
        lists=status_fetcher(str(lists or source)),
        now=at.clock(),
    )


def wrong_lists(report: AuditReport) -> set[str]:
    """The lists that L12 names: "the revocation lists have …"."""
    assert {problem.rule for problem in report.problems} == {"L12"}
    return {problem.en.split()[1] for problem in report.problems}


def published(at: Installation) -> Path:
    publish_static(at.services)
    return at.services.folders.published


def test_lists_that_follow_the_log_add_up_whatever_was_done(at: Installation) -> None:
    first, second = numbers(at)
    assert audited(at, published(at)).ok
    correct(at.services, first, Correction(name="测试新"), reason="更正", by="甲")
    change_status.suspend(at.services, second, reason="核查", by="甲")
    report = audited(at, published(at))
    assert (report.problems, dict(report.standing)) == ((), {"superseded": 1, "valid": 1, "suspended": 1})
    change_status.revoke(at.services, second, reason="错发", by="甲")
    report = audited(at, published(at))
    assert (report.problems, dict(report.standing)) == ((), {"superseded": 1, "valid": 1, "revoked": 1})


@pytest.mark.parametrize(
    ("deed", "lists"),
    [("correct", {"revocation", "refresh"}), ("suspend", {"suspension"}), ("revoke", {"revocation"})],
)
def test_a_bit_left_out_of_any_list_is_seen(at: Installation, tmp_path: Path, deed: str, lists: set[str]) -> None:
    """The log goes on and the lists stay as they were: each that should have changed is named."""
    number = numbers(at)[0]
    older = tmp_path / "older"
    shutil.copytree(published(at), older)
    if deed == "correct":
        correct(at.services, number, Correction(name="测试新"), reason="更正", by="甲")
    else:
        getattr(change_status, deed)(at.services, number, reason="核查", by="甲")
    assert wrong_lists(audited(at, published(at), older)) == lists


def test_a_list_is_asked_for_with_a_bound_and_up_to_the_first_that_is_missing(at: Installation) -> None:
    folder = published(at)
    asked: Counter[str] = Counter()

    def lists(name: str, most: int) -> bytes:
        asked[name] += 1
        assert most == 8 * 2**20
        path = folder / "status" / name
        if not path.exists():
            raise Unavailable("没有", "none")
        return path.read_bytes()

    report = audit_published(
        fetcher(str(folder)), at.services.trust, days_dated_back=DATED_BACK, lists=lists, now=at.clock()
    )
    assert report.ok
    assert set(asked) == {f"{purpose}-{n}" for purpose in ("revocation", "suspension", "refresh") for n in (1, 2)}


def test_a_list_past_its_life_is_no_evidence_where_a_time_is_given(at: Installation) -> None:
    folder = published(at)
    at.clock.move(days=8)
    assert {problem.rule for problem in audited(at, folder).problems} == {"L12"}
    without = audit_published(
        fetcher(str(folder)), at.services.trust, days_dated_back=DATED_BACK, lists=status_fetcher(str(folder))
    )
    assert without.ok
