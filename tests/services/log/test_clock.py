"""Faults of time: a clock that leaps, goes back and forth, or is set right while something is signed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.errors import CertsvcError, ClockLeapt, ClockWentBack, Refused
from certsvc.services.audit.check_published import audit_published
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates import change_status
from certsvc.services.certificates.give_out import pdf_of
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.issuing.issue import issue
from certsvc.services.issuing.render import draw
from certsvc.services.log.append import CLOCK_SKEW
from certsvc.services.log.clock import LEAP, check_clock, set_clock_back
from certsvc.services.log.fetch import fetcher
from certsvc.services.log.publish import publish_log
from certsvc.services.publishing.static import publish_static
from certsvc.services.verification.verify import verify_online
from certsvc.store import AuditEventRecord, CertificateRecord, ClockSeenRecord, LogHeadRecord
from tests.builders.installation import Installation, made_up


def strict(at: Installation, *, said: bool = False) -> Services:
    """The services as the program opens them: no leap of the clock unless it is said to be right."""
    settings = Settings.from_environment({"CERTSVC_HOME": str(at.home), "CERTSVC_BASE_URL": "https://certsvc.example"})
    at.services.database.close()
    at.services = open_services(settings, now=at.clock, clock_is_right=said)
    return at.services


def number_of(at: Installation) -> str:
    with at.services.database.reading() as session:
        return session.scalars(select(CertificateRecord.number).order_by(CertificateRecord.id)).first() or ""


def deeds(at: Installation) -> dict[str, Callable[[], object]]:
    number = number_of(at)
    return {
        "revoke": lambda: change_status.revoke(at.services, number, reason="查实", by="甲"),
        "issue": lambda: at.issue(made_up(7)),
        "publish": lambda: publish_static(at.services),
        "publish the log": lambda: publish_log(at.services, at.home / "elsewhere"),
        "draw": lambda: draw(at.services, [1]),
        "make a key": lambda: check_clock(at.services),
    }


@pytest.mark.parametrize("deed", ["revoke", "issue", "publish", "publish the log", "draw", "make a key"])
def test_nothing_is_signed_by_a_clock_400_days_fast(at: Installation, deed: str) -> None:
    strict(at)
    before = check_log(at.services)
    at.clock.move(days=400)
    with pytest.raises(ClockLeapt, match=r"400 days after the last signing.*--clock-is-right"):
        deeds(at)[deed]()
    at.clock.move(days=-400)
    assert check_log(at.services).root == before.root
    if deed != "make a key":
        deeds(at)[deed]()  # the clock was set right: all goes on


def test_the_leap_begins_beyond_a_day_and_the_last_signing_moves_along(at: Installation) -> None:
    strict(at)
    number = number_of(at)
    at.clock.move(seconds=LEAP.total_seconds())
    change_status.suspend(at.services, number, reason="核查", by="甲")
    at.clock.move(seconds=LEAP.total_seconds() + 1)
    with pytest.raises(ClockLeapt):
        change_status.reinstate(at.services, number, reason="无误", by="甲")


def test_a_daily_publication_shows_that_time_really_passes(at: Installation) -> None:
    strict(at)
    for _ in range(3):
        at.clock.move(hours=23)
        publish_static(at.services)
    change_status.revoke(at.services, number_of(at), reason="查实", by="甲")
    with at.services.database.reading() as session:
        assert session.get_one(ClockSeenRecord, 1).at == at.clock()


def test_a_home_that_rested_goes_on_once_it_is_said_that_the_clock_is_right(at: Installation) -> None:
    strict(at)
    at.clock.move(days=30)
    with pytest.raises(ClockLeapt):
        publish_static(at.services)
    publish_static(strict(at, said=True))
    change_status.revoke(strict(at), number_of(at), reason="查实", by="甲")
    with at.services.database.reading() as session:
        said = session.scalars(select(AuditEventRecord).where(AuditEventRecord.action == "clock.said-right")).one()
    assert said.at == at.clock()
    assert check_log(at.services).ok


def test_nothing_is_asked_of_a_log_that_has_not_begun(own: Installation) -> None:
    strict(own)
    own.clock.move(days=900)
    assert own.issue(made_up(1))


def fast_for_one_command(at: Installation) -> str:
    """A clock 400 days ahead, said to be right, issues one certificate and publishes; then it is set right."""
    at.clock.move(days=400)
    strict(at, said=True)
    (one,) = at.issue(made_up(8))
    publish_static(at.services)
    at.clock.move(days=-400)
    strict(at)
    return one.number


def test_leaves_of_the_future_are_found_by_both_audits(at: Installation) -> None:
    fast_for_one_command(at)
    inside = {problem.rule for problem in check_log(at.services, at.home / "published" / "log").problems}
    assert inside == {"L13", "G7"}
    outside = audit_published(fetcher(str(at.home / "published")), at.services.trust, now=at.clock())
    assert {problem.rule for problem in outside.problems} == {"L13"}
    with pytest.raises(ClockWentBack):
        at.issue(made_up(9))


def test_the_way_back_goes_on_today_and_leaves_the_audits_clean(at: Installation) -> None:
    ahead = fast_for_one_command(at)
    done = set_clock_back(at.services, by="甲", approved_by="乙")
    assert done.certificates == (ahead,)
    assert done.leaf_index is not None
    publish_static(at.services)
    change_status.revoke(at.services, ahead, reason="日期有误", by="甲")
    at.clock.move(hours=1)
    assert at.issue(made_up(9))
    publish_static(at.services)
    report = check_log(at.services, at.home / "published" / "log")
    assert report.problems == ()
    outside = audit_published(fetcher(str(at.home / "published")), at.services.trust, now=at.clock())
    assert outside.problems == ()
    with at.services.database.reading() as session:
        note = session.scalars(select(AuditEventRecord).where(AuditEventRecord.action == "log.set-clock-back")).one()
    assert (note.by, json.loads(note.detail)) == ("甲", {"approved_by": "乙", "leaf": done.leaf_index})
    with pytest.raises(Refused, match="nothing was logged or signed in the future"):
        set_clock_back(at.services, by="甲", approved_by="乙")


def test_the_way_back_is_taken_by_two(at: Installation) -> None:
    fast_for_one_command(at)
    with pytest.raises(Refused, match="may not approve"):
        set_clock_back(at.services, by="甲", approved_by=" 甲")


def test_it_is_finished_where_it_was_stopped_before_the_last_file(
    at: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast_for_one_command(at)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("certsvc.services.log.clock.note_signed_at", stop)
        with pytest.raises(KeyboardInterrupt):
            set_clock_back(at.services, by="甲", approved_by="乙")
    with pytest.raises(ClockWentBack):
        publish_static(at.services)
    again = set_clock_back(at.services, by="甲", approved_by="乙")
    assert (again.since, again.leaf_index, again.certificates) == (None, None, ())
    publish_static(at.services)
    assert check_log(at.services, at.home / "published" / "log").ok


def test_a_second_fault_is_taken_back_from_its_own_first_leaf_on(at: Installation) -> None:
    fast_for_one_command(at)
    first = set_clock_back(at.services, by="甲", approved_by="乙")
    at.clock.move(days=20)
    change_status.suspend(strict(at, said=True), number_of(at), reason="核查", by="甲")
    at.clock.move(days=-20)
    second = set_clock_back(strict(at), by="甲", approved_by="乙")
    assert first.leaf_index is not None
    assert second.since == first.leaf_index + 1
    assert check_log(at.services).ok


def test_a_signing_time_that_cannot_be_read_is_a_finding(at: Installation) -> None:
    publish_static(at.services)
    (at.home / "log-signed-at.json").write_text("{}")
    assert {problem.rule for problem in check_log(at.services).problems} == {"G7"}


def test_back_and_forth_within_the_skew_keeps_the_order_of_the_log(at: Installation) -> None:
    strict(at)
    number = number_of(at)
    skew = CLOCK_SKEW.total_seconds()
    for step, change in (
        (skew, change_status.suspend),
        (-skew, change_status.reinstate),
        (skew, change_status.suspend),
    ):
        at.clock.move(seconds=step)
        change(at.services, number, reason="核查", by="甲")
    at.clock.move(seconds=-2 * skew)
    with pytest.raises(ClockWentBack):
        change_status.reinstate(at.services, number, reason="无误", by="甲")
    at.clock.move(seconds=2 * skew)
    change_status.reinstate(at.services, number, reason="无误", by="甲")
    assert check_log(at.services).ok


@pytest.mark.parametrize(
    ("step", "refusal"),
    [(-3, None), (3, None), (-30, ClockWentBack), (400 * 86_400, ClockLeapt)],
    ids=["a step back within the skew", "a step forth", "a step back", "a leap"],
)
def test_a_clock_set_while_a_batch_is_signed_costs_no_number_and_no_certificate(
    at: Installation, step: float, refusal: type[CertsvcError] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict(at)
    monkeypatch.setattr("certsvc.services.issuing.issue.BATCH", 1)
    stepped = []

    def progress(done: int, _total: int) -> None:
        if done == 1 and not stepped:
            stepped.append(step)
            at.clock.move(seconds=step)

    with monkeypatch.context() as patch:
        patch.setattr("tests.builders.installation.issue", lambda *_, **__: _Nothing())
        at.issue(made_up(11), made_up(12), made_up(13))
    if refusal is None:
        assert len(issue(at.services, by="甲", progress=progress).issued) == 3
    else:
        with pytest.raises(refusal):
            issue(at.services, by="甲", progress=progress)
        at.clock.move(seconds=-step)
        issue(at.services, by="甲")
    assert stepped
    report = check_log(at.services)
    assert (report.certificates, report.problems) == (5, ())
    with at.services.database.reading() as session:
        numbers = session.scalars(select(CertificateRecord.number)).all()
    assert sorted(int(one[-6:]) for one in numbers)[-1] - sorted(int(one[-6:]) for one in numbers)[0] == 4


class _Nothing:
    issued: tuple[()] = ()


def test_a_batch_across_midnight_in_shanghai_is_dated_before_it_and_said_so(own: Installation) -> None:
    before = own.clock().astimezone(SHANGHAI).date()
    own.clock.at = datetime(before.year, before.month, before.day, 23, 59, 59, tzinfo=SHANGHAI).astimezone(UTC)
    strict(own)
    own.issue(made_up(1), on=before)
    own.clock.move(seconds=2)
    own.issue(made_up(2), on=before)  # decided on before midnight, signed after it
    report = check_log(own.services)
    assert report.problems == ()
    assert [notice.rule for notice in report.notices] == ["L5"]
    assert own.services.today() == before + timedelta(days=1)


def test_a_leap_day_is_a_day_like_others(own: Installation) -> None:
    own.clock.at = datetime(2028, 2, 29, 15, 30, tzinfo=UTC)  # 23:30 in Shanghai
    strict(own, said=True)
    (one,) = own.issue(made_up(1))
    publish_static(own.services)
    assert own.row(one.number).issued_on == date(2028, 2, 29)
    own.clock.move(hours=1)
    strict(own)
    change_status.suspend(own.services, one.number, reason="核查", by="甲")
    assert own.row(one.number).status_changed_on == date(2028, 3, 1)
    change_status.reinstate(own.services, one.number, reason="无误", by="甲")
    report = check_log(own.services)
    assert (report.problems, report.notices) == ((), ())
    assert verify_online(own.services, pdf_of(own.services, one.number)).verdict.value == "valid"


def test_a_register_of_an_earlier_program_is_asked_by_its_logs_head(at: Installation) -> None:
    with at.services.database.writing() as session:
        session.delete(session.get_one(ClockSeenRecord, 1))
        logged = session.get_one(LogHeadRecord, 1).at
    at.clock.at = logged + LEAP + timedelta(seconds=1)
    with pytest.raises(ClockLeapt):
        publish_static(strict(at))
