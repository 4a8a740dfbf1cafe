"""Hand notices over: claim, find words and address, send; try again with growing pauses; never twice.

A notice is claimed before it is handed over, so that of two senders one sends it. By SMS each try bears the same `id`,
by which the gateway delivers once. A mail server knows no such thing: one that may have been taken without an answer,
or whose sender died over it, is not sent again by itself; staff see it as failed, `unsure`. Mail goes to those who have
an address on record where a mail server is named, everything else by SMS. Not here: queueing (`tell`), wording
(`words`), the wire (`certsvc.delivery`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from certsvc.delivery.mail import UNSURE, Mail
from certsvc.delivery.sms import Message, NotSent
from certsvc.errors import KeyMissing, Refused
from certsvc.services.context import Services
from certsvc.services.notices.kinds import NoticeKind
from certsvc.services.notices.send import Sending
from certsvc.services.notices.words import Words, words_of
from certsvc.services.records.contacts import Reach, phone_of_application, reach_of
from certsvc.store import NoticeRecord, ReissueRequestRecord

LOCK: Final = "messages"
QUEUED, SENDING, SENT, FAILED, DROPPED = "queued", "sending", "sent", "failed", "dropped"
SMS, MAIL = "sms", "mail"
_CLAIMED_FOR: Final = timedelta(minutes=5)  # longer than a gateway or a mail server may take, step by step
_PAUSES: Final = tuple(timedelta(minutes=each) for each in (1, 5, 30, 120, 360, 720))  # then the last, again and again
_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class _Claimed:
    """One to be handed over now."""

    id: int
    message_id: str
    channel: str
    to: str = field(repr=False)
    words: Words = field(repr=False)


def deliver(services: Services) -> Sending:
    """One round: each notice that is due is tried once. Raises `Unavailable`."""
    now = services.now()
    ended: Counter[str] = Counter()
    if not _waits(services):
        return Sending()
    _give_up(services, now, ended)
    for notice_id in _due(services, now):
        ended.update(_try_once(services, notice_id))
    with services.database.reading() as session:
        waiting = NoticeRecord.state.in_((QUEUED, SENDING))
        count, next_at = session.execute(select(func.count(), func.min(NoticeRecord.next_try_at)).where(waiting)).one()
    return Sending(ended[SENT], ended[FAILED], ended[DROPPED], count, next_at)


def end_notice(row: NoticeRecord, state: str, now: datetime, fault: str | None) -> list[str]:
    """Put a notice at one of its ends."""
    row.state, row.ended_at, row.fault = state, now, fault
    return [state]


def _waits(services: Services) -> bool:
    waiting = select(NoticeRecord.id).where(NoticeRecord.state.in_((QUEUED, SENDING))).limit(1)
    with services.database.reading() as session:
        return session.scalar(waiting) is not None


def _due(services: Services, now: datetime) -> list[int]:
    query = select(NoticeRecord.id).where(NoticeRecord.state == QUEUED, NoticeRecord.next_try_at <= now)
    with services.database.reading() as session:
        return list(session.scalars(query.order_by(NoticeRecord.id).limit(_AT_ONCE)))


def _give_up(services: Services, now: datetime, ended: Counter[str]) -> None:
    """What is too late to be of use, and what a sender left behind that is no more."""
    left = (NoticeRecord.state == SENDING) & (NoticeRecord.next_try_at <= now)
    late = (NoticeRecord.state == QUEUED) & (NoticeRecord.expires_at <= now)
    with services.database.writing(LOCK) as session:
        for row in session.scalars(select(NoticeRecord).where(left | late)):
            if row.state == QUEUED:
                ended.update(end_notice(row, FAILED, now, row.fault or "too-late"))
            elif row.channel == MAIL:
                ended.update(end_notice(row, FAILED, now, UNSURE))
            else:
                row.state, row.next_try_at = QUEUED, now


def _try_once(services: Services, notice_id: int) -> list[str]:
    """The end that the notice came to by it, if any."""
    with services.database.writing(LOCK) as session:
        claimed = _claim(services, session, notice_id)
    if not isinstance(claimed, _Claimed):
        return claimed
    fault, again = None, True
    try:
        _hand_over(services, claimed)
    except NotSent as error:
        fault, again = error.fault, error.again
    except Refused:  # a secret's or a password's file
        fault = "set-up"
    now = services.now()
    with services.database.writing(LOCK) as session:
        row = session.get(NoticeRecord, notice_id)
        if row is None or row.state != SENDING:
            return []  # the person's data were erased meanwhile, or it was given up
        if fault is None:
            return end_notice(row, SENT, now, None)
        if not again:
            return end_notice(row, FAILED, now, fault)
        row.state, row.fault = QUEUED, fault
        row.next_try_at = now + _PAUSES[min(row.tries, len(_PAUSES)) - 1]
        return []


def _claim(services: Services, session: Session, notice_id: int) -> _Claimed | list[str]:
    """Take it for oneself, with what it says and where it goes; or end it where there is nothing to say any more."""
    now = services.now()
    due = (NoticeRecord.id == notice_id, NoticeRecord.state == QUEUED, NoticeRecord.next_try_at <= now)
    claim = update(NoticeRecord).where(*due).values(tries=NoticeRecord.tries + 1, next_try_at=now + _CLAIMED_FOR)
    claimed = session.execute(claim.values(state=SENDING))
    assert isinstance(claimed, CursorResult)
    if not claimed.rowcount:
        return []
    row = session.get_one(NoticeRecord, notice_id, populate_existing=True)
    try:
        said, reach = words_of(services, session, row), _reach(services, session, row)
    except KeyMissing:
        return end_notice(row, FAILED, now, "sealed")
    if said is None:
        return end_notice(row, DROPPED, now, "overtaken")
    if reach.mail is not None and services.mailer is not None:
        row.channel, to = MAIL, reach.mail
    elif reach.phone is not None and services.messenger is not None:
        row.channel, to = SMS, reach.phone
    else:
        return end_notice(row, FAILED, now, "no-way" if reach.mail or reach.phone else "no-address")
    return _Claimed(row.id, row.message_id, row.channel, to, said)


def _reach(services: Services, session: Session, row: NoticeRecord) -> Reach:
    """Where it goes: an application from home named a telephone of its own."""
    if row.kind in (NoticeKind.REISSUE_APPROVED, NoticeKind.REISSUE_REJECTED):
        request = session.get(ReissueRequestRecord, int(row.about))
        phone = None if request is None else phone_of_application(services.vault, session, request)
        if phone is not None:
            return Reach(phone)
    return reach_of(services.vault, session, row.id_lookup, services.now())


def _hand_over(services: Services, one: _Claimed) -> None:
    now, issuer = services.now(), services.issuer
    if one.channel == SMS:
        messenger = services.messenger
        assert messenger is not None
        text = f"【{issuer.name_zh}】{one.words.zh} {one.words.en}"
        messenger.send(Message(one.message_id, one.to, text, "", 0), now)
        return
    mailer = services.mailer
    assert mailer is not None
    text = f"{one.words.zh}\n\n{one.words.en}\n\n-- \n{issuer.name_zh} {issuer.name_en}\n"
    mailer.send(Mail(one.message_id, one.to, f"{issuer.name_zh}：通知 Notice", text), now)
