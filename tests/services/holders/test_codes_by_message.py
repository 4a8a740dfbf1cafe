"""The queue of messages: sent once, tried again, given up with its code, emptied; and the thread that sees to it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from certsvc.delivery.sms import HttpMessenger, Message, Messenger, Outbox
from certsvc.errors import Unavailable
from certsvc.jobs import sender as messages_sender
from certsvc.jobs.sender import Sender
from certsvc.services.context import Services
from certsvc.services.holders import sign_in as access
from certsvc.services.holders.codes_by_message import send_due
from certsvc.services.notices import send as messages_send
from certsvc.services.notices.send import Sending, queue
from certsvc.store import HolderCodeRecord, MessageRecord, PersonRecord
from tests.builders.gateway import Gateway, gateway, secret_file
from tests.builders.holding import identity
from tests.builders.installation import Installation, made_up

__all__ = ["gateway", "secret_file"]  # fixtures
HOLDER, OTHER = made_up(1), made_up(2)


@pytest.fixture
def at(at: Installation, gateway: Gateway, secret_file: Path) -> Installation:
    at.services = replace(at.services, gateway=HttpMessenger(gateway.url, secret_file))
    return at


def ask(at: Installation) -> None:
    access.request_code(at.services, HOLDER.name, identity(HOLDER))


def row(services: Services) -> MessageRecord:
    with services.database.reading() as session:
        return session.scalars(select(MessageRecord).order_by(MessageRecord.id.desc()).limit(1)).one()


def test_a_code_goes_through_the_gateway_and_the_queue_is_emptied(at: Installation, gateway: Gateway) -> None:
    ask(at)
    assert send_due(at.services) == Sending(sent=1)
    (taken,) = gateway.taken
    assert (taken["to"], taken["minutes"], len(str(taken["id"]))) == ("13800000000", 10, 32)
    kept = row(at.services)
    assert (kept.state, kept.sealed, kept.sealed_kid, kept.fault, kept.tries) == ("sent", b"", "", None, 1)
    assert access.sign_in(at.services, HOLDER.name, identity(HOLDER), str(taken["code"])) is not None
    assert send_due(at.services) == Sending()
    assert len(gateway.taken) == 1


def test_a_gateway_that_is_down_is_asked_again_with_the_same_message(at: Installation, gateway: Gateway) -> None:
    gateway.statuses = [503, 500, 200]
    ask(at)
    first = send_due(at.services)
    assert (first.sent, first.waiting) == (0, 1)
    assert first.next_at is not None
    assert (first.next_at - at.clock()).total_seconds() == 5
    assert send_due(at.services).sent == 0, "not before it is due"
    assert gateway.asked == 1
    assert (row(at.services).state, row(at.services).fault) == ("queued", "http-503")
    assert queue(at.services).faults == {"http-503": 1}
    at.clock.move(seconds=5)
    assert send_due(at.services).sent == 0
    at.clock.move(seconds=10)
    assert send_due(at.services).sent == 1
    assert len(gateway.taken) == 1
    assert (row(at.services).tries, row(at.services).fault) == (3, None)
    found = queue(at.services)
    assert (found.counts["sent"], found.last_sent_at, found.oldest_waiting_at) == (1, at.clock(), None)


def test_a_message_is_given_up_with_its_code_and_recorded_with_nothing_personal(
    at: Installation, gateway: Gateway
) -> None:
    gateway.statuses = [503]
    ask(at)
    asked_at = at.clock()
    for _ in range(12):
        send_due(at.services)
        at.clock.move(minutes=1)
    kept = row(at.services)
    assert (kept.state, kept.fault, kept.sealed) == ("failed", "http-503", b"")
    assert kept.ended_at is not None
    assert (kept.ended_at - asked_at).total_seconds() == 600
    assert gateway.asked == 10
    assert queue(at.services).counts == {"asked": 0, "queued": 0, "sent": 0, "failed": 1, "dropped": 0}


def test_a_plain_no_is_not_asked_again(at: Installation, gateway: Gateway) -> None:
    gateway.statuses = [400]
    ask(at)
    assert send_due(at.services).failed == 1
    at.clock.move(minutes=2)
    send_due(at.services)
    assert (gateway.asked, row(at.services).fault) == (1, "http-400")


def test_the_wait_before_another_try_grows_to_a_minute(at: Installation, gateway: Gateway) -> None:
    gateway.statuses = [500]
    ask(at)
    waits = []
    for _ in range(6):
        next_at = send_due(at.services).next_at
        assert next_at is not None
        waits.append((next_at - at.clock()).total_seconds())
        at.clock.at = next_at
    assert waits == [5, 10, 20, 40, 60, 60]


def test_a_newer_request_drops_the_message_that_still_waits(at: Installation, gateway: Gateway) -> None:
    gateway.statuses = [503, 200]
    ask(at)
    send_due(at.services)
    ask(at)
    at.clock.move(seconds=5)
    assert send_due(at.services) == Sending(sent=1, dropped=1)
    assert len(gateway.taken) == 1
    assert access.sign_in(at.services, HOLDER.name, identity(HOLDER), str(gateway.taken[0]["code"])) is not None


def test_a_request_nobody_looked_into_in_time_leads_to_nothing(at: Installation, gateway: Gateway) -> None:
    ask(at)
    at.clock.move(minutes=10)
    assert send_due(at.services) == Sending(failed=1)
    assert (gateway.asked, row(at.services).fault, row(at.services).sealed) == (0, "too-late", b"")
    with at.services.database.reading() as session:
        assert session.scalar(select(HolderCodeRecord.id)) is None


def test_a_claimed_message_is_left_to_its_sender_for_a_minute(at: Installation, gateway: Gateway) -> None:
    gateway.statuses = [503, 200]
    ask(at)
    send_due(at.services)
    with at.services.database.writing() as session:
        # As left behind by a sender that was killed halfway.
        session.execute(update(MessageRecord).values(next_try_at=at.clock() + timedelta(minutes=1)))
    at.clock.move(seconds=59)
    assert send_due(at.services).sent == 0
    at.clock.move(seconds=1)
    assert send_due(at.services).sent == 1


def send_at_once(services: list[Services]) -> int:
    """How many messages so many senders at work together have sent."""
    begun = threading.Barrier(len(services))
    counts: list[int] = []

    def work(one: Services) -> None:
        begun.wait()
        counts.append(send_due(one).sent)

    threads = [threading.Thread(target=work, args=(one,)) for one in services]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counts) == len(services)
    return sum(counts)


def test_two_senders_do_not_send_one_message_twice(at: Installation, gateway: Gateway) -> None:
    gateway.pause = 0.1
    ask(at)
    access.request_code(at.services, OTHER.name, identity(OTHER))
    assert send_at_once([at.services] * 4) == 2
    assert len({str(one["id"]) for one in gateway.taken}) == len(gateway.taken) == 2


class Interrupted:
    """A messenger that is busy while the holder asks for another code."""

    def __init__(self, at: Installation, messenger: Messenger) -> None:
        self.at, self.messenger = at, messenger

    def send(self, message: Message, at: datetime) -> None:
        ask(self.at)
        send_due(self.at.services)
        self.messenger.send(message, at)


def test_a_message_replaced_while_it_is_handed_over_stays_dropped(at: Installation, gateway: Gateway) -> None:
    assert at.services.gateway is not None
    ask(at)
    send_due(replace(at.services, gateway=Interrupted(at, at.services.gateway)))
    assert queue(at.services).counts == {"asked": 0, "queued": 0, "sent": 1, "failed": 0, "dropped": 1}
    newer, older = gateway.taken
    assert access.sign_in(at.services, HOLDER.name, identity(HOLDER), str(older["code"])) is None
    assert access.sign_in(at.services, HOLDER.name, identity(HOLDER), str(newer["code"])) is not None


def test_a_request_that_another_sender_looked_into_is_left_alone(at: Installation, gateway: Gateway) -> None:
    asked: list[None] = []

    def now() -> datetime:
        asked.append(None)
        if len(asked) == 2:  # the list was read, and no row is locked yet
            assert send_due(at.services).sent == 1
        return at.clock()

    ask(at)
    assert send_due(replace(at.services, now=now)) == Sending()
    assert len(gateway.taken) == 1


def test_a_person_without_a_phone_or_with_a_damaged_row_is_dropped(at: Installation, gateway: Gateway) -> None:
    def drop(**values: object) -> str | None:
        with at.services.database.writing() as session:
            session.execute(update(PersonRecord).where(PersonRecord.name == HOLDER.name).values(**values))
        ask(at)
        assert send_due(at.services).dropped == 1
        return row(at.services).fault

    lookup = at.services.vault.lookup(identity(HOLDER))
    without = at.services.vault.seal({"id_number": HOLDER.id_number, "phone": None}, lookup)
    assert drop(sealed=without.content, sealed_kid=without.kid) == "no-phone"
    assert drop(sealed=b"x" * 40) == "sealed"
    assert gateway.asked == 0
    assert queue(at.services).faults == {"no-phone": 1, "sealed": 1}


def test_a_message_whose_seal_does_not_open_fails_for_good(at: Installation, gateway: Gateway) -> None:
    gateway.statuses = [503]
    ask(at)
    send_due(at.services)
    with at.services.database.writing() as session:
        session.execute(update(MessageRecord).values(sealed=b"x" * 40, next_try_at=at.clock()))
    assert send_due(at.services).failed == 1
    assert (row(at.services).fault, gateway.asked) == ("sealed", 1)


def test_without_a_messenger_what_was_asked_is_dropped(at: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(at)
    monkeypatch.setattr(type(at.services.keystore), "development", property(lambda _: False))
    assert send_due(replace(at.services, gateway=None)).dropped == 1
    assert row(at.services).fault == "no-messenger"


def test_a_gateway_comes_before_the_outbox(at: Installation) -> None:
    assert at.services.keystore.development
    assert at.services.messenger is at.services.gateway
    assert isinstance(replace(at.services, gateway=None).messenger, Outbox)


# The thread


def eventually(holds: Callable[[], bool]) -> bool:
    for _ in range(400):
        if holds():
            return True
        time.sleep(0.02)
    return False


def test_a_woken_sender_sends_and_rests_until_it_is_woken_again(at: Installation, gateway: Gateway) -> None:
    sender = Sender(at.services)
    ask(at)
    sender.wake()
    assert eventually(lambda: len(gateway.taken) == 1)
    assert eventually(lambda: not any(one.name == "certsvc-messages" for one in threading.enumerate()))
    access.request_code(at.services, OTHER.name, identity(OTHER))
    sender.wake()
    assert eventually(lambda: len(gateway.taken) == 2)
    sender.stop()
    ask(at)
    sender.wake()
    assert not any(one.name == "certsvc-messages" for one in threading.enumerate())
    assert len(gateway.taken) == 2


def test_a_sender_comes_back_to_what_failed(
    at: Installation, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages_send, "_PAUSES", (0.3,))
    gateway.statuses = [503, 200]
    moving = replace(at.services, now=lambda: datetime.now(UTC) + timedelta(hours=1))
    access.request_code(moving, HOLDER.name, identity(HOLDER))
    sender = Sender(moving)
    sender.wake()
    assert eventually(lambda: len(gateway.taken) == 1)
    sender.stop()


def test_an_outage_is_logged_by_its_kind_and_does_not_end_the_sender(
    at: Installation, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(messages_sender, "_AFTER_A_FAULT", 0.05)
    ask(at)
    with at.services.database.writing() as session:
        session.execute(text("alter table message rename to elsewhere"))
    with caplog.at_level(logging.ERROR, "certsvc.messages"):
        sender = Sender(at.services)
        sender.wake()
        assert eventually(lambda: "fault of kind" in caplog.text)
        with at.services.database.writing() as session:
            session.execute(text("alter table elsewhere rename to message"))
        assert eventually(lambda: len(gateway.taken) == 1)
    sender.stop()
    assert HOLDER.id_number not in caplog.text


def test_asking_while_the_database_is_away_is_an_outage(at: Installation) -> None:
    file = at.services.database.sqlite_file
    assert file is not None
    at.services.database.close()
    file.write_bytes(b"this is no database " * 500)
    with pytest.raises(Unavailable):
        ask(at)
