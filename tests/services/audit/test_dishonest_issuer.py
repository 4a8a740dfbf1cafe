"""The issuer itself is dishonest: it has every key, the database and the clock. What gives it away, and to whom.

Each test is one thing that it might try, by its own hand where the services would refuse. It is judged by strangers: a
witness that keeps one head, an auditor with the public files and what holders or witnesses kept, somebody who checks a
certificate offline. What no one can find out is in docs/known-limits.md.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from certsvc.credential.verdict import Verdict
from certsvc.errors import Conflict, LogMismatch
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.services.audit.check_published import InHand
from certsvc.services.audit.check_register import check_log
from certsvc.services.audit.witness import Witnessed, WitnessKey
from certsvc.services.certificates import change_status, reissue
from certsvc.services.certificates.give_out import prove
from certsvc.services.publishing.static import publish_static
from certsvc.services.verification.verify import verify_online
from certsvc.transparency import leaf as leaves
from certsvc.transparency.leaf import Event, Leaf
from certsvc.transparency.witness import Reason, Refusal
from tests.builders.insider import (
    SALT,
    Made,
    another_face,
    audited,
    by_sql,
    checked_offline,
    claims_of_somebody_else,
    in_hand,
    issue_leaf,
    logged,
    look,
    offline,
    rules,
    session_of,
    sign_lists,
    signed,
)
from tests.builders.installation import START, Installation, made_up

DAY = START.date()


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    """Two passed, two were issued, all of it published."""
    installation = Installation(tmp_path / "home")
    installation.issue(made_up(1), made_up(2))
    publish_static(installation.services)
    return installation


def test_all_of_it_adds_up_while_nobody_cheats(home: Installation) -> None:
    number = home.issue(made_up(3))[0].number
    change_status.revoke(home.services, number, reason="错发", by="甲")
    publish_static(home.services)
    receipt = prove(home.services, number).encode()
    report = audited(home, None, in_hand(Made(home.row(number).credential or b"", receipt)))
    assert report.ok, [str(problem) for problem in report.problems]
    assert dict(report.standing) == {"valid": 2, "revoked": 1}
    assert check_log(home.services).ok


def test_a_certificate_out_of_the_log_is_not_valid_to_whoever_demands_the_logs_proof(home: Installation) -> None:
    made = Made(signed(home, claims_of_somebody_else(home)))
    assert offline(home, made) is Verdict.VALID  # the keys are genuine, and the list shows some free place
    assert offline(home, made, demand_log=True) is Verdict.UNAVAILABLE
    online = verify_online(home.services, made.credential)
    assert online.verdict is Verdict.UNKNOWN


def test_one_more_than_passed_shows_in_public(home: Installation) -> None:
    claims = claims_of_somebody_else(home)
    made = logged(home, signed(home, claims), issue_leaf(home, claims))
    assert offline(home, made, demand_log=True) is Verdict.VALID
    assert rules(audited(home)) == {"L6"}


def test_raising_how_many_passed_is_on_record_for_good_and_an_auditor_of_the_register_finds_it(
    home: Installation,
) -> None:
    claims = claims_of_somebody_else(home)
    more = Leaf(event=Event.SESSION, day=home.services.today(), session=session_of(home), passed=3)
    logged(home, signed(home, claims), issue_leaf(home, claims), more)
    report = audited(home)
    assert report.ok  # to strangers it adds up; who knows how many sat there compares this number
    assert [(one.passed, one.issued) for one in report.sessions.values()] == [(3, 3)]
    assert {problem.rule for problem in check_log(home.services).problems} == {"G4"}


def test_an_issue_cannot_be_logged_as_something_that_no_number_bounds(home: Installation) -> None:
    claims = claims_of_somebody_else(home)
    event = {"event": Event.REISSUE, "session": None, "replaces": leaves.commit(SALT, "certsvc log paper v1", "X")}
    made = logged(home, signed(home, claims), issue_leaf(home, claims, **event))
    assert audited(home).ok
    assert rules(audited(home, None, in_hand(made))) == {"L10"}
    assert offline(home, made) is Verdict.FORGED


def test_scores_changed_for_the_day_of_issue_do_not_open_the_evidence(home: Installation) -> None:
    by_sql(home, "update attempt set score_hundredths = 100 where id = 1")
    assert {problem.rule for problem in check_log(home.services).problems} == {"G6"}
    by_sql(home, "update attempt set score_hundredths = 8801 where id = 1")  # still passed, but not what was approved
    assert {problem.rule for problem in check_log(home.services).problems} == {"G6"}


@pytest.mark.parametrize(
    "statement",
    [
        "update certificate set batch_id = null where id = 1",
        "update issue_batch set approved_by = '另一人'",
        "update attempt set recorded_by = '另一人'",
        "update attempt set sat_on = '2025-03-23'",
        "delete from attempt where id = 1",
        "update attempt set outcome = 'nonsense'",
        "update enrolment set review_state = 'rejected'",
        "insert into review_step (enrolment_id, move, at, by, changed) "
        "select id, 'submit', recorded_at, recorded_by, false from enrolment",  # put to review, approved by no one
    ],
)
def test_what_an_issue_rested_on_cannot_be_changed_afterwards(home: Installation, statement: str) -> None:
    by_sql(home, statement)
    assert "G6" in {problem.rule for problem in check_log(home.services).problems}


def test_a_certificate_dated_before_its_logging_shows(home: Installation) -> None:
    early = DAY - timedelta(days=90)
    claims = claims_of_somebody_else(home, issued_on=early)
    more = Leaf(event=Event.SESSION, day=home.services.today(), session=session_of(home), passed=3)
    logged(home, signed(home, claims), issue_leaf(home, claims), more)
    assert rules(audited(home)) == {"L5"}


def test_a_leaf_that_says_another_date_than_the_certificate_shows_to_its_holder(home: Installation) -> None:
    claims = claims_of_somebody_else(home, issued_on=DAY - timedelta(days=90))
    more = Leaf(event=Event.SESSION, day=home.services.today(), session=session_of(home), passed=3)
    made = logged(home, signed(home, claims), issue_leaf(home, claims, dated=home.services.today()), more)
    assert audited(home).ok
    assert rules(audited(home, None, in_hand(made))) == {"L10"}
    assert offline(home, made) is Verdict.FORGED


def test_a_day_written_back_in_the_log_shows(home: Installation) -> None:
    early = DAY - timedelta(days=90)
    claims = claims_of_somebody_else(home, issued_on=early)
    more = Leaf(event=Event.SESSION, day=home.services.today(), session=session_of(home), passed=3)
    logged(home, signed(home, claims), issue_leaf(home, claims, day=early), more)
    assert rules(audited(home)) == {"L3"}


def test_a_clock_set_back_is_caught_by_the_time_of_a_witness(home: Installation, tmp_path: Path) -> None:
    home.clock.move(days=10)
    publish_static(home.services)
    seen = look(home, tmp_path / "witness")
    assert isinstance(seen, Witnessed)
    home.clock.at = START + timedelta(days=1)  # the issuer's own clock, of which no one knows
    home.issue(made_up(3))
    publish_static(home.services)
    assert audited(home).ok
    key = WitnessKey(tmp_path / "witness", "witness.example").verifier
    assert rules(audited(home, None, InHand(heads=[seen.note], witnesses=[key]))) == {"L4"}


@pytest.mark.parametrize(
    "deed",
    [
        # Logged, and then no longer listed: a friend's certificate lives again.
        lambda services, number: (
            change_status.revoke(services, number, reason="错发", by="甲"),
            "update certificate set status = 'valid'",
        ),
        # Listed, and not logged: somebody is to be harmed without a trace.
        lambda services, number: (None, f"update certificate set status = 'revoked' where number = '{number}'"),
        lambda services, number: (None, f"update certificate set status = 'suspended' where number = '{number}'"),
    ],
    ids=["unlisted", "revoked in silence", "suspended in silence"],
)
def test_a_status_in_the_lists_that_is_not_the_logs_shows_in_public(
    home: Installation, deed: Callable[..., tuple[object, str]]
) -> None:
    with home.services.database.reading() as session:
        number = session.execute(text("select number from certificate where id = 1")).scalar_one()
    by_sql(home, deed(home.services, number)[1])
    # The services themselves sign no such list; a program of its own does, with the same key.
    with pytest.raises(LogMismatch, match=number):
        publish_static(home.services)
    assert audited(home).ok
    sign_lists(home)
    assert rules(audited(home)) == {"L12"}
    assert {problem.rule for problem in check_log(home.services).problems} == {"G3"}


def test_lists_that_are_old_missing_or_of_another_key_are_told(home: Installation, tmp_path: Path) -> None:
    published = home.services.folders.published
    folder = tmp_path / "mirror"
    shutil.copytree(published, folder)
    (folder / "status" / "suspension-1").unlink()
    (folder / "status" / "refresh-1").write_bytes(b"nonsense")
    revocation = folder / "status" / "revocation-1"
    revocation.write_bytes(revocation.read_bytes().replace(b"BitstringStatusList", b"BitstringStatusLost"))
    assert [problem.rule for problem in audited(home, folder).problems] == ["L12"] * 3
    home.clock.move(days=8)
    assert [problem.rule for problem in audited(home, published).problems] == ["L12"] * 3


def test_lists_of_another_issuer_are_not_counted(home: Installation, tmp_path: Path) -> None:
    folder = tmp_path / "mirror"
    shutil.copytree(home.services.folders.published, folder)
    for path in (folder / "status").iterdir():
        path.write_bytes(path.read_bytes().replace(b"//certsvc.example", b"//certsvc.evil.ex"))
    assert [problem.rule for problem in audited(home, folder).problems] == ["L12"] * 3


@pytest.mark.parametrize("more", [1, 2], ids=["of one size", "of two sizes"])
def test_two_faces_shown_to_two_witnesses_contradict_each_other(home: Installation, tmp_path: Path, more: int) -> None:
    other = another_face(home, tmp_path / "other")
    home.issue(made_up(3))
    other.issue(*(made_up(serial) for serial in range(4, 4 + more)))
    notes, keys = [], []
    for face in (home, other):
        publish_static(face.services)
        state = tmp_path / f"witness of {face.home.name}"
        seen = look(face, state)
        assert isinstance(seen, Witnessed)  # alone, neither can know
        notes.append(seen.note)
        keys.append(WitnessKey(state, "witness.example").verifier)
    for face in (home, other):
        assert audited(face).ok
        assert rules(audited(face, None, InHand(heads=notes, witnesses=keys))) == {"L11"}


def test_a_receipt_from_another_face_gives_it_away(home: Installation, tmp_path: Path) -> None:
    other = another_face(home, tmp_path / "other")
    number = other.issue(made_up(3))[0].number
    held = Made(other.row(number).credential or b"", prove(other.services, number).encode())
    home.issue(made_up(4))
    publish_static(home.services)
    assert offline(home, held) is Verdict.UNKNOWN  # in a log that was signed, but not in the one that all others see
    assert offline(other, held, demand_log=True) is Verdict.VALID
    assert rules(audited(home, None, in_hand(held))) == {"L10", "L11"}


def test_a_published_log_that_is_old_or_damaged_says_nothing_of_a_certificate(home: Installation) -> None:
    log = home.services.folders.published / "log"
    older = (log / "checkpoint").read_bytes()
    number = home.issue(made_up(3))[0].number
    held = Made(home.row(number).credential or b"", prove(home.services, number).encode())
    assert log_check(home, held) is True
    newer = (log / "checkpoint").read_bytes()
    (log / "checkpoint").write_bytes(older)
    assert log_check(home, held) is None
    (log / "checkpoint").write_bytes(newer)
    for path in (log / "tile" / "0").rglob("*"):
        if path.is_file():
            path.write_bytes(bytes(len(path.read_bytes())))
    assert log_check(home, held) is None
    (log / "checkpoint").unlink()
    with pytest.raises(StopIteration):
        log_check(home, held)
    assert offline(home, held, demand_log=True) is Verdict.VALID


def log_check(home: Installation, made: Made) -> bool | None:
    found = checked_offline(home, made)
    assert found.verdict is Verdict.VALID
    return next(check.ok for check in found.checks if check.name == "log-inclusion")


def test_leaves_taken_off_the_end_are_missed_by_a_witness_and_by_holders(home: Installation, tmp_path: Path) -> None:
    state, backup = tmp_path / "witness", tmp_path / "backup"
    home.services.database.close()
    shutil.copytree(home.home, backup)
    home.reopen()
    number = home.issue(made_up(3))[0].number
    publish_static(home.services)
    seen = look(home, state)
    assert isinstance(seen, Witnessed)
    held = Made(home.row(number).credential or b"", prove(home.services, number).encode())
    home.services.database.close()
    shutil.rmtree(home.home)
    shutil.copytree(backup, home.home)
    home.reopen()
    refused = look(home, state)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.OLDER
    assert rules(audited(home, None, InHand(heads=[seen.note]))) == {"L11"}
    assert rules(audited(home, None, in_hand(held))) == {"L10", "L11"}


def test_a_past_written_anew_and_signed_is_refused_by_a_witness_and_shows_beside_any_old_head(
    home: Installation, tmp_path: Path
) -> None:
    state = tmp_path / "witness"
    seen = look(home, state)
    assert isinstance(seen, Witnessed)
    anew = Installation(tmp_path / "again", home.clock)
    shutil.rmtree(anew.home / "keys")
    shutil.copytree(home.home / "keys", anew.home / "keys")
    anew.reopen()
    anew.issue(made_up(5), made_up(6), made_up(7))
    publish_static(anew.services)
    refused = look(anew, state)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.INCONSISTENT
    assert list(state.glob("evidence-*"))
    assert audited(anew).ok
    assert rules(audited(anew, None, InHand(heads=[seen.note]))) == {"L11"}


def test_one_paper_reissued_twice_shows_in_public(home: Installation) -> None:
    number, holder = "1763010001500077", made_up(8)
    home.import_paper((number, holder))

    def reissued() -> None:
        identity = IdentityDocument(IdType.RESIDENT_ID, holder.id_number)
        request = reissue.apply(
            home.services, number=number, name=holder.name, identity=identity, reason="lost", by="甲"
        )
        reissue.approve(home.services, request.id, by="乙")

    reissued()
    by_sql(
        home,
        "update paper_certificate set replaced_on = null, replaced_reason = null, replaced_by_id = null",
        "delete from reissue_request",
        "update certificate set number = '1763010001500078', paper_id = null where paper_id is not null",
    )
    reissued()
    publish_static(home.services)
    assert rules(audited(home)) == {"L9"}
    assert {"G2", "G6", "L9"} <= {problem.rule for problem in check_log(home.services).problems}


def test_a_reissue_under_another_papers_name_is_found_in_the_register(home: Installation) -> None:
    home.import_paper(("1763010001500077", made_up(8)), ("1763010001500078", made_up(9)))
    identity = IdentityDocument(IdType.RESIDENT_ID, made_up(8).id_number)
    request = reissue.apply(
        home.services, number="1763010001500077", name=made_up(8).name, identity=identity, reason="lost", by="甲"
    )
    reissue.approve(home.services, request.id, by="乙")
    assert check_log(home.services).ok
    by_sql(home, "update certificate set paper_id = 2 where paper_id = 1")
    assert {problem.rule for problem in check_log(home.services).problems} == {"G6"}


def test_two_certificates_for_one_leaf_do_not_pass(home: Installation) -> None:
    with home.services.database.reading() as session:
        number = session.execute(text("select number from certificate where id = 1")).scalar_one()
    receipt = prove(home.services, number).encode()
    second = Made(signed(home, claims_of_somebody_else(home)), receipt)
    assert offline(home, second) is Verdict.FORGED
    assert rules(audited(home, None, in_hand(second))) == {"L10"}


def test_one_leaf_cannot_stand_for_two_rows_of_the_register(home: Installation) -> None:
    with pytest.raises(Conflict, match="leaf_index"):
        by_sql(home, "update certificate set leaf_index = (select min(leaf_index) from certificate)")
    by_sql(home, "update certificate set leaf_index = 0 where id = 2")  # another's, which is about something else
    assert {"L10", "G4"} <= {problem.rule for problem in check_log(home.services).problems}
