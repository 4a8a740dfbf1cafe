"""What is later than was said: sittings whose scores cannot be seen yet, and passes without a certificate (R6).

The expected days are the scheme's (`rules.calendar`). Reads only. Not here: publishing, issuing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.rules.calendar import expected_certificate, expected_scores
from certsvc.rules.decide import EnrolmentState
from certsvc.rules.terms import Scheme, Subject
from certsvc.services.context import Services
from certsvc.services.examination.decide import decide_all
from certsvc.services.records.schemes import schemes_by_id
from certsvc.store import ISSUED, AttemptRecord, CertificateRecord, EnrolmentRecord, SeatRecord, SittingRecord


@dataclass(frozen=True, slots=True)
class OverdueScores:
    """A day's exam in one subject: how many have no result on record, and how many one that is not published.

    `sitting` is None for results that came without one.
    """

    sitting: int | None
    station: str | None
    sat_on: date
    subject: Subject
    expected_on: date
    missing: int
    unpublished: int

    def as_json(self) -> dict[str, object]:
        return {
            "sitting": self.sitting,
            "station": self.station,
            "sat_on": self.sat_on.isoformat(),
            "subject": self.subject.value,
            "expected_on": self.expected_on.isoformat(),
            "missing": self.missing,
            "unpublished": self.unpublished,
        }


@dataclass(frozen=True, slots=True)
class OverdueCertificate:
    """One who has passed, and whose certificate was expected by a day that is over."""

    enrolment_id: int
    name: str = field(repr=False)
    completed_on: date
    expected_by: date

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "completed_on": self.completed_on.isoformat(),
            "expected_by": self.expected_by.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Overdue:
    scores: tuple[OverdueScores, ...]
    certificates: tuple[OverdueCertificate, ...]

    def as_json(self) -> dict[str, object]:
        return {
            "scores": [one.as_json() for one in self.scores],
            "certificates": [one.as_json() for one in self.certificates],
        }


@dataclass(slots=True)
class _Day:
    expected_on: date
    missing: int = 0
    unpublished: int = 0


_Key = tuple[int | None, str | None, date, Subject]


def overdue(services: Services, *, on: date | None = None) -> Overdue:
    """All that is overdue at the beginning of a day (today by default), the longest first."""
    on = on or services.today()
    with services.database.reading() as session:
        return Overdue(tuple(_scores(session, on)), tuple(_certificates(session, on)))


def _scores(session: Session, on: date) -> list[OverdueScores]:
    schemes = schemes_by_id(session)
    days: dict[_Key, _Day] = {}
    seated = _seated(session, schemes, on, days)
    query = (
        select(AttemptRecord.enrolment_id, AttemptRecord.subject, AttemptRecord.sat_on, EnrolmentRecord.scheme_id)
        .join(EnrolmentRecord, EnrolmentRecord.id == AttemptRecord.enrolment_id)
        .where(AttemptRecord.sat_on < on, AttemptRecord.published_on.is_(None) | (AttemptRecord.published_on > on))
    )
    for row in session.execute(query):
        subject = Subject.of(row.subject)
        key = seated.get((row.enrolment_id, row.subject, row.sat_on), (None, None, row.sat_on, subject))
        _day(days, key, schemes[row.scheme_id]).unpublished += 1
    late = [OverdueScores(*key, day.expected_on, day.missing, day.unpublished) for key, day in days.items()]
    late = [one for one in late if one.expected_on < on and (one.missing or one.unpublished)]
    return sorted(late, key=lambda one: (one.expected_on, one.sitting or 0, one.subject))


def _seated(
    session: Session, schemes: Mapping[int, Scheme], on: date, days: dict[_Key, _Day]
) -> Mapping[tuple[int, str, date], _Key]:
    """Whose attempt belongs to which sitting, by enrolment, subject and day; seats without one are counted."""
    sat = (
        select(AttemptRecord.id)
        .where(
            AttemptRecord.enrolment_id == SeatRecord.enrolment_id,
            AttemptRecord.subject == SittingRecord.subject,
            AttemptRecord.sat_on == SittingRecord.sat_on,
        )
        .exists()
    )
    query = (
        select(SittingRecord, SeatRecord.enrolment_id, EnrolmentRecord.scheme_id, sat.label("has_result"))
        .join(SeatRecord, SeatRecord.sitting_id == SittingRecord.id)
        .join(EnrolmentRecord, EnrolmentRecord.id == SeatRecord.enrolment_id)
        .where(SittingRecord.sat_on < on, SeatRecord.removed_at.is_(None))
    )
    found = {}
    for sitting, enrolment_id, scheme_id, has_result in session.execute(query):
        key = (sitting.id, sitting.station, sitting.sat_on, Subject.of(sitting.subject))
        found[enrolment_id, sitting.subject, sitting.sat_on] = key
        if not has_result:
            _day(days, key, schemes[scheme_id]).missing += 1
    return found


def _day(days: dict[_Key, _Day], key: _Key, scheme: Scheme) -> _Day:
    return days.setdefault(key, _Day(expected_scores(key[2], scheme)))


def _certificates(session: Session, on: date) -> list[OverdueCertificate]:
    issued = _issued(session)
    found = []
    for decided in decide_all(session, on):
        completed_on = decided.decision.completed_on
        if decided.decision.state is not EnrolmentState.PASSED or completed_on is None:
            continue
        _, latest = expected_certificate(completed_on, decided.scheme)
        if latest < on and decided.enrolment.id not in issued:
            found.append(OverdueCertificate(decided.enrolment.id, decided.person.name, completed_on, latest))
    return sorted(found, key=lambda one: (one.expected_by, one.enrolment_id))


def _issued(session: Session) -> frozenset[int]:
    query = select(CertificateRecord.enrolment_id).where(
        CertificateRecord.stage == ISSUED, CertificateRecord.enrolment_id.is_not(None)
    )
    return frozenset(one for one in session.scalars(query) if one is not None)
