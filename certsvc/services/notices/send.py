"""Hand over the messages that wait: claim, send, try again, give up in time; and what became of them.

A message is claimed before it is handed over, so that of two senders one sends it; one that fails is tried again while
what it says is still good. Whatever its end, its sealed content is emptied. Not here: which messages there are and
what they say (`holders.codes_by_message`), how one is handed over (`delivery.sms`), the thread (`jobs.sender`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from certsvc.delivery.sms import Message, Messenger, NotSent
from certsvc.errors import KeyMissing
from certsvc.services.context import Services
from certsvc.store import MessageRecord


class MessageState(StrEnum):
    """Where a message stands: asked for, ready to be handed over, or at one of its three ends."""

    ASKED = "asked"
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"


WAITING: Final = (MessageState.ASKED, MessageState.QUEUED)
_CLAIMED_FOR: Final = timedelta(minutes=1)  # longer than a gateway may take
_PAUSES: Final = (5, 10, 20, 40, 60)  # seconds before the next try; the last one again and again
_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Sending:
    """What one round did. `next_at` is when the next try is due; None where nothing waits."""

    sent: int = 0
    failed: int = 0
    dropped: int = 0
    waiting: int = 0
    next_at: datetime | None = None

    @property
    def ended(self) -> int:
        """How many came to an end."""
        return self.sent + self.failed + self.dropped

    def with_(self, other: Sending) -> Sending:
        """Both together."""
        nexts = [each for each in (self.next_at, other.next_at) if each is not None]
        return Sending(
            self.sent + other.sent,
            self.failed + other.failed,
            self.dropped + other.dropped,
            self.waiting + other.waiting,
            min(nexts, default=None),
        )


@dataclass(frozen=True, slots=True)
class Queue:
    """The messages of about a day, by state, with nothing personal. `faults` counts the fixed words of failures."""

    counts: Mapping[str, int]
    faults: Mapping[str, int]
    oldest_waiting_at: datetime | None
    last_sent_at: datetime | None


def send_queued(services: Services, messenger: Messenger) -> list[MessageState]:
    """Try every message that is due once; the ends that messages came to by it. Raises `Unavailable`."""
    ended: list[MessageState] = []
    for message_id, _ in due(services, MessageState.QUEUED, services.now()):
        ended += _try_once(services, messenger, message_id)
    return ended


def queue(services: Services) -> Queue:
    """What waits, and what became of the rest."""
    with services.database.reading() as session:
        counts = session.execute(select(MessageRecord.state, func.count()).group_by(MessageRecord.state)).all()
        faults = session.execute(
            select(MessageRecord.fault, func.count())
            .where(MessageRecord.fault.is_not(None))
            .group_by(MessageRecord.fault)
        ).all()
        waiting = select(func.min(MessageRecord.asked_at)).where(MessageRecord.state.in_(WAITING))
        sent = select(func.max(MessageRecord.ended_at)).where(MessageRecord.state == MessageState.SENT)
        by_state = dict.fromkeys((state.value for state in MessageState), 0) | {row[0]: row[1] for row in counts}
        return Queue(
            by_state,
            {str(fault): count for fault, count in faults},
            session.scalar(waiting),
            session.scalar(sent),
        )


def due(services: Services, state: MessageState, now: datetime) -> list[tuple[int, bytes]]:
    """Messages in this state whose time has come, the oldest first: their ids and whom they are about."""
    due = (MessageRecord.state == state, MessageRecord.next_try_at <= now, MessageRecord.expires_at > now)
    query = select(MessageRecord.id, MessageRecord.id_lookup).where(*due).order_by(MessageRecord.id).limit(_AT_ONCE)
    with services.database.reading() as session:
        return [(row.id, row.id_lookup) for row in session.execute(query)]


def _try_once(services: Services, messenger: Messenger, message_id: int) -> list[MessageState]:
    row = _claim(services, message_id)
    if row is None:
        return []
    fault, again = None, True
    try:
        messenger.send(_message(services, row), services.now())
    except NotSent as error:
        fault, again = error.fault, error.again
    except KeyMissing:
        fault, again = "sealed", False
    now = services.now()
    with services.database.writing("messages") as session:
        kept = session.get(MessageRecord, message_id)
        if kept is None or kept.state != MessageState.QUEUED:
            return []  # replaced by a newer code meanwhile
        if fault is None:
            return [end_message(kept, MessageState.SENT, now, None)]
        if not again:
            return [end_message(kept, MessageState.FAILED, now, fault)]
        kept.fault = fault
        kept.next_try_at = now + timedelta(seconds=_PAUSES[min(kept.tries, len(_PAUSES)) - 1])
        return []


def _claim(services: Services, message_id: int) -> MessageRecord | None:
    now = services.now()
    due = (
        MessageRecord.id == message_id,
        MessageRecord.state == MessageState.QUEUED,
        MessageRecord.next_try_at <= now,
        MessageRecord.expires_at > now,
    )
    claim = update(MessageRecord).where(*due).values(tries=MessageRecord.tries + 1, next_try_at=now + _CLAIMED_FOR)
    with services.database.writing("messages") as session:
        claimed = session.execute(claim)
        assert isinstance(claimed, CursorResult)
        return session.get(MessageRecord, message_id) if claimed.rowcount else None


def _message(services: Services, row: MessageRecord) -> Message:
    content = services.vault.open(row.sealed, row.sealed_kid, row.id_lookup)
    try:
        return Message(
            id=str(content["id"]),
            to=str(content["phone"]),
            text=str(content["text"]),
            code=str(content["code"]),
            minutes=int(str(content["minutes"])),
        )
    except (KeyError, ValueError) as error:
        # Sealed by the release before, which put the words together here: such a message lives ten minutes.
        raise KeyMissing("短信的保密内容不完整", "the message's sealed part is not whole", where="vault") from error


def expire(session: Session, now: datetime) -> list[MessageState]:
    """Give up what is too late to be of use; the ends that messages came to by it."""
    late = select(MessageRecord).where(MessageRecord.state.in_(WAITING), MessageRecord.expires_at <= now)
    return [end_message(row, MessageState.FAILED, now, row.fault or "too-late") for row in session.scalars(late)]


def end_message(row: MessageRecord, state: MessageState, now: datetime, fault: str | None) -> MessageState:
    """Put a message at one of its ends; what it held is emptied."""
    row.state, row.ended_at, row.fault = state, now, fault
    row.sealed, row.sealed_kid = b"", ""
    return state
