"""What the log that everybody sees says of a certificate: step V9 offline, and its later leaves, from published files.

A receipt proves that some head signed by the log's key has the leaf. An issuer that keeps a second log for its friends
can give such a receipt too; the leaf is then not in the log that lies beside the status lists. A copy of the log that
is older than the receipt cannot say. Where it is not older, every leaf behind the certificate's own is read, and what
they say of it counts: a status list that is older than a revocation must not clear what the log beside it revokes.
They are proven by the head: the leaves up to the certificate's own by their subtrees, those behind it one by one, and
all together give the signed root. Source: docs/log-format.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from certsvc.credential.status import Status
from certsvc.credential.verdict import CheckName
from certsvc.errors import CertsvcError, ProofRefused
from certsvc.services.log.fetch import Fetch, fetch_tile, fetcher
from certsvc.services.verification.examine import Examined
from certsvc.signing.trust import TrustBundle, host_of, log_keys_of
from certsvc.transparency import tiles
from certsvc.transparency.checkpoint import Checkpoint, open_checkpoint
from certsvc.transparency.leaf import Event, Leaf, decode, encode
from certsvc.transparency.note import MAX_BYTES
from certsvc.transparency.proofs import ReadHash, prove_inclusion, verify_inclusion
from certsvc.transparency.tree import Frontier, leaf_hash

_MOST_LATER: Final = 2_000_000  # some seconds of reading
_LEADS_TO: Final = {
    Event.SUSPEND: Status.SUSPENDED,
    Event.REINSTATE: Status.VALID,
    Event.REVOKE: Status.REVOKED,
}


@dataclass(frozen=True, slots=True)
class Later:
    """What the leaves behind the certificate's own lead to. `day` is that of the last of them; `known_until` that of
    the log's last leaf, None where nothing stands behind the certificate. Not `readable`: the head speaks of later
    leaves that are not there, so that no one knows what they said."""

    status: Status
    day: date | None
    known_until: date | None
    readable: bool = True


def ask_published_log(found: Examined, trust: TrustBundle, folder: Path) -> Later | None:
    """Adds its checks where there is a receipt to hold against a log in `folder`, and nothing where there is not.

    Gives what the later leaves say, None where the log is no help.
    """
    if found.receipt is None or not (folder / "log" / "checkpoint").is_file():
        return None
    try:
        log = _Published.open(trust, folder)
        same = log.holds(found)
    except CertsvcError as error:
        zh, en = f"读不到可信的已公布日志：{error.zh}", f"no published log to be believed: {error.en}"
        found.say(CheckName.LOG_INCLUSION, None, zh, en)
        return None
    index, size = found.receipt.index, log.head.size
    if same is None:
        found.say(
            CheckName.LOG_INCLUSION,
            None,
            "这里的日志早于该证书，未查是否相同",
            "the log here is older than the certificate: not held against it",
        )
        return None
    found.say(
        CheckName.LOG_INCLUSION,
        same,
        f"已公布的日志中有该证书：第 {index} 叶，共 {size} 叶" if same else f"已公布的日志中，第 {index} 叶不是该证书",
        f"in the published log: leaf {index} of {size}"
        if same
        else f"leaf {index} of the published log is not this certificate's",
    )
    return _read_later(log, found) if same else None


def _read_later(log: _Published, found: Examined) -> Later:
    try:
        later = log.later(found)
    except CertsvcError as error:
        found.say(
            CheckName.LOG_LATER,
            None,
            f"日志中其后的叶无法读取：{error.zh}",
            f"the log's later leaves cannot be read: {error.en}",
        )
        return Later(Status.VALID, None, None, readable=False)
    until = later.known_until or "—"
    found.say(
        CheckName.LOG_LATER,
        later.status is Status.VALID,
        f"日志（至 {until}）中其后没有对该证书不利的记录"
        if later.status is Status.VALID
        else f"日志在 {later.day} 记有：{later.status.value}",
        f"the log (up to {until}) says nothing against it later"
        if later.status is Status.VALID
        else f"the log says of {later.day}: {later.status.value}",
    )
    return later


@dataclass(frozen=True, slots=True)
class _Published:
    """A published log under its signed head; its files are believed only as far as they lead to that head."""

    fetch: Fetch
    head: Checkpoint
    hashes: ReadHash

    @classmethod
    def open(cls, trust: TrustBundle, folder: Path) -> _Published:
        """Raises `CertsvcError` where files are missing or damaged: that says nothing about a certificate (R10)."""
        fetch = fetcher(str(folder))
        head = open_checkpoint(fetch("checkpoint", MAX_BYTES), f"{host_of(trust)}/log", log_keys_of(trust)).checkpoint
        return cls(fetch, head, tiles.hash_reader(head.size, lambda tile: fetch_tile(fetch, tile)))

    def holds(self, found: Examined) -> bool | None:
        """Whether the receipt's leaf stands at its place; None where the log ends before."""
        assert found.receipt is not None
        index, size = found.receipt.index, self.head.size
        if size <= index:
            return None
        leaf = self.hashes(0, index)
        verify_inclusion(leaf, index, size, prove_inclusion(index, size, self.hashes), self.head.root)
        return leaf == leaf_hash(encode(found.receipt.opening.leaf))

    def later(self, found: Examined) -> Later:
        """What the leaves behind the certificate's own say of it; raises `CertsvcError` unless they are the log's."""
        assert found.receipt is not None
        own, first = found.receipt.opening.leaf.credential, found.receipt.index + 1
        assert own is not None
        if self.head.size - first > _MOST_LATER:
            raise ProofRefused("其后的叶过多", "there are too many later leaves")
        status, day, last = Status.VALID, None, b""
        edge = self._edge(first)
        # A bundle at a time: its leaves are hashed into the edge, and those few read that name this credential.
        for contents in self._bundles(first):
            edge = edge.extend(map(leaf_hash, contents)).frontier
            last = contents[-1]
            for leaf in (decode(content) for content in contents if own.encode() in content):
                following = _status_after(leaf, own)
                if following is not None:
                    status, day = following, leaf.day
        if edge.root() != self.head.root:
            raise ProofRefused("其后的叶与日志头不符", "the later leaves do not lead to the log's head")
        return Later(status, day, decode(last).day if last else None)

    def _edge(self, size: int) -> Frontier:
        """The edge of the log's first `size` leaves, by their subtrees."""
        peaks, at = [], 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                peaks.append(self.hashes(level, at >> level))
                at += 1 << level
        return Frontier(size, tuple(peaks))

    def _bundles(self, first: int) -> Iterator[tuple[bytes, ...]]:
        """The contents of the leaves from `first` on."""
        size = self.head.size
        while first < size:
            tile = tiles.tile_of(tiles.ENTRIES, first, size)
            contents = tiles.read_entry_bundle(fetch_tile(self.fetch, tile), tile.width)
            yield contents[first - tile.start :]
            first = tile.start + tile.width


def _status_after(leaf: Leaf, credential: str) -> Status | None:
    """What a leaf makes of this credential; None where it says nothing of it."""
    if leaf.replaces == credential:
        return Status.SUPERSEDED
    return _LEADS_TO.get(leaf.event) if leaf.credential == credential else None
