"""The attempts, insider by insider: the sixteen ways of the security review, and more."""

from __future__ import annotations

import shutil
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import text

from certsvc.credential.compact import qr_text
from certsvc.credential.status import Status
from certsvc.credential.verdict import Verdict
from certsvc.errors import CertsvcError
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.rules.registration_review import FaceCheck
from certsvc.rules.terms import Subject
from certsvc.services.approvals import desk
from certsvc.services.audit.check_register import check_log
from certsvc.services.certificates import (
    change_status,
    correct,
    distrust,
    give_out,
    import_paper,
    key_work,
    paper_by_two,
    reissue,
    resign,
)
from certsvc.services.certificates.unregistered_paper import Evidence
from certsvc.services.context import Services
from certsvc.services.examination.import_results import import_results
from certsvc.services.holders import contact
from certsvc.services.holders import sign_in as access
from certsvc.services.holders.codes import make_access_code
from certsvc.services.issuing import issue as issuing
from certsvc.services.issuing.batches import propose_batch
from certsvc.services.log.clock import set_clock_back
from certsvc.services.operation import callers_by_two, schemes_by_two, sending_systems
from certsvc.services.operation.backup import restore
from certsvc.services.operation.init import initialise
from certsvc.services.operation.own_keys import require_own_keys
from certsvc.services.publishing.static import publish_static
from certsvc.services.records.contacts import phone_of
from certsvc.services.registration import review
from certsvc.services.registration.import_roster import import_candidates
from certsvc.services.registration.review_list import list_registrations
from certsvc.services.staff.account_work import ProposedWork, do_or_ask
from certsvc.services.staff.accounts import account_named, do_alone, mapping, opening, resetting
from certsvc.services.staff.sessions import begin
from certsvc.services.verification.verify import Options, verify_offline, verify_online
from certsvc.signing.key_copy import copy_without_signing_keys
from certsvc.signing.keys import Purpose
from certsvc.store import PersonRecord
from certsvc.transparency.leaf import Event, Leaf, decode
from tests.builders.insider import Made, by_sql, claims_of_somebody_else, offline, signed
from tests.builders.installation import Person, made_up
from tests.builders.staff import GIVEN, join
from tests.insider.day import ACCOUNTS, DUE, FAILED, HOLDER, ON_PAPER, PAPER, REVOKED, Day, tries
from tests.services.operation.test_backup import another_name, rewritten

ROSTER = "姓名,性别,证件类型,证件号码,出生日期,手机号码,培训机构,健康承诺,报名日期"
RESULTS = "证件号码,姓名,科目,考试日期,考试性质,成绩"
REGISTER = "证书编号,姓名,证件类型,证件号码,职业,等级,发证日期,发证机构"


def document(person: Person = HOLDER) -> IdentityDocument:
    return IdentityDocument(IdType.RESIDENT_ID, person.id_number)


def roster_line(person: Person, phone: str, on: str = "2025-03-01") -> str:
    number = person.id_number
    sex = "男" if int(number[16]) % 2 else "女"
    born = f"{number[6:10]}-{number[10:12]}-{number[12:14]}"
    return f"{person.name},{sex},居民身份证,{number},{born},{phone},测试培训机构,是,{on}"


def phone(day: Day) -> str | None:
    services = day.home.services
    with services.database.reading() as session:
        person = session.get_one(PersonRecord, 1)
        return phone_of(services.vault, session, person, services.now())


def verdict(day: Day, number: str) -> Verdict:
    with day.home.services.database.reading() as session:
        query = text("select credential from certificate where number = :n order by version desc limit 1")
        credential = bytes(session.execute(query, {"n": number}).scalar_one())
    return verify_online(day.home.services, credential, Options(bounded=False)).verdict


# --- one account that may run the program


@tries(*ACCOUNTS, finding=1)
def another_telephone_for_a_holder(day: Day) -> bool:
    asked = contact.propose(day.home.services, document(), "13911111111", reason="换号", by=day.me)
    day.approve_alone(asked.approval_id)
    day.tomorrow()
    return phone(day) != "13800000000"


