"""A recount of the whole log from public files: what is wrong with it, leaf by leaf.

Decides what every leaf must satisfy in the light of those before it, and whether they add up to the signed head. Not
here: fetching files, and believing the head (`checkpoint`). The rules are numbered as in docs/log-format.md:

L1 the leaves give the size and root of the head           L2 every leaf has the one form of a leaf
L3 days never go backwards, but by a `clock` leaf           L4 days fit the times of cosignatures (dated back)
L5 a certificate is dated the day it is logged             L6 per session, issued ≤ passed, at every point of the log
L7 one credential, one leaf that makes it                  L8 changes follow the credential's status
L9 a paper certificate is reissued once                    L10 a certificate shown is the one its leaf is about
L11 every head shown is a beginning of this log (none was signed for others only, and nothing signed was taken away)
L13 no leaf is of a day after the recount's own, unless a later `clock` leaf takes that day back
L14 once a correction said what it changed, or a reissue whether the register has it, every later one says so too
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import accumulate
from operator import itemgetter
from typing import Final, NamedTuple

from certsvc.errors import MalformedLog, one_line
from certsvc.transparency import leaf as leaves
from certsvc.transparency.checkpoint import Checkpoint
from certsvc.transparency.leaf import Act, Changed, Entry, Event, Leaf, Stated
from certsvc.transparency.tree import Frontier, leaf_hash

_SHANGHAI: Final = timezone(timedelta(hours=8))  # without summer time since 1991
_MIDNIGHT: Final = timedelta(days=1)  # a head signed before midnight may be cosigned after it
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_TIME: Final = 253_402_041_600  # 9999-12-29; soon after it the calendar ends


class CosignedAt(NamedTuple):
    """A witness saw a head of `size` leaves at POSIX second `time` (a verified cosignature)."""

    size: int
    time: int


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """A certificate in an auditor's hands: the leaf it names, the salt of its opening, its signed bytes, and what
    those say of the leaf (None where no one has read them)."""

    index: int
    salt: bytes
    signed_credential: bytes
    stated: Stated | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong: by which rule (L1 …) and at which leaf, or None for the log as a whole."""

    rule: str
    index: int | None
    zh: str
    en: str

    def __str__(self) -> str:
        place = "日志 log" if self.index is None else f"叶 leaf {self.index}"
        return one_line(f"{self.rule} · {place} · {self.zh} / {self.en}")  # a log under audit may be hostile


