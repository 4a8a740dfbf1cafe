"""What became of the notices, for staff: by state, whom they are for, why one was not delivered; and send again."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select

from certsvc.errors import NotFound, Refused
from certsvc.services import trail
from certsvc.services.context import Services
from certsvc.services.notices.deliver import DROPPED, FAILED, LOCK, QUEUED, SENDING, SENT
from certsvc.services.notices.kinds import TRIED_FOR, NoticeKind
from certsvc.store import NoticeRecord, PersonRecord

STATES = (FAILED, QUEUED, SENDING, SENT, DROPPED)
"""In the order in which staff look at them."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice. `name` is None for one who has paper alone; `about` as `kinds` says."""

    id: int
    kind: NoticeKind
    about: str
    name: str | None = field(repr=False)
    state: str
    channel: str | None
    fault: str | None
    tries: int
    queued_at: datetime
    next_try_at: datetime | None
    ended_at: datetime | None

    @property
    def can_go_again(self) -> bool:
        return self.state in (FAILED, DROPPED)

    def as_json(self) -> dict[str, object]:
        """Without the name."""
        return {
            "id": self.id,
            "kind": self.kind.value,
            "about": self.about,
            "state": self.state,
            "channel": self.channel,
            "fault": self.fault,
            "tries": self.tries,
            "queued_at": self.queued_at.isoformat(),
            "next_try_at": None if self.next_try_at is None else self.next_try_at.isoformat(),
            "ended_at": None if self.ended_at is None else self.ended_at.isoformat(),
        }


def counts(services: Services) -> Mapping[str, int]:
    """How many there are in each state."""
    with services.database.reading() as session:
        query = select(NoticeRecord.state, func.count()).group_by(NoticeRecord.state)
        return dict.fromkeys(STATES, 0) | {row[0]: row[1] for row in session.execute(query)}


def notices(
    services: Services, *, state: str | None = None, kind: str | None = None, before: int | None = None, most: int = 50
) -> list[Notice]:
    """The newest first, of one state and kind where given; `before` an id, to go on."""
    query = select(NoticeRecord, PersonRecord.name).outerjoin(
        PersonRecord, PersonRecord.id_lookup == NoticeRecord.id_lookup
    )
    if state is not None:
        query = query.where(NoticeRecord.state == state)
    if kind is not None:
        query = query.where(NoticeRecord.kind == kind)
    if before is not None:
        query = query.where(NoticeRecord.id < before)
    with services.database.reading() as session:
        found = session.execute(query.order_by(NoticeRecord.id.desc()).limit(most))
        return [_shown(row, name) for row, name in found]


def send_again(services: Services, notice_id: int, *, by: str) -> Notice:
    """Have one that was not delivered tried again from now on, as another message. Raises `NotFound`, `Refused`."""
    with services.database.writing(LOCK) as session:
        row = session.get(NoticeRecord, notice_id)
        if row is None:
            raise NotFound("没有该通知", "there is no such notice", where=str(notice_id))
        if row.state not in (FAILED, DROPPED):
            raise Refused(
                "该通知已发出或正在等待发送", "it was sent, or is waiting to be", rule="R10", where=str(notice_id)
            )
        now = services.now()
        row.message_id = secrets.token_hex(16)
        row.state, row.tries, row.ended_at, row.fault, row.channel = QUEUED, 0, None, None, None
        row.next_try_at, row.expires_at = now, now + TRIED_FOR
        trail.note(
            session,
            at=now,
            by=by,
            action="notice.again",
            object_kind="notice",
            object_key=str(notice_id),
            kind=row.kind,
        )
        name = session.scalar(select(PersonRecord.name).where(PersonRecord.id_lookup == row.id_lookup))
        return _shown(row, name)


def _shown(row: NoticeRecord, name: str | None) -> Notice:
    return Notice(
        id=row.id,
        kind=NoticeKind.of(row.kind),
        about=row.about,
        name=name,
        state=row.state,
        channel=row.channel,
        fault=row.fault,
        tries=row.tries,
        queued_at=row.queued_at,
        next_try_at=row.next_try_at if row.state == QUEUED else None,
        ended_at=row.ended_at,
    )
