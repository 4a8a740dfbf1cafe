"""Publish results: from a day on, candidates may see every result sat up to it (R6: nothing is seen before)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.engine import CursorResult

from certsvc.errors import NotFound, Refused
from certsvc.rules.four_eyes import is_second_person
from certsvc.services import trail
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.examination.exams import Exam, unpublished_of
from certsvc.services.examination.sittings import found
from certsvc.services.notices.kinds import NoticeKind
from certsvc.services.notices.tell import tell_enrolled
from certsvc.services.records.attempts import sat_on_as_corrected
from certsvc.store import AttemptRecord, SeatRecord, SittingRecord


@dataclass(frozen=True, slots=True)
class Published:
    on: date
    new: int
    already: int


def publish_results(services: Services, *, by: str, on: date | None = None, sitting: int | None = None) -> Published:
    """Publish, with effect from `on` (today by default), every result sat on or before it and not published yet; of one
    sitting alone where its number is given. Raises `NotFound`."""
    on = on or services.today()
    with services.database.writing() as session:
        of_it = () if sitting is None else _of_sitting(found(session, sitting))
        already = session.scalar(
            select(func.count()).select_from(AttemptRecord).where(AttemptRecord.published_on.is_not(None), *of_it)
        )
        new = (AttemptRecord.published_on.is_(None), sat_on_as_corrected() <= on, *of_it)
        newest = select(AttemptRecord.enrolment_id, func.max(AttemptRecord.id)).where(*new)
        told = [(row[0], str(row[1])) for row in session.execute(newest.group_by(AttemptRecord.enrolment_id))]
        result = session.execute(update(AttemptRecord).where(*new).values(published_on=on))
        assert isinstance(result, CursorResult)
        since = datetime.combine(on, time(), SHANGHAI)  # a day to come is waited for
        tell_enrolled(services, session, NoticeKind.RESULTS_OUT, told, since=since)
        if result.rowcount:
            trail.note(
                session,
                at=services.now(),
                by=by,
                action="results.publish",
                object_kind="results" if sitting is None else "sitting",
                object_key=on.isoformat() if sitting is None else str(sitting),
                count=result.rowcount,
            )
        return Published(on, result.rowcount, already or 0)


def publish_exam(services: Services, exam: Exam, *, by: str) -> int:
    """Publish what is on record of one exam, from today on; how many. `by` must have recorded none of it.

    Raises `NotFound` where there is nothing left to publish, and `Refused`.
    """
    with services.database.writing() as session:
        wanted = unpublished_of(exam).subquery()
        hands = session.execute(select(wanted.c.recorded_by, func.count()).group_by(wanted.c.recorded_by)).all()
        if not hands:
            raise NotFound(
                "没有待公布的成绩", "there is nothing left to publish", rule="R6", where=exam.day.isoformat()
            )
        if not all(is_second_person(by, recorded_by) for recorded_by, _ in hands):
            raise Refused(
                "成绩须由登记人以外的人公布",
                "results are published by another than recorded them",
                rule="R6",
            )
        if exam.day > services.today():
            raise Refused("考试日期还没有到，不能公布", "the exam's day has not come yet", rule="R6")
        newest = select(AttemptRecord.enrolment_id, func.max(AttemptRecord.id)).where(
            AttemptRecord.id.in_(select(wanted.c.id))
        )
        told = [(row[0], str(row[1])) for row in session.execute(newest.group_by(AttemptRecord.enrolment_id))]
        session.execute(
            update(AttemptRecord)
            .where(AttemptRecord.id.in_(select(wanted.c.id)))
            .values(published_on=services.today())
            .execution_options(synchronize_session=False)
        )
        tell_enrolled(services, session, NoticeKind.RESULTS_OUT, told)
        count = sum(int(number) for _, number in hands)
        trail.note(
            session,
            at=services.now(),
            by=by,
            action="results.publish",
            object_kind="results" if exam.sitting is None else "sitting",
            object_key=exam.day.isoformat() if exam.sitting is None else str(exam.sitting),
            subject=exam.subject.value,
            count=count,
        )
        return count


def _of_sitting(row: SittingRecord) -> tuple[ColumnElement[bool], ...]:
    """An attempt belongs to a sitting by its day, its subject and the roll."""
    on_roll = select(SeatRecord.enrolment_id).where(SeatRecord.sitting_id == row.id, SeatRecord.removed_at.is_(None))
    return (
        AttemptRecord.sat_on == row.sat_on,
        AttemptRecord.subject == row.subject,
        AttemptRecord.enrolment_id.in_(on_roll),
    )
