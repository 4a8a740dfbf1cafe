"""With real keys each deed that needs two people needs two acts, and an approval is for what was seen (R1.6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import text

from certsvc.credential.reasons import StatusReason
from certsvc.credential.status import Status
from certsvc.errors import BatchRefused, Conflict, KeyRefused, Refused, SignatureRefused
from certsvc.rules.terms import Subject
from certsvc.services.approvals import desk
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates import change_status, distrust, key_work, paper_by_two, resign
from certsvc.services.certificates.import_paper import import_paper
from certsvc.services.certificates.resign import ResignReport, Selection
from certsvc.services.context import Services
from certsvc.services.examination.import_results import import_results
from certsvc.services.issuing import issue as issuing
from certsvc.services.issuing.batches import ApprovedBatch, propose_batch
from certsvc.services.issuing.issue import waiting_batches
from certsvc.services.issuing.sign_approved import sign_approved
from certsvc.services.operation import api_keys, callers_by_two, schemes_by_two, sending_systems
from certsvc.services.publishing.static import publish_static
from certsvc.services.records.schemes import add_file
from certsvc.services.registration.import_roster import import_candidates
from certsvc.signing.key_material import KeyMaterial
from certsvc.signing.keys import KeyState, Purpose
from certsvc.signing.keystore import Keystore
from tests.builders.insider import by_sql
from tests.builders.installation import Installation, made_up
from tests.builders.person import Candidate, candidates, write_csv
from tests.services.issuing.test_issue import pass_all

PAPER = "2063010001500001"


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on the keys count as real."""
    monkeypatch.setattr(Keystore, "development", property(lambda _: False))


