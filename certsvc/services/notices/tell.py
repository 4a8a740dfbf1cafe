"""Put notices among those that wait, in the transaction of the deed that causes them; of a kind about one thing, once.

Nothing is queued where nothing could carry it, nor while notices are off (CERTSVC_NOTICES), unless someone asks for
this very notice. What it says and where it goes is found when it is handed over (`deliver`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.services.context import Services
from certsvc.services.imports import chunks
from certsvc.services.notices.kinds import TRIED_FOR, NoticeKind
from certsvc.store import CertificateRecord, EnrolmentRecord, NoticeRecord, PaperCertificateRecord, PersonRecord
from certsvc.store.bulk import insert_rows


@dataclass(frozen=True, slots=True)
class Told:
    """Whom a notice goes to, by look-up, and what it is about (`kinds`)."""

    lookup: bytes
    about: str


def tell(
    services: Services,
    session: Session,
    kind: NoticeKind,
    told: Iterable[Told],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    asked_for: bool = False,
) -> int:
    """Queue those that are not there yet; how many. Tried from `since` (now) until `until` (a week)."""
    if not services.reaches or not (services.notices_on or asked_for):
        return 0
    now = services.now()
    first = max(now, since or now)
    until = until or first + TRIED_FOR
    if until <= first:
        return 0
    count = 0
    for some in chunks(iter(told)):
        abouts = {one.about: one for one in some}
        there = select(NoticeRecord.about).where(NoticeRecord.kind == kind.value, NoticeRecord.about.in_(abouts))
        new = abouts.keys() - set(session.scalars(there))
        rows = [_row(abouts[about], kind, now, first, until) for about in abouts if about in new]
        insert_rows(session, NoticeRecord.__table__, rows)  # type: ignore[arg-type]  # a declared class's is a Table
        count += len(rows)
    return count


def tell_enrolled(
    services: Services,
    session: Session,
    kind: NoticeKind,
    abouts: Iterable[tuple[int, str]],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """The same for those registered: each enrolment with what is added to it in `about`."""
    if not services.reaches or not services.notices_on:
        return 0
    count = 0
    for some in chunks(iter(abouts)):
        query = select(EnrolmentRecord.id, PersonRecord.id_lookup).join(
            PersonRecord, PersonRecord.id == EnrolmentRecord.person_id
        )
        lookups = dict(session.execute(query.where(EnrolmentRecord.id.in_({one for one, _ in some}))).all())
        told = [Told(lookups[one], f"{one} {more}".strip()) for one, more in some if one in lookups]
        count += tell(services, session, kind, told, since=since, until=until)
    return count


def _row(one: Told, kind: NoticeKind, now: datetime, first: datetime, until: datetime) -> dict[str, object]:
    return {
        "kind": kind.value,
        "about": one.about,
        "id_lookup": one.lookup,
        "message_id": secrets.token_hex(16),
        "state": "queued",
        "queued_at": now,
        "next_try_at": first,
        "expires_at": until,
        "tries": 0,
    }


def tell_certificates(
    services: Services, session: Session, kind: NoticeKind, rows: Iterable[CertificateRecord], more: str = ""
) -> int:
    """The same for holders: about each certificate's number and version, with what is added to it."""
    if not services.reaches or not services.notices_on:
        return 0
    count = 0
    for some in chunks(iter(rows)):
        persons = dict(_lookups(session, PersonRecord, {row.person_id for row in some}))
        papers = dict(_lookups(session, PaperCertificateRecord, {row.paper_id for row in some}))
        told = []
        for row in some:
            lookup = persons.get(row.person_id) or papers.get(row.paper_id)
            if lookup is not None:
                told.append(Told(lookup, f"{row.number} v{row.version} {more}".strip()))
        count += tell(services, session, kind, told)
    return count


def _lookups(
    session: Session, record: type[PersonRecord | PaperCertificateRecord], ids: Iterable[int | None]
) -> Iterator[tuple[int | None, bytes]]:
    wanted = [one for one in ids if one is not None]
    for row in session.execute(select(record.id, record.id_lookup).where(record.id.in_(wanted))):
        yield row[0], row[1]
