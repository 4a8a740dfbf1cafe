"""Sittings as a desk lists them: to come, open, confirmed; all of them, or one station's alone.

A sitting is open from its day until its scores are confirmed. Not here: one sitting and its roll (`sittings`).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, and_, case, func, select

from certsvc.errors import NotFound
from certsvc.person.words import Worded
from certsvc.services.context import Services
from certsvc.services.examination.sittings import Seat, Sitting, found, show, shown_all
from certsvc.store import SittingRecord


class SittingState(Worded):
    OPEN = "open", "待登记和确认", "to be scored and confirmed"
    COMING = "coming", "尚未开考", "to come"
    CONFIRMED = "confirmed", "已确认", "confirmed"


_CONFIRMED: Final = SittingRecord.confirmed_at.is_not(None)


def queue(
    services: Services, state: SittingState, *, station: str | None = None, page: int = 0, most: int = 50
) -> list[Sitting]:
    """Sittings of one state, and of one station where given, page by page (from 0), with one more than `most` where
    there are more. The next day comes first; of those confirmed, the latest. Two questions, however many there are."""
    query = select(SittingRecord).where(_is(services, state))
    if station is not None:
        query = query.where(SittingRecord.station == station)
    order = (SittingRecord.sat_on, SittingRecord.begins, SittingRecord.id)
    if state is SittingState.CONFIRMED:
        query = query.order_by(*(column.desc() for column in order))
    else:
        query = query.order_by(*order)
    with services.database.reading() as session:
        return shown_all(session, session.scalars(query.offset(page * most).limit(most + 1)).all())


def count_by_state(services: Services, *, station: str | None = None) -> dict[str, int]:
    """How many sittings there are of each state, of all or of one station."""
    state = case(
        (_CONFIRMED, SittingState.CONFIRMED.value),
        (SittingRecord.sat_on > services.today(), SittingState.COMING.value),
        else_=SittingState.OPEN.value,
    )
    query = select(state.label("state"), func.count()).group_by("state")
    if station is not None:
        query = query.where(SittingRecord.station == station)
    with services.database.reading() as session:
        return {str(one): int(count) for one, count in session.execute(query)}


def stations(services: Services) -> list[str]:
    """Every station that has a sitting, in order."""
    query = select(SittingRecord.station).distinct().order_by(SittingRecord.station)
    with services.database.reading() as session:
        return list(session.scalars(query))


def show_to(services: Services, sitting_id: int, *, station: str | None) -> tuple[Sitting, list[Seat]]:
    """A sitting and its roll. Raises `NotFound`, also for another station's than the one given."""
    check_seen_by(services, sitting_id, station=station)
    return show(services, sitting_id)


def check_seen_by(services: Services, sitting_id: int, *, station: str | None) -> None:
    """Raises `NotFound` where there is no such sitting, or it is another station's; a sitting never changes it."""
    with services.database.reading() as session:
        row = found(session, sitting_id)
        if station is not None and row.station != station:
            raise NotFound(f"没有场次 {sitting_id}", f"there is no sitting {sitting_id}")


def _is(services: Services, state: SittingState) -> ColumnElement[bool]:
    today = services.today()
    if state is SittingState.CONFIRMED:
        return _CONFIRMED
    days = SittingRecord.sat_on > today if state is SittingState.COMING else SittingRecord.sat_on <= today
    return and_(~_CONFIRMED, days)
