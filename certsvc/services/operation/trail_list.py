"""The audit trail as it is read: newest first, by who did what to what and when. Nothing of it is ever changed.

Not here: what is noted (`services.trail`). A page and a file ask the same question.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import Select, select

from certsvc.services.context import SHANGHAI, Services
from certsvc.store import AuditEventRecord

_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Event:
    """One line: `detail` is JSON as it was noted."""

    id: int
    at: datetime
    by: str
    action: str
    object_kind: str
    object_key: str
    detail: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Empty fields want everything; `action` is a beginning such as "certificate." or a whole one; days are civil."""

    by: str = ""
    action: str = ""
    object_key: str = ""
    since: date | None = None
    until: date | None = None


def events(services: Services, wanted: Wanted, *, before: int | None = None, most: int = 100) -> list[Event]:
    """The newest `most` that come before an id."""
    query = _query(wanted).order_by(AuditEventRecord.id.desc()).limit(most)
    if before is not None:
        query = query.where(AuditEventRecord.id < before)
    with services.database.reading() as session:
        return [_event(row) for row in session.scalars(query)]


def every_event(services: Services, wanted: Wanted) -> Iterator[Event]:
    """All of them, oldest first, a thousand at a time."""
    with services.database.reading() as session:
        query = _query(wanted).order_by(AuditEventRecord.id).execution_options(yield_per=_CHUNK)
        for row in session.scalars(query):
            yield _event(row)


def _query(wanted: Wanted) -> Select[AuditEventRecord]:
    query = select(AuditEventRecord)
    if wanted.by:
        query = query.where(AuditEventRecord.by == wanted.by)
    if wanted.action:
        query = query.where(AuditEventRecord.action.startswith(wanted.action, autoescape=True))
    if wanted.object_key:
        query = query.where(AuditEventRecord.object_key.startswith(wanted.object_key, autoescape=True))
    if wanted.since is not None:
        query = query.where(AuditEventRecord.at >= _begin(wanted.since))
    if wanted.until is not None:
        query = query.where(AuditEventRecord.at < _begin(wanted.until + timedelta(days=1)))
    return query


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI)


def _event(row: AuditEventRecord) -> Event:
    return Event(row.id, row.at, row.by, row.action, row.object_kind, row.object_key, row.detail)
