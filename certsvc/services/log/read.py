"""Read the stored log: hashes of complete subtrees for provers, contents for those who recompute or publish them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from certsvc.errors import LogMismatch
from certsvc.store import LogLeafRecord, LogNodeRecord
from certsvc.transparency.proofs import ReadHash

_CHUNK: Final = 1024
_PLACES: Final = 200  # two parameters each, well below what one statement of SQLite takes


def hash_reader(session: Session) -> ReadHash:
    """A `ReadHash` over the stored leaves and subtrees; a row that is not there raises `LogMismatch`."""

    def read_hash(level: int, index: int) -> bytes:
        if level == 0:
            query = select(LogLeafRecord.hash).where(LogLeafRecord.index == index)
        else:
            query = select(LogNodeRecord.hash).where(LogNodeRecord.level == level, LogNodeRecord.index == index)
        found = session.scalar(query)
        if found is None:
            raise LogMismatch(f"日志缺少散列 {level}/{index}", f"the log lacks the hash {level}/{index}")
        return octets(found)

    return read_hash


def leaf_content(session: Session, index: int) -> bytes:
    """The content of one leaf; `LogMismatch` where it is not there."""
    found = session.scalar(select(LogLeafRecord.content).where(LogLeafRecord.index == index))
    if found is None:
        raise LogMismatch(f"日志缺少第 {index} 叶", f"the log lacks leaf {index}")
    return octets(found)


def leaf_contents(session: Session, indexes: Collection[int]) -> Mapping[int, bytes]:
    """The contents of the leaves of these indexes (some hundred at most) that there are."""
    query = select(LogLeafRecord.index, LogLeafRecord.content).where(LogLeafRecord.index.in_(indexes))
    return {index: octets(content) for index, content in session.execute(query)}


def hashes_at(session: Session, places: Collection[tuple[int, int]]) -> Mapping[tuple[int, int], bytes]:
    """The stored hashes of these complete subtrees, as (level, index), where they are there."""
    found: dict[tuple[int, int], bytes] = {}
    leaves = [index for level, index in places if level == 0]
    for start in range(0, len(leaves), _PLACES):
        some = select(LogLeafRecord.index, LogLeafRecord.hash).where(
            LogLeafRecord.index.in_(leaves[start : start + _PLACES])
        )
        found |= {(0, index): octets(digest) for index, digest in session.execute(some)}
    nodes = [place for place in places if place[0]]
    for start in range(0, len(nodes), _PLACES):
        where = tuple_(LogNodeRecord.level, LogNodeRecord.index).in_(nodes[start : start + _PLACES])
        query = select(LogNodeRecord.level, LogNodeRecord.index, LogNodeRecord.hash).where(where)
        found |= {(level, index): octets(digest) for level, index, digest in session.execute(query)}
    return found


def octets(stored: bytes | str) -> bytes:
    """What a column holds, as bytes: SQLite keeps whatever type a hand-made UPDATE writes."""
    return stored.encode() if isinstance(stored, str) else stored


def contents(session: Session, start: int, end: int) -> Iterator[list[bytes]]:
    """The contents of leaves [start, end) in order, in lists of at most 1,024; a gap raises `LogMismatch`."""
    while start < end:
        upto = min(start + _CHUNK, end)
        query = (
            select(LogLeafRecord.content)
            .where(LogLeafRecord.index >= start, LogLeafRecord.index < upto)
            .order_by(LogLeafRecord.index)
        )
        found = [octets(content) for content in session.scalars(query)]
        if len(found) != upto - start:
            raise LogMismatch(f"日志在 {start}–{upto} 之间缺叶", f"the log lacks leaves between {start} and {upto}")
        yield found
        start = upto
