"""Exams as the office sees their results: a day, a subject and a sitting, what of it is in, what is seen, what is late
(R6).

An attempt belongs to a sitting by its day, its subject and the roll; one that came without a sitting is of the day and
the subject alone. As many questions to the register however much there is. Not here: publishing (`publish_results`),
what is put right (`services.results`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Subquery, case, func, or_, select
from sqlalchemy.orm import Session

from certsvc.errors import NotFound
from certsvc.rules.calendar import expected_scores
from certsvc.rules.enrolment import AttemptKind, Outcome
from certsvc.rules.terms import Scheme, Subject
from certsvc.rules.wording import score_text
from certsvc.services.context import Services
from certsvc.services.records.attempts import as_they_count
from certsvc.services.records.schemes import schemes_by_id
from certsvc.services.records.seats import is_seated, seats_of
from certsvc.store import (
    AttemptRecord,
    EnrolmentRecord,
    PersonRecord,
    ResultCorrectionRecord,
)


@dataclass(frozen=True, slots=True, order=True)
class Exam:
    """Which exam: `sitting` is None for what came in without one."""

    day: date
    subject: Subject
    sitting: int | None = None


@dataclass(frozen=True, slots=True)
class ExamResults:
    """How far an exam's results are. `entered` are on record, `published` of them may be seen, `missing` are admitted
    and have none; `expected_on` is the day by which scores were to be seen."""

    exam: Exam
    station: str | None
    place: str | None
    begins: str | None
    expected_on: date
    today: date
    entered: int = 0
    published: int = 0
    missing: int = 0

    @property
    def unpublished(self) -> int:
        return self.entered - self.published

    @property
    def state(self) -> str:
        """`awaited` (none on record), `entered`, `published`; `overdue` comes before either that is not whole."""
        if not self.unpublished and not self.missing:
            return "published"
        if self.expected_on < self.today:
            return "overdue"
        return "entered" if self.entered else "awaited"


@dataclass(frozen=True, slots=True)
class Result:
    """One attempt as it counts, its score as it is written. `passed` is None where it has none."""

    attempt_id: int
    enrolment_id: int
    name: str = field(repr=False)
    institution: str | None
    kind: AttemptKind
    outcome: Outcome
    score: str | None
    passed: bool | None
    published_on: date | None
    recorded_by: str
    corrected: bool


def exams(services: Services, since: date, until: date) -> list[ExamResults]:
    """The exams of a period, first and last day included, the newest first."""
    with services.database.reading() as session:
        found = _exams(session, services.today(), since, until)
    return sorted(found, key=lambda one: (one.exam.day, one.exam.subject, one.exam.sitting or 0), reverse=True)


def overdue_exams(services: Services, since: date, until: date) -> int:
    """How many exams of a period are overdue; what is published whole is not read."""
    today = services.today()
    with services.database.reading() as session:
        return sum(one.state == "overdue" for one in _exams(session, today, since, until, unpublished=True))


def exam_results(services: Services, exam: Exam) -> ExamResults:
    """One exam. Raises `NotFound` where nothing is on record of it and no one was admitted."""
    with services.database.reading() as session:
        return _exam(session, services.today(), exam)


def results_of(services: Services, exam: Exam, *, after: int = 0, most: int = 50) -> tuple[ExamResults, list[Result]]:
    """An exam and the next of its results, by the attempts' ids. Raises `NotFound`."""
    with services.database.reading() as session:
        shown = _exam(session, services.today(), exam)
        counting = as_they_count(exam.day, exam.day)
        query = (
            _of(select(counting, PersonRecord.name, EnrolmentRecord), counting, exam)
            .join(EnrolmentRecord, EnrolmentRecord.id == counting.c.enrolment_id)
            .join(PersonRecord, PersonRecord.id == EnrolmentRecord.person_id)
            .where(counting.c.id > after)
            .order_by(counting.c.id)
            .limit(most)
        )
        rows = session.execute(query).all()
        corrected = _corrected(session, [row.id for row in rows])
        schemes = schemes_by_id(session)
        return shown, [_result(row, schemes[row.EnrolmentRecord.scheme_id], row.id in corrected) for row in rows]


def unpublished_of(exam: Exam) -> Select[tuple[int, str]]:
    """In a query: the attempts (id, recorded_by) of an exam that no one may see yet."""
    counting = as_they_count(exam.day, exam.day)
    query: Select[tuple[int, str]] = select(counting.c.id, counting.c.recorded_by)
    return _of(query, counting, exam).where(counting.c.published_on.is_(None))


