"""Notices: queued with their deed, sent by mail or SMS, tried again, never twice, and what failed is seen (R10)."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from certsvc.delivery.mail import SmtpMailer
from certsvc.delivery.sms import HttpMessenger
from certsvc.errors import ImportRefused, Refused
from certsvc.jobs.sender import Sender
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.rules.terms import Subject
from certsvc.services.certificates.change_status import revoke
from certsvc.services.context import Services
from certsvc.services.examination import sittings
from certsvc.services.examination.publish_results import publish_results
from certsvc.services.issuing.issue import issue
from certsvc.services.notices.deliver import deliver
from certsvc.services.notices.listing import Notice, notices, send_again
from certsvc.services.notices.send import Sending
from certsvc.services.persons.erase import erase
from certsvc.services.records.contacts import reach_of
from certsvc.services.registration import review
from certsvc.services.registration.import_roster import import_candidates
from certsvc.store import NoticeRecord, PersonRecord
from tests.builders.examining import add, admit, results
from tests.builders.gateway import Gateway, gateway, secret_file
from tests.builders.installation import Clock
from tests.builders.person import NOW, SAT, candidates, write_csv
from tests.builders.post_office import PostOffice, post_office

__all__ = ["gateway", "post_office", "secret_file"]  # fixtures
MAILBOX = "someone@example.org"


@pytest.fixture
def told(services: Services, gateway: Gateway, secret_file: Path, post_office: PostOffice) -> Services:
    """A home whose deeds are told: by mail where there is a mailbox, else by SMS."""
    mailer = SmtpMailer(post_office.url, "notices@authority.example")
    sms = HttpMessenger(gateway.url, secret_file)
    return replace(services, gateway=sms, mailer=mailer, notices_on=True, now=Clock(NOW))


def register(services: Services, folder: Path, *rows: dict[str, str], **options: bool) -> None:
    number = len(list(folder.glob("roster*.csv")))
    import_candidates(services, write_csv(folder / f"roster{number}.csv", rows), by="登记员", **options)


def kinds(services: Services) -> list[str]:
    return [one.kind.value for one in reversed(notices(services))]


def newest(services: Services) -> Notice:
    return notices(services)[0]


def later(services: Services, **by: float) -> None:
    assert isinstance(services.now, Clock)
    services.now.move(**by)


def test_who_has_a_mailbox_gets_mail_and_who_has_none_an_sms(
    told: Services, tmp_path: Path, gateway: Gateway, post_office: PostOffice
) -> None:
    first, second = candidates(2)
    register(told, tmp_path, first.cells(email=MAILBOX), second.cells(email=""))
    assert deliver(told).sent == 2
    (mail,), (sms,) = post_office.taken, gateway.taken
    assert (post_office.recipients, sms["to"]) == ([MAILBOX], second.phone)
    for text in (mail.get_content(), str(sms["text"])):
        assert "您的报名已登记" in text
        assert "Your registration is on record" in text
        assert "certsvc.example/my" in text
    assert mail["subject"] == f"{told.issuer.name_zh}：通知 Notice"
    assert [one.channel for one in reversed(notices(told))] == ["mail", "sms"]


def test_the_whole_way_is_told_and_names_no_score_and_no_person(
    told: Services, tmp_path: Path, gateway: Gateway
) -> None:
    (one,) = candidates(1)
    register(told, tmp_path, one.cells())
    sitting = add(told, Subject.THEORY, on=told.today() + timedelta(days=3))
    results(told, tmp_path, *one.passes())
    publish_results(told, by="考务员", on=SAT)
    (certificate,) = issue(told, by="经办人", on=told.today()).issued
    revoke(told, certificate.number, reason="试", by="经办人")
    assert kinds(told) == ["registered", "results-out", "certificate-issued", "certificate-revoked"]
    assert deliver(told).sent == 4
    for message in gateway.taken:
        for personal in (one.name, one.id_number, "88", "91.5", certificate.number):
            assert personal not in str(message["text"])
    assert sitting.admitted == 0


def test_admission_says_when_and_where_and_one_who_is_removed_first_hears_that_alone(
    told: Services, tmp_path: Path, gateway: Gateway
) -> None:
    first, second = candidates(2)
    register(told, tmp_path, first.cells(), second.cells())
    deliver(told)
    on = told.today() + timedelta(days=3)
    sitting = add(told, Subject.THEORY, on=on)
    admission = admit(told, sitting, [first, second])
    sittings.remove(told, sitting.id, admission.admitted[1].ticket, by="考务员")
    gateway.taken.clear()
    assert deliver(told) == Sending(sent=2, dropped=1)
    admitted, removed = (str(each["text"]) for each in gateway.taken)
    assert f"{on} 09:00，一号实训楼" in admitted
    assert "已取消" in removed


def test_results_say_until_when_something_is_open_and_wait_for_their_day(
    told: Services, tmp_path: Path, gateway: Gateway
) -> None:
    (one,) = candidates(1)
    register(told, tmp_path, one.cells())
    deliver(told)
    gateway.taken.clear()
    sat = told.today() - timedelta(days=2)
    results(told, tmp_path, one.result("theory", "59", sat_on=str(sat)), one.result("practical", "90", sat_on=str(sat)))
    publish_results(told, by="考务员", on=told.today() + timedelta(days=1))
    assert deliver(told).sent == 0, "nothing is seen before its day (R6)"
    later(told, days=1)
    assert deliver(told).sent == 1
    assert f"须在 {sat.replace(year=sat.year + 1)} 前" in str(gateway.taken[0]["text"])


def test_a_deed_that_fails_tells_no_one(told: Services, tmp_path: Path) -> None:
    first, second = candidates(2)
    with pytest.raises(ImportRefused):
        register(told, tmp_path, first.cells(), second.cells(birth_date="1900-01-01"))
    assert notices(told) == []


def test_the_review_is_told_step_by_step(told: Services, tmp_path: Path, gateway: Gateway) -> None:
    (one,) = candidates(1)
    register(told, tmp_path, one.cells(), for_review=True)
    review.return_(told, [1], by="审核员", missing="照片")
    register(told, tmp_path, one.cells(batch="二"), for_review=True)
    assert kinds(told) == ["registered", "registration-returned"]
    assert deliver(told) == Sending(sent=1, dropped=1), "it was handed in again before that was sent"


def test_tries_grow_apart_and_end(told: Services, tmp_path: Path, gateway: Gateway) -> None:
    register(told, tmp_path, candidates(1)[0].cells())
    gateway.statuses = [503]
    pauses = []
    while (done := deliver(told)).next_at is not None:
        pauses.append(done.next_at - told.now())
        later(told, seconds=pauses[-1].total_seconds())
    minutes = [pause.total_seconds() / 60 for pause in pauses]
    assert minutes[:7] == [1, 5, 30, 120, 360, 720, 720]
    assert (newest(told).state, newest(told).fault) == ("failed", "http-503")
    ids = gateway.asked
    gateway.statuses = [200]
    assert deliver(told).sent == 0, "given up"
    assert ids > 7


def test_a_mail_of_which_no_one_knows_whether_it_was_taken_waits_for_staff(
    told: Services, tmp_path: Path, post_office: PostOffice
) -> None:
    register(told, tmp_path, candidates(1)[0].cells(email=MAILBOX))
    post_office.hangs_up = True
    assert deliver(told).failed == 1
    later(told, days=1)
    assert deliver(told) == Sending()
    assert len(post_office.taken) == 1
    post_office.hangs_up = False
    send_again(told, newest(told).id, by="经办人")
    assert deliver(told).sent == 1
    first, second = post_office.taken
    assert first["message-id"] != second["message-id"], "sent again on purpose is another mail"
    with pytest.raises(Refused):
        send_again(told, newest(told).id, by="经办人")


@pytest.mark.parametrize(("mailbox", "after"), [(MAILBOX, ("failed", "unsure")), ("", ("sent", None))])
def test_a_sender_that_died_sends_no_mail_twice_and_an_sms_under_the_same_id(
    told: Services, tmp_path: Path, gateway: Gateway, mailbox: str, after: tuple[str, str | None]
) -> None:
    register(told, tmp_path, candidates(1)[0].cells(email=mailbox))
    channel = "mail" if mailbox else "sms"
    with told.database.writing() as session:  # as it stands while one is at it
        died = {"state": "sending", "channel": channel, "tries": 1, "next_try_at": told.now() + timedelta(minutes=5)}
        session.execute(update(NoticeRecord).values(**died))
    assert deliver(told).sent == 0
    later(told, minutes=6)
    deliver(told)
    assert (newest(told).state, newest(told).fault) == after


def test_of_many_senders_one_sends(told: Services, tmp_path: Path, gateway: Gateway) -> None:
    register(told, tmp_path, *(one.cells() for one in candidates(5)))
    threads = [threading.Thread(target=deliver, args=(told,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(gateway.taken) == 5
    assert len({str(each["id"]) for each in gateway.taken}) == 5


def test_who_cannot_be_reached_is_seen_by_staff(told: Services, tmp_path: Path) -> None:
    register(told, tmp_path, candidates(1)[0].cells(phone=""))
    assert deliver(told).failed == 1
    assert (newest(told).fault, newest(told).can_go_again) == ("no-address", True)


def test_the_same_file_again_tells_no_one_again(told: Services, tmp_path: Path) -> None:
    for _ in range(2):
        register(told, tmp_path, candidates(1)[0].cells())
    assert kinds(told) == ["registered"]


def test_nothing_is_told_while_notices_are_off(told: Services, tmp_path: Path) -> None:
    register(replace(told, notices_on=False), tmp_path, candidates(1)[0].cells())
    assert notices(told) == []


@pytest.mark.parametrize(
    "typed", ["someone", "a@b", "a b@example.org", "张三@example.org", "a@example.org,b@example.org"]
)
def test_what_is_no_mailbox_is_refused_by_its_cell(services: Services, tmp_path: Path, typed: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        register(services, tmp_path, candidates(1)[0].cells(email=typed))
    (error,) = refused.value.errors
    assert (error.column, error.value) == ("email", typed)


def mailbox(services: Services) -> str | None:
    with services.database.reading() as session:
        person = session.scalars(select(PersonRecord)).one()
        return reach_of(services.vault, session, person.id_lookup, services.now()).mail


def test_a_first_mailbox_is_taken_and_another_ones_is_not_where_something_stands(
    services: Services, tmp_path: Path
) -> None:
    (one,) = candidates(1)
    register(services, tmp_path, one.cells(email=""))
    results(
        services,
        tmp_path,
        one.result("theory", outcome="absent", score=""),
        one.result("practical", outcome="absent", score=""),
    )
    after = replace(one, registered_on=date(2025, 6, 1))
    register(services, tmp_path, after.cells(email=MAILBOX))
    assert mailbox(services) == MAILBOX
    for row in (after.cells(email="other@example.org"), after.cells(email="")):
        path = write_csv(tmp_path / "again.csv", [row])
        report = import_candidates(services, path, by="登记员")
        assert (report.new, report.unchanged) == (0, 1)
        assert any(warning.column == "email" for warning in report.warnings) is bool(row["email"])
    assert mailbox(services) == MAILBOX


def test_a_row_of_the_same_registration_with_another_mailbox_is_a_conflict(services: Services, tmp_path: Path) -> None:
    (one,) = candidates(1)
    register(services, tmp_path, one.cells(email=MAILBOX))
    with pytest.raises(ImportRefused) as refused:
        register(services, tmp_path, one.cells(email="other@example.org"))
    assert [error.column for error in refused.value.errors] == ["email"]


def test_an_erased_person_leaves_no_notice(told: Services, tmp_path: Path) -> None:
    (one,) = candidates(1)
    register(told, tmp_path, one.cells(email=MAILBOX))
    identity = IdentityDocument(IdType.RESIDENT_ID, one.id_number)
    erase(told, identity, reason="本人要求", by="甲", approved_by="乙", keep_certificate=False)
    assert notices(told) == []
    assert deliver(told) == Sending()


def test_the_thread_that_is_woken_sends_what_waits_and_rests(told: Services, tmp_path: Path, gateway: Gateway) -> None:
    register(told, tmp_path, *(one.cells() for one in candidates(3)))
    teller = Sender(told, deliver, "certsvc-notices")
    teller.wake()
    ends = time.monotonic() + 20
    while len(gateway.taken) < 3 and time.monotonic() < ends:
        time.sleep(0.05)
    teller.stop()
    assert len(gateway.taken) == 3
    assert {one.state for one in notices(told)} == {"sent"}
