"""Which sitting an attempt belongs to, in a query: by its day, its subject and the roll."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ColumnElement, Subquery, and_, select

from certsvc.store import SeatRecord, SittingRecord


def seats_of(since: date, until: date) -> Subquery:
    """The seats of the sittings of these days, the first and the last included, of those who were not removed; columns
    `enrolment_id`, and of the sitting `sitting` (its number), `subject`, `sat_on`, `station`, `place`, `begins`."""
    row = SittingRecord
    return (
        select(
            SeatRecord.enrolment_id,
            row.id.label("sitting"),
            row.subject,
            row.sat_on,
            row.station,
            row.place,
            row.begins,
        )
        .join(row, row.id == SeatRecord.sitting_id)
        .where(row.sat_on.between(since, until), SeatRecord.removed_at.is_(None))
        .subquery("seats")
    )


def is_seated(attempts: Subquery, seats: Subquery) -> ColumnElement[bool]:
    """Whether an attempt (`attempts.as_they_count`) was sat on a seat of `seats_of`."""
    return and_(
        seats.c.enrolment_id == attempts.c.enrolment_id,
        seats.c.subject == attempts.c.subject,
        seats.c.sat_on == attempts.c.sat_on,
    )
