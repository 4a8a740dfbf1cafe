"""Append to the public log, inside the transaction of whatever is being logged (ADR 6).

1. read the head    2. refuse when the clock went back    3. refuse where the rows do not end where the head does
4. store the leaves and the subtrees they complete    5. move the head by compare-and-swap on its size: two writers can
never both extend the same log.

The caller commits, so a certificate and its leaf are stored together or not at all. Not here: what a leaf says
(`transparency.leaf`), publishing and signing the head (`log.publish`), recomputing it all (`audit.check_register`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from certsvc.errors import ClockWentBack, Conflict, LogMismatch
from certsvc.services.log.read import octets
from certsvc.store import LogHeadRecord, LogLeafRecord, LogNodeRecord
from certsvc.transparency.tree import Frontier, leaf_hash

# Clocks of two machines of ours may differ this much without anything being wrong.
CLOCK_SKEW = timedelta(seconds=5)


def append(session: Session, leaves: Sequence[bytes], *, at: datetime) -> list[int]:
    """Append encoded leaf contents (`transparency.leaf.encode`) in order; answers their indexes.

    Raises `Conflict` when another writer moved the head (roll back and run the batch again), `ClockWentBack` when
    `at` (from `clock`) is before the newest leaf, `LogMismatch` when the stored head contradicts itself or the rows.
    """
    head = _head(session)
    frontier = _frontier(head)
    if head is not None and at < head.at:
        raise _clock_went_back(at, head.at)
    if not leaves:
        return []
    _check_end(session, frontier)
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


def _check_end(session: Session, edge: Frontier) -> None:
    """Refuse to grow a log whose end somebody took away, or added to, past the head: the hole would be there for good.

    The last leaf is there, as it was hashed, and nothing behind it; each subtree of the edge is stored with the hash
    that the head gives it. What lies further back is for `publish` and `log check` to find.
    """
    last = session.scalar(select(func.max(LogLeafRecord.index)))
    if (-1 if last is None else last) != edge.size - 1:
        found = 0 if last is None else last + 1
        raise _cut(
            f"日志头记 {edge.size} 叶，存有 {found}", f"the head counts {edge.size} leaves, and {found} are there"
        )
    if last is None:
        return
    leaf = session.execute(select(LogLeafRecord.content, LogLeafRecord.hash).where(LogLeafRecord.index == last)).one()
    if leaf_hash(octets(leaf.content)) != octets(leaf.hash):
        raise _cut(f"第 {last} 叶被改动", f"leaf {last} was changed")
    start = 0
    for level, peak in zip(_levels(edge.size), edge.peaks, strict=True):
        if _stored_hash(session, level, start >> level) != peak:
            raise _cut(
                f"子树 {level}/{start >> level} 与日志头不符", f"subtree {level}/{start >> level} is not the head's"
            )
        start += 1 << level


def _levels(size: int) -> list[int]:
    """The levels of the subtrees that a log of this size falls into, the largest first."""
    return [level for level in reversed(range(size.bit_length())) if size >> level & 1]


def _stored_hash(session: Session, level: int, index: int) -> bytes | None:
    if level == 0:
        query = select(LogLeafRecord.hash).where(LogLeafRecord.index == index)
    else:
        query = select(LogNodeRecord.hash).where(LogNodeRecord.level == level, LogNodeRecord.index == index)
    found = session.scalar(query)
    return None if found is None else octets(found)


def _cut(zh: str, en: str) -> LogMismatch:
    return LogMismatch(
        f"日志末尾与日志头不符：{zh}", f"the log's end is not where its head says: {en}", where="log_head"
    )


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