def _of(query: Select, counting: Subquery, exam: Exam) -> Select:  # type: ignore[type-arg]
    seats = seats_of(exam.day, exam.day)
    seated = select(seats.c.sitting).where(is_seated(counting, seats))
    here = ~seated.exists() if exam.sitting is None else seated.where(seats.c.sitting == exam.sitting).exists()
    return query.where(counting.c.subject == exam.subject.value, here)


def _exam(session: Session, today: date, exam: Exam) -> ExamResults:
    found = next((one for one in _exams(session, today, exam.day, exam.day) if one.exam == exam), None)
    if found is None:
        raise NotFound(
            "没有该场考试的成绩", "there are no results of such an exam", rule="R6", where=exam.day.isoformat()
        )
    return found


def _exams(session: Session, today: date, since: date, until: date, *, unpublished: bool = False) -> list[ExamResults]:
    """The exams of a period; with `unpublished`, those results alone are counted that no one may see yet."""
    schemes = schemes_by_id(session)
    found: dict[Exam, ExamResults] = {}
    for row in session.execute(_counted(today, since, until, unpublished=unpublished)):
        one = _known(found, row, schemes, today)
        found[one.exam] = replace(
            one, entered=one.entered + row.entered, published=one.published + (row.published or 0)
        )
    for row in session.execute(_awaited(since, until)):
        one = _known(found, row, schemes, today)
        found[one.exam] = replace(one, missing=one.missing + row.missing)
    return list(found.values())


def _known(
    found: Mapping[Exam, ExamResults], row: Row[*tuple[object, ...]], schemes: Mapping[int, Scheme], today: date
) -> ExamResults:
    """What is known of a row's exam so far; of several schemes, the first expected day counts."""
    exam = Exam(row.sat_on, Subject.of(row.subject), row.sitting)
    expected = expected_scores(exam.day, schemes[row.scheme_id])
    known = found.get(exam)
    if known is None:
        return ExamResults(exam, row.station, row.place, row.begins, expected, today)
    return replace(known, expected_on=min(known.expected_on, expected))


def _counted(today: date, since: date, until: date, *, unpublished: bool) -> Select:  # type: ignore[type-arg]
    """How many are on record and how many are seen, by exam and scheme."""
    counting, seats = as_they_count(since, until), seats_of(since, until)
    groups = (counting.c.sat_on, counting.c.subject, EnrolmentRecord.scheme_id, *_sitting(seats))
    query = (
        select(
            *groups,
            func.count().label("entered"),
            func.sum(case((counting.c.published_on <= today, 1), else_=0)).label("published"),
        )
        .join(EnrolmentRecord, EnrolmentRecord.id == counting.c.enrolment_id)
        .outerjoin(seats, is_seated(counting, seats))
        .group_by(*groups)
    )
    later = or_(counting.c.published_on.is_(None), counting.c.published_on > today)
    return query.where(later) if unpublished else query


def _awaited(since: date, until: date) -> Select:  # type: ignore[type-arg]
    """How many were admitted and have no result, by sitting and scheme."""
    seats = seats_of(since, until)
    has_result = (
        select(AttemptRecord.id)
        .where(
            AttemptRecord.enrolment_id == seats.c.enrolment_id,
            AttemptRecord.subject == seats.c.subject,
            AttemptRecord.sat_on == seats.c.sat_on,
        )
        .exists()
    )
    groups = (seats.c.sat_on, seats.c.subject, EnrolmentRecord.scheme_id, *_sitting(seats))
    return (
        select(*groups, func.count().label("missing"))
        .join(EnrolmentRecord, EnrolmentRecord.id == seats.c.enrolment_id)
        .where(~has_result)
        .group_by(*groups)
    )


def _sitting(seats: Subquery) -> tuple[ColumnElement[Any], ...]:
    return seats.c.sitting, seats.c.station, seats.c.place, seats.c.begins


def _corrected(session: Session, attempt_ids: list[int]) -> frozenset[int]:
    query = select(ResultCorrectionRecord.attempt_id).where(ResultCorrectionRecord.attempt_id.in_(attempt_ids))
    return frozenset(session.scalars(query))


def _result(row: Row[*tuple[object, ...]], scheme: Scheme, corrected: bool) -> Result:
    score = None if row.score_hundredths is None else Decimal(row.score_hundredths).scaleb(-2)
    mark = scheme.subjects[Subject.of(row.subject)].pass_mark
    return Result(
        attempt_id=row.id,
        enrolment_id=row.enrolment_id,
        name=row.name,
        institution=row.EnrolmentRecord.institution,
        kind=AttemptKind.of(row.kind),
        outcome=Outcome.of(row.outcome),
        score=None if score is None else score_text(score),
        passed=None if score is None else score >= mark,
        published_on=row.published_on,
        recorded_by=row.recorded_by,
        corrected=corrected,
    )
