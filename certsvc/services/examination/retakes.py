"""Free retakes that are open or about to be lost, and the notice to those who hold them, once (R3.1, R3.3, R4.1).

Staff see what all results on record say; a notice goes out only where the published results say the same, since nothing
is seen before (R6), and not to one who is booked into a sitting in time. It names no exam, no score and no person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Final

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from certsvc.credential.status import Status
from certsvc.errors import KeyMissing
from certsvc.person.age import add_months
from certsvc.rules.decide import Decision
from certsvc.rules.enrolment import AttemptKind
from certsvc.rules.terms import Subject
from certsvc.services import trail
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.examination.decide import decide_all
from certsvc.services.imports import chunks
from certsvc.services.notices.kinds import NoticeKind
from certsvc.services.notices.tell import Told, tell
from certsvc.services.records.attempts import as_they_count, attempt_of, decision_on
from certsvc.services.records.contacts import reach_of
from certsvc.services.records.decisions import EnrolmentOnRecord, enrolments_on_record
from certsvc.services.records.schemes import schemes_by_id
from certsvc.store import CertificateRecord, NoticeRecord, PersonRecord, SeatRecord, SittingRecord

_IN_FORCE: Final = (Status.VALID.value, Status.SUSPENDED.value)
_MARGIN: Final = timedelta(days=3)  # by so much the ends of months differ


@dataclass(frozen=True, slots=True)
class EndingRetake:
    """A free retake whose deadline is near. `booked` is the sitting it is booked into in time, `noticed` whether its
    holder was told, before or now."""

    enrolment_id: int
    person_id: int
    name: str = field(repr=False)
    institution: str | None
    subject: Subject
    deadline: date
    published: bool
    booked: int | None
    noticed: bool = False

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "institution": self.institution,
            "subject": self.subject.value,
            "deadline": self.deadline.isoformat(),
            "published": self.published,
            "booked": self.booked,
            "noticed": self.noticed,
        }


def ending(services: Services, within_days: int) -> list[EndingRetake]:
    """The open free retakes whose deadline is today or at most so many days away, the next one first."""
    with services.database.reading() as session:
        return _ending(services, session, within_days)


@dataclass(frozen=True, slots=True)
class Page:
    """Open retakes; `after` is where the next page begins, None at the end."""

    found: tuple[EndingRetake, ...]
    after: tuple[date, int] | None


def open_retakes(
    services: Services, within_days: int | None = None, *, after: tuple[date, int] | None = None, most: int = 100
) -> Page:
    """The free retakes that are open, those that end within so many days (all of them for None), by the day of the
    exam that gave them: of the next `most` attempts that may have given one. As many questions to the register
    however many there are."""
    today = services.today()
    with services.database.reading() as session:
        rows = session.execute(_may_have_given(session, today, within_days, after).limit(most)).all()
        on_record = enrolments_on_record(session, {row.enrolment_id for row in rows})
        near = [
            (one, subject, deadline)
            for one in on_record.values()
            for subject, deadline in _open_within(one, today, within_days)
            if any((row.enrolment_id, row.subject) == (one.enrolment.id, subject.value) for row in rows)
        ]
        found = _shown(session, near, today)
    last = rows[-1] if len(rows) == most else None
    return Page(tuple(found), None if last is None else (last.sat_on, last.id))


def notify(services: Services, within_days: int, *, by: str) -> list[EndingRetake]:
    """The same, and a notice to each holder who has not had one, is not booked, and whose results are published."""
    near = ending(services, within_days)  # before the lock: deciding a whole register holds up no one who writes
    with services.database.writing() as session:
        found = [_told(services, session, one) for one in near]
        new = sum(told for _, told in found)
        if new:
            trail.note(
                session,
                at=services.now(),
                by=by,
                action="retake.notify",
                object_kind="results",
                object_key=services.today().isoformat(),
                count=new,
            )
        return [one for one, _ in found]


def _told(services: Services, session: Session, one: EndingRetake) -> tuple[EndingRetake, bool]:
    """The retake as it stands after a notice where one is due, and whether one was queued now."""
    if one.noticed or not one.published or one.booked is not None:
        return one, False
    person = session.get_one(PersonRecord, one.person_id)
    if not _is_reached(services, session, person):
        return one, False
    until = datetime.combine(one.deadline + timedelta(days=1), time(), SHANGHAI)
    told = [Told(person.id_lookup, _about(one))]
    new = tell(services, session, NoticeKind.RETAKE_ENDS, told, until=until, asked_for=True)
    return replace(one, noticed=new > 0), new > 0


def _is_reached(services: Services, session: Session, person: PersonRecord) -> bool:
    try:
        reach = reach_of(services.vault, session, person.id_lookup, services.now())
    except KeyMissing:
        return False
    return reach.phone is not None or reach.mail is not None


def _ending(services: Services, session: Session, within_days: int) -> list[EndingRetake]:
    today = services.today()
    last = today + timedelta(days=within_days)
    near = (
        (decided.on_record, subject, deadline)
        for decided in decide_all(session, today)
        for subject, deadline in _open(decided.decision, today, last)
    )
    found = [one for some in chunks(near) for one in _shown(session, some, today)]
    return sorted(found, key=lambda one: (one.deadline, one.enrolment_id, one.subject))


def _open(decision: Decision, today: date, last: date) -> Iterator[tuple[Subject, date]]:
    for subject, standing in decision.subjects.items():
        deadline = standing.free_retake.deadline
        if standing.free_retake.open and deadline is not None and today <= deadline <= last:
            yield subject, deadline


def _may_have_given(
    session: Session, today: date, within_days: int | None, after: tuple[date, int] | None
) -> Select[tuple[int, int, str, date]]:
    """In a query: the first attempts of a subject, of days from which a retake can still be open, of enrolments without
    a certificate in force; oldest first. Whether one gave a retake, the rules say."""
    months = [
        each
        for one in schemes_by_id(session).values()
        for each in (one.retake.deadline_months, one.absence.deadline_months)
    ]
    since = add_months(today, -max(months, default=0)) - _MARGIN
    until = today if within_days is None else add_months(today + timedelta(days=within_days), -min(months, default=0))
    counting = as_they_count(since, min(until + _MARGIN, today))
    certified = (
        select(CertificateRecord.id)
        .where(CertificateRecord.enrolment_id == counting.c.enrolment_id, CertificateRecord.status.in_(_IN_FORCE))
        .exists()
    )
    query = select(counting.c.id, counting.c.enrolment_id, counting.c.subject, counting.c.sat_on).where(
        counting.c.kind == AttemptKind.FIRST.value, ~certified
    )
    if after is not None:
        day, last = after
        query = query.where(or_(counting.c.sat_on > day, and_(counting.c.sat_on == day, counting.c.id > last)))
    return query.order_by(counting.c.sat_on, counting.c.id)


def _open_within(one: EnrolmentOnRecord, today: date, within_days: int | None) -> Iterator[tuple[Subject, date]]:
    decision = one.decided(today)
    if decision is not None:
        last = date.max if within_days is None else today + timedelta(days=within_days)
        yield from _open(decision, today, last)


def _shown(
    session: Session, near: Sequence[tuple[EnrolmentOnRecord, Subject, date]], today: date
) -> list[EndingRetake]:
    """Retakes with whose they are, whether published results say so too, and where they are booked."""
    people = {
        one.id: one
        for one in session.scalars(
            select(PersonRecord).where(PersonRecord.id.in_({one.enrolment.person_id for one, _, _ in near}))
        )
    }
    booked = _booked_of(session, {one.enrolment.id for one, _, _ in near}, today)
    found = []
    for one, subject, deadline in near:
        key, person = one.enrolment.id, people[one.enrolment.person_id]
        sittings = [number for day, number in booked.get((key, subject.value), ()) if day <= deadline]
        retake = EndingRetake(
            key,
            person.id,
            person.name,
            one.enrolment.institution,
            subject,
            deadline,
            _is_published(one, subject, deadline, today),
            sittings[0] if sittings else None,
        )
        found.append(retake)
    noticed = _noticed(session, found)
    found = [replace(one, noticed=_about(one) in noticed) for one in found]
    return sorted(found, key=lambda one: (one.deadline, one.enrolment_id, one.subject))


def _is_published(one: EnrolmentOnRecord, subject: Subject, deadline: date, today: date) -> bool:
    """Whether the results that may be seen by now say the same of this retake (R6)."""
    public = [each for each in one.attempts if each.published_on is not None and each.published_on <= today]
    seen = decision_on(one.enrolment, map(attempt_of, public), one.scheme, today)
    return seen.subjects[subject].free_retake.deadline == deadline


def _booked_of(
    session: Session, enrolment_ids: Collection[int], today: date
) -> Mapping[tuple[int, str], Sequence[tuple[date, int]]]:
    """Into which sittings from today on enrolments (at most some hundred) are booked, by subject, by day."""
    query = (
        select(SeatRecord.enrolment_id, SittingRecord.subject, SittingRecord.sat_on, SittingRecord.id)
        .join(SittingRecord, SeatRecord.sitting_id == SittingRecord.id)
        .where(
            SeatRecord.enrolment_id.in_(enrolment_ids),
            SeatRecord.removed_at.is_(None),
            SittingRecord.sat_on >= today,
        )
        .order_by(SittingRecord.sat_on, SittingRecord.id)
    )
    found: defaultdict[tuple[int, str], list[tuple[date, int]]] = defaultdict(list)
    for row in session.execute(query):
        found[row.enrolment_id, row.subject].append((row.sat_on, row.id))
    return found


def _noticed(session: Session, found: Collection[EndingRetake]) -> frozenset[str]:
    """Of which retakes (at most some hundred) the holder was told, by what the notice is about."""
    query = select(NoticeRecord.about).where(
        NoticeRecord.kind == NoticeKind.RETAKE_ENDS.value, NoticeRecord.about.in_([_about(one) for one in found])
    )
    return frozenset(session.scalars(query))


def _about(one: EndingRetake) -> str:
    return f"{one.enrolment_id} {one.subject.value} {one.deadline.isoformat()}"
