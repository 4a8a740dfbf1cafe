"""Oversight in figures: pass rates, retakes, days from exam to certificate, scans, what waits and since when.

Counted by the database, on indexed days; as many questions however much there is. What counts of a result is its latest
correction (R2.4). They name no candidate. Not here: how they are drawn (`web.console.overview`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Subquery, and_, case, false, func, or_, select
from sqlalchemy.orm import Session

from certsvc.rules.enrolment import AttemptKind, Outcome
from certsvc.rules.terms import Subject
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.records.approvals import ApprovalState
from certsvc.services.records.attempts import as_they_count, sat_on_as_corrected
from certsvc.services.records.schemes import schemes_by_id
from certsvc.services.records.seats import is_seated, seats_of
from certsvc.store import (
    ISSUED,
    ApprovalRecord,
    AttemptRecord,
    CertificateRecord,
    EnrolmentRecord,
    ReissueRequestRecord,
    ReviewStepRecord,
    ScanCountRecord,
)

DAYS: Sequence[tuple[int, int | None]] = ((0, 9), (10, 19), (20, 30), (31, 45), (46, 60), (61, None))
"""From exam to certificate: the spans that are counted, first and last day included; 20 to 30 is what is said (R6)."""
_SAT = (Outcome.SCORED.value, Outcome.MISCONDUCT.value)


@dataclass(frozen=True, slots=True)
class Rate:
    """How many attempts of a group were sat and passed, and to how many no one came."""

    sat: int
    passed: int
    absent: int

    @property
    def percent(self) -> float | None:
        """Passed of those sat, to a tenth; None where no one sat."""
        return round(100 * self.passed / self.sat, 1) if self.sat else None


@dataclass(frozen=True, slots=True)
class OfSubject:
    subject: Subject
    kind: AttemptKind
    rate: Rate


@dataclass(frozen=True, slots=True)
class OfInstitution:
    """`institution` is None for candidates of none. First attempts alone."""

    institution: str | None
    rate: Rate


@dataclass(frozen=True, slots=True)
class OfExam:
    """A day and subject, and the sitting where there was one. First attempts alone."""

    day: date
    subject: Subject
    sitting: int | None
    station: str | None
    rate: Rate


@dataclass(frozen=True, slots=True)
class Span:
    """How many certificates were issued so many days after the completing exam; `last` is None for any more."""

    first: int
    last: int | None
    count: int


@dataclass(frozen=True, slots=True)
class ToCertificate:
    """Certificates that were first issued in the period: by days since the exam, and the middle one's days."""

    spans: tuple[Span, ...]
    median: int | None

    @property
    def count(self) -> int:
        return sum(one.count for one in self.spans)


@dataclass(frozen=True, slots=True)
class Waits:
    """So many things of a kind that wait, and the day since when the oldest does."""

    kind: str
    count: int
    since: date | None


@dataclass(frozen=True, slots=True)
class Overview:
    """`scans` are by day, `places` by coarse origin, the most first."""

    subjects: tuple[OfSubject, ...]
    institutions: tuple[OfInstitution, ...]
    exams: tuple[OfExam, ...]
    certificates: ToCertificate
    scans: tuple[tuple[date, int], ...]
    places: tuple[tuple[str, int], ...]
    waits: tuple[Waits, ...]


def overview(services: Services, since: date, until: date) -> Overview:
    """The figures of a period, its first and last day included; what waits is what waits now."""
    with services.database.reading() as session:
        counting = as_they_count(since, until)
        rates = _rates(session, counting)
        return Overview(
            tuple(_subjects(session, counting, rates)),
            tuple(_institutions(session, counting, rates)),
            tuple(_exams(session, counting, seats_of(since, until), rates)),
            _certificates(session, since, until),
            tuple(_scans(session, since, until)),
            tuple(_places(session, since, until)),
            tuple(_waits(session)),
        )


def _rates(session: Session, counting: Subquery) -> tuple[ColumnElement[int], ...]:
    """Columns: how many sat, passed and were absent. The pass mark is each enrolment's scheme's."""
    marks = [
        and_(
            EnrolmentRecord.scheme_id == key,
            counting.c.subject == subject.value,
            counting.c.score_hundredths >= int(rules.pass_mark * 100),
        )
        for key, scheme in schemes_by_id(session).items()
        for subject, rules in scheme.subjects.items()
    ]
    passed = and_(counting.c.outcome == Outcome.SCORED.value, or_(false(), *marks))
    return (
        _count_where(counting.c.outcome.in_(_SAT)).label("sat"),
        _count_where(passed).label("passed"),
        _count_where(counting.c.outcome == Outcome.ABSENT.value).label("absent"),
    )


