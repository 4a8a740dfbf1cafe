"""Free retakes that are about to be lost, and the notice that goes to those who hold them, once (R3.1, R3.3, R4.1).

Staff see what all results on record say; a notice goes out only where the published results say the same, since nothing
is seen before (R6), and not to one who is booked into a sitting in time. It names no exam, no score and no person.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import KeyMissing
from certsvc.rules.terms import Subject
from certsvc.services import trail
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.examination.decide import Decided, decide_all
from certsvc.services.notices.kinds import NoticeKind
from certsvc.services.notices.tell import Told, tell
from certsvc.services.records.attempts import attempt_of, decision_on
from certsvc.services.records.contacts import reach_of
from certsvc.store import AttemptRecord, NoticeRecord, PersonRecord, SeatRecord, SittingRecord


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
    told = [Told(person.id_lookup, f"{one.enrolment_id} {_about(one)}")]
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
    noticed = _noticed(session)
    found = []
    for decided in decide_all(session, today):
        for subject, deadline in _open(decided, today, last):
            one = EndingRetake(
                decided.enrolment.id,
                decided.person.id,
                decided.person.name,
                decided.enrolment.institution,
                subject,
                deadline,
                _is_published(session, decided, subject, deadline, today),
                _booked(session, decided.enrolment.id, subject, today, deadline),
            )
            found.append(replace(one, noticed=(one.enrolment_id, _about(one)) in noticed))
    return sorted(found, key=lambda one: (one.deadline, one.enrolment_id, one.subject))


def _open(decided: Decided, today: date, last: date) -> Iterator[tuple[Subject, date]]:
    for subject, standing in decided.decision.subjects.items():
        deadline = standing.free_retake.deadline
        if standing.free_retake.open and deadline is not None and today <= deadline <= last:
            yield subject, deadline


def _is_published(session: Session, decided: Decided, subject: Subject, deadline: date, today: date) -> bool:
    """Whether the results that may be seen by now say the same of this retake (R6)."""
    query = select(AttemptRecord).where(
        AttemptRecord.enrolment_id == decided.enrolment.id, AttemptRecord.published_on <= today
    )
    seen = decision_on(decided.enrolment, map(attempt_of, session.scalars(query)), decided.scheme, today)
    return seen.subjects[subject].free_retake.deadline == deadline


def _booked(session: Session, enrolment_id: int, subject: Subject, today: date, deadline: date) -> int | None:
    query = (
        select(SittingRecord.id)
        .join(SeatRecord, SeatRecord.sitting_id == SittingRecord.id)
        .where(
            SeatRecord.enrolment_id == enrolment_id,
            SeatRecord.removed_at.is_(None),
            SittingRecord.subject == subject.value,
            SittingRecord.sat_on.between(today, deadline),
        )
    )
    return session.scalar(query.order_by(SittingRecord.sat_on).limit(1))


def _noticed(session: Session) -> frozenset[tuple[int, str]]:
    query = select(NoticeRecord.about).where(NoticeRecord.kind == NoticeKind.RETAKE_ENDS.value)
    told = (about.split(" ", 1) for about in session.scalars(query))
    return frozenset((int(enrolment_id), about) for enrolment_id, about in told)


def _about(one: EndingRetake) -> str:
    return f"{one.subject.value} {one.deadline.isoformat()}"