@pytest.fixture
def due(own: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Two candidates who have passed, and real keys."""
    pass_all(own.services, tmp_path, candidates(2))
    monkeypatch.setattr(Keystore, "development", property(lambda _: False))
    return own


def counted(home: Installation, table: str, where: str = "1 = 1") -> int:
    with home.services.database.reading() as session:
        return int(session.execute(text(f"select count(*) from {table} where {where}")).scalar_one())


def first_number(home: Installation) -> str:
    with home.services.database.reading() as session:
        return str(session.execute(text("select min(number) from certificate")).scalar_one())


def approved(services: Services, approval: int | None, *same: str) -> desk.Outcome:
    """Approved by 乙, after 甲 (who asked for it) could not."""
    assert approval is not None
    for other in ("甲", " 甲 ", "", *same):
        with pytest.raises(Refused):
            desk.approve(services, approval, by=other)
    return desk.approve(services, approval, by="乙")


def test_a_batch_is_issued_once_another_has_approved_exactly_it(due: Installation) -> None:
    for act in (
        lambda: issuing.issue(due.services, by="甲"),
        lambda: issuing.issue(due.services, by="甲", approved_by="乙"),
        lambda: issuing.issue(due.services, by="甲", approved_by="乙", reserve_only=True),
    ):
        with pytest.raises(Refused, match=r"R1\.6"):
            act()
    proposed = propose_batch(due.services, by="甲")
    assert (len(proposed.preview.issued), counted(due, "certificate")) == (2, 0)
    assert propose_batch(due.services, by="甲").approval_id == proposed.approval_id, "a double click asks once"
    done = approved(due.services, proposed.approval_id)
    assert isinstance(done, ApprovedBatch)
    assert (done.reserved, counted(due, "certificate", "stage = 'reserved'")) == (2, 2)
    report = issuing.finish(due.services, by="乙")
    assert [one.number for one in report.issued] == [one.number for one in proposed.preview.issued]
    assert propose_batch(due.services, by="甲").approval_id is None
    assert check_log(due.services).ok


@pytest.mark.parametrize(
    "change",
    [
        "update attempt set score_hundredths = 6000 where id = 1",
        "update attempt set score_hundredths = 100 where id = 1",
        "update person set name = '他人' where id = 1",
        "update enrolment set photo_sha256 = 'ab' where id = 1",
        "update enrolment set review_state = 'submitted' where id = 1",
    ],
)
def test_a_batch_that_changed_since_is_not_approved(due: Installation, change: str) -> None:
    proposed = propose_batch(due.services, by="甲")
    assert proposed.approval_id is not None
    by_sql(due, change)
    with pytest.raises(Refused, match="changed since"):
        desk.approve(due.services, proposed.approval_id, by="乙")
    assert counted(due, "certificate") == 0


def test_who_is_due_since_is_of_the_next_batch(due: Installation, tmp_path: Path) -> None:
    proposed = propose_batch(due.services, by="甲")
    later = Candidate(serial=700, name="后来者")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Keystore, "development", property(lambda _: True))
        pass_all(due.services, tmp_path, [later])
    done = approved(due.services, proposed.approval_id)
    assert isinstance(done, ApprovedBatch)
    assert done.reserved == 2
    issuing.finish(due.services, by="乙")
    assert [one.name for one in propose_batch(due.services, by="甲").preview.issued] == ["后来者"]


@pytest.mark.parametrize(
    "sign",
    [
        lambda services, _: issuing.finish(services, by="甲"),
        sign_approved,
    ],
    ids=["here", "by the signer"],
)
def test_rows_alone_make_no_approved_batch(due: Installation, sign: Callable[[Services, int], object]) -> None:
    """Who writes the database puts two names on a batch that no two people have seen."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Keystore, "development", property(lambda _: True))
        issuing.issue(due.services, by="甲", reserve_only=True)
    by_sql(due, "update issue_batch set approved_by = '乙'")
    (batch,) = waiting_batches(due.services)
    with pytest.raises(BatchRefused, match="second person"):
        sign(due.services, batch)
    assert counted(due, "certificate", "stage = 'issued'") == 0


@pytest.mark.parametrize(
    "change",
    ["update approval set asked_by = '丙'", "update approval set decided_by = '丙'", "delete from approval"],
)
def test_an_approval_changed_by_hand_signs_nothing(due: Installation, change: str) -> None:
    approved(due.services, propose_batch(due.services, by="甲").approval_id)
    by_sql(due, change)
    with pytest.raises(BatchRefused):
        issuing.finish(due.services, by="甲")


def test_the_signer_signs_what_two_people_approved(due: Installation) -> None:
    approved(due.services, propose_batch(due.services, by="甲").approval_id)
    (batch,) = waiting_batches(due.services)
    assert sign_approved(due.services, batch) == 2


@pytest.mark.usefixtures("real")
def test_revoking_and_reinstating_take_two_and_suspending_is_done_at_once(at: Installation) -> None:
    number = first_number(at)
    for alone in (change_status.revoke, change_status.reinstate):
        with pytest.raises(Refused, match=r"R1\.6"):
            alone(at.services, number, reason="核查", by="甲")
    asked = change_status.propose(at.services, number, Status.REVOKED, reason="冒名", by="甲", code=StatusReason.FRAUD)
    assert at.row(number).status == "valid"
    change_status.suspend(at.services, number, reason="先停用", by="甲")
    assert at.row(number).status == "suspended"
    with pytest.raises(Refused, match="changed since"):
        desk.approve(at.services, asked.approval_id, by="乙")
    again = change_status.propose(at.services, number, Status.REVOKED, reason="冒名", by="甲", code=StatusReason.FRAUD)
    approved(at.services, again.approval_id)
    row = at.row(number)
    assert (row.status, row.status_reason) == ("revoked", "fraud")
    publish_static(at.services)
    assert check_log(at.services).ok


@pytest.mark.usefixtures("real")
def test_a_roster_reviewed_elsewhere_counts_once_another_approved_the_file(own: Installation, tmp_path: Path) -> None:
    people = candidates(3)
    roster = write_csv(tmp_path / "roster.csv", [one.cells() for one in people])
    report = import_candidates(own.services, roster, by="甲")
    assert (report.new, report.approval) == (3, 1)
    assert counted(own, "enrolment", "review_state = 'draft'") == 3
    results = write_csv(tmp_path / "results.csv", [row for one in people for row in one.passes()])
    with pytest.raises(Refused):
        import_results(own.services, results, by="考评员")
    again = import_candidates(own.services, roster, by="丁")
    assert (again.new, again.unchanged, again.approval) == (0, 3, None)
    approved(own.services, report.approval)
    assert counted(own, "enrolment", "review_state = 'approved'") == 3
    assert import_results(own.services, results, by="考评员").new == 6
    assert len(propose_batch(own.services, by="甲").preview.issued) == 3


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize(
    "change",
    [
        "update person set name = '他人' where id = 1",
        "update enrolment set recorded_by = '丙' where id = 1",
        "update enrolment set review_state = 'rejected' where id = 1",
        "delete from enrolment where id = 1",
    ],
)
def test_a_roster_that_changed_since_is_not_approved(own: Installation, tmp_path: Path, change: str) -> None:
    roster = write_csv(tmp_path / "roster.csv", [one.cells() for one in candidates(2)])
    import_candidates(own.services, roster, by="甲")
    by_sql(own, change)
    with pytest.raises(Refused, match="changed since"):
        desk.approve(own.services, 1, by="乙")
    assert counted(own, "enrolment", "review_state = 'approved'") == 0


@pytest.mark.usefixtures("real")
def test_a_roster_turned_down_leaves_no_one_behind(own: Installation, tmp_path: Path) -> None:
    known, new = candidates(2)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Keystore, "development", property(lambda _: True))
        pass_all(own.services, tmp_path, [known])
    roster = write_csv(tmp_path / "roster.csv", [one.cells() for one in (known, new)])
    report = import_candidates(own.services, roster, by="甲")
    assert report.approval is not None
    assert desk.reject(own.services, report.approval, by="乙", reason="文件有误").state == "rejected"
    assert (counted(own, "person"), counted(own, "enrolment")) == (1, 1)
    assert import_candidates(own.services, roster, by="甲").new == 1, "it may come in again"


