"""Send what was asked for: find out who it is for, make the code, hand the message over, try again, give up in time.

This runs after the page has been answered, in a thread of the web process (`messages_sender`) or as `certsvc holder
send`, so that neither the words nor the time of a page tell whether a person is known (R10). A request leads to a code
when name and document are a person's on record with a phone, and that person was sent fewer than 3 codes within an
hour and 10 within a day; to nothing otherwise. A message is claimed before it is handed over, so that of two senders
one sends it; one that fails is tried again while its code lives. Whatever its end, its sealed content is emptied.
Not here: how a message is handed over (`messages`), what a code is good for (`holder_access`).
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from certsvc.errors import KeyMissing
from certsvc.rules.registration_review import RegistrationState
from certsvc.services.context import Services
from certsvc.services.holders import sign_in as access
from certsvc.services.messages import Message, Messenger, NotSent
from certsvc.store import EnrolmentRecord, HolderCodeRecord, MessageRecord, PersonRecord

ASKED: Final = "asked"
QUEUED: Final = "queued"
SENT: Final = "sent"
FAILED: Final = "failed"
DROPPED: Final = "dropped"
MOST_CODES: Final = ((timedelta(hours=1), 3), (timedelta(days=1), 10))
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


@dataclass(frozen=True, slots=True)
class Queue:
    """The messages of about a day, by state, with nothing personal. `faults` counts the fixed words of failures."""

    counts: Mapping[str, int]
    faults: Mapping[str, int]
    oldest_waiting_at: datetime | None
    last_sent_at: datetime | None


def send_due(services: Services) -> Sending:
    """One round: every request is looked into, every message that is due is tried once. Raises `Unavailable`."""
    now, messenger = services.now(), services.messenger
    ended: Counter[str] = Counter()
    for message_id, lookup in _ids(services, ASKED, now):
        ended.update(_look_into(services, message_id, lookup, messenger))
    if messenger is not None:
        for message_id, _ in _ids(services, QUEUED, now):
            ended.update(_try_once(services, messenger, message_id))
    with services.database.writing("messages") as session:
        ended.update(_expire(session, now))
        access.sweep(session, now)
        waiting = (MessageRecord.state.in_((ASKED, QUEUED)),)
        count, next_at = session.execute(
            select(func.count(), func.min(MessageRecord.next_try_at)).where(*waiting)
        ).one()
    return Sending(ended[SENT], ended[FAILED], ended[DROPPED], count, next_at)


def queue(services: Services) -> Queue:
    """What waits, and what became of the rest."""
    with services.database.reading() as session:
        counts = session.execute(select(MessageRecord.state, func.count()).group_by(MessageRecord.state)).all()
        faults = session.execute(
            select(MessageRecord.fault, func.count())
            .where(MessageRecord.fault.is_not(None))
            .group_by(MessageRecord.fault)
        ).all()
        waiting = select(func.min(MessageRecord.asked_at)).where(MessageRecord.state.in_((ASKED, QUEUED)))
        sent = select(func.max(MessageRecord.ended_at)).where(MessageRecord.state == SENT)
        by_state = dict.fromkeys((ASKED, QUEUED, SENT, FAILED, DROPPED), 0) | {row[0]: row[1] for row in counts}
        return Queue(
            by_state,
            {str(fault): count for fault, count in faults},
            session.scalar(waiting),
            session.scalar(sent),
        )


def _ids(services: Services, state: str, now: datetime) -> list[tuple[int, bytes]]:
    due = (MessageRecord.state == state, MessageRecord.next_try_at <= now, MessageRecord.expires_at > now)
    query = select(MessageRecord.id, MessageRecord.id_lookup).where(*due).order_by(MessageRecord.id).limit(_AT_ONCE)
    with services.database.reading() as session:
        return [(row.id, row.id_lookup) for row in session.execute(query)]


def _look_into(services: Services, message_id: int, lookup: bytes, messenger: Messenger | None) -> list[str]:
    """Make a code of a request, or drop it; the ends that messages came to by it."""
    now = services.now()
    with services.database.writing(f"holder {lookup.hex()}") as session:
        row = session.get(MessageRecord, message_id)
        if row is None or row.state != ASKED:
            return []  # another sender was here
        phone, fault = _phone_for(services, session, row, now)
        if messenger is None:
            phone, fault = None, "no-messenger"
        if phone is None:
            return [_end(row, DROPPED, now, fault)]
        access.end_codes(session, access.MESSAGE, lookup, now)
        former = select(MessageRecord).where(MessageRecord.id_lookup == lookup, MessageRecord.state == QUEUED)
        ended = [_end(one, DROPPED, now, "replaced") for one in session.scalars(former)]
        code = access.message_code()
        made = access.new_code(services, access.MESSAGE, lookup, code, access.MESSAGE_CODE_LIFE)
        session.add(made)
        content = {"id": secrets.token_hex(16), "phone": phone, "code": code}
        sealed = services.vault.seal(content, lookup)
        row.sealed, row.sealed_kid = sealed.content, sealed.kid
        row.state, row.expires_at = QUEUED, made.expires_at
        return ended


def _is_reviewed(session: Session, person: PersonRecord) -> bool:
    """Whether the telephone stands on an approved registration (R1.6), so that it may open more than that one."""
    approved = select(EnrolmentRecord.id).where(
        EnrolmentRecord.person_id == person.id,
        EnrolmentRecord.review_state == RegistrationState.APPROVED.value,
    )
    return session.scalar(approved.limit(1)) is not None


def _phone_for(
    services: Services, session: Session, row: MessageRecord, now: datetime
) -> tuple[str | None, str | None]:
    """The phone a code goes to, or why there is none."""
    known = access.find(session, row.id_lookup)
    try:
        name = services.vault.open(row.sealed, row.sealed_kid, row.id_lookup).get("name") or ""
        person = known.person if known is not None else None
        kept = None if person is None else services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
    except KeyMissing:
        return None, "sealed"
    if known is None or not known.bears(name):
        return None, "not-known"
    phone = (kept or {}).get("phone")
    if not phone:
        return None, "no-phone"
    if known.papers and person is not None and not _is_reviewed(session, person):
        return None, "not-reviewed"
    for span, most in MOST_CODES:
        made = (
            select(func.count())
            .select_from(HolderCodeRecord)
            .where(
                HolderCodeRecord.kind == access.MESSAGE,
                HolderCodeRecord.id_lookup == row.id_lookup,
                HolderCodeRecord.made_at > now - span,
            )
        )
        if (session.scalar(made) or 0) >= most:
            return None, "too-many"
    return phone, None


def _try_once(services: Services, messenger: Messenger, message_id: int) -> list[str]:
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
        if kept is None or kept.state != QUEUED:
            return []  # replaced by a newer code meanwhile
        if fault is None:
            return [_end(kept, SENT, now, None)]
        if not again:
            return [_end(kept, FAILED, now, fault)]
        kept.fault = fault
        kept.next_try_at = now + timedelta(seconds=_PAUSES[min(kept.tries, len(_PAUSES)) - 1])
        return []


def _claim(services: Services, message_id: int) -> MessageRecord | None:
    now = services.now()
    due = (
        MessageRecord.id == message_id,
        MessageRecord.state == QUEUED,
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
    code, minutes = str(content["code"]), int(access.MESSAGE_CODE_LIFE.total_seconds()) // 60
    host = services.base_url.split("://", 1)[-1]
    # Wide commas: with a narrow one, code and minutes read as one number.
    text = (
        f"【{services.issuer.name_zh}】验证码 {code}，{minutes} 分钟内有效，仅用于在 {host} 查看本人成绩与证书，"
        f"请勿告诉任何人。 Your code: {code}, good for {minutes} minutes. Tell nobody."
    )
    return Message(id=str(content["id"]), to=str(content["phone"]), text=text, code=code, minutes=minutes)


def _expire(session: Session, now: datetime) -> list[str]:
    late = select(MessageRecord).where(MessageRecord.state.in_((ASKED, QUEUED)), MessageRecord.expires_at <= now)
    return [_end(row, FAILED, now, row.fault or "too-late") for row in session.scalars(late)]


def _end(row: MessageRecord, state: str, now: datetime, fault: str | None) -> str:
    row.state, row.ended_at, row.fault = state, now, fault
    row.sealed, row.sealed_kid = b"", ""
    return state
