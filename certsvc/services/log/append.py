"""Append to the public log, inside the transaction of whatever is being logged (ADR 6).

1. read the head    2. refuse when the clock went back    3. store the leaves and the subtrees they complete
4. move the head by compare-and-swap on its size: two writers can never both extend the same log.

The caller commits, so a certificate and its leaf are stored together or not at all. Not here: what a leaf says
(`transparency.leaf`), publishing and signing the head (`log.publish`), recomputing it all (`audit.check_register`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from certsvc.errors import ClockWentBack, Conflict, LogMismatch
from certsvc.store import LogHeadRecord, LogLeafRecord, LogNodeRecord
from certsvc.transparency.tree import Frontier, leaf_hash

# Clocks of two machines of ours may differ this much without anything being wrong.
CLOCK_SKEW = timedelta(seconds=5)


def append(session: Session, leaves: Sequence[bytes], *, at: datetime) -> list[int]:
    """Append encoded leaf contents (`transparency.leaf.encode`) in order; answers their indexes.

    Raises `Conflict` when another writer moved the head (roll back and run the batch again), `ClockWentBack` when
    `at` (from `clock`) is before the newest leaf, `LogMismatch` when the stored head contradicts itself.
    """
    head = _head(session)
    frontier = _frontier(head)
    if head is not None and at < head.at:
        raise _clock_went_back(at, head.at)
    if not leaves:
        return []
    first = frontier.size
    hashes = [leaf_hash(content) for content in leaves]
    grown = frontier.extend(hashes)
    session.execute(
        insert(LogLeafRecord),
        [
            {"index": first + offset, "content": content, "hash": digest, "at": at}
            for offset, (content, digest) in enumerate(zip(leaves, hashes, strict=True))
        ],
    )
    # Level 0 stands in log_leaf already.
    nodes = [{"level": n.level, "index": n.index, "hash": n.hash} for n in grown.nodes if n.level > 0]
    if nodes:
        session.execute(insert(LogNodeRecord), nodes)
    _move_head(session, head, grown.frontier, at)
    return list(range(first, first + len(leaves)))


def clock(session: Session, now: datetime) -> datetime:
    """The time to log under: `now`, or the head's own time where ours is behind by no more than `CLOCK_SKEW`.

    Raises `ClockWentBack` beyond that: leaves in a wrong order of time would let a certificate be dated back.
    """
    head = _head(session)
    if head is None or now >= head.at:
        return now
    if head.at - now > CLOCK_SKEW:
        raise _clock_went_back(now, head.at)
    return head.at


def frontier(session: Session) -> Frontier:
    """The stored edge of the log; an empty one before the first append. Raises `LogMismatch`."""
    return _frontier(_head(session))


def _head(session: Session) -> LogHeadRecord | None:
    # Never from the session's own memory: another writer may have moved it.
    query = select(LogHeadRecord).where(LogHeadRecord.id == 1).execution_options(populate_existing=True)
    return session.execute(query).scalar_one_or_none()


def _frontier(head: LogHeadRecord | None) -> Frontier:
    if head is None:
        return Frontier()
    edge = Frontier.from_bytes(head.frontier)
    if edge.size != head.size or edge.root() != head.root:
        raise LogMismatch("日志头与其边缘不符", "the log's head does not fit its own edge")
    return edge


def _move_head(session: Session, before: LogHeadRecord | None, edge: Frontier, at: datetime) -> None:
    values = {"size": edge.size, "root": edge.root(), "frontier": edge.to_bytes(), "at": at}
    if before is None:
        try:
            session.execute(insert(LogHeadRecord), {"id": 1, **values})
        except IntegrityError as error:
            raise _moved() from error
        return
    statement = (
        update(LogHeadRecord)
        .where(LogHeadRecord.id == 1, LogHeadRecord.size == before.size)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    if result.rowcount != 1:
        raise _moved()
    session.expire(before)


def _moved() -> Conflict:
    return Conflict("日志已被另一进程延长，请重试", "another writer extended the log; run it again", where="log_head")


def _clock_went_back(at: datetime, newest: datetime) -> ClockWentBack:
    return ClockWentBack(
        f"时钟倒退：现在 {at.isoformat()}，日志最新 {newest.isoformat()}",
        f"the clock went back: now {at.isoformat()}, newest leaf {newest.isoformat()}",
        where="log",
    )