@tries(*ACCOUNTS, finding=1)
def another_telephone_by_a_later_roster(day: Day) -> bool:
    file = day.file("later.csv", ROSTER, roster_line(HOLDER, "13911111111", "2026-05-01"))
    day.approve_alone(import_candidates(day.home.services, file, by=day.me).approval)
    return phone(day) != "13800000000"


@tries(*ACCOUNTS, finding=3)
def a_name_corrected(day: Day) -> bool:
    asked = correct.propose(day.home.services, day.number, correct.Correction(name="测试冒"), reason="有误", by=day.me)
    day.approve_alone(asked.approval_id)
    return day.issued_to(Person("测试冒", HOLDER.id_number))


@tries(*ACCOUNTS, finding=3)
def a_certificate_moved_to_another_name_and_number(day: Day) -> bool:
    both = correct.Correction(name="测试冒", id_number=made_up(9).id_number)
    correct.propose(day.home.services, day.number, both, reason="有误", by=day.me)
    return True


@tries(*ACCOUNTS, finding=3)
def both_names_typed_in_one_command(day: Day) -> bool:
    correct.correct(
        day.home.services, day.number, correct.Correction(name="测试冒"), reason="有误", by=day.me, approved_by="乙"
    )
    return True


@tries(*ACCOUNTS, finding=3)
def a_batch_issued(day: Day) -> bool:
    for approved_by in ("乙", None):
        with suppress(CertsvcError):
            issuing.issue(day.home.services, by=day.me, approved_by=approved_by)
    day.approve_alone(propose_batch(day.home.services, by=day.me).approval_id)
    issuing.finish(day.home.services, by=day.me)
    return day.issued_to(DUE)


@tries(*ACCOUNTS, finding=3)
def paper_reissued(day: Day) -> bool:
    asked = reissue.apply(
        day.home.services, number=PAPER, name=ON_PAPER.name, identity=document(ON_PAPER), reason="lost", by=day.me
    )
    reissue.approve(day.home.services, asked.id, by=day.me)
    return True


@tries(*ACCOUNTS, finding=3)
def a_number_of_the_electronic_numbering_reissued_as_paper(day: Day) -> bool:
    services = day.home.services
    shown = Evidence("复印件", services.today() - timedelta(days=2000), "示例鉴定中心")
    reissue.apply(
        services,
        number=day.number[:-4] + "0900",
        name="测试冒",
        identity=document(made_up(9)),
        reason="lost",
        by=day.me,
        evidence=shown,
    )
    return True


@tries(*ACCOUNTS, finding=3)
def an_entry_in_the_register_of_paper(day: Day) -> bool:
    line = f"2063010001500999,测试冒,居民身份证,{made_up(9).id_number},应急救援员,5,2023-06-01,示例鉴定中心"
    file = day.file("paper.csv", REGISTER, line)
    day.approve_alone(paper_by_two.propose(day.home.services, file, by=day.me).approval)
    with suppress(CertsvcError):
        import_paper.import_paper(day.home.services, file, by=day.me)
    with day.home.services.database.reading() as session:
        return int(session.execute(text("select count(*) from paper_certificate")).scalar_one()) > 1


@tries(*ACCOUNTS, finding=3)
def a_roster_counted(day: Day) -> bool:
    file = day.file("roster.csv", ROSTER, roster_line(made_up(8), "13800000008"))
    day.approve_alone(import_candidates(day.home.services, file, by=day.me).approval)
    with day.home.services.database.reading() as session:
        query = text("select review_state from enrolment order by id desc limit 1")
        return str(session.execute(query).scalar_one()) == "approved"