@dataclass(slots=True)
class SessionCount:
    """One sitting in public: how many passed (None until it was said) and how many certificates rest on it."""

    passed: int | None = None
    issued: int = 0


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What the recount found. `events` counts leaves by event, `standing` credentials by where their leaves lead to
    (valid, suspended, revoked, superseded); `corrections` by what they changed and `reissues` by whether the register
    has an entry (R8.4a, R8.1a), None where the leaf is from before that was said; `results` those put right, by how
    (R2.4, R2.7)."""

    size: int
    root: bytes
    events: Mapping[Event, int]
    sessions: Mapping[str, SessionCount]
    standing: Mapping[str, int]
    problems: tuple[Problem, ...]
    corrections: Mapping[Changed | None, int]
    reissues: Mapping[Entry | None, int]
    results: Mapping[Act | None, int] = field(default_factory=Counter)

    @property
    def ok(self) -> bool:
        """Whether nothing at all is wrong."""
        return not self.problems


def audit(
    head: Checkpoint,
    contents: Iterable[bytes],
    *,
    shown: Iterable[ShownCertificate] = (),
    cosigned: Iterable[CosignedAt] = (),
    heads: Iterable[Checkpoint] = (),
    days_dated_back: int = 0,
    today: date | None = None,
) -> AuditReport:
    """Recount the log under a believed head from all its leaf contents, in order.

    `heads` are others of the same log, signed by it and shown to somebody: with a receipt, or to a witness.
    `days_dated_back` is how many days before its logging a certificate may be dated (L5). `today` is the day in
    Shanghai; without it L13 is not asked. Time is linear in the
    leaves; memory grows with credentials and sessions. Problems come in the order of the leaves, then of the head.
    """
    recount = _Recount(days_dated_back, list(cosigned), {}, today)
    for certificate in shown:
        recount.shown.setdefault(certificate.index, []).append(certificate)
    for one in heads:
        recount.heads.setdefault(one.size, set()).add(one.root)
    size, edge = 0, Frontier()
    recount.compare_heads(edge)
    for content in contents:
        edge = edge.append(leaf_hash(content))
        recount.take(size, content)
        size += 1
        recount.compare_heads(edge)
    recount.finish(size)
    root = edge.root()
    if size != head.size:
        recount.say("L1", None, f"应有 {head.size} 叶，实有 {size}", f"{head.size} leaves are signed, {size} are there")
    elif root != head.root:
        recount.say("L1", None, "根散列与日志头不符：有叶被改动", "the root differs from the head: a leaf was changed")
    standing = Counter(recount.status.values())
    return AuditReport(
        size,
        root,
        recount.events,
        recount.sessions,
        standing,
        tuple(recount.problems),
        recount.corrections,
        recount.reissues,
        recount.results,
    )


# What each event asks of the credential's status before it, and makes of it (R7.5; the same as credential.status).
_CHANGES: Final[Mapping[Event, tuple[frozenset[str], str]]] = {
    Event.SUSPEND: (frozenset({"valid"}), "suspended"),
    Event.REINSTATE: (frozenset({"suspended"}), "valid"),
    Event.REVOKE: (frozenset({"valid", "suspended"}), "revoked"),
    Event.CORRECT: (frozenset({"valid"}), "superseded"),
}


@dataclass(slots=True)
class _Recount:
    """What the leaves so far have said."""

    days_dated_back: int
    cosigned: list[CosignedAt]
    shown: dict[int, list[ShownCertificate]]
    today: date | None = None
    day: date | None = None
    days: list[tuple[int, date]] = field(default_factory=list)  # (first leaf, day), where the day changed
    ahead: list[Problem] = field(default_factory=list)  # findings that a `clock` leaf may yet explain
    last_clock: int = -1
    events: dict[Event, int] = field(default_factory=dict)
    sessions: dict[str, SessionCount] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    papers: set[str] = field(default_factory=set)
    corrections: Counter[Changed | None] = field(default_factory=Counter)
    reissues: Counter[Entry | None] = field(default_factory=Counter)
    results: Counter[Act | None] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    heads: dict[int, set[bytes]] = field(default_factory=dict)  # size → roots shown
    heads_below: int = 0
    earliest: date | None = None
    first_seen: list[int] = field(init=False)  # for each head, the earliest time at which it or a larger one was seen

    def __post_init__(self) -> None:
        self.cosigned.sort()
        self.first_seen = list(accumulate((head.time for head in reversed(self.cosigned)), min))[::-1]

    def say(self, rule: str, index: int | None, zh: str, en: str) -> None:
        self.problems.append(Problem(rule, index, zh, en))

    def say_ahead(self, rule: str, index: int, zh: str, en: str) -> None:
        self.say(rule, index, zh, en)
        self.ahead.append(self.problems[-1])

    def take(self, index: int, content: bytes) -> None:
        try:
            leaf = leaves.decode(content)
        except MalformedLog as error:
            self.say("L2", index, error.zh, error.en)
            self._compare(index, None)
            return
        self.events[leaf.event] = self.events.get(leaf.event, 0) + 1
        self._check_day(index, leaf)
        self._check_cosigned(index, leaf)
        _TAKE[leaf.event](self, index, leaf)
        self._compare(index, leaf)

    def finish(self, size: int) -> None:
        for index in sorted(self.shown):
            self.say("L10", index, "证书所指的叶不在日志中", f"a certificate names a leaf beyond the {size} of the log")
        for larger in sorted(self.heads):
            self.say(
                "L11",
                None,
                f"曾签署 {larger} 叶的日志头，现只有 {size} 叶：有叶被删去",
                f"a head of {larger} leaves was signed, and {size} are left: some were taken away",
            )

    def compare_heads(self, edge: Frontier) -> None:
        shown = self.heads.pop(edge.size, None)
        if shown is not None and shown != {edge.root()}:
            self.say(
                "L11",
                None,
                f"另有一个 {edge.size} 叶的已签日志头，与本日志不同：对不同的人给出了不同的日志",
                f"another head of {edge.size} leaves was signed, not of this log: two faces were shown",
            )

    def clock(self, index: int, leaf: Leaf) -> None:
        """L3 of a `clock` leaf: it goes back to the last right day at most, and over nothing that was set right."""
        since = leaf.since or 0
        place = bisect_left(self.days, since, key=itemgetter(0))
        before = self.days[place - 1][1] if place else None
        if not self.last_clock < since < index or (before is not None and leaf.day < before):
            self.say(
                "L3",
                index,
                f"时钟更正不成立：自叶 {since} 起，改为 {leaf.day}",
                f"the clock cannot be set back to {leaf.day} from leaf {since} on",
            )
        else:
            self.days, self.day, self.last_clock = self.days[:place], before, index
            explained = {id(one) for one in self.ahead if one.index is not None and one.index >= since}
            self.problems = [one for one in self.problems if id(one) not in explained]
            self.ahead = []
        self._advance(index, leaf)

    def session(self, index: int, leaf: Leaf) -> None:
        count = self._count(leaf)
        count.passed = leaf.passed
        self._check_count(index, leaf, count)

    def issue(self, index: int, leaf: Leaf) -> None:
        self._make(index, leaf)
        count = self._count(leaf)
        count.issued += 1
        self._check_count(index, leaf, count)

    def reissue(self, index: int, leaf: Leaf) -> None:
        self._make(index, leaf)
        paper = str(leaf.replaces)
        if paper in self.papers:
            self.say("L9", index, "同一纸质证书补发两次", "a paper certificate was reissued twice")
        self.papers.add(paper)
        self.reissues[leaf.entry] += 1
        if leaf.entry is None and self.reissues.total() > self.reissues[None]:
            self.say(
                "L14",
                index,
                "补发未注明登记册中有无该证书，此前已注明过",
                "a reissue no longer says whether the register has an entry",
            )

    def correct(self, index: int, leaf: Leaf) -> None:
        self._make(index, leaf)
        self.corrections[leaf.changed] += 1
        if leaf.changed is None and self.corrections.total() > self.corrections[None]:
            self.say("L14", index, "更正未注明更正了什么，此前已注明过", "a correction no longer says what it changed")
        self._change(index, leaf.event, str(leaf.replaces))

    def result(self, _index: int, leaf: Leaf) -> None:
        self.results[leaf.act] += 1

    def change(self, index: int, leaf: Leaf) -> None:
        self._change(index, leaf.event, str(leaf.credential))

    def _make(self, index: int, leaf: Leaf) -> None:
        credential, dated = str(leaf.credential), leaf.dated or leaf.day
        if credential in self.status:
            self.say("L7", index, "同一证书入日志两次", "a credential was logged twice")
        self.status[credential] = "valid"
        back = (leaf.day - dated).days
        if not 0 <= back <= self.days_dated_back:
            self.say(
                "L5",
                index,
                f"证书日期 {dated} 与入日志日期 {leaf.day} 不符",
                f"dated {dated} but logged on {leaf.day}: dated {'back' if back > 0 else 'ahead'}",
            )

    def _change(self, index: int, event: Event, credential: str) -> None:
        before, after = _CHANGES[event]
        status = self.status.get(credential)
        if status is None:
            self.say("L8", index, "所指证书从未入日志", f"{event} of a credential that was never logged")
        elif status not in before:
            self.say("L8", index, f"状态 {status} 之后不能有 {event}", f"{event} of a credential that is {status}")
        self.status[credential] = after

    def _count(self, leaf: Leaf) -> SessionCount:
        return self.sessions.setdefault(str(leaf.session), SessionCount())

    def _check_count(self, index: int, leaf: Leaf, count: SessionCount) -> None:
        passed = count.passed or 0
        if count.issued > passed:
            self.say(
                "L6",
                index,
                f"场次 {leaf.session} 签发 {count.issued} 份，多于通过的 {passed} 人",
                f"session {leaf.session}: {count.issued} issued but {passed} passed",
            )

    def _check_day(self, index: int, leaf: Leaf) -> None:
        if leaf.event is Event.CLOCK:
            return  # `clock` decides
        if self.day is not None and leaf.day < self.day:
            self.say("L3", index, f"日期倒退：{leaf.day} 在 {self.day} 之后", f"the day {leaf.day} follows {self.day}")
        self._advance(index, leaf)

    def _advance(self, index: int, leaf: Leaf) -> None:
        if self.day is None or leaf.day > self.day:
            self.day = leaf.day
            self.days.append((index, leaf.day))
        if self.today is not None and leaf.day > self.today:
            self.say_ahead(
                "L13",
                index,
                f"该叶的日期 {leaf.day} 在未来：签署时时钟快了",
                f"the day {leaf.day} lies in the future: the clock was fast when it was logged",
            )

    def _check_cosigned(self, index: int, leaf: Leaf) -> None:
        # Heads at or below this leaf bound its day from below, heads above it from above.
        while self.heads_below < len(self.cosigned) and self.cosigned[self.heads_below].size <= index:
            bound = _day(self.cosigned[self.heads_below].time) - _MIDNIGHT
            self.earliest = max(self.earliest or bound, bound)
            self.heads_below += 1
        if self.earliest is not None and leaf.day < self.earliest:
            self.say(
                "L4",
                index,
                f"倒填日期：该叶在 {self.earliest} 之后才加入，却写 {leaf.day}",
                f"dated back: the leaf was added after {self.earliest} but says {leaf.day}",
            )
        if self.heads_below < len(self.first_seen):
            seen = _day(self.first_seen[self.heads_below])
            if leaf.day > seen + _MIDNIGHT:
                self.say_ahead(
                    "L4",
                    index,
                    f"日期超前：见证于 {seen} 已见此叶，却写 {leaf.day}",
                    f"dated ahead: a witness saw the leaf on {seen}, and it says {leaf.day}",
                )

    def _compare(self, index: int, leaf: Leaf | None) -> None:
        for certificate in self.shown.pop(index, ()):
            about = None if leaf is None or leaf.event not in _MAKERS else leaf.credential
            if about != leaves.commit_credential(certificate.salt, certificate.signed_credential):
                self.say("L10", index, "该叶说的不是所示证书", "the leaf is not about the certificate shown")
            elif leaf is not None and certificate.stated is not None and not certificate.stated.fits(leaf):
                self.say(
                    "L10",
                    index,
                    f"该叶记为 {leaf.event}({leaf.dated})，与证书所写不同",
                    f"logged as {leaf.event}, dated {leaf.dated}: the certificate states something else",
                )


_MAKERS: Final = frozenset({Event.ISSUE, Event.REISSUE, Event.CORRECT})
_TAKE: Final[Mapping[Event, Callable[[_Recount, int, Leaf], None]]] = {
    Event.ISSUE: _Recount.issue,
    Event.REISSUE: _Recount.reissue,
    Event.CORRECT: _Recount.correct,
    Event.SUSPEND: _Recount.change,
    Event.REINSTATE: _Recount.change,
    Event.REVOKE: _Recount.change,
    Event.SESSION: _Recount.session,
    Event.CLOCK: _Recount.clock,
    Event.RESULT: _Recount.result,
}


def _day(time: int) -> date:
    """The day in Shanghai of a POSIX second."""
    return (_EPOCH + timedelta(seconds=min(max(time, 0), _LAST_TIME))).astimezone(_SHANGHAI).date()