@pytest.mark.usefixtures("real")
def test_a_dry_run_of_a_roster_asks_for_nothing(own: Installation, tmp_path: Path) -> None:
    roster = write_csv(tmp_path / "roster.csv", [one.cells() for one in candidates(2)])
    report = import_candidates(own.services, roster, by="甲", dry_run=True)
    assert (report.new, report.approval, counted(own, "approval"), counted(own, "person")) == (2, None, 0, 0)


@pytest.mark.usefixtures("real")
def test_an_entry_of_the_paper_register_is_no_one_persons_word(own: Installation, tmp_path: Path) -> None:
    person = made_up(3)
    row = {
        "number": PAPER,
        "name": person.name,
        "id_type": "居民身份证",
        "id_number": person.id_number,
        "occupation": "应急救援员",
        "level": "5",
        "issued_on": "2023-06-01",
        "issuer": "示例鉴定中心",
    }
    file = write_csv(tmp_path / "paper.csv", [row])
    with pytest.raises(Refused, match=r"R1\.6"):
        import_paper(own.services, file, by="甲")
    proposed = paper_by_two.propose(own.services, file, by="甲")
    assert (proposed.new, counted(own, "paper_certificate")) == (1, 0)
    approved(own.services, proposed.approval)
    assert counted(own, "paper_certificate") == 1
    assert paper_by_two.propose(own.services, file, by="甲").approval is None
    with own.services.database.reading() as session:
        sealed = session.execute(text("select length(sealed) from approval")).scalar_one()
    assert sealed < 2 * file.stat().st_size, "the file is not kept twice"


@pytest.mark.usefixtures("real")
def test_signing_again_takes_two(at: Installation) -> None:
    at.clock.move(minutes=1)
    at.services.keystore.rotate(Purpose.CREDENTIAL, development=True)
    with pytest.raises(Refused, match=r"R1\.6"):
        resign.resign(at.services, Selection(batch=1), by="甲", approved_by="乙")
    proposed = resign.propose(at.services, Selection(batch=1), by="甲")
    assert proposed.count == 2
    done = approved(at.services, proposed.approval_id)
    assert isinstance(done, ResignReport)
    assert len(done.resigned) == 2
    assert resign.propose(at.services, Selection(batch=1), by="甲").approval_id is None
    assert check_log(at.services).ok


@pytest.mark.usefixtures("real")
def test_other_certificates_than_were_seen_are_not_signed_again(at: Installation) -> None:
    at.clock.move(minutes=1)
    at.services.keystore.rotate(Purpose.CREDENTIAL, development=True)
    proposed = resign.propose(at.services, Selection(batch=1), by="甲")
    change_status.suspend(at.services, first_number(at), reason="核查", by="丙")
    assert proposed.approval_id is not None
    with pytest.raises(Refused, match="changed since"):
        desk.approve(at.services, proposed.approval_id, by="乙")


@pytest.mark.usefixtures("real")
def test_work_on_keys_takes_two(at: Installation) -> None:
    at.clock.move(minutes=1)
    keys = at.services.keystore
    first = keys.active(Purpose.STATUS_LIST).kid
    with pytest.raises(Refused, match=r"R1\.6"):
        distrust.distrust(at.services, first, 0, by="甲")
    stolen = key_work.propose_distrust(at.services, first, 0, reason="疑似泄露", by="甲")
    retired = key_work.propose_retirement(at.services, first, reason="停用", by="甲")
    assert keys.record(first).state is KeyState.ACTIVE
    approved(at.services, retired.approval_id)
    assert keys.record(first).state is KeyState.RETIRED
    approved(at.services, stolen.approval_id)
    assert keys.record(first).state is KeyState.DISTRUSTED
    with pytest.raises(Refused, match="already"):
        desk.approve(at.services, stolen.approval_id, by="丙")