@tries(*ACCOUNTS, finding=3)
def one_who_was_rejected_comes_in_by_another_date(day: Day) -> bool:
    services, person = day.home.services, made_up(8)
    file = day.file("one.csv", ROSTER, roster_line(person, "13800000008"))
    import_candidates(services, file, by=day.me, for_review=True)
    (waiting,) = list_registrations(services)
    review.confirm(services, waiting.id, by=day.me, face=FaceCheck.PASS, place="西宁")
    review.reject(services, [waiting.id], by="乙", reason="不是本人")
    again = day.file("two.csv", ROSTER, roster_line(person, "13800000008", "2025-03-02"))
    import_candidates(services, again, by=day.me)
    return True


@tries(*ACCOUNTS)
def a_registration_of_ones_own_approved(day: Day) -> bool:
    services = day.home.services
    file = day.file("one.csv", ROSTER, roster_line(made_up(8), "13800000008"))
    import_candidates(services, file, by=day.me, for_review=True)
    (waiting,) = list_registrations(services)
    review.confirm(services, waiting.id, by=day.me, face=FaceCheck.PASS, place="西宁")
    review.approve(services, [waiting.id], by=day.me)
    return True


@tries(*ACCOUNTS)
def a_certificate_revoked(day: Day) -> bool:
    with suppress(CertsvcError):
        change_status.revoke(day.home.services, day.number, reason="报复", by=day.me)
    asked = change_status.propose(day.home.services, day.number, Status.REVOKED, reason="报复", by=day.me)
    day.approve_alone(asked.approval_id)
    return verdict(day, day.number) is Verdict.REVOKED


@tries(*ACCOUNTS, finding=4)
def a_revoked_certificate_put_back(day: Day) -> bool:
    with suppress(CertsvcError):
        change_status.reinstate(day.home.services, day.revoked, reason="人情", by=day.me)
    asked = change_status.propose(day.home.services, day.revoked, Status.VALID, reason="人情", by=day.me)
    day.approve_alone(asked.approval_id)
    return verdict(day, day.revoked) is Verdict.VALID


@tries(*ACCOUNTS)
def a_certificate_suspended(day: Day) -> bool:
    change_status.suspend(day.home.services, day.number, reason="报复", by=day.me)
    assert [one.event for one in _leaves(day)][-1] is Event.SUSPEND, "it is in the public log"
    return verdict(day, day.number) is Verdict.SUSPENDED


@tries(*ACCOUNTS)
def signing_in_as_a_holder_by_a_code_from_the_counter(day: Day) -> bool:
    code = make_access_code(day.home.services, document(), by=day.me).code
    begun = access.sign_in(day.home.services, HOLDER.name, document(), code)
    with day.home.services.database.reading() as session:
        query = text("select count(*) from audit_event where \"by\" = :me and action like 'holder.%'")
        assert session.execute(query, {"me": day.me}).scalar_one(), "it is in the trail, with who did it"
    return begun is not None


@tries(*ACCOUNTS)
def a_false_score_entered(day: Day) -> bool:
    """Of one who failed; the batch is then asked for and approved by two who see nothing wrong."""
    line = f"{FAILED.id_number},{FAILED.name},理论知识考试,2025-06-24,补考,99"
    import_results(day.home.services, day.file("results.csv", RESULTS, line), by=day.me)
    return FAILED.name in day.issue_by_two()


@tries(*ACCOUNTS)
def a_program_that_sends_results(day: Day) -> bool:
    """Whose key is one's own: it would say who passed."""
    pem = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    services, subjects = day.home.services, (Subject.THEORY, Subject.PRACTICAL)
    with suppress(CertsvcError):
        sending_systems.register(services, "机考", pem, subjects, station=None, by=day.me)
    with suppress(CertsvcError):
        proposed = callers_by_two.propose_system(services, "机考", pem, subjects, station=None, by=day.me)
        day.approve_alone(proposed.approval_id)
    return bool(sending_systems.list_systems(services))


