"""Who may change which status, and what is kept of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from certsvc.credential.reasons import StatusReason
from certsvc.credential.status import Status
from certsvc.errors import NotFound, StatusChangeRefused
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates import change_status
from certsvc.store import AuditEventRecord, LogLeafRecord, StatusChangeRecord
from certsvc.transparency import leaf
from certsvc.transparency.leaf import Event
from tests.builders.installation import Installation, made_up


def test_each_change_keeps_who_when_and_why_and_has_its_leaf(tmp_path: Path) -> None:
    home = Installation(tmp_path / "home")
    (issued,) = home.issue(made_up(1))
    change_status.suspend(home.services, issued.number, reason="核查中", by="甲")
    home.clock.move(days=1)
    change_status.reinstate(home.services, issued.number, reason="查无问题", by="乙")
    home.clock.move(days=1)
    done = change_status.revoke(home.services, issued.number, reason="弄虚作假", by="丙", code=StatusReason.FRAUD)
    assert (done.from_status, done.to_status, done.on) == (Status.VALID, Status.REVOKED, home.services.today())
    with home.services.database.reading() as session:
        kept = [
            (one.from_status, one.to_status, one.by, one.reason, one.reason_code, one.leaf_index)
            for one in session.scalars(select(StatusChangeRecord).order_by(StatusChangeRecord.id))
        ]
        leaves = [
            leaf.decode(one.content) for one in session.scalars(select(LogLeafRecord).order_by(LogLeafRecord.index))
        ]
        trail = [one.action for one in session.scalars(select(AuditEventRecord).order_by(AuditEventRecord.id))]
    assert kept == [
        ("valid", "suspended", "甲", "核查中", "other", 2),
        ("suspended", "valid", "乙", "查无问题", None, 3),
        ("valid", "revoked", "丙", "弄虚作假", "fraud", 4),
    ]
    assert [one.event for one in leaves[1:]] == [Event.ISSUE, Event.SUSPEND, Event.REINSTATE, Event.REVOKE]
    assert len({one.credential for one in leaves[1:]}) == 1
    assert trail[-3:] == ["certificate.suspend", "certificate.reinstate", "certificate.revoke"]
    assert check_log(home.services).ok


@pytest.mark.parametrize(
    "changes",
    [("reinstate",), ("suspend", "suspend"), ("revoke", "revoke"), ("revoke", "suspend"), ("revoke", "reinstate")],
)
def test_a_change_that_may_not_follow_is_refused_and_leaves_no_trace(tmp_path: Path, changes: tuple[str, ...]) -> None:
    home = Installation(tmp_path / "home")
    (issued,) = home.issue(made_up(1))
    *before, last = (getattr(change_status, name) for name in changes)
    for change in before:
        change(home.services, issued.number, reason="一", by="甲")
    size = check_log(home.services).size
    with pytest.raises(StatusChangeRefused):
        last(home.services, issued.number, reason="二", by="甲")
    assert check_log(home.services).size == size


def test_a_papers_reason_is_none_for_a_certificate(tmp_path: Path) -> None:
    home = Installation(tmp_path / "home")
    (issued,) = home.issue(made_up(1))
    with pytest.raises(StatusChangeRefused, match="no reason for"):
        change_status.revoke(home.services, issued.number, reason="错", by="甲", code=StatusReason.LOST)


@pytest.mark.parametrize("reason", ["", "   ", "两\n行", "长" * 501])
def test_a_change_needs_a_reason_of_one_line(tmp_path: Path, reason: str) -> None:
    home = Installation(tmp_path / "home")
    (issued,) = home.issue(made_up(1))
    with pytest.raises(StatusChangeRefused):
        change_status.revoke(home.services, issued.number, reason=reason, by="甲")
    assert home.row(issued.number).status == "valid"


def test_an_unknown_number_and_a_paper_certificate_are_refused_by_name(tmp_path: Path) -> None:
    home = Installation(tmp_path / "home")
    home.import_paper(("1763010001500077", made_up(1)))
    for number, word in (("0", "no electronic"), ("1763010001500077", "paper")):
        with pytest.raises(NotFound, match=word):
            change_status.revoke(home.services, number, reason="错", by="甲")


def test_nothing_personal_stands_in_leaves_or_audit_trail(tmp_path: Path) -> None:
    home = Installation(tmp_path / "home")
    canary = made_up(7, "卡纳丽金丝雀")
    (issued,) = home.issue(canary)
    change_status.revoke(home.services, issued.number, reason="错发", by="甲")
    with home.services.database.reading() as session:
        public = b"".join(session.scalars(select(LogLeafRecord.content))).decode()
        trail = json.dumps(list(session.scalars(select(AuditEventRecord.detail))), ensure_ascii=False)
    for personal in (
        canary.name,
        canary.id_number,
        canary.last_six,
        canary.id_number[6:14],
        issued.number,
        issued.token,
    ):
        assert personal not in public
    for personal in (canary.name, canary.id_number, canary.last_six):
        assert personal not in trail
