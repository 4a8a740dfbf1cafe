"""An auditor with the database finds every change made by SQL."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from certsvc.services.audit.check_register import LogReport, check_log
from certsvc.services.certificates import change_status
from certsvc.services.certificates.correct import Correction, correct
from certsvc.services.publishing.static import publish_static
from certsvc.store.sqlite import sqlite
from tests.builders.installation import Installation, made_up, open_again


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A home with issues, a suspension, a revocation and a correction, all published."""
    home = Installation(tmp_path_factory.mktemp("busy") / "home")
    one, two, three = home.issue(made_up(1), made_up(2), made_up(3))
    change_status.suspend(home.services, one.number, reason="核查", by="甲")
    change_status.revoke(home.services, two.number, reason="错发", by="甲")
    correct(home.services, three.number, Correction(name="测试新"), reason="更正", by="甲", approved_by="复核员")
    publish_static(home.services)
    home.services.database.close()
    return home


def checked_after(busy: Installation, folder: Path, *statements: str) -> LogReport:
    home = folder / "home"
    shutil.copytree(busy.home, home)
    services = open_again(home, busy.clock)
    # As somebody with the file and a tool would: no foreign keys, no types.
    with closing(sqlite.connect(str(services.database.sqlite_file))) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    report = check_log(services, services.folders.published / "log")
    services.database.close()
    return report


def test_an_untouched_register_has_no_problem(busy: Installation, tmp_path: Path) -> None:
    report = checked_after(busy, tmp_path)
    assert report.ok, [str(problem) for problem in report.problems]
    assert (report.size, report.certificates) == (7, 4)
    assert report.as_json()["ok"] is True


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("update log_leaf set content = x'7b7d' where \"index\" = 2", "G1"),
        ("update log_leaf set content = 'text' where \"index\" = 2", "G1"),
        ('update log_leaf set hash = zeroblob(32) where "index" = 2', "G1"),
        ('delete from log_leaf where "index" = 2', "G1"),
        ('update log_node set hash = zeroblob(32) where level = 1 and "index" = 0', "G1"),
        ("delete from log_node where level = 2", "G1"),
        ("update log_head set root = zeroblob(32)", "G1"),
        ("update log_head set size = 6", "G1"),
        ("update certificate set credential = replace(cast(credential as text), '测试', '张三')", "G2"),
        ("update certificate set holder_name = '李四' where id = 1", "G2"),
        ("update certificate set valid_until = '2099-01-01' where id = 1", "G2"),
        ("update certificate set leaf_index = null where id = 1", "G2"),
        ("update certificate set sealed = zeroblob(90) where id = 1", "L10"),
        ("update certificate set leaf_index = leaf_index + 100", "G2"),
        ("update certificate set status = 'valid' where status = 'revoked'", "G3"),
        ("update certificate set status = 'revoked' where status = 'valid'", "G3"),
        ("update certificate set status = 'nonsense' where id = 1", "G3"),
        ("delete from status_change where to_status = 'suspended'", "G3"),
        ("update status_change set to_status = 'valid' where to_status = 'revoked'", "G3"),
        ("update status_change set leaf_index = null", "G3"),
        ("delete from certificate where id = 4", "G4"),
        ("delete from enrolment where id = 1", "G6"),
        ("delete from attempt", "G6"),
        ("delete from issue_batch", "G6"),
        ("delete from scheme", "G6"),
    ],
)
def test_a_change_by_sql_is_found(busy: Installation, tmp_path: Path, statement: str, rule: str) -> None:
    report = checked_after(busy, tmp_path, statement)
    assert not report.ok
    assert rule in {problem.rule for problem in report.problems}, [str(problem) for problem in report.problems]


def test_a_log_cut_back_to_an_earlier_state_contradicts_what_was_published(busy: Installation, tmp_path: Path) -> None:
    report = checked_after(
        busy,
        tmp_path,
        "delete from log_leaf",
        "delete from log_node",
        "delete from log_head",
        "delete from certificate",
        "delete from status_change",
    )
    # Their three holders are due again by what is left, and no one has marked them.
    assert [problem.rule for problem in report.problems] == ["G9", "G9", "G9", "G5"]


def test_a_damaged_published_checkpoint_is_found(busy: Installation, tmp_path: Path) -> None:
    home = tmp_path / "copy"
    shutil.copytree(busy.home, home)
    checkpoint = home / "published" / "log" / "checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"\n7\n", b"\n6\n"))
    services = open_again(home, busy.clock)
    assert [problem.rule for problem in check_log(services, checkpoint.parent).problems] == ["G5"]
    services.database.close()


def test_a_certificate_dated_before_its_logging_is_a_notice(tmp_path: Path) -> None:
    from datetime import timedelta

    home = Installation(tmp_path / "home")
    home.issue(made_up(1), on=home.services.today() - timedelta(days=3))
    report = check_log(home.services)
    assert report.ok
    assert [notice.rule for notice in report.notices] == ["L5"]


def test_a_malformed_file_is_a_finding_though_every_row_that_is_read_is_whole(tmp_path: Path) -> None:
    home = Installation(tmp_path / "home")
    home.issue(made_up(1))
    assert check_log(home.services).problems == ()
    file = home.services.database.sqlite_file
    assert file is not None
    with home.services.database.reading() as session:
        index = "select rootpage from sqlite_master where name = 'ix_audit_event_action'"
        page = session.execute(text(index)).scalar_one()
        size = session.execute(text("pragma page_size")).scalar_one()
    home.services.database.close()
    content = bytearray(file.read_bytes())
    # An index that none of the audits walks: its entries are swapped for others of the same form.
    start = (page - 1) * size
    content[start : start + size] = content[start : start + size].replace(b"init", b"tini")
    file.write_bytes(content)
    report = check_log(home.reopen())
    assert {problem.rule for problem in report.problems} == {"G8"}
    assert "malformed" in str(report.problems[0])


def test_a_row_that_names_one_that_is_gone_is_a_finding(tmp_path: Path) -> None:
    home = Installation(tmp_path / "home")
    home.issue(made_up(1))
    file = home.services.database.sqlite_file
    assert file is not None
    home.services.database.close()
    with sqlite.connect(file) as plain:
        plain.execute("update certificate set paper_id = 4711")
    plain.close()
    assert "G8" in {problem.rule for problem in check_log(home.reopen()).problems}
