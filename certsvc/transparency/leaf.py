"""What one event says in the public log: a salted commitment, a day, and nothing personal (R10).

Decides the content of a leaf, byte for byte; docs/log-format.md says the same to strangers. Not here: how leaves are
hashed and proved (`tree`, `proofs`), and what several leaves must satisfy together (`audit`).

A leaf is one line of ASCII JSON, keys sorted, no spaces, so each leaf has exactly one form. Commitments are
HMAC-SHA-256 under a fresh 32-byte salt per commitment; anyone who is shown the salt (the opening) can check that the
leaf is about this credential, and no one else can guess what it is about.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Final

from certsvc.errors import MalformedLog

VERSION: Final = 1
SALT_BYTES: Final = 32
MAX_BYTES: Final = 1024

_COMMITMENT = re.compile(r"u[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z")
_SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*\Z")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_MAX_SESSION = 96
_MAX_PASSED = 2**31 - 1
_MAX_INDEX = 2**53 - 1  # what every reader of JSON keeps whole


class Event(StrEnum):
    """What happened. A correction supersedes; a session says how many passed at one sitting; a clock, that days were
    wrong; a result, that one on record was put right."""

    ISSUE = "issue"
    REISSUE = "reissue"
    CORRECT = "correct"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"
    REVOKE = "revoke"
    SESSION = "session"
    CLOCK = "clock"
    RESULT = "result"


class Changed(StrEnum):
    """What a correction changed (R8.4a): the name, the identity number, or nothing but the key that signs."""

    NAME = "name"
    IDENTITY = "identity"
    KEY = "key"


class Entry(StrEnum):
    """Whether the register of former paper has an entry for what is reissued (R8.1a)."""

    REGISTERED = "registered"
    NONE = "none"


class Act(StrEnum):
    """What was done to a result on record (R2.4, R2.7): put right, annulled with its sitting, taken out unpublished."""

    CORRECTED = "corrected"
    ANNULLED = "annulled"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One event in public. Which fields an event has is fixed (`_REQUIRED`, `_OPTIONAL`).

    event       what happened
    day         the day it was logged, by the issuer's clock in Asia/Shanghai; never earlier than the leaf before,
                but for `clock`
    credential  commitment to the digest of the signed credential; the later events of a credential repeat it
    dated       the date printed on this version （发证日期, or 补发日期 for a reissue or correction）
    session     the public code of the completing sitting
    evidence    commitment to what the decision rests on: both results and both approvals, or the approved request
    replaces    the credential (its commitment) that a correction supersedes; for a reissue, a commitment to the paper
    passed      how many enrolments this sitting completed so far; the latest leaf of a session counts
    since       index of the first leaf whose day was read from a wrong clock; this leaf's day is right again
    changed     what a correction changed; absent in leaves from before it was said
    entry       whether a reissue has an entry in the paper register; absent likewise
    act         what was done to a result on record, to one attempt a leaf
    """

    event: Event
    day: date
    credential: str | None = None
    dated: date | None = None
    session: str | None = None
    evidence: str | None = None
    replaces: str | None = None
    passed: int | None = None
    since: int | None = None
    changed: Changed | None = None
    entry: Entry | None = None
    act: Act | None = None


_REQUIRED: Final[dict[Event, frozenset[str]]] = {
    Event.ISSUE: frozenset({"credential", "dated", "session", "evidence"}),
    Event.REISSUE: frozenset({"credential", "dated", "evidence", "replaces"}),
    Event.CORRECT: frozenset({"credential", "dated", "evidence", "replaces"}),
    Event.SUSPEND: frozenset({"credential"}),
    Event.REINSTATE: frozenset({"credential"}),
    Event.REVOKE: frozenset({"credential"}),
    Event.SESSION: frozenset({"session", "passed"}),
    Event.CLOCK: frozenset({"since"}),
    Event.RESULT: frozenset({"act", "evidence"}),
}
_OPTIONAL: Final[dict[Event, frozenset[str]]] = {
    Event.ISSUE: frozenset(),
    Event.REISSUE: frozenset({"entry"}),
    Event.CORRECT: frozenset({"changed"}),
    Event.SUSPEND: frozenset({"evidence"}),
    Event.REINSTATE: frozenset({"evidence"}),
    Event.REVOKE: frozenset({"evidence"}),
    Event.SESSION: frozenset({"evidence"}),
    Event.CLOCK: frozenset(),
    Event.RESULT: frozenset(),
}
_COMMITMENTS: Final = ("credential", "evidence", "replaces")
_NAMES: Final = tuple(field.name for field in fields(Leaf) if field.name not in {"event", "day"})


@dataclass(frozen=True, slots=True)
class Stated:
    """What a certificate itself says of the leaf that made it: which event, dated when, resting on what evidence."""

    event: Event
    dated: date
    evidence: str | None

    def fits(self, leaf: Leaf) -> bool:
        """Whether the leaf says the same. One logged as another event would escape the rules made for its own."""
        return (self.event, self.dated, self.evidence) == (leaf.event, leaf.dated, leaf.evidence)


