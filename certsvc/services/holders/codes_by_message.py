"""Codes by message: find out whom a request is about, make the code, word the message, and send what waits (R10).

This runs after the page has been answered, in a thread of the web process (`jobs.sender`) or as `certsvc holder send`,
so that neither the words nor the time of a page tell whether a person is known. A request leads to a code when name and
document are a person's on record with a phone, and that person was sent fewer than 3 codes within an hour and 10 within
a day; to nothing otherwise. Not here: what a code is good for (`codes`), handing messages over (`notices.send`).
"""

from __future__ import annotations

import secrets
from collections import Counter
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from certsvc.delivery.sms import Messenger
from certsvc.errors import KeyMissing
from certsvc.rules.registration_review import RegistrationState
from certsvc.services.context import Services
from certsvc.services.holders import codes
from certsvc.services.holders.known import find
from certsvc.services.notices.send import WAITING, MessageState, Sending, due, end_message, expire, send_queued
from certsvc.services.records.contacts import phone_of, phone_of_papers
from certsvc.store import EnrolmentRecord, HolderCodeRecord, MessageRecord, PersonRecord

MOST_CODES: Final = ((timedelta(hours=1), 3), (timedelta(days=1), 10))


def send_due(services: Services) -> Sending:
    """One round: every request is looked into, every message that is due is tried once. Raises `Unavailable`."""
    now, messenger = services.now(), services.messenger
    ended: Counter[MessageState] = Counter()
    for message_id, lookup in due(services, MessageState.ASKED, now):
        ended.update(_look_into(services, message_id, lookup, messenger))
    if messenger is not None:
        ended.update(send_queued(services, messenger))
    with services.database.writing("messages") as session:
        ended.update(expire(session, now))
        codes.sweep(session, now)
        waiting = MessageRecord.state.in_(WAITING)
        count, next_at = session.execute(select(func.count(), func.min(MessageRecord.next_try_at)).where(waiting)).one()
    sent, failed, dropped = (ended[end] for end in (MessageState.SENT, MessageState.FAILED, MessageState.DROPPED))
    return Sending(sent, failed, dropped, count, next_at)


def _look_into(services: Services, message_id: int, lookup: bytes, messenger: Messenger | None) -> list[MessageState]:
    """Make a code of a request, or drop it; the ends that messages came to by it."""
    now = services.now()
    with services.database.writing(codes.lock_of(lookup)) as session:
        row = session.get(MessageRecord, message_id)
        if row is None or row.state != MessageState.ASKED:
            return []  # another sender was here
        phone, fault = _phone_for(services, session, row, now)
        if messenger is None:
            phone, fault = None, "no-messenger"
        if phone is None:
            return [end_message(row, MessageState.DROPPED, now, fault)]
        codes.end_codes(session, codes.MESSAGE, lookup, now)
        former = select(MessageRecord).where(
            MessageRecord.id_lookup == lookup,
            MessageRecord.state == MessageState.QUEUED,
            MessageRecord.is_notice.is_(False),
        )
        ended = [end_message(one, MessageState.DROPPED, now, "replaced") for one in session.scalars(former)]
        code = codes.message_code()
        made = codes.new_code(services, codes.MESSAGE, lookup, code, codes.MESSAGE_CODE_LIFE)
        session.add(made)
        content = {"id": secrets.token_hex(16), "phone": phone, "code": code, **_words(services, code)}
        sealed = services.vault.seal(content, lookup)
        row.sealed, row.sealed_kid = sealed.content, sealed.kid
        row.state, row.expires_at = MessageState.QUEUED, made.expires_at
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
    known = find(session, row.id_lookup)
    try:
        name = services.vault.open(row.sealed, row.sealed_kid, row.id_lookup).get("name") or ""
        person = known.person if known is not None else None
        if person is not None:
            phone = phone_of(services.vault, session, person, now)
        else:
            phone = None if known is None else phone_of_papers(services.vault, session, known.papers, now)
    except KeyMissing:
        return None, "sealed"
    if known is None or not known.bears(name):
        return None, "not-known"
    if not phone:
        return None, "no-phone"
    if known.papers and person is not None and not _is_reviewed(session, person):
        return None, "not-reviewed"
    for span, most in MOST_CODES:
        made = (
            select(func.count())
            .select_from(HolderCodeRecord)
            .where(
                HolderCodeRecord.kind == codes.MESSAGE,
                HolderCodeRecord.id_lookup == row.id_lookup,
                HolderCodeRecord.made_at > now - span,
            )
        )
        if (session.scalar(made) or 0) >= most:
            return None, "too-many"
    return phone, None


def _words(services: Services, code: str) -> dict[str, str]:
    minutes = int(codes.MESSAGE_CODE_LIFE.total_seconds()) // 60
    host = services.base_url.split("://", 1)[-1]
    # Wide commas: with a narrow one, code and minutes read as one number.
    text = (
        f"【{services.issuer.name_zh}】验证码 {code}，{minutes} 分钟内有效，仅用于在 {host} 查看本人成绩与证书，"
        f"请勿告诉任何人。 Your code: {code}, good for {minutes} minutes. Tell no one."
    )
    return {"text": text, "minutes": str(minutes)}
