"""What a witness decides: cosign a log's new head, or refuse it and say why (c2sp.org/tlog-witness).

Decides from the last head seen, the new one and a consistency proof. Not here: storing the last head, fetching, HTTP,
the clock (`certsvc log witness`). Anyone who acts on a `Grown` stores its checkpoint *before* the cosignature goes out,
and no two decisions on one log may overlap, or a later one could be rolled back.

A witness keeps one checkpoint per log. That is enough to catch a log that forgets, rewrites, or shows two faces.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from certsvc.errors import CertsvcError, CheckpointRefused, MalformedLog, ProofRefused
from certsvc.transparency import note as notes
from certsvc.transparency.checkpoint import Checkpoint, OpenedCheckpoint, open_checkpoint, parse_body
from certsvc.transparency.note import Note, VerifierKey
from certsvc.transparency.proofs import MAX_HASHES, verify_consistency
from certsvc.transparency.tree import EMPTY_ROOT, HASH_BYTES

MAX_BYTES: Final = notes.MAX_BYTES + 2**12
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})\Z")


class Reason(StrEnum):
    """Why a head is refused. `http_status` is what tlog-witness answers."""

    MALFORMED = "malformed"
    OTHER_LOG = "other-log"
    BAD_SIGNATURE = "bad-signature"
    NOT_LAST_SEEN = "not-last-seen"
    OLDER = "older"
    TWO_ROOTS = "two-roots"
    INCONSISTENT = "inconsistent"

    @property
    def http_status(self) -> int:
        """400, 403, 404, 409 or 422."""
        return _STATUS[self]


_STATUS: Final = {
    Reason.MALFORMED: 400,
    Reason.OTHER_LOG: 404,
    Reason.BAD_SIGNATURE: 403,
    Reason.NOT_LAST_SEEN: 409,
    Reason.OLDER: 400,
    Reason.TWO_ROOTS: 422,
    Reason.INCONSISTENT: 422,
}


@dataclass(frozen=True, slots=True)
class Grown:
    """The log only grew: store `opened.checkpoint`, then cosign `opened.note.text`."""

    opened: OpenedCheckpoint


@dataclass(frozen=True, slots=True)
class Refusal:
    """The head is not cosigned. For TWO_ROOTS and INCONSISTENT the signed head is evidence against the log: keep it."""

    reason: Reason
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Submission:
    """The body of `add-checkpoint`: the size the sender believes was last seen, the proof from there, the new head."""

    old_size: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        """The request's body."""
        lines = [f"old {self.old_size}", *(base64.b64encode(item).decode("ascii") for item in self.hashes)]
        return ("\n".join(lines) + "\n\n").encode("ascii") + self.checkpoint


def parse_submission(body: bytes) -> Submission:
    """Read a request's body strictly; raises MalformedLog."""
    if len(body) > MAX_BYTES:
        raise MalformedLog("见证请求过大", f"a submission has at most {MAX_BYTES} bytes")
    head, blank, checkpoint = body.partition(b"\n\n")
    try:
        first, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise MalformedLog("见证请求的形式不对", "a submission's lines are ASCII") from error
    old = _OLD.match(first)
    if not blank or old is None or len(lines) > MAX_HASHES:
        raise MalformedLog("见证请求的形式不对", "a submission has an old size, at most 63 hashes, and a checkpoint")
    hashes = tuple(notes.decode_base64(line) for line in lines)
    if any(len(item) != HASH_BYTES for item in hashes):
        raise MalformedLog("见证请求的散列长度不对", f"a hash has {HASH_BYTES} bytes")
    return Submission(int(old[1]), hashes, checkpoint)


def origin_of(signed: bytes) -> str:
    """The log a checkpoint says it is of, to choose keys and the last head by; nothing is verified yet."""
    return parse_body(notes.parse(signed).text).origin


def decide(
    seen: Checkpoint | None,
    signed: bytes,
    hashes: Sequence[bytes],
    *,
    origin: str,
    log_keys: Iterable[VerifierKey],
) -> Grown | Refusal:
    """Whether the signed head only adds to the one last seen; `hashes` prove it from there (empty at first sight)."""
    old = seen or Checkpoint(origin, 0, EMPTY_ROOT)
    try:
        if old.origin != origin or origin_of(signed) != origin:
            return Refusal(Reason.OTHER_LOG, "这是另一个日志的日志头", f"not a head of {origin}")
        opened = open_checkpoint(signed, origin, log_keys)
    except (MalformedLog, CheckpointRefused) as error:
        reason = Reason.MALFORMED if isinstance(error, MalformedLog) else Reason.BAD_SIGNATURE
        return _refusal(reason, error)
    new = opened.checkpoint
    if new.size < old.size:
        return Refusal(
            Reason.OLDER,
            f"日志变小了：曾见 {old.size}，现为 {new.size}",
            f"the log shrank: {old.size} leaves were seen, now it shows {new.size}",
        )
    if new.size == old.size and new.root != old.root:
        return Refusal(
            Reason.TWO_ROOTS, "同样大小出现两个不同的根", f"two different roots for the same size of {new.size} leaves"
        )
    try:
        verify_consistency(old.size, old.root, new.size, new.root, hashes)
    except ProofRefused as error:
        return _refusal(Reason.INCONSISTENT, error)
    return Grown(opened)


def answer(
    seen: Checkpoint | None, submission: Submission, *, origin: str, log_keys: Iterable[VerifierKey]
) -> Grown | Refusal:
    """`decide` for a request: its old size must be the one last seen, else NOT_LAST_SEEN (then answer that size)."""
    keys = tuple(log_keys)
    try:
        opened = open_checkpoint(submission.checkpoint, origin, keys)
    except (MalformedLog, CheckpointRefused):
        return decide(seen, submission.checkpoint, submission.hashes, origin=origin, log_keys=keys)
    if submission.old_size > opened.checkpoint.size:
        return Refusal(Reason.MALFORMED, "旧日志比新日志大", "the old size is above the checkpoint's")
    seen_size = seen.size if seen else 0
    if submission.old_size != seen_size:
        return Refusal(
            Reason.NOT_LAST_SEEN,
            f"上次见证的大小是 {seen_size}",
            f"the last head seen has {seen_size} leaves, not {submission.old_size}",
        )
    return decide(seen, submission.checkpoint, submission.hashes, origin=origin, log_keys=keys)


def cosigned(grown: Grown, key: VerifierKey, sign_message: notes.Sign, time: int) -> Note:
    """The checkpoint with this witness's signature of POSIX second `time` added."""
    note = grown.opened.note
    return note.with_signature(notes.cosign(note.text, key, sign_message, time))


def _refusal(reason: Reason, error: CertsvcError) -> Refusal:
    return Refusal(reason, error.zh, error.en)