def _count_where(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _rate(row: Any) -> Rate:
    return Rate(int(row.sat), int(row.passed), int(row.absent))


def _subjects(session: Session, counting: Subquery, rates: tuple[ColumnElement[int], ...]) -> list[OfSubject]:
    query = (
        select(counting.c.subject, counting.c.kind, *rates)
        .join(EnrolmentRecord, EnrolmentRecord.id == counting.c.enrolment_id)
        .group_by(counting.c.subject, counting.c.kind)
    )
    kinds, subjects = list(AttemptKind), list(Subject)
    found = [OfSubject(Subject.of(one.subject), AttemptKind.of(one.kind), _rate(one)) for one in session.execute(query)]
    return sorted(found, key=lambda one: (subjects.index(one.subject), kinds.index(one.kind)))


def _institutions(session: Session, counting: Subquery, rates: tuple[ColumnElement[int], ...]) -> list[OfInstitution]:
    query = (
        select(EnrolmentRecord.institution, *rates)
        .join(EnrolmentRecord, EnrolmentRecord.id == counting.c.enrolment_id)
        .where(counting.c.kind == AttemptKind.FIRST.value)
        .group_by(EnrolmentRecord.institution)
    )
    found = [OfInstitution(one.institution, _rate(one)) for one in session.execute(query)]
    return sorted(found, key=lambda one: (-one.rate.sat, one.institution or ""))


def _exams(
    session: Session, counting: Subquery, seats: Subquery, rates: tuple[ColumnElement[int], ...]
) -> list[OfExam]:
    groups = (counting.c.sat_on, counting.c.subject, seats.c.sitting, seats.c.station)
    query = (
        select(*groups, *rates)
        .join(EnrolmentRecord, EnrolmentRecord.id == counting.c.enrolment_id)
        .outerjoin(seats, is_seated(counting, seats))
        .where(counting.c.kind == AttemptKind.FIRST.value)
        .group_by(*groups)
    )
    found = [
        OfExam(one.sat_on, Subject.of(one.subject), one.sitting, one.station, _rate(one))
        for one in session.execute(query)
    ]
    return sorted(found, key=lambda one: (one.day, one.subject, one.sitting or 0), reverse=True)


def _certificates(session: Session, since: date, until: date) -> ToCertificate:
    sat_on = sat_on_as_corrected()
    completed = (
        select(CertificateRecord.id, CertificateRecord.issued_on, func.max(sat_on).label("sat_on"))
        .join(AttemptRecord, AttemptRecord.enrolment_id == CertificateRecord.enrolment_id)
        .where(
            CertificateRecord.issued_on.between(since, until),
            CertificateRecord.stage == ISSUED,
            CertificateRecord.version == 1,
            sat_on <= CertificateRecord.issued_on,
        )
        .group_by(CertificateRecord.id, CertificateRecord.issued_on)
        .subquery()
    )
    query = select(completed.c.issued_on, completed.c.sat_on, func.count().label("count")).group_by(
        completed.c.issued_on, completed.c.sat_on
    )
    days = sorted(
        ((_day(one.issued_on) - _day(one.sat_on)).days, int(one.count)) for one in session.execute(query).mappings()
    )
    spans = tuple(
        Span(first, last, sum(count for day, count in days if first <= day and (last is None or day <= last)))
        for first, last in DAYS
    )
    return ToCertificate(spans, _median(days))


def _day(given: date | str) -> date:
    """A day as the driver gives it: SQLite tells no type of what was computed."""
    return date.fromisoformat(given) if isinstance(given, str) else given


def _median(days: Sequence[tuple[int, int]]) -> int | None:
    """The middle one of so many of each, in order; of two in the middle the lower."""
    left = (sum(count for _, count in days) + 1) // 2
    for day, count in days:
        left -= count
        if left <= 0:
            return day
    return None


def _scans(session: Session, since: date, until: date) -> list[tuple[date, int]]:
    query = select(ScanCountRecord.on, func.sum(ScanCountRecord.scans)).where(ScanCountRecord.on.between(since, until))
    return [
        (row[0], int(row[1]))
        for row in session.execute(query.group_by(ScanCountRecord.on).order_by(ScanCountRecord.on))
    ]


def _places(session: Session, since: date, until: date) -> list[tuple[str, int]]:
    query = select(ScanCountRecord.origin, func.sum(ScanCountRecord.scans)).where(
        ScanCountRecord.on.between(since, until)
    )
    found = [(str(row[0]), int(row[1])) for row in session.execute(query.group_by(ScanCountRecord.origin))]
    return sorted(found, key=lambda one: (-one[1], one[0]))


def _waits(session: Session) -> list[Waits]:
    submitted = (
        select(func.count(EnrolmentRecord.id.distinct()), func.min(ReviewStepRecord.at))
        .join(ReviewStepRecord, ReviewStepRecord.enrolment_id == EnrolmentRecord.id)
        .where(EnrolmentRecord.review_state == "submitted", ReviewStepRecord.move == "submit")
    )
    asked = select(func.count(), func.min(ApprovalRecord.asked_at)).where(ApprovalRecord.state == ApprovalState.WAITING)
    applied = select(func.count(), func.min(ReissueRequestRecord.applied_at)).where(
        ReissueRequestRecord.state == "applied"
    )
    unpublished = select(func.count(), func.min(AttemptRecord.sat_on)).where(AttemptRecord.published_on.is_(None))
    queries = {"registrations": submitted, "approvals": asked, "reissues": applied, "results": unpublished}
    return [_waiting(kind, *session.execute(query).one()) for kind, query in queries.items()]


def _waiting(kind: str, count: int, oldest: date | datetime | None) -> Waits:
    since = oldest.astimezone(SHANGHAI).date() if isinstance(oldest, datetime) else oldest
    return Waits(kind, count, since)
