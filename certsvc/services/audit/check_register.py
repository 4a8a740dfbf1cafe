"""Check the whole log against itself, against the register, and against what was published.

Finds a leaf changed by SQL (hashes, subtrees, head), a certificate changed by SQL (the leaf is not about these bytes,
columns that differ from what was signed), a status moved without a leaf, a leaf that nothing in the register explains,
and a published head that the log does not continue. Public rules L1–L10 are `transparency.audit`'s; the checks that
need the register are numbered here:

G1 stored hashes, subtrees and head follow from the leaves   G2 each certificate is signed, and its columns repeat it
G3 each status follows from its logged changes               G4 every leaf is about something in the register
G5 the published checkpoint is a beginning of this log         G6 what was issued had been earned (`earned`)
G7 nothing was logged, signed or seen by a clock of the future  G8 the database's own file is whole (SQLite)
G9 all who are due are marked to be decided
G10 what became of results is what their leaves commit to, and two people answer for it (`corrected`)

G2, G6 and G9 look at one row at a time (`row_checks`): they can go on from where a check before was whole. All others
are asked of everything each time. What was changed by SQL in a row that was checked before is found by a whole check
alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session

from certsvc.credential.status import Status
from certsvc.errors import CertsvcError, LogMismatch, MalformedLog, ProofRefused
from certsvc.services.audit.corrected import check_corrected
from certsvc.services.audit.findings import Findings
from certsvc.services.audit.portions import MAKERS, CheckMany, is_about
from certsvc.services.audit.row_checks import Progress, Rows, Since, forget, keep_upto, since_last_check, upto_now
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.log import publish as log_publish
from certsvc.services.log import read as log_read
from certsvc.services.log.append import CLOCK_SKEW, frontier
from certsvc.services.log.clock import signed_at
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
_OF_NO_CERTIFICATE = frozenset({Event.SESSION, Event.CLOCK})
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
    since: Since | None = None  # rows up to there were not looked at again

    @property
    def ok(self) -> bool:
        return not self.problems

    def as_json(self) -> dict[str, object]:
        return {
            "ok": self.ok,
            "size": self.size,
            "root": self.root.hex(),
            "certificates": self.certificates,
            "since": None if self.since is None else self.since.as_json(),
            "erased": self.erased,
            "problems": [_as_json(problem) for problem in self.problems],
            "notices": [_as_json(problem) for problem in self.notices],
        }


def check_log(
    services: Services,
    published: Path | None = None,
    *,
    check_many: CheckMany | None = None,
    since_last: bool = False,
    progress: Progress = lambda _step, _done, _total: None,
) -> LogReport:
    """Check everything, in one consistent state of the database; `published` is the folder of tiles, if any.

    `check_many` shares the rows out over processes. With `since_last`, rows that an earlier check found right, also one
    that was stopped, are not looked at again; where none is on record, or keys have changed since, all are.
    """
    found = Findings()
    with services.database.reading() as session:
        since = since_last_check(services, session) if since_last else None
        upto = upto_now(services, session)
        _check_file(services, session, found)
        size = session.scalar(select(func.count()).select_from(LogLeafRecord)) or 0
        edge = _check_hashes(session, size, found, progress)
        Rows(services, session, found, check_many, progress).check(since, upto)
        _check_changes(services, session, found)
        found.problems += check_corrected(services, session, found.changed)
        head = Checkpoint(log_publish.origin(services), edge.size, edge.root())
        problems = _public_rules(services, session, head, found)
        _check_clock(services, session, found)
        if published is not None:
            _check_published(services, session, published, edge, found)
    report = LogReport(
        size=edge.size,
        root=edge.root(),
        certificates=found.certificates,
        erased=found.erased,
        problems=(*found.problems, *problems),
        notices=tuple(found.notices),
        since=since,
    )
    if report.ok:
        keep_upto(services, upto)
    else:
        forget(services)
    return report


def _check_file(services: Services, session: Session, found: Findings) -> None:
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


def _check_hashes(session: Session, size: int, found: Findings, progress: Progress) -> Frontier:
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
        progress("leaves", end, size)
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


def _check_nodes(session: Session, nodes: list[Node], found: Findings) -> None:
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


def _check_changes(services: Services, session: Session, found: Findings) -> None:
    """G3: the stored status is where the logged changes lead."""
    leads_to: dict[int, str] = {}
    stored: dict[int, tuple[str, str]] = {}
    changes = session.execute(
        select(StatusChangeRecord, CertificateRecord, LogLeafRecord.content)
        .join(CertificateRecord, CertificateRecord.id == StatusChangeRecord.certificate_id)
        .join(LogLeafRecord, LogLeafRecord.index == StatusChangeRecord.leaf_index, isouter=True)
        .order_by(StatusChangeRecord.id)
        .execution_options(yield_per=_BATCH)
    )
    for change, row, content in changes:
        before = leads_to.get(row.id, Status.VALID.value)
        named = f"{row.number}-v{row.version}"
        leads_to[row.id] = change.to_status
        stored[row.id] = (named, row.status)
        if content is None or not is_about(
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
    for row_id, (named, status) in (stored | _not_valid(session)).items():
        due = leads_to.get(row_id, Status.VALID.value)
        if status != due:
            found.say(
                "G3",
                None,
                f"{named} 的状态为 {status}，按日志应为 {due}",
                f"{named} is {status} where its logged changes lead to {due}",
            )


def _not_valid(session: Session) -> dict[int, tuple[str, str]]:
    """Name and status of each certificate that is not valid: an index has these apart."""
    status = CertificateRecord.status
    query = select(CertificateRecord.id, CertificateRecord.number, CertificateRecord.version, status).where(
        CertificateRecord.stage == ISSUED, or_(status < Status.VALID.value, status > Status.VALID.value)
    )
    return {row_id: (f"{number}-v{version}", said) for row_id, number, version, said in session.execute(query)}


def _check_clock(services: Services, session: Session, found: Findings) -> None:
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


def _public_rules(services: Services, session: Session, head: Checkpoint, found: Findings) -> tuple[Problem, ...]:
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


def _check_explained(index: int, content: bytes, found: Findings) -> None:
    try:
        leaf = leaves.decode(content)
    except MalformedLog:
        return  # L2 says it
    explained = found.made if leaf.event in MAKERS else found.changed
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


def _check_published(services: Services, session: Session, published: Path, edge: Frontier, found: Findings) -> None:
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
