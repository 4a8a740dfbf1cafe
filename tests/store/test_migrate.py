"""The migrations make exactly what the models say, on each engine."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from certsvc.errors import Refused
from certsvc.store import Base, Database, open_database
from certsvc.store.migrate import FOLDER, head, require_head, revision, upgrade
from tests.builders.older import downgrade


def test_the_head_has_the_shape_of_the_models(empty_database: Database) -> None:
    assert upgrade(empty_database) == (None, head())
    with empty_database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_files_are_numbered_as_the_migrations_follow_each_other() -> None:
    assert head() == ScriptDirectory(str(FOLDER)).get_current_head()


def test_upgrading_again_changes_nothing(empty_database: Database) -> None:
    upgrade(empty_database)
    assert upgrade(empty_database) == (head(), head())
    require_head(empty_database)


def test_a_database_without_tables_is_refused_with_what_to_run(empty_database: Database) -> None:
    assert revision(empty_database) is None
    with pytest.raises(Refused, match="certsvc init"):
        require_head(empty_database)


@pytest.mark.parametrize("address", ["nonsense", "mysql://host/x"])
def test_an_address_of_no_engine_we_keep_is_refused(address: str) -> None:
    with pytest.raises(Refused):
        open_database(address)


# Revision 0005: it can be taken back while that makes nothing count that did not

ENROLLED = (
    "insert into person (id, id_type, id_lookup, sealed, sealed_kid, name, sex) "
    "values (1, 'passport', 'x', 'x', 'k', '测试甲', 'male')",
    "insert into scheme (id, key, family, version, in_force_from, toml, sha256) "
    "values (1, 'a/b', 'a/b', '1', '2024-01-01', '', 'x')",
    "insert into enrolment (id, person_id, scheme_id, occupation_code, level, registered_on, health_declared, "
    "recorded_at, recorded_by) values (1, 1, 1, 'x', 5, '2025-03-01', true, '2025-03-01 00:00:00', 'x')",
)


def run(database: Database, *statements: str) -> None:
    with database.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_what_was_registered_before_there_was_a_review_counts_as_approved(empty_database: Database) -> None:
    upgrade(empty_database, to="0004")
    run(empty_database, *ENROLLED)
    upgrade(empty_database)
    with empty_database.engine.connect() as connection:
        assert connection.scalar(text("select review_state from enrolment")) == "approved"


def test_the_review_can_be_taken_back_while_nothing_waits_for_it(empty_database: Database) -> None:
    upgrade(empty_database)
    run(empty_database, *ENROLLED, "update enrolment set review_state = 'submitted'")
    with pytest.raises(RuntimeError, match="1 registrations are not approved"):
        downgrade(empty_database, "0004")
    assert revision(empty_database) == head()
    run(empty_database, "update enrolment set review_state = 'approved'")
    downgrade(empty_database, "0004")
    assert revision(empty_database) == "0004"
    found = inspect(empty_database.engine)
    assert "review_step" not in found.get_table_names()
    assert "review_state" not in {column["name"] for column in found.get_columns("enrolment")}
    upgrade(empty_database)
    require_head(empty_database)


# Revision 0006: what look-ups compare


def test_what_is_on_record_is_folded_by_the_upgrade(empty_database: Database) -> None:
    upgrade(empty_database, to="0005")
    # More than are folded at a time.
    papers = (
        "insert into paper_certificate (number, id_type, id_lookup, sealed, sealed_kid, name, occupation, level, "
        f"issued_on, issuer) values ('A-{at:04d}', 'passport', 'x', 'x', 'k', 'Anna–Lena O’Made', 'y', 5, "
        "'2015-03-01', 'z')"
        for at in range(1003)
    )
    certificate = (
        "insert into certificate (number, version, token, carrier, stage, document, sealed, sealed_kid, status, "
        "status_list, status_index, holder_name, occupation_code, level, issued_on, created_at) values "
        "('2663-0001', 1, 't', 'electronic', 'reserved', 'x', 'x', 'k', 'valid', 's', 1, '阿依古丽·买 买提', 'y', 5, "
        "'2026-03-01', '2026-03-01 00:00:00')"
    )
    run(empty_database, *papers, certificate)
    upgrade(empty_database)
    with empty_database.engine.connect() as connection:
        folded = connection.execute(text("select number, number_folded, name_folded from paper_certificate")).all()
        electronic = connection.execute(text("select number_folded, holder_name_folded from certificate")).one()
    assert len(folded) == 1003
    assert {(number.replace("-", ""), "anna-lenao'made") for number, _, _ in folded} == {row[1:] for row in folded}
    assert tuple(electronic) == ("26630001", "阿依古丽·买买提")
    downgrade(empty_database, "0005")
    assert "number_folded" not in {each["name"] for each in inspect(empty_database.engine).get_columns("certificate")}


# Revision 0007: reasons by code


def test_what_staff_wrote_of_a_revocation_is_public_no_more_and_stays_with_the_change(empty_database: Database) -> None:
    upgrade(empty_database, to="0006")
    certificate = (
        "insert into certificate (id, number, version, token, carrier, stage, document, sealed, sealed_kid, status, "
        "status_reason, status_list, status_index, holder_name, occupation_code, level, issued_on, created_at) values "
        "({0}, '{0}', 1, 't{0}', 'electronic', 'reserved', 'x', 'x', 'k', '{1}', {2}, 's', {0}, 'x', 'y', 5, "
        "'2026-03-01', '2026-03-01 00:00:00')"
    )
    change = (
        'insert into status_change (certificate_id, from_status, to_status, "on", at, by, reason) values '
        "({0}, 'valid', '{1}', '2026-03-02', '2026-03-02 00:00:00', '甲', '王某代考')"
    )
    states = {1: "revoked", 2: "suspended", 3: "valid", 4: "superseded"}
    rows = [certificate.format(at, state, "'王某代考'") for at, state in states.items()]
    run(empty_database, *rows, certificate.format(5, "valid", "null"))
    run(empty_database, *(change.format(at, state) for at, state in states.items()))
    upgrade(empty_database)
    with empty_database.engine.connect() as connection:
        kept = connection.execute(text("select status_reason from certificate order by id")).scalars().all()
        changes = connection.execute(text("select reason, reason_code from status_change order by id")).all()
    assert kept == ["other", "other", None, None, None]
    assert [tuple(each) for each in changes] == [("王某代考", "other")] * 2 + [("王某代考", None)] * 2


@pytest.mark.parametrize(
    "statement",
    [
        "update enrolment set review_state = 'nonsense'",
        "insert into review_step (enrolment_id, move, at, by, changed) "
        "values (1, 'confirm', '2025-03-01 00:00:00', 'x', false)",
        "insert into review_step (enrolment_id, move, at, by, changed) "
        "values (1, 'return', '2025-03-01 00:00:00', 'x', false)",
    ],
)
def test_the_tables_refuse_a_state_or_step_that_there_is_not(empty_database: Database, statement: str) -> None:
    upgrade(empty_database)
    run(empty_database, *ENROLLED)
    with pytest.raises(IntegrityError):
        run(empty_database, statement)


# Revision 0008: checks that are kept, and links that show what their holder chose


def test_a_link_from_before_there_was_a_choice_shows_what_it_showed(empty_database: Database) -> None:
    upgrade(empty_database, to="0007")
    certificate = (
        "insert into certificate (id, number, version, token, carrier, stage, document, sealed, sealed_kid, status, "
        "status_list, status_index, holder_name, occupation_code, level, issued_on, created_at) values "
        "(1, '1', 1, 't', 'electronic', 'reserved', 'x', 'x', 'k', 'valid', 's', 1, 'x', 'y', 5, '2026-03-01', "
        "'2026-03-01 00:00:00')"
    )
    link = (
        "insert into share_link (id, certificate_id, secret_sha256, created_at, expires_at) values "
        "(1, 1, 'x', '2026-03-01 00:00:00', '2026-03-08 00:00:00')"
    )
    run(empty_database, certificate, link)
    upgrade(empty_database)
    with empty_database.engine.connect() as connection:
        shown = connection.execute(text("select shows_name, shows_portrait from share_link")).one()
    assert [bool(each) for each in shown] == [False, False]
    kept = (
        "insert into kept_check (id, reference, made_at, certificate_id, paper_id, state, says_zh, says_en, compared) "
        "values ({0}, 'R{0}', '2026-03-01 00:00:00', {1}, null, 'valid', 'x', 'x', '{2}')"
    )
    for wrong in (kept.format(1, "null", "name"), kept.format(2, 1, "guess")):
        with pytest.raises(IntegrityError):
            run(empty_database, wrong)
    run(empty_database, kept.format(3, 1, "name"))
    downgrade(empty_database, "0007")
    found = inspect(empty_database.engine)
    assert "kept_check" not in found.get_table_names()
    assert "shows_name" not in {column["name"] for column in found.get_columns("share_link")}


# Revision 0018: notices with where each stands


def test_a_notice_that_was_queued_before_is_not_queued_again(empty_database: Database) -> None:
    upgrade(empty_database, to="0016")
    queued = (
        "insert into queued_notice (kind, enrolment_id, about, queued_at) values "
        "('retake-ends', 1, 'theory 2026-03-24', '2026-03-01 00:00:00')"
    )
    run(empty_database, *ENROLLED, queued)
    upgrade(empty_database)
    with empty_database.engine.connect() as connection:
        notice = connection.execute(text("select kind, about, state, id_lookup from notice")).one()
        lookup = connection.execute(text("select id_lookup from person")).scalar_one()
    assert tuple(notice) == ("retake-ends", "1 theory 2026-03-24", "sent", lookup)
    downgrade(empty_database, "0016")
    assert "queued_notice" in inspect(empty_database.engine).get_table_names()


# Revision 0019: accounts of a directory


def test_one_person_of_a_directory_has_one_account(empty_database: Database) -> None:
    upgrade(empty_database)
    account = (
        "insert into account (name, role, password_hash, created_at, password_is_own, oidc_issuer, oidc_subject) "
        "values ('{0}', 'auditor', 'x', '2026-03-01 00:00:00', true, {1}, {2})"
    )
    run(empty_database, account.format("a1", "null", "null"), account.format("a2", "null", "null"))
    run(empty_database, account.format("a3", "'https://d.example'", "'u-17'"))
    with pytest.raises(IntegrityError):
        run(empty_database, account.format("a4", "'https://d.example'", "'u-17'"))
