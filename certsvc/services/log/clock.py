"""The clock that things are signed by: never before the log's newest leaf, and no leap that no one has said is right.

A clock 400 days fast for one command would date certificates ahead and stop everything until then, since the log's days
never go backwards. So a time more than a day after the last signing is refused unless the operator says on purpose that
the clock is right (`certsvc --clock-is-right …`), which the trail keeps. Where a wrong day was logged all the same, one
leaf takes it back (`set_clock_back`): it names the first leaf of wrong days, in public (docs/log-format.md, L3), and
two persons answer for it. Not here: the head's own order (`append`). Source: docs/operations.md, "The clock".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from certsvc.errors import ClockLeapt, MalformedLog, Refused
from certsvc.files.folder import write_if_changed
from certsvc.rules.four_eyes import is_second_person
from certsvc.services import trail
from certsvc.services.context import SHANGHAI, Services, operator
from certsvc.services.log import read as log_read
from certsvc.services.log.append import CLOCK_SKEW, append, clock
from certsvc.services.records.approvals import ApprovalState, ask, decide, require_development, waiting
from certsvc.store import CertificateRecord, ClockSeenRecord, LogHeadRecord, LogLeafRecord
from certsvc.transparency import leaf
from certsvc.transparency.leaf import Event, Leaf

KIND: Final = "log.set-clock-back"
LEAP: Final = timedelta(days=1)
SIGNED_AT: Final = "log-signed-at.json"
_SELDOM: Final = timedelta(minutes=1)


def time_to_sign(services: Services, session: Session) -> datetime:
    """The time to log and sign under, in a writing session. Raises `ClockWentBack`, `ClockLeapt`."""
    at = clock(session, services.now())
    _require_no_leap(services, session, at, noting=True)
    return at


def require_no_leap(services: Services, session: Session) -> None:
    """The same question where nothing is written; the clock may be behind the log here. Raises `ClockLeapt`."""
    _require_no_leap(services, session, services.now(), noting=False)


def check_clock(services: Services) -> None:
    """The same, before something is made that bears the time: a key of the future vouches for nothing of today."""
    with services.database.reading() as session:
        require_no_leap(services, session)


def note_clock(services: Services) -> None:
    """Before publishing: ask the same, and keep that the clock was seen, so that a timer shows time passing."""
    now = services.now()
    with services.database.reading() as session:
        _require_no_leap(services, session, now, noting=False)
        row = session.get(ClockSeenRecord, 1)
        if row is not None and abs(now - row.at) < _SELDOM:
            return
    with services.database.writing() as session:
        _require_no_leap(services, session, now, noting=True)


def signed_at(services: Services) -> datetime | None:
    """When the log's head was last signed, by the clock of then; None before the first. Raises `MalformedLog`."""
    try:
        return datetime.fromisoformat(json.loads((services.folders.home / SIGNED_AT).read_bytes())["at"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise MalformedLog(
            "上次签署时间无法读取", "when the log was last signed cannot be read", where=SIGNED_AT
        ) from error


def note_signed_at(services: Services, at: datetime) -> None:
    write_if_changed(services.folders.home / SIGNED_AT, json.dumps({"at": at.isoformat()}).encode())


@dataclass(frozen=True, slots=True)
class SetBack:
    """What was taken back: the first leaf of wrong days, the leaf that says so (both None where only a head had been
    signed), and the certificates that bear such a day."""

    since: int | None
    leaf_index: int | None
    certificates: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        return {"since": self.since, "leaf_index": self.leaf_index, "certificates": list(self.certificates)}


def set_clock_back(services: Services, *, by: str, approved_by: str) -> SetBack:
    """Go on from the right time after leaves or a head of the future; with development keys alone, else see `propose`.

    Raises `Refused` where there are none.
    """
    require_development(services)
    if not is_second_person(approved_by, by):
        raise Refused("批准人不能是经办人本人", "the one who asks for it may not approve it", where="approved-by")
    return _set_back(services, lambda _: (by, approved_by))


def propose(services: Services, *, by: str) -> int:
    """Ask to go on from the right time; the request's id."""
    with services.database.writing() as session:
        return ask(services, session, KIND, "clock", {}, reason="时钟更正 set the clock back", by=by).id


def approve(services: Services, approval_id: int, *, by: str) -> SetBack:
    """Go on from the right time. Raises `NotFound`, `Refused` where `by` asked for it, or nothing is of the future."""

    def decided(session: Session) -> tuple[str, str]:
        row, asked = waiting(services, session, approval_id, by)
        decide(services, session, row, ApprovalState.APPROVED, by=by)
        return asked.asked_by, by

    return _set_back(services, decided)


def _set_back(services: Services, decided: Callable[[Session], tuple[str, str]]) -> SetBack:
    """`decided` gives the two people, in the transaction."""
    now = services.now()
    with services.database.writing() as session:
        by, approved_by = decided(session)
        since, size = _first_of_the_future(session, now)
        seen = session.get(ClockSeenRecord, 1)
        ahead = [one for one in (signed_at(services), None if seen is None else seen.at) if one and one > now]
        if since is None and not ahead:
            raise Refused("日志中没有未来的记录，无须回拨", "nothing was logged or signed in the future", where="log")
        index = None
        certificates: tuple[str, ...] = ()
        if since is not None:
            certificates = _certificates(session, since)
            session.execute(update(LogHeadRecord).where(LogHeadRecord.size == size).values(at=now))
            content = leaf.encode(Leaf(event=Event.CLOCK, day=now.astimezone(SHANGHAI).date(), since=since))
            (index,) = append(session, [content], at=now)
        _see(session, now)
        trail.note(
            session,
            at=now,
            by=by,
            action="log.set-clock-back",
            object_kind="log",
            object_key=str(since),
            leaf=index,
            approved_by=approved_by,
        )
    note_signed_at(services, now)
    return SetBack(since, index, certificates)


def _require_no_leap(services: Services, session: Session, at: datetime, *, noting: bool) -> None:
    seen = session.get(ClockSeenRecord, 1, populate_existing=True)
    logged = session.scalar(select(LogHeadRecord.at).where(LogHeadRecord.id == 1))
    last = max((one for one in (logged, None if seen is None else seen.at) if one is not None), default=None)
    leapt = last is not None and at - last > LEAP
    if leapt and not services.clock_is_right:
        assert last is not None
        days = (at - last).days
        raise ClockLeapt(
            f"时钟为 {at.isoformat()}，比上次签署 {last.isoformat()} 晚 {days} 天。请核对时钟；"
            "若无误（只是久未签署），请用 certsvc --clock-is-right 再运行一次",
            f"the clock says {at.isoformat()}, {days} days after the last signing ({last.isoformat()}): look at it; "
            "if it is right, and nothing was signed for so long, say so: certsvc --clock-is-right COMMAND",
            where="clock",
        )
    if noting:
        if leapt:
            trail.note(
                session,
                at=at,
                by=operator(),
                action="clock.said-right",
                object_kind="clock",
                object_key=str(last),
            )
        _see(session, at)


def _see(session: Session, at: datetime) -> None:
    row = session.get(ClockSeenRecord, 1)
    if row is None:
        session.add(ClockSeenRecord(id=1, at=at))
    else:
        row.at = at
    session.flush()


def _first_of_the_future(session: Session, now: datetime) -> tuple[int | None, int]:
    """The first leaf of the future that no leaf has taken back yet; and the log's size."""
    size = session.scalar(select(LogHeadRecord.size)) or 0
    ahead = LogLeafRecord.at > now + CLOCK_SKEW
    since = session.scalar(select(func.min(LogLeafRecord.index)).where(ahead))
    if since is None:
        return None, size
    index = since
    taken_back = -1
    for contents in log_read.contents(session, since, size):
        for content in contents:
            if leaf.decode(content).event is Event.CLOCK:
                taken_back = index
            index += 1
    return session.scalar(select(func.min(LogLeafRecord.index)).where(ahead, LogLeafRecord.index > taken_back)), size


def _certificates(session: Session, since: int) -> tuple[str, ...]:
    query = select(CertificateRecord.number).where(CertificateRecord.leaf_index >= since)
    return tuple(sorted(set(session.scalars(query))))
