"""Checkpoints: a log's head as signed text (c2sp.org/tlog-checkpoint), and whether one may be signed at all.

Decides the form of a head, whose head is believed, and the two reasons for which ours is not signed: what is stored
does not add up to it, or the clock went back (design.md, decision 6). Not here: note and key forms (`note`), growth
seen by others (`witness`), a recount from the leaves (`audit`).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from certsvc.errors import CheckpointRefused, ClockWentBack, LogMismatch, MalformedLog, ProofRefused
from certsvc.transparency import note as notes
from certsvc.transparency.note import Algorithm, Note, Sign, Verified, VerifierKey
from certsvc.transparency.proofs import ReadHash, prove_consistency, range_root, verify_consistency
from certsvc.transparency.tree import HASH_BYTES, MAX_SIZE, Frontier

_SIZE = re.compile(r"(?:0|[1-9][0-9]{0,18})\Z")
_MAX_ORIGIN: Final = 255


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's head: which log (`origin`), how many leaves, their 32-byte root. We write no extension lines."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not notes.is_key_name(self.origin) or len(self.origin) > _MAX_ORIGIN:
            raise MalformedLog("日志名称的形式不对", f"not a log's origin: {self.origin!r}")
        if not 0 <= self.size <= MAX_SIZE or len(self.root) != HASH_BYTES:
            raise MalformedLog("日志头的形式不对", "a checkpoint has a size below 2^63 and a root of 32 bytes")
        if any(not line or "\n" in line for line in self.extensions):
            raise MalformedLog("扩展行的形式不对", "an extension is one line that is not empty")

    @property
    def body(self) -> str:
        """The text that is signed: origin, size, root, each on a line."""
        encoded = base64.b64encode(self.root).decode("ascii")
        return "".join(f"{line}\n" for line in (self.origin, str(self.size), encoded, *self.extensions))


@dataclass(frozen=True, slots=True)
class OpenedCheckpoint:
    """A checkpoint that may be believed: signed by its log, and cosigned by those witnesses at those seconds."""

    checkpoint: Checkpoint
    note: Note
    log: tuple[Verified, ...]
    witnesses: tuple[Verified, ...]


def parse_body(text: str) -> Checkpoint:
    """Read a checkpoint's text in its one form; raises MalformedLog."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
        raise MalformedLog("日志头的形式不对", "a checkpoint has at least three lines and no empty one")
    origin, size, root, *extensions = lines[:-1]
    if not _SIZE.match(size):
        raise MalformedLog("日志大小的写法不对", f"not a log size: {size[:30]!r}")
    return Checkpoint(origin, int(size), notes.decode_base64(root), tuple(extensions))


def sign_checkpoint(checkpoint: Checkpoint, key: VerifierKey, sign_message: Sign) -> bytes:
    """The signed checkpoint as served at `<prefix>/checkpoint`. The key bears the log's origin as its name."""
    if key.name != checkpoint.origin:
        raise CheckpointRefused("签名密钥属于另一日志", f"the key of {key.name} does not sign for {checkpoint.origin}")
    return Note(checkpoint.body, (notes.sign(checkpoint.body, key, sign_message),)).encode()


def open_checkpoint(
    signed: bytes, origin: str, log_keys: Iterable[VerifierKey], witness_keys: Iterable[VerifierKey] = ()
) -> OpenedCheckpoint:
    """Believe a checkpoint of this log: at least one of its keys signed it, and no known signature fails.

    Raises MalformedLog for what is no checkpoint, CheckpointRefused for another log's or an unsigned one. How many
    witnesses are enough is the caller's to say.
    """
    note = notes.parse(signed)
    checkpoint = parse_body(note.text)
    if checkpoint.origin != origin:
        raise CheckpointRefused("这是另一个日志的日志头", f"a checkpoint of {checkpoint.origin}, not of {origin}")
    log = notes.verify(note, [key for key in log_keys if key.algorithm is Algorithm.ED25519])
    if not log:
        raise CheckpointRefused("日志头没有本日志的签名", "no signature by a key of this log")
    witnesses = notes.verify(note, [key for key in witness_keys if key.algorithm is Algorithm.COSIGNATURE])
    return OpenedCheckpoint(checkpoint, note, log, witnesses)


def next_checkpoint(
    origin: str,
    edge: Frontier,
    read_hash: ReadHash,
    *,
    now: datetime,
    previous: Checkpoint | None = None,
    previous_at: datetime | None = None,
) -> Checkpoint:
    """The head that may be signed now, recomputed from the stored subtree hashes and held against the last one.

    `previous` is the last head signed and `previous_at` when. Raises ClockWentBack, and LogMismatch where the stored
    hashes, the edge and the previous head do not fit together: one flipped bit signed is a log that is dead for good.
    """
    if previous_at is not None and now < previous_at:
        raise ClockWentBack(
            f"时钟倒退：上次签署于 {previous_at.isoformat()}",
            f"the clock went back: the last checkpoint was signed at {previous_at.isoformat()}",
        )
    try:
        recomputed = range_root(0, edge.size, read_hash)
        if recomputed != edge.root():
            raise LogMismatch("存储的散列与日志边缘不符", "the stored hashes do not give the root of the edge")
        if previous is not None:
            if previous.origin != origin:
                raise LogMismatch(
                    "上一日志头属于另一日志", f"the last checkpoint is of {previous.origin}, not {origin}"
                )
            proof = prove_consistency(previous.size, edge.size, read_hash)
            verify_consistency(previous.size, previous.root, edge.size, recomputed, proof)
    except ProofRefused as error:
        raise LogMismatch(
            "日志与上次签署的日志头不一致", f"the log does not continue the last checkpoint: {error.en}"
        ) from error
    return Checkpoint(origin, edge.size, recomputed)
