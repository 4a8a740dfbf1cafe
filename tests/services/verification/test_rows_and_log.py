"""Rows that say otherwise than the log: not believed at any door, and nothing goes on from them (R7.5, R10)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import text

from certsvc.credential.verdict import Verdict
from certsvc.errors import DocumentRefused, LogMismatch
from certsvc.services.certificates import change_status, correct
from certsvc.services.certificates.resign import Selection, resign
from certsvc.services.kit.export import export_kit
from certsvc.services.log.append import append
from certsvc.services.log.publish import publish_log
from certsvc.services.publishing.static import publish_static
from certsvc.services.verification import look_up, scan
from certsvc.services.verification.public_record import PublicRecord
from certsvc.services.verification.standing import signed_lists
from certsvc.signing.keys import Purpose
from certsvc.transparency import leaf as leaves
from certsvc.transparency.leaf import Event
from certsvc.transparency.tree import Frontier, leaf_hash
from tests.builders.insider import by_sql
from tests.builders.installation import Installation, made_up
from tests.builders.verifying import code, credential, numbers, online

HOLDER = made_up(1).name


def revoked(at: Installation) -> str:
    number = numbers(at)[0]
    change_status.revoke(at.services, number, reason="错发", by="甲")
    return number


def suspended(at: Installation) -> str:
    number = numbers(at)[0]
    change_status.suspend(at.services, number, reason="复核", by="甲")
    return number


def states(at: Installation, number: str) -> set[str]:
    """What each way of looking it up says."""
    services, token = at.services, at.row(number).token
    found: list[PublicRecord | None] = [
        scan.by_token(services, token),
        look_up.by_token(services, token),
        look_up.by_number_and_name(services, number, HOLDER),
        *look_up.by_numbers_and_names(services, [(number, HOLDER)]),
    ]
    said = {"unknown" if record is None else record.state for record in found}
    for content in (credential(at, number), code(at, number)):
        said.add(online(at, content).verdict.value)
    return said


def test_all_doors_say_the_same_while_rows_and_log_agree(at: Installation) -> None:
    number = numbers(at)[0]
    assert states(at, number) == {"valid"}
    change_status.suspend(at.services, number, reason="复核", by="甲")
    publish_static(at.services)
    assert states(at, number) == {"suspended"}
    change_status.reinstate(at.services, number, reason="查清", by="甲")
    assert states(at, number) == {"valid"}  # though the list published last still calls it suspended
    signed_lists(at.services).look()
    assert states(at, number) == {"valid"}
    change_status.revoke(at.services, number, reason="错发", by="甲")
    publish_static(at.services)
    signed_lists(at.services).look()
    assert states(at, number) == {"revoked"}


@pytest.mark.parametrize(
    ("happened", "statement"),
    [
        (revoked, "update certificate set status = 'valid'"),
        (revoked, "update certificate set status = 'suspended'"),
        (suspended, "update certificate set status = 'valid'"),
        (suspended, "update certificate set status = 'revoked'"),
        (None, "update certificate set status = 'revoked'"),
        (None, "update certificate set status = 'superseded', superseded_by_id = 2 where id = 1"),
        (None, "update certificate set superseded_by_id = 2 where id = 1"),
        (revoked, "update status_change set to_status = 'valid'"),
        (revoked, "update status_change set leaf_index = leaf_index - 1"),
        (revoked, "update status_change set leaf_index = null"),
        (revoked, 'update log_leaf set hash = zeroblob(32) where "index" = (select max("index") from log_leaf)'),
        (None, "update certificate set leaf_index = null where id = 1"),
        (None, 'update log_leaf set hash = zeroblob(32) where "index" = (select min(leaf_index) from certificate)'),
    ],
)
def test_a_row_that_contradicts_the_log_is_unavailable_at_every_door(
    at: Installation,
    caplog: pytest.LogCaptureFixture,
    happened: Callable[[Installation], str] | None,
    statement: str,
) -> None:
    number = numbers(at)[0] if happened is None else happened(at)
    by_sql(at, statement)
    with caplog.at_level(logging.ERROR, "certsvc.register"):
        said = states(at, number)
    # A file whose own leaf is gone is not borne out by the log at all (V9).
    assert said <= {"unavailable", "unknown"}
    assert "unavailable" in said
    assert "the register contradicts the log" in caplog.text
    assert number not in caplog.text
    assert HOLDER not in caplog.text


@pytest.mark.parametrize("happened", [revoked, suspended])
def test_a_change_taken_off_the_record_with_its_leaf_contradicts_what_was_signed(
    at: Installation, happened: Callable[[Installation], str]
) -> None:
    """The leaf too: head and rows then agree with each other, but not with the lists and the head that were signed."""
    number = happened(at)
    publish_static(at.services)
    signed_lists(at.services).look()
    at.clock.move(days=1)
    cut_log(at)
    by_sql(at, "update certificate set status = 'valid'", "delete from status_change")
    assert states(at, number) <= {"unavailable", "unknown"}
    with pytest.raises(LogMismatch):
        publish_static(at.services)


def cut_log(at: Installation) -> None:
    """Take the last leaf away, and write the head that the log then has."""
    with at.services.database.writing() as session:
        contents = list(session.scalars(text('select content from log_leaf order by "index"')))[:-1]
        edge = Frontier().extend(leaf_hash(content) for content in contents).frontier
        head = {"size": edge.size, "root": edge.root(), "frontier": edge.to_bytes()}
        session.execute(text('delete from log_leaf where "index" = :size'), head)
        session.execute(text('delete from log_node where ("index" + 1) << level > :size'), head)
        session.execute(text("update log_head set size = :size, root = :root, frontier = :frontier"), head)


def test_a_leaf_rewritten_with_its_row_does_not_lift_a_published_revocation(at: Installation) -> None:
    number = revoked(at)
    publish_static(at.services)
    rewrite_last(at, Event.REINSTATE)
    by_sql(at, "update certificate set status = 'valid'", "update status_change set to_status = 'valid'")
    signed_lists(at.services).look()
    assert states(at, number) == {"unavailable"}
    before = published_lists(at)
    with pytest.raises(LogMismatch):
        publish_static(at.services)
    assert published_lists(at) == before


def test_no_list_is_signed_by_a_leaf_rewritten_after_the_log_was_signed(at: Installation) -> None:
    """The lists are older than the head here, so the leaf is read; it does not lead to what was signed."""
    publish_static(at.services)
    revoked(at)
    publish_log(at.services, at.services.folders.published / "log")
    rewrite_last(at, Event.SUSPEND)
    by_sql(at, "update certificate set status = 'suspended' where status = 'revoked'")
    by_sql(at, "update status_change set to_status = 'suspended'")
    before = published_lists(at)
    with pytest.raises(LogMismatch):
        publish_static(at.services)
    assert published_lists(at) == before


def rewrite_last(at: Installation, event: Event) -> None:
    """Make the last leaf say another event, and the head follow from it."""
    with at.services.database.writing() as session:
        contents = list(session.scalars(text('select content from log_leaf order by "index"')))
        old = leaves.decode(contents.pop())
        contents.append(leaves.encode(leaves.Leaf(event=event, day=old.day, credential=old.credential)))
        session.execute(text("delete from log_leaf"))
        session.execute(text("delete from log_node"))
        at_time = session.execute(text("select at from log_head")).scalar_one()
        session.execute(text("delete from log_head"))
        append(session, contents, at=at.clock())
    assert at_time


def published_lists(at: Installation) -> list[bytes]:
    folder = at.services.folders.published / "status"
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("published", [True, False], ids=["published before", "never published"])
@pytest.mark.parametrize(
    "statement",
    [
        "update certificate set status = 'valid'",
        "update certificate set status_index = status_index + 7 where status = 'revoked'",
        "update status_change set to_status = 'suspended'",
        "delete from status_change",
    ],
)
def test_nothing_is_signed_nor_exported_where_rows_contradict_the_log(
    at: Installation, statement: str, published: bool
) -> None:
    number = revoked(at)
    if published:
        publish_static(at.services)
        # How far the lists reach is only kept to save time.
        (at.services.folders.home / "status-lists-reach.json").write_text("nonsense")
    by_sql(at, statement)
    with pytest.raises(LogMismatch) as refused:
        publish_static(at.services)
    if statement != "delete from status_change":
        assert number in str(refused.value.where)
    with pytest.raises(LogMismatch):
        export_kit(at.services, at.home / "kit")
    assert not (at.home / "kit" / "status").exists()
    if not published:
        assert not (at.services.folders.published / "status").exists()


def deeds(at: Installation, number: str) -> Sequence[Callable[[], object]]:
    services = at.services
    return [
        lambda: change_status.revoke(services, number, reason="错发", by="甲"),
        lambda: change_status.suspend(services, number, reason="复核", by="甲"),
        lambda: change_status.reinstate(services, number, reason="查清", by="甲"),
        lambda: correct.correct(services, number, correct.Correction(name="测试新"), reason="更正", by="甲"),
    ]


@pytest.mark.parametrize("happened", [revoked, suspended])
def test_no_deed_goes_on_from_a_row_that_contradicts_the_log(
    at: Installation, happened: Callable[[Installation], str]
) -> None:
    number = happened(at)
    by_sql(at, "update certificate set status = 'valid'")
    for deed in deeds(at, number):
        with pytest.raises(LogMismatch, match=number):
            deed()
    at.clock.move(minutes=1)
    at.services.keystore.rotate(Purpose.CREDENTIAL, development=True)
    report = resign(at.services, Selection(scheme="emergency-rescuer-5/qinghai-2025"), by="甲", approved_by="乙")
    assert [(refused, type(error)) for refused, error in report.refusals] == [(number, DocumentRefused)]


@pytest.mark.parametrize(
    "statement",
    [
        'delete from log_leaf where "index" = (select max("index") from log_leaf)',
        'update log_leaf set content = content || x\'20\' where "index" = (select max("index") from log_leaf)',
        'insert into log_leaf select "index" + 1, content, hash, at from log_leaf order by "index" desc limit 1',
        "update log_node set hash = zeroblob(32)",
        "delete from log_node",
    ],
)
def test_the_next_deed_is_refused_where_the_log_does_not_end_where_its_head_does(
    at: Installation, statement: str
) -> None:
    first, second = numbers(at)
    change_status.suspend(at.services, first, reason="复核", by="甲")
    by_sql(at, statement)
    with pytest.raises(LogMismatch):
        change_status.revoke(at.services, second, reason="错发", by="甲")
    with pytest.raises(LogMismatch):
        at.issue(made_up(3))
    assert at.row(second).status == "valid"


def test_of_two_versions_the_older_is_replaced_by_what_the_log_says(at: Installation) -> None:
    number = numbers(at)[0]
    correct.correct(at.services, number, correct.Correction(name="测试新"), reason="更正", by="甲")
    old = at.row(number)
    record = scan.by_token(at.services, old.token)
    assert record is not None
    assert (record.state, record.successor_version, record.successor_state) == ("superseded", 2, "valid")
    by_sql(at, f"update certificate set superseded_by_id = 2 where id = {old.id}")  # another person's
    record = scan.by_token(at.services, old.token)
    assert record is not None
    assert record.state == "unavailable"
    by_sql(at, f"update certificate set superseded_by_id = null where id = {old.id}")
    record = scan.by_token(at.services, old.token)
    assert record is not None
    assert record.state == "unavailable"


def test_a_successor_is_believed_no_further_than_any_other_row(at: Installation) -> None:
    number = numbers(at)[0]
    correct.correct(at.services, number, correct.Correction(name="测试新"), reason="更正", by="甲")
    old, new = at.row(number), at.row(number, 2)
    for change, state in (("status = 'revoked'", "unavailable"), ("level = 1", "forged")):
        by_sql(at, f"update certificate set {change} where id = {new.id}")
        record = scan.by_token(at.services, old.token)
        assert record is not None
        assert (record.state, record.successor_state) == ("superseded", state)


def test_paper_that_was_reissued_is_not_valid_again_by_its_row(at: Installation) -> None:
    number = "1763010001500077"
    at.import_paper((number, made_up(8)))
    by_sql(
        at,
        f"update certificate set number = '{number}', number_folded = '{number}' where id = 1",
    )
    record = look_up.by_number_and_name(at.services, number, made_up(8).name)
    assert record is not None
    assert record.state == "unavailable"


def test_a_revocation_that_only_a_signed_list_has_is_no_longer_valid(at: Installation) -> None:
    """The rows of an old backup: the log in them ends before the revocation that was published since."""
    number = numbers(at)[0]
    with at.services.database.reading() as session:
        untouched = session.execute(text("select size from log_head")).scalar_one()
    revoked(at)
    publish_static(at.services)
    cut_log(at)
    by_sql(at, "update certificate set status = 'valid'", "delete from status_change")
    with at.services.database.reading() as session:
        assert session.execute(text("select size from log_head")).scalar_one() == untouched
    signed_lists(at.services).look()
    assert states(at, number) <= {"unavailable", "unknown"}
    assert online(at, credential(at, number)).verdict is not Verdict.VALID


def test_a_list_of_no_key_of_ours_contradicts_nothing(at: Installation) -> None:
    number = numbers(at)[0]
    change_status.suspend(at.services, number, reason="复核", by="甲")
    publish_static(at.services)
    change_status.reinstate(at.services, number, reason="查清", by="甲")
    at.clock.move(days=3)
    for path in (at.services.folders.published / "status").iterdir():
        path.write_bytes(path.read_bytes().replace(b"BitstringStatusList", b"BitstringStatusLost"))
    signed_lists(at.services).look()
    assert states(at, number) == {"valid"}


def test_an_old_list_does_not_hold_up_a_later_reinstatement(at: Installation) -> None:
    number = numbers(at)[0]
    change_status.suspend(at.services, number, reason="复核", by="甲")
    publish_static(at.services)
    at.clock.at += timedelta(days=2)
    change_status.reinstate(at.services, number, reason="查清", by="甲")
    signed_lists(at.services).look()
    assert states(at, number) == {"valid"}