@tries(*ACCOUNTS)
def an_account_for_a_second_hand(day: Day) -> bool:
    """An approver of one's own making, where there are others who have signed in."""
    services = day.home.services
    for name, role in (("head", "administrator"), ("chief", "approver")):
        join(services, name, role)
    mine = day.me.replace(" ", "-")
    for work in (opening("second", "approver", GIVEN), resetting("chief", GIVEN), mapping("chief", mine)):
        with suppress(CertsvcError):
            do_alone(services, work, by=day.me)
        with suppress(CertsvcError):
            asked = do_or_ask(services, work, by=day.me)
            if isinstance(asked, ProposedWork):
                day.approve_alone(asked.approval_id)
    return any(begin(services, name, GIVEN) for name in ("second", "chief")) or bool(
        account_named(services, "chief").os_account
    )


@tries(*ACCOUNTS)
def softer_rules(day: Day) -> bool:
    with day.home.services.database.reading() as session:
        toml = str(session.execute(text("select toml from scheme where key like '%qinghai%'")).scalar_one())
    file = day.folder / "softer.toml"
    file.write_text(toml.replace("qinghai-2025", "qinghai-2027").replace("2024-01-01", "2024-06-01"), "utf-8")
    day.approve_alone(schemes_by_two.propose(day.home.services, file, by=day.me).approval_id)
    with day.home.services.database.reading() as session:
        return bool(session.execute(text("select count(*) from scheme where key like '%2027'")).scalar_one())


@tries(*ACCOUNTS)
def a_key_declared_stolen(day: Day) -> bool:
    kid = day.home.services.keystore.active(Purpose.CREDENTIAL).kid
    with suppress(CertsvcError):
        distrust.distrust(day.home.services, kid, 0, by=day.me)
    day.approve_alone(key_work.propose_distrust(day.home.services, kid, 0, reason="谎报", by=day.me).approval_id)
    return verdict(day, day.number) is not Verdict.VALID


@tries(*ACCOUNTS, finding=14)
def certificates_signed_again(day: Day) -> bool:
    resign.resign(day.home.services, resign.Selection(batch=1), by=day.me, approved_by="乙")
    return True


@tries(*ACCOUNTS, finding=5)
def the_log_set_back(day: Day) -> bool:
    set_clock_back(day.home.services, by=day.me, approved_by="乙")
    return True


# --- who has the keys, or the machine


@tries("key custodian", "operator", finding=9)
def one_character_of_the_look_up_key_changed(day: Day) -> bool:
    """So that the same people are new ones, and get a second certificate."""
    services = day.home.services
    kid = services.keystore.active(Purpose.LOOKUP).kid
    (file,) = [one for one in (day.home.home / "keys").iterdir() if kid in one.name and one.suffix != ".pem"]
    content = bytearray(file.read_bytes())
    at = len(content) // 2
    content[at] = ord("A") if content[at] != ord("A") else ord("B")
    file.write_bytes(content)
    require_own_keys(day.home.reopen())
    return day.home.services.vault.lookup(document()) != b""


@tries("key custodian", "operator", finding=13)
def strange_keys_made_for_the_register(day: Day) -> bool:
    shutil.move(day.home.home / "keys", day.folder / "keys")
    initialise(day.home.reopen())
    return True


@tries("key custodian", "operator", "old-copy restorer", finding=13)
def an_old_copy_of_the_keys_put_back(day: Day) -> bool:
    shutil.copytree(day.home.home / "keys", day.folder / "keys")
    services = day.home.services
    services.keystore.retire(services.keystore.active(Purpose.STATUS_LIST).kid)
    require_own_keys(services)
    shutil.rmtree(day.home.home / "keys")
    shutil.copytree(day.folder / "keys", day.home.home / "keys")
    require_own_keys(day.home.reopen())
    return True


@tries("key custodian", "operator")
def a_certificate_signed_by_hand_out_of_the_log(day: Day) -> bool:
    """Both hold the credential key: genuine offline to who does not ask for the log's proof, unknown online."""
    made = Made(signed(day.home, claims_of_somebody_else(day.home)))
    assert offline(day.home, made, demand_log=True) is not Verdict.VALID
    assert verify_online(day.home.services, made.credential, Options(bounded=False)).verdict is not Verdict.VALID
    return offline(day.home, made) in (Verdict.VALID, Verdict.UNCHECKED)


