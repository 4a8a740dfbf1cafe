"""Publish the log as files: recompute, write the tiles, then sign and write the checkpoint, in that order.

1. read the heads published and signed last (our own signature on them)   2. refuse when the clock went back
3. recompute from the leaves' contents what was added since, and refuse on any mismatch: one flipped bit that is signed
is a log that is dead for good (ADR 6)   4. write the tiles that are new   5. sign and write the checkpoint

A database restored to an older state that goes on issuing fails step 3 here, as long as the home folder was not
restored with it, and is refused by every witness otherwise. Not here: tiles and checkpoints (`transparency`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import LogMismatch, MalformedLog
from certsvc.files.folder import only_writer, write_if_changed
from certsvc.services.context import Services
from certsvc.services.log import read as log_read
from certsvc.services.log.append import frontier
from certsvc.signing.keystore import Purpose
from certsvc.store import LogLeafRecord, LogNodeRecord
from certsvc.transparency import tiles
from certsvc.transparency.checkpoint import Checkpoint, next_checkpoint, open_checkpoint, sign_checkpoint
from certsvc.transparency.note import Algorithm, VerifierKey
from certsvc.transparency.proofs import ReadHash, range_root
from certsvc.transparency.tree import Frontier, leaf_hash

CHECKPOINT: Final = "checkpoint"
_SIGNED_AT: Final = "log-signed-at.json"
_LAST_SIGNED: Final = "log-last-signed"


@dataclass(frozen=True, slots=True)
class Published:
    """The checkpoint now published, and how many files were written for it."""

    checkpoint: Checkpoint
    signed: bytes
    files_written: int


def origin(services: Services) -> str:
    """The log's name: the issuer's host and "/log", as its tiles' address."""
    return f"{services.base_url.split('://', 1)[1]}/log"


def log_keys(services: Services, *, distrusted: bool = False) -> tuple[VerifierKey, ...]:
    """Every key this log ever signed heads with; the retired ones still vouch for old heads, those stolen do not."""
    name = origin(services)
    return tuple(
        VerifierKey(name, Algorithm.ED25519, record.public)
        for record in services.keystore.records()
        if record.purpose is Purpose.LOG_CHECKPOINT and (distrusted or record.distrusted_from is None)
    )


def publish_log(services: Services, folder: Path) -> Published:
    """Bring `folder` (tiles and checkpoint) up to the stored log; raises `LogMismatch`, `ClockWentBack`."""
    signer = services.keystore.signer(Purpose.LOG_CHECKPOINT)
    key = VerifierKey(origin(services), Algorithm.ED25519, signer.public_bytes)
    with only_writer(folder):
        before = _read_signed(services, folder / CHECKPOINT)
        last = _read_signed(services, services.folders.home / _LAST_SIGNED)
        with services.database.reading() as session:
            edge = frontier(session)
            unchanged = before is not None and before.checkpoint.size == edge.size and key in before.keys
            if before is not None and unchanged and before.checkpoint.root == edge.root():
                return Published(before.checkpoint, before.signed, 0)
            now = services.now()
            head = _recompute(services, session, edge, [one for one in (before, last) if one is not None], now)
            written = _write_tiles(session, folder, 0 if before is None else before.checkpoint.size, head.size)
        signed = sign_checkpoint(head, key, signer.sign)
        # Our own note of it comes first: a crash between the two refuses too much, never too little.
        write_if_changed(services.folders.home / _SIGNED_AT, json.dumps({"at": now.isoformat()}).encode())
        write_if_changed(services.folders.home / _LAST_SIGNED, signed)
        write_if_changed(folder / CHECKPOINT, signed)
        return Published(head, signed, written + 1)