def commit(salt: bytes, *parts: bytes | str) -> str:
    """A commitment "u" + base64url of HMAC-SHA-256(salt, each part led by its length as 4 bytes, big-endian).

    `salt` is 32 random bytes used for this commitment only: one salt for two commitments would open both at once.
    """
    if len(salt) != SALT_BYTES:
        raise MalformedLog("承诺的盐须为 32 字节", f"a commitment's salt has 32 bytes, not {len(salt)}")
    message = b"".join(len(part).to_bytes(4, "big") + part for part in map(_octets, parts))
    digest = hmac.new(salt, message, hashlib.sha256).digest()
    return "u" + base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")


def opens(commitment: str, salt: bytes, *parts: bytes | str) -> bool:
    """Whether these parts under this salt are what was committed to."""
    return hmac.compare_digest(commitment.encode(), commit(salt, *parts).encode())


def commit_credential(salt: bytes, signed_credential: bytes) -> str:
    """The commitment a leaf makes to a credential: over the SHA-256 of its signed bytes, verbatim."""
    return commit(salt, "certsvc log credential v1", hashlib.sha256(signed_credential).digest())


def encode(leaf: Leaf) -> bytes:
    """The one form of this leaf, at most 1,024 bytes of ASCII; raises MalformedLog for a leaf that must not be."""
    _check(leaf)
    members: dict[str, str | int] = {"v": VERSION, "event": leaf.event.value, "day": leaf.day.isoformat()}
    for name in _NAMES:
        value = getattr(leaf, name)
        if value is not None:
            members[name] = value.isoformat() if isinstance(value, date) else value
    return json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def decode(content: bytes) -> Leaf:
    """Read a leaf; raises MalformedLog for anything but the one form `encode` gives."""
    if len(content) > MAX_BYTES:
        raise MalformedLog("日志叶过长", f"a leaf has at most {MAX_BYTES} bytes")
    try:
        members = json.loads(content)
        leaf = _read(members)
        again = encode(leaf)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise MalformedLog("日志叶无法识别", f"not a leaf of this log: {error}") from error
    if again != content:
        # Duplicate members, spaces, escapes, member order: a second form would be a second hash for the same event.
        raise MalformedLog("日志叶不是规范形式", "not the canonical form of a leaf")
    return leaf


def _octets(part: bytes | str) -> bytes:
    return part.encode("utf-8") if isinstance(part, str) else part


def _read(members: dict[str, object]) -> Leaf:
    if not isinstance(members, dict) or members.pop("v") != VERSION:
        raise ValueError("unknown version")
    unknown = members.keys() - set(_NAMES) - {"event", "day"}
    if unknown:
        raise ValueError(f"unknown members {sorted(unknown)}")
    values: dict[str, object] = dict(members)
    values["event"] = Event(str(members["event"]))  # raises ValueError for an unknown event
    for name in ("day", "dated"):
        if name in values:
            values[name] = _day(values[name])
    if "changed" in values:
        values["changed"] = Changed(str(values["changed"]))
    if "entry" in values:
        values["entry"] = Entry(str(values["entry"]))
    if "act" in values:
        values["act"] = Act(str(values["act"]))
    return Leaf(**values)  # type: ignore[arg-type]  # _check, by way of encode, looks at every value


def _day(text: object) -> date:
    if not isinstance(text, str) or not _DAY.match(text):
        raise ValueError(f"not a day: {text!r}")
    return date.fromisoformat(text)


def _check(leaf: Leaf) -> None:
    present = frozenset(name for name in _NAMES if getattr(leaf, name) is not None)
    required = _REQUIRED[leaf.event]
    if missing := required - present:
        raise MalformedLog("日志叶缺少内容", f"a leaf of event {leaf.event} needs {', '.join(sorted(missing))}")
    if surplus := present - required - _OPTIONAL[leaf.event]:
        raise MalformedLog("日志叶有多余内容", f"a leaf of event {leaf.event} has no {', '.join(sorted(surplus))}")
    for name in _COMMITMENTS:
        value = getattr(leaf, name)
        if value is not None and not (isinstance(value, str) and _COMMITMENT.match(value)):
            raise MalformedLog("承诺的形式不对", f"{name} is not a commitment: {value!r}")
    if leaf.session is not None and not is_session(leaf.session):
        raise MalformedLog("考试场次代码的形式不对", f"not a session code: {leaf.session!r}")
    if leaf.passed is not None and not (type(leaf.passed) is int and 0 <= leaf.passed <= _MAX_PASSED):
        raise MalformedLog("通过人数不对", f"not a count of those who passed: {leaf.passed!r}")
    if leaf.since is not None and not (type(leaf.since) is int and 0 <= leaf.since <= _MAX_INDEX):
        raise MalformedLog("叶序号不对", f"not the index of a leaf: {leaf.since!r}")
    if leaf.replaces is not None and leaf.replaces == leaf.credential:
        raise MalformedLog("证书不能替代自己", "a credential cannot replace itself", rule="R8.4")


def is_session(text: object) -> bool:
    """Whether this can be the public code of a sitting: ASCII words joined by "/", at most 96 characters."""
    return isinstance(text, str) and len(text) <= _MAX_SESSION and _SESSION.match(text) is not None