@tries("operator", finding=10)
def what_rests_on_disk_read_from_another_account(day: Day) -> bool:
    """Any other account of the machine, to whom the operator gives nothing."""
    give_out.pdf_of(day.home.services, day.number)
    return any(path.stat().st_mode & 0o004 for path in (day.home.home / "pdf").rglob("*.pdf"))


# --- the database administrator: writes any row, has no keys


@tries("database administrator", finding=4)
def a_revocation_undone_in_the_row(day: Day) -> bool:
    by_sql(day.home, "update certificate set status = 'valid', status_reason = null where id = 2")
    return verdict(day, day.revoked) is Verdict.VALID


@tries("database administrator", finding=4)
def the_issuer_made_to_sign_a_cleared_list(day: Day) -> bool:
    by_sql(day.home, "update certificate set status = 'valid', status_reason = null where id = 2")
    publish_static(day.home.services)
    return True


@tries("database administrator", finding=4)
def the_last_leaf_taken_out(day: Day) -> bool:
    by_sql(day.home, 'delete from log_leaf where "index" = (select max("index") from log_leaf)')
    change_status.suspend(day.home.services, day.number, reason="核查", by="甲")
    return True


@tries("database administrator", finding=4)
def a_published_revocation_taken_out_with_its_leaf(day: Day) -> bool:
    by_sql(
        day.home,
        "delete from status_change where certificate_id = 2",
        'delete from log_leaf where "index" = (select max("index") from log_leaf)',
        "update certificate set status = 'valid', status_reason = null, status_changed_on = null where id = 2",
    )
    return verdict(day, day.revoked) is Verdict.VALID


@tries("database administrator", finding=14)
def another_name_signed_from_the_row(day: Day) -> bool:
    by_sql(day.home, "update certificate set document = replace(document, '测试', '冒名'), holder_name = '冒名乙'")
    asked = correct.propose(
        day.home.services,
        day.number,
        correct.Correction(id_number=made_up(9).id_number),
        reason="有误",
        by="甲",
    )
    desk.approve(day.home.services, asked.approval_id, by="乙")
    return True


@tries("database administrator", finding=(1, 3))
def a_request_approved_in_its_row(day: Day) -> bool:
    asked = contact.propose(day.home.services, document(), "13911111111", reason="换号", by="甲")
    by_sql(
        day.home,
        "update approval set state = 'approved', decided_by = '乙', decided_at = asked_at, due_at = asked_at "
        f"where id = {asked.approval_id}",
    )
    return phone(day) != "13800000000"


@tries("database administrator", finding=3)
def a_batch_approved_in_its_row(day: Day) -> bool:
    approval = propose_batch(day.home.services, by="甲").approval_id
    by_sql(
        day.home,
        f"update approval set state = 'approved', decided_by = '乙', decided_at = asked_at where id = {approval}",
    )
    issuing.finish(day.home.services, by="甲")
    return day.issued_to(DUE)


@tries("database administrator", finding=3)
def one_request_taken_for_another(day: Day) -> bool:
    """The approval of a harmless request, moved to a certificate that it was not for."""
    asked = change_status.propose(day.home.services, day.number, Status.REVOKED, reason="核查", by="甲")
    by_sql(day.home, f"update approval set object_key = '{day.revoked}' where id = {asked.approval_id}")
    desk.approve(day.home.services, asked.approval_id, by="乙")
    return True


@tries("database administrator")
def a_score_raised_before_its_batch(day: Day) -> bool:
    by_sql(
        day.home,
        "update attempt set score_hundredths = 9900 where enrolment_id = (select max(enrolment_id) from attempt)",
    )
    return FAILED.name in day.issue_by_two()


