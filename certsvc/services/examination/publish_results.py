"""Publish results: from a day on, candidates may see every result sat up to it (R6: nothing is seen before)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select, update
from sqlalchemy.engine import CursorResult

from certsvc.services import trail
from certsvc.services.context import Services
from certsvc.services.records.attempts import sat_on_as_corrected
from certsvc.store import AttemptRecord


@dataclass(frozen=True, slots=True)
class Published:
    on: date
    new: int
    already: int


def publish_results(services: Services, *, by: str, on: date | None = None) -> Published:
    """Publish, with effect from `on` (today by default), every result sat on or before it and not published yet."""
    on = on or services.today()
    with services.database.writing() as session:
        already = session.scalar(
            select(func.count()).select_from(AttemptRecord).where(AttemptRecord.published_on.is_not(None))
        )
        result = session.execute(
            update(AttemptRecord)
            .where(AttemptRecord.published_on.is_(None), sat_on_as_corrected() <= on)
            .values(published_on=on)
        )
        assert isinstance(result, CursorResult)
        if result.rowcount:
            trail.note(
                session,
                at=services.now(),
                by=by,
                action="results.publish",
                object_kind="results",
                object_key=on.isoformat(),
                count=result.rowcount,
            )
        return Published(on, result.rowcount, already or 0)
