"""Every passed enrolment gets exactly one certificate, numbers run without gaps, and whatever fails changes nothing."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import event, func, select

from certsvc.credential.number import parse_number
from certsvc.errors import CertsvcError, DocumentRefused, LogMismatch
from certsvc.rules.scheme import parse_scheme
from certsvc.services.audit.check_register import check_log
from certsvc.services.context import Services
from certsvc.services.examination.import_results import import_results
from certsvc.services.issuing import issue as issue_module
from certsvc.services.issuing.issue import IssueReport, issue, preview
from certsvc.services.records import schemes
from certsvc.services.registration.import_roster import import_candidates
from certsvc.signing.cose import verify_compact
from certsvc.signing.keys import Purpose
from certsvc.signing.proofs import verify_credential
from certsvc.store import (
    CertificateRecord,
    IssueBatchRecord,
    LogHeadRecord,
    LogLeafRecord,
    SchemeRecord,
    SerialRecord,
)
from certsvc.transparency.leaf import Event, decode
from tests.builders.erasing import whole
from tests.builders.person import Candidate, candidates, open_home, write_csv

ON = date(2026, 11, 22)


def register(services: Services, folder: Path, people: list[Candidate], **options: str) -> None:
    import_candidates(
        services,
        write_csv(folder / "roster.csv", [one.cells() for one in people]),
        by="登记员",
        scheme_key=options.get("scheme_key"),
    )


def pass_all(services: Services, folder: Path, people: list[Candidate]) -> None:
    register(services, folder, people)
    rows = [row for one in people for row in one.passes()]
    import_results(services, write_csv(folder / "results.csv", rows), by="考评员")


def rows_of(services: Services) -> list[CertificateRecord]:
    with services.database.reading() as session:
        return list(session.scalars(select(CertificateRecord).order_by(CertificateRecord.id)))


def serials(services: Services) -> list[int]:
    return [parse_number("digits16", row.number).serial for row in rows_of(services)]


def run(services: Services, **options: object) -> IssueReport:
    return issue(services, by="签发员", on=ON, **options)  # type: ignore[arg-type]


def test_each_passed_enrolment_gets_one_certificate_in_order(services: Services, tmp_path: Path) -> None:
    people = candidates(5)
    pass_all(services, tmp_path, people)
    failed = Candidate(serial=900, name="未过")
    register(services, tmp_path, [failed])
    import_results(services, write_csv(tmp_path / "r.csv", [failed.result(score="59.99")]), by="考评员")
    report = run(services)
    assert (len(report.issued), report.already, report.refusals) == (5, 0, [])
    assert [one.name for one in report.issued] == [one.name for one in people]
    assert serials(services) == [1, 2, 3, 4, 5]
    again = run(services)
    assert (len(again.issued), again.already) == (0, 5)


def test_what_is_stored_verifies_and_is_in_the_log(services: Services, tmp_path: Path) -> None:
    pass_all(services, tmp_path, candidates(3))
    run(services)
    for row in rows_of(services):
        assert row.credential is not None
        assert row.cose is not None
        checked = verify_credential(row.credential, services.trust)
        assert checked.ok
        assert checked.claims is not None
        assert (checked.claims.number, checked.claims.holder_name) == (row.number, row.holder_name)
        assert checked.claims.issuer.sample
        assert verify_compact(row.cose, services.trust).ok
    report = check_log(services)
    assert report.ok, report
    with services.database.reading() as session:
        leaves = [decode(content) for content in session.scalars(select(LogLeafRecord.content))]
    assert [one.event for one in leaves] == [Event.SESSION, Event.ISSUE, Event.ISSUE, Event.ISSUE]
    assert leaves[0].passed == 3


def test_no_identity_number_is_signed_or_logged_or_stored_in_clear(services: Services, tmp_path: Path) -> None:
    person = Candidate()
    pass_all(services, tmp_path, [person])
    run(services)
    kept = b"".join(whole(services))
    assert person.name.encode() in kept
    assert person.id_number.encode() not in kept


def test_a_dry_run_gives_the_numbers_and_uses_none(services: Services, tmp_path: Path) -> None:
    pass_all(services, tmp_path, candidates(3))
    rehearsed = run(services, dry_run=True)
    assert rows_of(services) == []
    assert [one.number for one in run(services).issued] == [one.number for one in rehearsed.issued]


def test_a_name_no_font_can_draw_is_refused_named_and_burns_no_number(services: Services, tmp_path: Path) -> None:
    first, second, third = candidates(3)
    unknown = Candidate(serial=second.serial, name="测试\U0003fffd", born=second.born)
    pass_all(services, tmp_path, [first, unknown, third])
    report = run(services)
    assert [one.name for one in report.issued] == [first.name, third.name]
    assert serials(services) == [1, 2]
    (refused,) = report.as_json()["refusals"]  # type: ignore[misc]
    assert (refused["name"], refused["code"], refused["rule"]) == (unknown.name, "missing-glyph", "R9")
    assert "U+3FFFD" in refused["zh"]
    assert len(run(services).refusals) == 1


def test_a_scheme_may_require_a_photo(services: Services, tmp_path: Path) -> None:
    with services.database.writing() as session:
        toml = session.scalars(select(SchemeRecord.toml).where(SchemeRecord.key == schemes.DEFAULT_KEY)).one()
        toml = toml.replace("photo_required = false", "photo_required = true")
        toml = toml.replace('version = "1"', 'version = "2"').replace("2024-01-01", "2025-01-01")
        assert parse_scheme(toml).certificate.photo_required
        schemes.add(session, toml)
    pass_all(services, tmp_path, [Candidate()])
    (refused,) = run(services).refusals
    assert (refused.error.rule, refused.error.where) == ("R7.2", "photo")
    assert serials(services) == []


def test_a_full_range_of_numbers_is_a_clear_refusal(services: Services, tmp_path: Path) -> None:
    pass_all(services, tmp_path, candidates(1))
    run(services)
    with services.database.writing() as session:
        session.scalars(select(SerialRecord)).one().next = 99999
    pass_all(services, tmp_path, candidates(2, first=10))
    report = run(services)
    assert [one.number[-5:] for one in report.issued] == ["99999"]
    assert [refused.error.code for refused in report.refusals] == ["number-range-full"]


def test_numbers_begin_anew_each_year(services: Services, tmp_path: Path) -> None:
    pass_all(services, tmp_path, candidates(1))
    issue(services, by="签发员", on=date(2025, 12, 31))
    pass_all(services, tmp_path, candidates(1, first=10))
    issue(services, by="签发员", on=date(2026, 1, 1))
    assert [row.number[:2] + row.number[-5:] for row in rows_of(services)] == ["2500001", "2600001"]


def test_nothing_is_issued_before_the_completing_sitting(services: Services, tmp_path: Path) -> None:
    pass_all(services, tmp_path, candidates(1))
    assert issue(services, by="签发员", on=date(2025, 3, 23)).issued == []
    assert len(issue(services, by="签发员", on=date(2025, 3, 24)).issued) == 1


def test_stopped_after_reserving_the_next_run_signs_the_same_number_token_and_document(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pass_all(services, tmp_path, candidates(3))

    def power_failure(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(issue_module, "sign_reserved", power_failure)
        with pytest.raises(KeyboardInterrupt):
            run(services)
    reserved = [(row.number, row.token, row.document, row.stage) for row in rows_of(services)]
    assert {stage for *_, stage in reserved} == {"reserved"}
    report = issue(services, by="签发员", on=date(2026, 11, 23))
    assert len(report.issued) == 3
    now = [(row.number, row.token, row.document, row.stage) for row in rows_of(services)]
    assert [one[:3] for one in now] == [one[:3] for one in reserved]
    assert {stage for *_, stage in now} == {"issued"}
    assert check_log(services).ok


@pytest.mark.parametrize(
    "table", ["issue_batch", "certificate", "serial", "log_leaf", "log_session", "log_head", "audit_event"]
)
def test_one_failing_insert_leaves_a_state_the_next_run_finishes(
    services: Services, tmp_path: Path, table: str
) -> None:
    pass_all(services, tmp_path, candidates(3))
    failing = True

    def fail(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if failing and statement.startswith(f"INSERT INTO {table} "):
            raise OSError("the disk is full")

    event.listen(services.database.engine, "before_cursor_execute", fail)
    with pytest.raises((OSError, CertsvcError)):
        run(services)
    assert all(row.stage == "reserved" for row in rows_of(services))
    failing = False
    run(services)
    assert serials(services) == [1, 2, 3]
    assert all(row.stage == "issued" for row in rows_of(services))
    with services.database.reading() as session:
        assert session.scalar(select(func.sum(IssueBatchRecord.count))) == 3
    assert check_log(services).ok


def test_a_document_changed_between_reserving_and_signing_is_not_signed(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pass_all(services, tmp_path, candidates(1))
    with monkeypatch.context() as patched:
        patched.setattr(issue_module, "BATCH", 200)
        patched.setattr(issue_module, "sign_reserved", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(services)
    with services.database.writing() as session:
        row = session.scalars(select(CertificateRecord)).one()
        row.number = row.number[:-1] + "9"
    with pytest.raises(DocumentRefused):
        run(services)


def test_a_log_that_contradicts_itself_stops_the_issue_before_anything_is_signed(
    services: Services, tmp_path: Path
) -> None:
    pass_all(services, tmp_path, candidates(1))
    run(services)
    pass_all(services, tmp_path, candidates(1, first=20))
    with services.database.writing() as session:
        session.get_one(LogHeadRecord, 1).size += 1
    with pytest.raises(LogMismatch):
        run(services)
    assert [row.stage for row in rows_of(services)] == ["issued", "reserved"]


def test_two_runs_at_once_issue_each_certificate_once(services: Services, home: Path, tmp_path: Path) -> None:
    pass_all(services, tmp_path, candidates(450))
    other = open_home(home)
    reports: list[IssueReport] = []
    faults: list[BaseException] = []

    def work(mine: Services) -> None:
        try:
            reports.append(run(mine))
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(one,)) for one in (services, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.database.close()
    assert faults == []
    assert sum(len(report.issued) for report in reports) == 450
    assert serials(services) == list(range(1, 451))
    assert len({row.enrolment_id for row in rows_of(services)}) == 450
    assert check_log(services).ok


def test_the_evidence_opens_to_the_results_it_rests_on(services: Services, tmp_path: Path) -> None:
    from certsvc.credential.canonical import load_strict
    from certsvc.credential.document import read_claims
    from certsvc.services.issuing.evidence import evidence_of
    from certsvc.services.records.secrets import open_secrets
    from certsvc.store import AttemptRecord
    from certsvc.transparency.leaf import opens

    pass_all(services, tmp_path, [Candidate()])
    run(services)
    (row,) = rows_of(services)
    with services.database.reading() as session:
        attempts = list(session.scalars(select(AttemptRecord)))
        parts = evidence_of(attempts, session.scalars(select(IssueBatchRecord)).one())
    commitment = read_claims(load_strict(row.document)).evidence_commitment
    assert commitment is not None
    salt = open_secrets(services.vault, row).evidence_salt
    assert opens(commitment, salt, *parts)
    assert not opens(commitment, salt, *parts[1:])
    assert services.keystore.active(Purpose.CREDENTIAL).development


def test_a_rehearsal_takes_no_lock_and_gives_the_numbers_of_both_lots(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issue_module, "BATCH", 2)
    people = candidates(5)
    pass_all(services, tmp_path, people)
    with services.database.writing():  # another writes meanwhile: a second writer would wait for a minute
        rehearsed = run(services, dry_run=True)
        shown = preview(services, by="签发员", at_most=3)
    assert [one.name for one in rehearsed.issued] == [one.name for one in people]
    assert [one.number for one in run(services).issued] == [one.number for one in rehearsed.issued]
    assert (shown.due, shown.reserved) == (5, 0)
    assert [one.name for one in shown.report.issued] == [one.name for one in people[:3]]


def test_a_preview_asks_no_more_of_the_database_however_many_are_due(services: Services, tmp_path: Path) -> None:
    asked: list[str] = []
    event.listen(services.database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))

    def questions() -> int:
        asked.clear()
        preview(services, by="签发员")
        return len(asked)

    people = candidates(30)
    pass_all(services, tmp_path, people[:3])
    few = questions()
    pass_all(services, tmp_path, people[3:])
    assert questions() == few