@tries("database administrator")
def a_score_raised_after_the_batch_was_seen(day: Day) -> bool:
    approval = propose_batch(day.home.services, by="甲").approval_id
    by_sql(day.home, "update attempt set score_hundredths = 9900 where enrolment_id >= 3")
    assert approval is not None
    desk.approve(day.home.services, approval, by="乙")
    return True


@tries("database administrator")
def a_holders_session_moved_to_another_person(day: Day) -> bool:
    """Signed in as oneself, the row of the session is then another's."""
    services = day.home.services
    code = make_access_code(services, document(REVOKED), by="窗口").code
    begun = access.sign_in(services, REVOKED.name, document(REVOKED), code)
    assert begun is not None
    by_sql(day.home, "update holder_session set id_lookup = (select id_lookup from person where id = 1)")
    found = access.holder_of(services, begun.secret)
    return found is not None and found.id_lookup == services.vault.lookup(document())


@tries("database administrator")
def an_identity_number_read(day: Day) -> bool:
    with day.home.services.database.reading() as session:
        tables = [name for (name,) in session.execute(text("select name from sqlite_master where type = 'table'"))]
        return any(
            HOLDER.id_number.encode() in bytes(str(row), "utf-8")
            for name in tables
            for row in session.execute(text(f'select * from "{name}"'))
        )


@tries("database administrator", "backup's thief")
def names_and_scores_read(day: Day) -> bool:
    with day.home.services.database.reading() as session:
        names = set(session.scalars(text("select name from person")))
        return HOLDER.name in names and bool(session.scalars(text("select score_hundredths from attempt")).all())


# --- the web server's thief: the web role's rights and files


def web(day: Day) -> Services:
    copy_without_signing_keys(day.home.home / "keys", day.folder / "web-keys")
    return day.open(CERTSVC_KEYS=str(day.folder / "web-keys"))


@tries("web server's thief", finding=(3, 14))
def a_certificate_signed_with_the_sites_keys(day: Day) -> bool:
    services = web(day)
    services.keystore.signer(Purpose.CREDENTIAL)
    return True


@tries("web server's thief", finding=4)
def a_list_signed_with_the_sites_keys(day: Day) -> bool:
    services = web(day)
    services.keystore.signer(Purpose.STATUS_LIST)
    return True


@tries("web server's thief")
def a_holders_record_read(day: Day) -> bool:
    """The look-up, personal-data and session keys are there, since the site shows holders what is theirs."""
    services = web(day)
    with services.database.reading() as session:
        person = session.get_one(PersonRecord, 1)
        opened = services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
    return opened["id_number"] == HOLDER.id_number


# --- the backup's thief


@tries("backup's thief", finding=15)
def a_changed_backup_restored(day: Day) -> bool:
    changed = rewritten(day.backup, day.folder / "changed.tar", another_name)
    _restored(day, changed)
    return True


@tries("backup's thief", finding=9)
def keys_found_in_the_backup(day: Day) -> bool:
    content = day.backup.read_bytes()
    files = [path.read_bytes() for path in (day.home.home / "keys").iterdir() if path.suffix != ".pem"]
    return any(len(one) > 16 and one in content for one in files)


# --- who restores an old copy


@tries("old-copy restorer", finding=(4, 8))
def last_weeks_register_beside_what_was_published_since(day: Day) -> bool:
    day.home.services.database.close()
    for file in day.home.home.glob("*.sqlite3*"):
        file.unlink()
    for file in day.old.glob("*.sqlite3*"):
        shutil.copy(file, day.home.home)
    day.home.reopen()
    if verdict(day, day.revoked) is Verdict.VALID:
        publish_static(day.home.services)
        return True
    return False


@tries("old-copy restorer", finding=8)
def the_whole_home_of_last_week(day: Day) -> bool:
    """All of it, with the files that were published and the log's own guard: only a witness or a holder knows."""
    day.home.services.database.close()
    shutil.rmtree(day.home.home)
    shutil.copytree(day.old, day.home.home)
    day.home.reopen()
    publish_static(day.home.services)
    return verdict(day, day.revoked) is Verdict.VALID


