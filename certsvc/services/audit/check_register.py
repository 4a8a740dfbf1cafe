"""Check the whole log against itself, against the register, and against what was published.

Finds a leaf changed by SQL (hashes, subtrees, head), a certificate changed by SQL (the leaf is not about these bytes,
columns that differ from what was signed), a status moved without a leaf, a leaf that nothing in the register explains,
and a published head that the log does not continue. Public rules L1–L10 are `transparency.audit`'s; the checks that
need the register are numbered here:

G1 stored hashes, subtrees and head follow from the leaves   G2 each certificate is signed, and its columns repeat it
G3 each status follows from its logged changes               G4 every leaf is about something in the register
G5 the published checkpoint is a beginning of this log         G6 what was issued had been earned (`earned`)
G7 nothing was logged, signed or seen by a clock of the future  G8 the database's own file is whole (SQLite)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from certsvc.credential.status import Status
from certsvc.errors import CertsvcError, KeyMissing, LogMismatch, MalformedLog, ProofRefused
from certsvc.services.audit.earned import check_earned
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.log import publish as log_publish
from certsvc.services.log import read as log_read
from certsvc.services.log.append import CLOCK_SKEW, frontier
from certsvc.services.log.clock import signed_at
from certsvc.services.log.stated import stated_by
from certsvc.services.records.erased import Stub, log_name, open_stub
from certsvc.services.verification.genuine import repeats
from certsvc.signing.proofs import verify_credential
from certsvc.store import (
    ISSUED,
    CertificateRecord,
    ClockSeenRecord,
    LogHeadRecord,
    LogLeafRecord,
    LogNodeRecord,
    StatusChangeRecord,
)
from certsvc.transparency import leaf as leaves
from certsvc.transparency.audit import Problem, audit
from certsvc.transparency.checkpoint import Checkpoint, open_checkpoint
from certsvc.transparency.leaf import Event
from certsvc.transparency.proofs import prove_consistency, verify_consistency
from certsvc.transparency.tree import Frontier, Node, leaf_hash

_BATCH = 500
_ANY_DAYS = 1_000_000
_MOST_FAULTS = 20
_IN_FORCE = frozenset({Status.VALID.value, Status.SUSPENDED.value})
_OF_NO_CERTIFICATE = frozenset({Event.SESSION, Event.CLOCK})
_MAKERS = frozenset({Event.ISSUE, Event.REISSUE, Event.CORRECT})
_CHANGE_EVENTS: Mapping[str, frozenset[Event]] = {
    Status.SUSPENDED: frozenset({Event.SUSPEND}),
    Status.VALID: frozenset({Event.REINSTATE}),
    Status.REVOKED: frozenset({Event.REVOKE}),
    Status.SUPERSEDED: frozenset({Event.CORRECT}),
}


@dataclass(frozen=True, slots=True)
class LogReport:
    """`problems` are what must not be; `notices` what a person should know (a certificate dated before its logging)."""

    size: int
    root: bytes
    certificates: int
    erased: int
    problems: tuple[Problem, ...]
    notices: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        return not self.problems

    def as_json(self) -> dict[str, object]:
        return {
            "ok": self.ok,
            "size": self.size,
            "root": self.root.hex(),
            "certificates": self.certificates,
            "erased": self.erased,
            "problems": [_as_json(problem) for problem in self.problems],
            "notices": [_as_json(problem) for problem in self.notices],
        }


@dataclass(slots=True)
class _Findings:
    problems: list[Problem] = field(default_factory=list)
    notices: list[Problem] = field(default_factory=list)
    made: set[int] = field(default_factory=set)  # leaves that a certificate names as its own
    changed: set[int] = field(default_factory=set)  # leaves that a change of status names
    certificates: int = 0
    erased: int = 0

    def say(self, rule: str, index: int | None, zh: str, en: str) -> None:
        self.problems.append(Problem(rule, index, zh, en))


def check_log(services: Services, published: Path | None = None) -> LogReport:
    """Check everything, in one consistent state of the database; `published` is the folder of tiles, if any."""
    found = _Findings()
    with services.database.reading() as session:
        _check_file(services, session, found)
        size = session.scalar(select(func.count()).select_from(LogLeafRecord)) or 0
        edge = _check_hashes(session, size, found)
        _check_certificates(services, session, found)
        _check_changes(services, session, found)
        found.problems += check_earned(services, session)
        head = Checkpoint(log_publish.origin(services), edge.size, edge.root())
        problems = _public_rules(services, session, head, found)
        _check_clock(services, session, found)
        if published is not None:
            _check_published(services, session, published, edge, found)
    return LogReport(
        size=edge.size,
        root=edge.root(),
        certificates=found.certificates,
        erased=found.erased,
        problems=(*found.problems, *problems),
        notices=tuple(found.notices),
    )


def _check_file(services: Services, session: Session, found: _Findings) -> None:
    """G8: pages and indexes of a file may be malformed where none of the other checks comes to read."""
    if not services.database.is_sqlite:
        return  # PostgreSQL keeps checksums of its pages itself (docs/operations.md, 9)
    told = [str(one) for one in session.execute(text(f"pragma integrity_check({_MOST_FAULTS})")).scalars()]
    for fault in told if told != ["ok"] else ():
        found.say("G8", None, f"数据库文件损坏：{fault}", f"the database file is malformed: {fault}")
    for table, row, parent, _ in session.execute(text("pragma foreign_key_check")).all()[:_MOST_FAULTS]:
        found.say(
            "G8",
            None,
            f"{table} 第 {row} 行所指的 {parent} 不存在",
            f"row {row} of {table} names a {parent} that is not there",
        )


def _check_hashes(session: Session, size: int, found: _Findings) -> Frontier:
    """G1: recompute every hash from the contents; the recomputed edge."""
    edge = Frontier()
    nodes = 0
    for start in range(0, size, _BATCH):
        end = min(start + _BATCH, size)
        found_rows = session.execute(
            select(LogLeafRecord.index, LogLeafRecord.content, LogLeafRecord.hash)
            .where(LogLeafRecord.index >= start, LogLeafRecord.index < end)
            .order_by(LogLeafRecord.index)
        ).all()
        rows = [(index, log_read.octets(content), log_read.octets(digest)) for index, content, digest in found_rows]
        if [index for index, _, _ in rows] != list(range(start, end)):
            found.say("G1", None, f"{start}–{end} 之间缺叶", f"leaves are missing between {start} and {end}")
            return edge
        for index, content, digest in rows:
            if leaf_hash(content) != digest:
                found.say("G1", index, "叶的内容与其散列不符", "the leaf's content does not give its stored hash")
        growth = edge.extend(leaf_hash(content) for _, content, _ in rows)
        edge = growth.frontier
        inner = [node for node in growth.nodes if node.level > 0]
        nodes += len(inner)
        _check_nodes(session, inner, found)
    stored = session.scalar(select(func.count()).select_from(LogNodeRecord)) or 0
    if stored != nodes:
        found.say(
            "G1", None, f"应有 {nodes} 个子树散列，存有 {stored}", f"{nodes} subtree hashes are due, {stored} stored"
        )
    try:
        head = frontier(session)
    except CertsvcError as error:
        found.say("G1", None, error.zh, error.en)
    else:
        if head != edge:
            found.say(
                "G1", None, "日志头与各叶不符：有叶被改动", "the head does not follow from the leaves: one was changed"
            )
    return edge


def _check_nodes(session: Session, nodes: list[Node], found: _Findings) -> None:
    if not nodes:
        return
    by_level: dict[int, list[Node]] = {}
    for node in nodes:
        by_level.setdefault(node.level, []).append(node)
    for level, of_level in by_level.items():
        query = select(LogNodeRecord.index, LogNodeRecord.hash).where(
            LogNodeRecord.level == level,
            LogNodeRecord.index >= of_level[0].index,
            LogNodeRecord.index <= of_level[-1].index,
        )
        stored = dict(session.execute(query).all())
        for node in of_level:
            if stored.get(node.index) != node.hash:
                place = f"{level}/{node.index}"
                found.say("G1", None, f"子树散列 {place} 不符", f"the stored subtree hash {place} is not what follows")


def _check_certificates(services: Services, session: Session, found: _Findings) -> None:
    """G2, and that each certificate is the one its leaf is about (L10)."""
    query = (
        select(CertificateRecord, LogLeafRecord.content)
        .join(LogLeafRecord, LogLeafRecord.index == CertificateRecord.leaf_index, isouter=True)
        .where(CertificateRecord.stage == ISSUED)
        .order_by(CertificateRecord.id)
        .execution_options(yield_per=_BATCH)
    )
    for row, content in session.execute(query):
        found.certificates += 1
        named = f"{row.number}-v{row.version}"
        if row.erased_on is not None:
            _check_erased(services, row, content, found)
            session.expunge(row)
            continue
        if row.leaf_index is None or content is None or not isinstance(row.credential, bytes):
            found.say("G2", row.leaf_index, f"{named} 没有日志叶", f"{named} has no leaf in the log")
            continue
        found.made.add(row.leaf_index)
        check = verify_credential(row.credential, services.trust, log_index=row.leaf_index)
        if row.status not in _IN_FORCE and check.checks[-1].name.endswith("-trust"):
            zh, en = (
                f"{named} 由已不再信任的密钥签名，已失效",
                f"{named} is by a key distrusted since, and out of force",
            )
            found.notices.append(Problem("G2", row.leaf_index, zh, en))
        elif not check.ok or check.claims is None:
            found.say("G2", row.leaf_index, f"{named} 的签名不符", f"the signature of {named} does not hold")
        elif not repeats(row, check.claims):
            found.say(
                "G2",
                row.leaf_index,
                f"{named} 的登记与所签内容不符",
                f"the register's row of {named} differs from what was signed",
            )
        if not _is_about(services, row, _MAKERS, log_read.octets(content)):
            found.say("L10", row.leaf_index, f"该叶说的不是 {named}", f"the leaf is not about {named}")
        session.expunge(row)


def _check_erased(services: Services, row: CertificateRecord, content: bytes | None, found: _Findings) -> None:
    """G2 for a certificate whose holder's data were erased: its columns are those that were sealed then, and its leaf
    is the one about it. That it was erased by two people is asked by G6."""
    named = f"{row.number}-v{row.version}"
    found.erased += 1
    try:
        stub: Stub | None = open_stub(services.vault, row)
        leaf = None if content is None else leaves.decode(log_read.octets(content))
    except (KeyMissing, MalformedLog):
        stub = leaf = None
    if stub is None or not stub.repeated_by(row):
        found.say(
            "G2",
            row.leaf_index,
            f"{named} 标为已抹除，与抹除时封存的内容不符",
            f"{named} is marked as erased, and is not what was sealed at the erasure",
        )
    if row.leaf_index is None or leaf is None:
        found.say("G2", row.leaf_index, f"{named} 没有日志叶", f"{named} has no leaf in the log")
        return
    found.made.add(row.leaf_index)
    if stub is not None and (leaf.event not in _MAKERS or leaf.credential != stub.commitment):
        found.say("L10", row.leaf_index, f"该叶说的不是 {named}", f"the leaf is not about {named}")


def _check_changes(services: Services, session: Session, found: _Findings) -> None:
    """G3: the stored status is where the logged changes lead."""
    leads_to: dict[int, str] = {}
    changes = session.execute(
        select(StatusChangeRecord, LogLeafRecord.content)
        .join(LogLeafRecord, LogLeafRecord.index == StatusChangeRecord.leaf_index, isouter=True)
        .order_by(StatusChangeRecord.id)
    )
    for change, content in changes:
        before = leads_to.get(change.certificate_id, Status.VALID.value)
        row = session.get(CertificateRecord, change.certificate_id)
        assert row is not None
        named = f"{row.number}-v{row.version}"
        leads_to[change.certificate_id] = change.to_status
        if content is None or not _is_about(
            services, row, _CHANGE_EVENTS.get(change.to_status, frozenset()), log_read.octets(content)
        ):
            found.say(
                "G3",
                change.leaf_index,
                f"{named} 变为 {change.to_status} 没有相应的日志叶",
                f"no leaf says that {named} became {change.to_status}",
            )
        elif change.from_status != before:
            found.say("G3", change.leaf_index, f"{named} 的状态记录不连续", f"the changes of {named} do not follow on")
        if change.leaf_index is not None:
            found.changed.add(change.leaf_index)
    moved = session.execute(
        select(
            CertificateRecord.id, CertificateRecord.number, CertificateRecord.version, CertificateRecord.status
        ).where(CertificateRecord.stage == ISSUED)
    )
    for row_id, number, version, status in moved:
        due = leads_to.get(row_id, Status.VALID.value)
        if status != due:
            found.say(
                "G3",
                None,
                f"{number}-v{version} 的状态为 {status}，按日志应为 {due}",
                f"{number}-v{version} is {status} where its logged changes lead to {due}",
            )


def _is_about(services: Services, row: CertificateRecord, events: frozenset[Event], content: bytes) -> bool:
    """Whether the leaf is one of these events, of this certificate, and says what it states where it made it."""
    try:
        leaf = leaves.decode(content)
        if not isinstance(row.credential, bytes) or leaf.event not in events:
            return False
        name = log_name(services.vault, row)
    except (MalformedLog, KeyMissing):
        return False
    made = events is _MAKERS
    named = leaf.replaces if leaf.event is Event.CORRECT and not made else leaf.credential
    stated = stated_by(row.credential) if made else None
    fits = not made or (stated is not None and stated.fits(leaf))
    return fits and named == name


def _check_clock(services: Services, session: Session, found: _Findings) -> None:
    """G7: what lies in the future keeps the log from growing until then (docs/operations.md, "The clock")."""
    latest = services.now() + CLOCK_SKEW
    try:
        signed = signed_at(services)
    except MalformedLog as error:
        found.say("G7", None, error.zh, error.en)
        signed = None
    for what_zh, what_en, at in (
        ("日志最新的叶", "the log's newest leaf", session.scalar(select(LogHeadRecord.at))),
        ("日志头", "the log's head", signed),
        ("上次签署或公布", "what was signed or published last", session.scalar(select(ClockSeenRecord.at))),
    ):
        if at is not None and at > latest:
            found.say(
                "G7",
                None,
                f"{what_zh}的时间 {at.isoformat()} 在未来：时钟曾经快了；请见 certsvc log set-clock-back",
                f"{what_en} is of {at.isoformat()}, in the future: the clock was fast; see certsvc log set-clock-back",
            )


def _public_rules(services: Services, session: Session, head: Checkpoint, found: _Findings) -> tuple[Problem, ...]:
    """L1–L9, L13 and L14 over the stored leaves, and G4 for those that nothing explains."""

    def contents() -> Iterator[bytes]:
        index = 0
        for some in log_read.contents(session, 0, head.size):
            for content in some:
                _check_explained(index, content, found)
                yield content
                index += 1

    today = (services.now() + CLOCK_SKEW).astimezone(SHANGHAI).date()
    try:
        # A date before the logging is for a person to judge (`notices`); a date after it is a problem here.
        return audit(head, contents(), days_dated_back=_ANY_DAYS, today=today).problems
    except LogMismatch as error:
        return (Problem("G1", None, error.zh, error.en),)


def _check_explained(index: int, content: bytes, found: _Findings) -> None:
    try:
        leaf = leaves.decode(content)
    except MalformedLog:
        return  # L2 says it
    explained = found.made if leaf.event in _MAKERS else found.changed
    if leaf.event not in _OF_NO_CERTIFICATE and index not in explained:
        found.say("G4", index, "登记中没有与此叶相应的内容", "nothing in the register explains this leaf")
    if leaf.dated is not None and leaf.dated < leaf.day:
        found.notices.append(
            Problem(
                "L5",
                index,
                f"证书日期 {leaf.dated} 早于入日志日期 {leaf.day}",
                f"dated {leaf.dated}, logged on {leaf.day}",
            )
        )


def _check_published(services: Services, session: Session, published: Path, edge: Frontier, found: _Findings) -> None:
    """G5: what was published, and cannot be taken back, is a beginning of what is stored."""
    try:
        signed = (published / log_publish.CHECKPOINT).read_bytes()
    except FileNotFoundError:
        return
    try:
        head = open_checkpoint(signed, log_publish.origin(services), log_publish.log_keys(services)).checkpoint
        proof = prove_consistency(head.size, edge.size, log_read.hash_reader(session))
        verify_consistency(head.size, head.root, edge.size, edge.root(), proof)
    except ProofRefused as error:
        found.say(
            "G5",
            None,
            f"日志不是已公布日志头的延续：{error.zh}",
            f"the log does not continue the published checkpoint: {error.en}",
        )
    except CertsvcError as error:
        found.say("G5", None, f"已公布的日志头：{error.zh}", f"the published checkpoint: {error.en}")


def _as_json(problem: Problem) -> dict[str, object]:
    return {"rule": problem.rule, "leaf": problem.index, "zh": problem.zh, "en": problem.en}