def require_growth(services: Services, session: Session, edge: Frontier) -> None:
    """Before anything else is signed by what the log says: raises `LogMismatch` where it does not go on from each head
    that was signed here before."""
    read_hash = log_read.hash_reader(session)
    for path in (services.folders.published / "log" / CHECKPOINT, services.folders.home / _LAST_SIGNED):
        before = _read_signed(services, path)
        if before is not None:
            next_checkpoint(origin(services), edge, read_hash, now=services.now(), previous=before.checkpoint)


def _recompute(
    services: Services, session: Session, edge: Frontier, earlier: list[_Signed], now: datetime
) -> Checkpoint:
    """The head that may be signed: stored hashes, leaf contents and every head signed before agree on it."""
    read_hash = log_read.hash_reader(session)
    at = _signed_at(services)
    head = next_checkpoint(origin(services), edge, read_hash, now=now, previous_at=at)
    size = 0
    for one in earlier:
        next_checkpoint(origin(services), edge, read_hash, now=now, previous=one.checkpoint, previous_at=at)
        size = max(size, one.checkpoint.size)
    # What was signed before is fixed by its root; what came since is recomputed from the leaves themselves.
    grown = edge_at(size, read_hash)
    for contents in log_read.contents(session, size, edge.size):
        grown = grown.extend(leaf_hash(content) for content in contents).frontier
    if grown.root() != head.root:
        raise LogMismatch("叶的内容与日志根不符", "the leaves' contents do not give the log's root")
    return head


def edge_at(size: int, read_hash: ReadHash) -> Frontier:
    """The edge that the log had at this size, by its stored subtrees: wrong ones lead to another root later on."""
    return Frontier(size, tuple(_peaks(size, read_hash)))


def _peaks(size: int, read_hash: ReadHash) -> Iterable[bytes]:
    start = 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            yield range_root(start, start + (1 << level), read_hash)
            start += 1 << level


def _write_tiles(session: Session, folder: Path, old_size: int, size: int) -> int:
    written = 0
    for tile in tiles.tiles_of_growth(old_size, size):
        content = _entries(session, tile) if tile.level == tiles.ENTRIES else _hashes(session, tile)
        written += write_if_changed(folder / tile.path, content)
    return written


def _entries(session: Session, tile: tiles.Tile) -> bytes:
    return tiles.entry_bundle(
        [one for some in log_read.contents(session, tile.start, tile.start + tile.width) for one in some]
    )


def _hashes(session: Session, tile: tiles.Tile) -> bytes:
    end = tile.start + tile.width
    if tile.level == 0:
        query = (
            select(LogLeafRecord.hash)
            .where(LogLeafRecord.index >= tile.start, LogLeafRecord.index < end)
            .order_by(LogLeafRecord.index)
        )
    else:
        query = (
            select(LogNodeRecord.hash)
            .where(
                LogNodeRecord.level == tile.level * tiles.HEIGHT,
                LogNodeRecord.index >= tile.start,
                LogNodeRecord.index < end,
            )
            .order_by(LogNodeRecord.index)
        )
    content = b"".join(session.scalars(query))
    tiles.read_hash_tile(content, tile.width)  # raises where a row is missing
    return content


@dataclass(frozen=True, slots=True)
class _Signed:
    """A head that bears our signature, and the keys it was signed with."""

    checkpoint: Checkpoint
    signed: bytes
    keys: tuple[VerifierKey, ...]


def _read_signed(services: Services, path: Path) -> _Signed | None:
    try:
        signed = path.read_bytes()
    except FileNotFoundError:
        return None
    # Our own last head, even of a key distrusted since: the log must go on from it, and is recomputed anyway.
    opened = open_checkpoint(signed, origin(services), log_keys(services, distrusted=True))
    return _Signed(opened.checkpoint, signed, tuple(one.key for one in opened.log))


def _signed_at(services: Services) -> datetime | None:
    path = services.folders.home / _SIGNED_AT
    try:
        return datetime.fromisoformat(json.loads(path.read_bytes())["at"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise MalformedLog(
            "上次签署时间无法读取", "when the log was last signed cannot be read", where=_SIGNED_AT
        ) from error