@tries("old-copy restorer", finding=8)
def old_lists_beside_a_newer_log(day: Day) -> bool:
    shown = day.folder / "shown"
    shutil.copytree(day.home.home / "published", shown)
    shutil.rmtree(shown / "status")
    shutil.copytree(day.old / "published" / "status", shown / "status")
    services = day.home.services
    pdf = give_out.pdf_of(services, day.revoked)
    options = Options(published=shown, now=services.now(), bounded=False)
    return verify_offline(pdf, services.trust, options).verdict is Verdict.VALID


# --- the clock's owner


def fast(day: Day, **by: float) -> None:
    """Revoke by a clock that is so much ahead, without saying that it is right."""
    day.home.clock.move(**by)
    change_status.suspend(day.open(), day.number, reason="核查", by="甲")


@tries("clock's owner", finding=5)
def a_deed_400_days_ahead(day: Day) -> bool:
    fast(day, days=400)
    return True


@tries("clock's owner", finding=5)
def a_deed_before_the_last_one(day: Day) -> bool:
    fast(day, days=-30)
    return True


@tries("clock's owner", finding=5)
def a_deed_some_hours_ahead(day: Day) -> bool:
    fast(day, hours=20)
    return True


@tries("clock's owner", finding=5)
def a_leap_said_to_be_right(day: Day) -> bool:
    day.home.clock.move(days=400)
    change_status.suspend(day.home.services, day.number, reason="核查", by="甲")
    with day.home.services.database.reading() as session:
        said = session.execute(text("select count(*) from audit_event where action = 'clock.said-right'"))
        assert said.scalar_one(), "it is in the trail"
    day.home.clock.move(days=-400)
    assert not check_log(day.home.services).ok, "leaves of the future are findings"
    return True


# --- a stranger, who brings something


@tries("stranger", finding=2)
def another_certificates_address_before_a_payload(day: Day) -> bool:
    services = day.home.services
    with services.database.reading() as session:
        token = session.execute(text("select token from certificate where id = 1")).scalar_one()
        cose = bytes(session.execute(text("select cose from certificate where id = 2")).scalar_one())
    return verify_offline(qr_text("https://certsvc.example", token, cose), services.trust).verdict is Verdict.VALID


@tries("stranger", finding=8)
def a_revoked_certificate_with_no_status_at_hand(day: Day) -> bool:
    services = day.home.services
    pdf = give_out.pdf_of(services, day.revoked)
    return verify_offline(pdf, services.trust, Options(now=services.now(), bounded=False)).verdict is Verdict.VALID


@tries("stranger", finding=14)
def another_name_in_a_signed_credential(day: Day) -> bool:
    with day.home.services.database.reading() as session:
        credential = bytes(session.execute(text("select credential from certificate where id = 1")).scalar_one())
    changed = credential.replace(HOLDER.name.encode(), "测试冒".encode())
    assert changed != credential
    return verify_online(day.home.services, changed, Options(bounded=False)).verdict is Verdict.VALID


@tries("stranger", finding=14)
def words_written_over_a_sealed_pdf(day: Day) -> bool:
    pdf = give_out.pdf_of(day.home.services, day.number)
    overlaid = pdf + b"\n% another face\n"
    return verify_online(day.home.services, overlaid, Options(bounded=False)).verdict is Verdict.VALID


def _leaves(day: Day) -> list[Leaf]:
    with day.home.services.database.reading() as session:
        return [decode(bytes(one)) for one in session.scalars(text('select content from log_leaf order by "index"'))]


def _restored(day: Day, backup: Path) -> None:
    home = day.folder / "restored"
    shutil.copytree(day.home.home / "keys", home / "keys")
    restore(day.open(CERTSVC_HOME=str(home)), backup)