@pytest.mark.usefixtures("real")
def test_a_key_is_rotated_once_for_one_request(at: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    at.clock.move(minutes=1)
    monkeypatch.setattr(KeyMaterial, "require_passphrase", lambda _: None)
    keys = at.services.keystore
    asked = [
        key_work.propose_rotation(at.services, Purpose.LOG_CHECKPOINT, at="file:", reason="到期", by="甲")
        for _ in range(2)
    ]
    before = keys.active(Purpose.LOG_CHECKPOINT).kid
    approved(at.services, asked[0].approval_id)
    after = keys.active(Purpose.LOG_CHECKPOINT).kid
    assert after != before
    with pytest.raises(KeyRefused, match="since"):
        desk.approve(at.services, asked[1].approval_id, by="乙")
    assert keys.active(Purpose.LOG_CHECKPOINT).kid == after


@pytest.mark.usefixtures("real")
def test_the_rules_are_set_by_two(own: Installation, tmp_path: Path) -> None:
    with own.services.database.reading() as session:
        toml = str(session.execute(text("select toml from scheme where key like '%qinghai%'")).scalar_one())
    file = tmp_path / "softer.toml"
    file.write_text(toml.replace("qinghai-2025", "qinghai-2027").replace("2024-01-01", "2027-01-01"), "utf-8")
    with pytest.raises(Refused, match=r"R1\.6"):
        add_file(own.services, file, by="甲")
    before = counted(own, "scheme")
    proposed = schemes_by_two.propose(own.services, file, by="甲")
    assert counted(own, "scheme") == before
    approved(own.services, proposed.approval_id)
    assert counted(own, "scheme") == before + 1
    assert schemes_by_two.propose(own.services, file, by="甲").approval_id is None


PEM = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.usefixtures("real")
def test_a_program_that_sends_results_is_let_in_by_two(own: Installation) -> None:
    asked = (own.services, "机考系统", PEM, [Subject.THEORY])
    with pytest.raises(Refused, match=r"R1\.6"):
        sending_systems.register(*asked, station=None, by="甲")
    proposed = callers_by_two.propose_system(*asked, station="一号站", by="甲")
    with pytest.raises(SignatureRefused):
        sending_systems.known(own.services, str(proposed.key_id))
    (waits,) = desk.list_approvals(own.services)
    assert {"name": "机考系统", "subjects": "theory", "station": "一号站", "kid": proposed.key_id} == dict(waits.wants)
    approved(own.services, proposed.approval_id)
    system = sending_systems.known(own.services, str(proposed.key_id))
    assert (system.name, system.subjects, system.station) == ("机考系统", (Subject.THEORY,), "一号站")
    assert trail_of(own, "sending-system.register") == [("甲", "乙")]
    with pytest.raises(Conflict):
        callers_by_two.propose_system(*asked, station=None, by="甲")


@pytest.mark.usefixtures("real")
def test_of_two_requests_for_one_program_the_second_is_refused(own: Installation) -> None:
    first, second = (
        callers_by_two.propose_system(own.services, "机考", PEM, [Subject.THEORY], station=None, by="甲")
        for _ in range(2)
    )
    desk.approve(own.services, first.approval_id, by="乙")
    with pytest.raises(Conflict):
        desk.approve(own.services, second.approval_id, by="乙")
    assert len(sending_systems.list_systems(own.services)) == 1


@pytest.mark.usefixtures("real")
def test_an_api_key_is_good_once_another_has_approved_it(own: Installation) -> None:
    scope = api_keys.Scope.VERIFICATIONS
    with pytest.raises(Refused, match=r"R1\.6"):
        api_keys.create(own.services, "招聘系统", [scope], 10, by="甲")
    proposed = callers_by_two.propose_key(own.services, "招聘系统", [scope], 10, by="甲")
    assert proposed.key is not None
    assert api_keys.use(own.services, proposed.key, scope) is api_keys.Use.REJECTED
    approved(own.services, proposed.approval_id)
    assert api_keys.use(own.services, proposed.key, scope) is api_keys.Use.ALLOWED
    assert api_keys.use(own.services, proposed.key, api_keys.Scope.LISTS) is api_keys.Use.REJECTED


def trail_of(own: Installation, action: str) -> list[tuple[str, str]]:
    """Who did it, and who approved."""
    with own.services.database.reading() as session:
        rows = session.execute(text("select by, detail from audit_event where action = :action"), {"action": action})
        return [(by, json.loads(detail)["approved_by"]) for by, detail in rows]
