"""Erasing takes out what is the person's, and leaves number, status, log, audits and every other person whole (R10)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import select, text

from certsvc.credential.compact import qr_text
from certsvc.credential.verdict import CheckName, Verdict
from certsvc.errors import FileRefused, ImportRefused, NotFound, Refused
from certsvc.services.approvals import desk
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates import change_status, give_out
from certsvc.services.certificates.correct import Correction, correct
from certsvc.services.certificates.import_paper import import_paper
from certsvc.services.certificates.listing import numbers, show_certificate
from certsvc.services.certificates.resign import Selection, resign
from certsvc.services.holders import contact
from certsvc.services.kit.export import export_kit, rebuild
from certsvc.services.kit.parts import CREDENTIALS, path_of
from certsvc.services.operation.backup import back_up, restore
from certsvc.services.operation.init import initialise
from certsvc.services.persons import erase as erasing
from certsvc.services.persons import finish as finishing
from certsvc.services.persons.erase import erase, erase_again, propose
from certsvc.services.publishing.static import publish_static
from certsvc.services.registration.import_roster import import_candidates
from certsvc.services.verification import look_up
from certsvc.services.verification.scan import by_token
from certsvc.services.verification.verify import Options, verify_offline, verify_online
from certsvc.signing.keystore import Keystore
from certsvc.store import (
    ApprovalRecord,
    AuditEventRecord,
    CertificateRecord,
    EnrolmentRecord,
    ErasureRecord,
    PersonRecord,
)
from tests.builders.erasing import NOW, OTHER, PAPER, WISHER, no_duty, roster_row, whole
from tests.builders.holding import identity, number_of
from tests.builders.insider import by_sql
from tests.builders.installation import Installation, open_again
from tests.builders.killing import die, killed
from tests.builders.person import write_csv

WISH = {"reason": "本人申请", "by": "甲", "approved_by": "乙"}


def number_of_now(home: Installation) -> str:
    with home.services.database.reading() as session:
        query = select(CertificateRecord.number).where(
            CertificateRecord.number != PAPER, CertificateRecord.version == 3
        )
        return session.scalars(query).one()


def held(home: Installation, number: str, version: int) -> tuple[bytes, str]:
    """What the holder has in hand: the file, and the text of its code."""
    row = home.row(number, version)
    assert row.cose is not None
    return home.pdf(number, version), qr_text("https://certsvc.example", row.token, row.cose)


def all_gone(home: Installation) -> None:
    for content in whole(home.services):
        for canary in (WISHER.id_number, NOW.id_number, WISHER.name, NOW.name, "13911111111", "13800000000"):
            if canary == "13800000000":
                continue  # OTHER's too
            assert canary.encode() not in content, canary


def test_a_certificate_that_the_law_has_us_keep_is_named_with_rule_and_date(sqlite: Installation) -> None:
    with pytest.raises(Refused, match=r"2056-.*R10") as refused:
        erase(sqlite.services, identity(NOW), **WISH)
    assert refused.value.rule == "R10"
    assert check_log(sqlite.services).ok


def test_it_takes_two_people_and_each_sees_what_would_go_and_what_is_kept(
    sqlite: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = propose(sqlite.services, identity(NOW), reason="本人申请", by="甲", keep_certificate=True)
    assert (asked.state, asked.numbers) == ("waiting", ())
    shown = desk.show(sqlite.services, asked.approval_id)
    assert PAPER in shown.wants["keeps"]
    assert shown.wants["name"] == NOW.name
    with pytest.raises(Refused):
        desk.approve(sqlite.services, asked.approval_id, by="甲 ")
    done = desk.approve(sqlite.services, asked.approval_id, by="乙")
    assert isinstance(done, erasing.Erasure)
    assert {one.number for one in done.kept if one.number} == {PAPER, number_of_now(sqlite)}
    assert desk.show(sqlite.services, asked.approval_id).wants.get("name") is None
    monkeypatch.setattr(Keystore, "development", property(lambda _: False))
    with pytest.raises(Refused, match=r"R1\.6"):
        erase(sqlite.services, identity(NOW), **WISH)


def test_with_the_certificate_kept_the_rest_goes_at_once(sqlite: Installation) -> None:
    number = number_of_now(sqlite)
    before = {row.number: row.status for row in show_certificate(sqlite.services, number)}
    with sqlite.services.database.writing() as session:
        person = session.scalars(select(PersonRecord).where(PersonRecord.name == NOW.name)).one()
        opened = sqlite.services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
        assert opened["phone"] is not None
        sealed = sqlite.services.vault.seal({**opened, "email": "wisher@example.org"}, person.id_lookup)
        person.sealed, person.sealed_kid = sealed.content, sealed.kid
    erase(sqlite.services, identity(NOW), **WISH, keep_certificate=True)
    for content in whole(sqlite.services):
        assert b"13911111111" not in content
    with sqlite.services.database.reading() as session:
        person = session.scalars(select(PersonRecord).where(PersonRecord.name == NOW.name)).one()
        opened = sqlite.services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
        assert (opened["phone"], opened["email"], opened["id_number"]) == (None, None, NOW.id_number)
        (left,) = session.scalars(select(EnrolmentRecord).where(EnrolmentRecord.person_id == person.id))
        assert left.id == sqlite.row(number).enrolment_id
        for table in ("share_link", "share_opening", "holder_session", "message"):
            assert session.execute(text(f"select count(*) from {table}")).scalar_one() == 0
    assert {row.number: row.status for row in show_certificate(sqlite.services, number)} == before
    assert sqlite.pdf(number)
    assert check_log(sqlite.services).ok
    again = correct(sqlite.services, number, Correction(name="卡纳丽"), reason="更正", by="甲", approved_by="乙")
    assert again.version == 4


def test_all_of_it_goes_and_no_byte_of_it_is_left_in_the_database(place: Installation) -> None:
    no_duty(place)
    number, other = number_of_now(place), number_of(place, OTHER)
    leaves = check_log(place.services).size
    photos = set(place.services.folders.photos.glob("*.jpg"))
    contact.propose(place.services, identity(NOW), "13922222222", reason="换号", by="甲")
    turned_down = propose(place.services, identity(NOW), reason="本人申请", by="甲").approval_id
    desk.reject(place.services, turned_down, by="乙", reason="卡纳丽金丝雀鸟本人未到")
    done = erase(place.services, identity(NOW), **WISH)
    assert set(done.numbers) == {number, PAPER}
    all_gone(place)
    for each in desk.list_approvals(place.services, None):
        assert each.state != "waiting"
        assert not {"name", "id_number", "phone", "was", "was_id_number"} & each.wants.keys()
        assert each.fault is None
    pdfs = {path.name for path in place.services.folders.pdf.iterdir()}
    assert pdfs == {f"{other}-v1.pdf"}
    assert set(place.services.folders.photos.glob("*.jpg")) == photos, "the same made-up picture is OTHER's too"
    report = check_log(place.services, place.services.folders.published / "log")
    assert report.problems == ()
    assert (report.size, report.erased) == (leaves, 4)
    with place.services.database.reading() as session:
        assert session.scalars(select(PersonRecord.name)).all() == [OTHER.name]
        tombs = session.scalars(select(ErasureRecord)).all()
        assert {one.id_lookup for one in tombs} == {
            place.services.vault.lookup(identity(each)) for each in (NOW, WISHER)
        }
        event = session.scalars(select(AuditEventRecord).where(AuditEventRecord.action == "person.erase")).one()
        assert sorted(json.loads(event.detail)["certificates"]) == sorted([number, PAPER])
    # The issuer goes on: publishing, changes of status, new signatures of others.
    publish_static(place.services)
    change_status.revoke(place.services, number, reason="错发", by="甲")
    publish_static(place.services)
    assert check_log(place.services).ok
    record = by_token(place.services, place.row(number, 3).token)
    assert record is not None
    assert (record.state, record.standing) == ("erased", "revoked")
    assert resign(place.services, Selection(scheme="emergency-rescuer-5/qinghai-2025"), by="甲").already == 1
    with pytest.raises(NotFound, match="erased"):
        propose(place.services, identity(NOW), reason="再", by="甲")


def test_a_scan_says_genuine_and_where_it_stands_and_no_name(sqlite: Installation) -> None:
    no_duty(sqlite)
    number = number_of_now(sqlite)
    tokens = [sqlite.row(number, version).token for version in (1, 3)]
    erase(sqlite.services, identity(NOW), **WISH)
    old, newest = (by_token(sqlite.services, token) for token in tokens)
    assert old is not None
    assert newest is not None
    today = sqlite.services.today()
    assert (newest.state, newest.standing, newest.erased_on) == ("erased", "valid", today)
    assert (newest.masked_name, newest.full_name, newest.occupation_zh) == ("", "", "应急救援员")
    assert (old.standing, old.successor_version, old.successor_state) == ("superseded", 2, "superseded")
    for name in (NOW.name, WISHER.name, "", "-"):
        assert look_up.by_number_and_name(sqlite.services, number, name) is None
        assert look_up.by_numbers_and_names(sqlite.services, [(number, name)]) == [None]
        assert look_up.by_number_and_name(sqlite.services, PAPER, name) is None
    assert not look_up.match(sqlite.services, tokens[1], NOW.name, NOW.last_six)


def test_the_file_and_the_code_that_the_holder_kept_still_verify(sqlite: Installation) -> None:
    no_duty(sqlite)
    number = number_of_now(sqlite)
    pdf, code = held(sqlite, number, 3)
    publish_static(sqlite.services)
    erase(sqlite.services, identity(NOW), **WISH)
    publish_static(sqlite.services)
    published = sqlite.services.folders.published
    for brought in (pdf, code):
        online = verify_online(sqlite.services, brought)
        assert online.verdict is Verdict.VALID
        said = next(check for check in online.checks if check.name is CheckName.REGISTER_ENTRY)
        assert "抹除" in said.detail_zh
    offline = verify_offline(pdf, sqlite.services.trust, Options(published=published, now=sqlite.clock()))
    assert offline.verdict is Verdict.VALID
    other_pdf, other_code = held(sqlite, number_of(sqlite, OTHER), 1)
    mixed = code.partition("#")[0] + "#" + other_code.partition("#")[2]
    assert verify_online(sqlite.services, mixed).verdict is not Verdict.VALID
    assert verify_online(sqlite.services, other_pdf).verdict is Verdict.VALID


def test_no_file_of_it_is_given_out_or_drawn_again(sqlite: Installation) -> None:
    no_duty(sqlite)
    number = number_of_now(sqlite)
    erase(sqlite.services, identity(NOW), **WISH)
    for ask in (give_out.pdf_of, give_out.credential_of, give_out.prove):
        with pytest.raises(Refused, match="erased"):
            ask(sqlite.services, number)
    assert number not in numbers(sqlite.services)
    shown = show_certificate(sqlite.services, number)
    assert {(one.name, one.erased_on) for one in shown} == {("", sqlite.services.today())}
    with pytest.raises(Refused, match="erased"):
        correct(sqlite.services, number, Correction(name="他人"), reason="更正", by="甲", approved_by="乙")


@pytest.mark.parametrize(
    ("forged", "rule"),
    [
        (
            "update certificate set erased_on = issued_on, credential = '', document = '', holder_name = '', "
            "holder_name_folded = '', cose = null, person_id = null, enrolment_id = null where number = :n",
            "G2",
        ),
        ("update approval set state = 'rejected' where kind = 'person.erase'", "G6"),
        ("delete from approval where kind = 'person.erase'", "G6"),
    ],
)
def test_no_row_written_by_hand_passes_for_an_erasure(sqlite: Installation, forged: str, rule: str) -> None:
    no_duty(sqlite)
    erase(sqlite.services, identity(NOW), **WISH)
    other = number_of(sqlite, OTHER)
    by_sql(sqlite, forged.replace(":n", f"'{other}'"))
    assert rule in {one.rule for one in check_log(sqlite.services).problems}
    if rule == "G2":
        record = by_token(sqlite.services, sqlite.row(other).token)
        assert record is not None
        assert record.state == "forged"


def test_an_erased_row_is_not_moved_to_another_number_or_status(sqlite: Installation) -> None:
    no_duty(sqlite)
    number = number_of_now(sqlite)
    token = sqlite.row(number, 3).token
    erase(sqlite.services, identity(NOW), **WISH)
    by_sql(sqlite, f"update certificate set status = 'revoked' where token = '{token}'")
    assert by_token(sqlite.services, token).state == "unavailable"  # type: ignore[union-attr]
    by_sql(
        sqlite,
        f"update certificate set status = 'valid', number = '2663010001599999' where token = '{token}'",
    )
    assert by_token(sqlite.services, token).state == "forged"  # type: ignore[union-attr]


def test_an_old_roster_and_an_old_register_bring_no_one_back(sqlite: Installation, tmp_path: Path) -> None:
    no_duty(sqlite)
    erase(sqlite.services, identity(NOW), **WISH)
    rows = [roster_row(WISHER), roster_row(NOW)]
    with pytest.raises(ImportRefused) as refused:
        import_candidates(sqlite.services, write_csv(tmp_path / "old.csv", rows), by="登记员")
    assert [(one.row, one.rule) for one in refused.value.errors] == [(2, "R10"), (3, "R10")]
    register = (
        "证书编号,姓名,证件类型,证件号码,职业,等级,发证日期,发证机构\n"
        f"{PAPER},{WISHER.name},居民身份证,{WISHER.id_number},应急救援员,5,2023-06-01,示例鉴定中心\n"
    )
    (tmp_path / "paper.csv").write_text(register, "utf-8")
    with pytest.raises(ImportRefused) as on_paper:
        import_paper(sqlite.services, tmp_path / "paper.csv", by="登记员")
    assert [one.rule for one in on_paper.value.errors] == ["R10"]
    # Who registers again since does so anew.
    sqlite.clock.move(days=2)
    anew = roster_row(NOW, registered_on=f"{sqlite.services.today()}")
    assert import_candidates(sqlite.services, write_csv(tmp_path / "new.csv", [anew]), by="登记员").new == 1


def test_backup_and_kit_made_after_it_hold_nothing_and_come_back_whole(sqlite: Installation, tmp_path: Path) -> None:
    no_duty(sqlite)
    number = number_of_now(sqlite)
    token = sqlite.row(number, 3).token
    export_kit(sqlite.services, tmp_path / "kit")
    assert (tmp_path / "kit" / path_of(CREDENTIALS, token)).exists()
    erase(sqlite.services, identity(NOW), **WISH)
    assert export_kit(sqlite.services, tmp_path / "kit").certificates == 1
    assert not (tmp_path / "kit" / path_of(CREDENTIALS, token)).exists()
    report = back_up(sqlite.services, tmp_path / "backup.tar")
    assert report.missing == ()
    content = (tmp_path / "backup.tar").read_bytes()
    for canary in (WISHER.name, NOW.name, WISHER.id_number, NOW.id_number):
        assert canary.encode() not in content
        assert json.dumps(canary)[1:-1].encode() not in content
    for how in ("backup", "kit"):
        home = tmp_path / how
        home.mkdir(exist_ok=True)
        shutil.copytree(sqlite.home / "keys", home / "keys")
        services = open_again(home, sqlite.clock)
        if how == "backup":
            restore(services, tmp_path / "backup.tar")
        else:
            initialise(services)
            rebuild(services, tmp_path / "kit")
        assert check_log(services).problems == (), how
        record = by_token(services, token)
        assert record is not None
        assert record.state == "erased"
        services.database.close()


def test_after_an_older_backup_is_restored_the_list_erases_again(sqlite: Installation, tmp_path: Path) -> None:
    no_duty(sqlite)
    number = number_of_now(sqlite)
    token = sqlite.row(number, 3).token
    back_up(sqlite.services, tmp_path / "before.tar")
    erase(sqlite.services, identity(NOW), **WISH)
    listed = sqlite.home / finishing.LIST
    assert listed.stat().st_mode & 0o777 == 0o600
    home = tmp_path / "restored"
    home.mkdir()
    shutil.copytree(sqlite.home / "keys", home / "keys")
    services = open_again(home, sqlite.clock)
    restore(services, tmp_path / "before.tar")
    assert by_token(services, token).state == "valid"  # type: ignore[union-attr]
    done = erase_again(services, listed, by="运维")
    assert done.erased == 1
    assert by_token(services, token).state == "erased"  # type: ignore[union-attr]
    assert check_log(services).problems == ()
    assert erase_again(services, listed, by="运维").erased == 0
    assert len((home / finishing.LIST).read_text("utf-8").splitlines()) >= 2
    forged = tmp_path / "forged.jsonl"
    line = json.loads(listed.read_text("utf-8").splitlines()[0])
    line["id_lookup"] = services.vault.lookup(identity(OTHER)).hex()
    forged.write_text(json.dumps(line) + "\n", "utf-8")
    with pytest.raises(FileRefused):
        erase_again(services, forged, by="运维")
    services.database.close()


@pytest.mark.parametrize("step", ["take_out", "finish"])
def test_killed_in_the_middle_it_is_whole_or_not_at_all_and_the_next_run_sweeps_files(
    place: Installation, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    no_duty(place)
    number = number_of_now(place)
    place.services.database.close()

    def run() -> None:
        services = open_again(place.home, place.clock)
        if step == "take_out":
            monkeypatch.setattr(erasing, "decide", die)  # rows are changed, and not committed
        else:
            monkeypatch.setattr(finishing, "_delete_pdfs", die)
        erase(services, identity(NOW), **WISH)

    killed(run)
    services = place.reopen()
    pdfs = list(services.folders.pdf.glob(f"{number}*"))
    assert pdfs
    assert check_log(services).problems == ()
    if step == "take_out":
        assert place.row(number, 3).credential
        assert erase(services, identity(NOW), **WISH).numbers
    else:
        assert place.row(number, 3).erased_on is not None
        finishing.finish(services)
    assert not list(services.folders.pdf.glob(f"{number}*"))
    assert (place.home / finishing.LIST).exists()
    all_gone(place)


def test_what_others_asked_two_people_for_stays(sqlite: Installation) -> None:
    no_duty(sqlite)
    other = number_of(sqlite, OTHER)
    correct(sqlite.services, other, Correction(name="测试丙丙"), reason="更正", by="甲", approved_by="乙")
    erase(sqlite.services, identity(NOW), **WISH)
    with sqlite.services.database.reading() as session:
        rows = session.scalars(select(ApprovalRecord).where(ApprovalRecord.object_key == other)).all()
    assert desk.show(sqlite.services, rows[0].id).wants["name"] == "测试丙丙"
    assert check_log(sqlite.services).ok
