"""Check that what was issued had been earned: the results and approvals on record are those each leaf commits to.

For an auditor with the database and the keys. A score changed before issuing and changed back, a certificate made
without results, an issue counted at another sitting, a reissue under another paper's name: each leaves a commitment
that does not open (docs/log-format.md, "evidence"). Decided here is

G6 each issue opens to results that pass and to the batch's approval, at the sitting it names, and its registration was
   approved by then (R1.6); each reissue to its paper, with an entry in the register where its leaf says so (R8.1a);
   each correction to a second person's approval, and it changes what its leaf says and nothing else (R8.4a); and what
   is in force is still earned, by results as they were corrected since (R2.6)

An erased certificate (R10) shows the two people who had it erased in place of what it rested on.

A leaf from before these two were said is not asked for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from certsvc.credential.status import Status
from certsvc.errors import CertsvcError, Refused
from certsvc.rules.four_eyes import is_second_person
from certsvc.services.context import Services
from certsvc.services.issuing.evidence import correction_evidence, evidence_of
from certsvc.services.issuing.next_version import paper_commitment
from certsvc.services.issuing.plan import session_code
from certsvc.services.log import read as log_read
from certsvc.services.log.append import CLOCK_SKEW
from certsvc.services.records.approvals import CORRECTION, ApprovalState, opened
from certsvc.services.records.decisions import EnrolmentOnRecord, enrolments_on_record
from certsvc.services.records.erased import erased_by_two
from certsvc.services.records.secrets import open_secrets
from certsvc.services.records.signed import SignedVersion, signed_version
from certsvc.store import (
    ISSUED,
    ApprovalRecord,
    CertificateRecord,
    IssueBatchRecord,
    LogLeafRecord,
    PaperCertificateRecord,
    ResultCorrectionRecord,
)
from certsvc.transparency import leaf as leaves
from certsvc.transparency.audit import Problem
from certsvc.transparency.leaf import Changed, Entry, Event, Leaf

_IN_FORCE = frozenset({Status.VALID.value, Status.SUSPENDED.value})


def check_earned(services: Services, session: Session, ids: Sequence[int]) -> Iterator[Problem]:
    """G6, over those of these certificates (some hundred, by id) that are issued."""
    records = _Records(services, session)
    query = (
        select(CertificateRecord, LogLeafRecord.content)
        .join(LogLeafRecord, LogLeafRecord.index == CertificateRecord.leaf_index)
        .where(CertificateRecord.stage == ISSUED, among(CertificateRecord.id, ids))
        .order_by(CertificateRecord.id)
    )
    rows = [(row, log_read.octets(content)) for row, content in session.execute(query)]
    records.read([row.enrolment_id for row, _ in rows if row.enrolment_id is not None])
    for row, content in rows:
        fault = records.fault_of(row, content)
        if fault is not None:
            named = f"{row.number}-v{row.version}"
            yield Problem("G6", row.leaf_index, f"{named} {fault[0]}", f"{named} {fault[1]}")


def among(column: InstrumentedAttribute[int], ids: Sequence[int]) -> ColumnElement[bool]:
    """The rows with these ids: a range without a step is asked for as one."""
    return column.between(ids[0], ids[-1]) if isinstance(ids, range) else column.in_(ids)


class _Records:
    """What is on record. Faults are given in Chinese and in English; None for nothing wrong."""

    def __init__(self, services: Services, session: Session) -> None:
        self._services, self._session = services, session
        self._batches: dict[int, IssueBatchRecord | None] = {}  # a session alone forgets what no one holds
        self._on_record: Mapping[int, EnrolmentOnRecord] = {}
        self._erased: frozenset[str] | None = None

    def read(self, enrolments: Sequence[int]) -> None:
        """The enrolments that the next rows are about, with what they rest on."""
        self._on_record = enrolments_on_record(self._session, enrolments)

    def fault_of(self, row: CertificateRecord, content: bytes) -> tuple[str, str] | None:
        """What is wrong with it, by what it rested on and by what became of that since."""
        if row.erased_on is not None:
            return self.fault_of_erasure(row)
        return self.fault(row, content) or self.fault_since(row)

    def fault(self, row: CertificateRecord, content: bytes) -> tuple[str, str] | None:
        try:
            leaf = leaves.decode(content)
            if leaf.event is Event.ISSUE:
                return self._fault_of_any_issue(row, leaf)
            if leaf.event is Event.REISSUE:
                return self._fault_of_reissue(row, leaf)
            if leaf.event is Event.CORRECT and leaf.changed is not None:
                return self._fault_of_correction(row, leaf)
        except (CertsvcError, ValueError, KeyError) as error:
            return "所依据的记录无法读取", f"rests on records that cannot be read: {error}"
        return None

    def fault_since(self, row: CertificateRecord) -> tuple[str, str] | None:
        """R2.6: a certificate in force whose results were corrected away."""
        on_record = self._on_record.get(row.enrolment_id or 0)
        if row.status not in _IN_FORCE or on_record is None or not on_record.corrections:
            return None
        if on_record.still_passed(row.issued_on) is None:
            return "按更正后的成绩已不应持有，须撤销", "is no longer earned, by results corrected since: revoke it"
        return None

    def _went_before(self, row: CertificateRecord) -> bool:
        """R2.6: whether the version before was revoked together with a correction of results."""
        query = (
            select(ResultCorrectionRecord.id)
            .join(CertificateRecord, CertificateRecord.id == ResultCorrectionRecord.revoked_id)
            .where(
                CertificateRecord.enrolment_id == row.enrolment_id,
                CertificateRecord.version == row.version - 1,
                CertificateRecord.status == Status.REVOKED.value,
            )
        )
        return self._session.scalar(query.limit(1)) is not None

    def _fault_of_any_issue(self, row: CertificateRecord, leaf: Leaf) -> tuple[str, str] | None:
        if row.version > 1 and not self._went_before(row):
            return "此前的证书未因更正撤销，不应再签发", "is one more, and no correction took the one before away"
        # A clock that was set right by seconds between import and issue: what came first is not known better.
        fault = self._fault_of_issue(row, leaf, row.created_at)
        if fault is None or self._fault_of_issue(row, leaf, row.created_at + CLOCK_SKEW) is None:
            return None
        return fault

    def _fault_of_issue(self, row: CertificateRecord, leaf: Leaf, at: datetime) -> tuple[str, str] | None:
        on_record = self._on_record.get(row.enrolment_id or 0)
        batch = None if row.batch_id is None else self._batch(row.batch_id)
        if on_record is None or batch is None:
            return "没有报名或签发批次的记录", "has no enrolment or no batch on record"
        then = on_record.as_of(at, row.leaf_index or 0)
        if not then.approved:
            return "报名当时未经审核通过", "rests on a registration that had not been approved"
        decision = then.passed(row.issued_on)
        if decision is None or decision.completed_on is None:
            return "按记录的成绩并未通过", "had not passed, by the results on record"
        if leaf.session != session_code(then.scheme, decision.completed_on):
            return "记在另一场次名下", "is counted at another sitting than the one that completed it"
        salt = open_secrets(self._services.vault, row).evidence_salt
        if leaf.evidence is None or not leaves.opens(leaf.evidence, salt, *evidence_of(then.attempts, batch)):
            return "所依据的成绩或批准在签发后被改动", "rests on results or an approval that were changed since"
        return None

    def _batch(self, batch_id: int) -> IssueBatchRecord | None:
        if batch_id not in self._batches:
            self._batches[batch_id] = self._session.get(IssueBatchRecord, batch_id)
        return self._batches[batch_id]

    def fault_of_erasure(self, row: CertificateRecord) -> tuple[str, str] | None:
        """What it rested on went with its holder's data: it took two people, who named this very certificate."""
        if self._erased is None:
            self._erased = frozenset(erased_by_two(self._services.vault, self._session))
        if row.number in self._erased:
            return None
        return "标为已抹除，没有两人批准的记录", "is marked as erased, and no two people had it erased"

    def _fault_of_reissue(self, row: CertificateRecord, leaf: Leaf) -> tuple[str, str] | None:
        paper = None if row.paper_id is None else self._session.get(PaperCertificateRecord, row.paper_id)
        if paper is None:
            return "没有所补发的纸质证书的记录", "replaces a paper that is not on record"
        if leaf.replaces != paper_commitment(self._services, paper.number):
            return "所补发的不是该纸质证书", "names another paper in the log than in the register"
        if leaf.entry is not None and (leaf.entry is Entry.NONE) != paper.from_evidence:
            return "是否有登记与日志不符", "has an entry in the register where the log says none, or the reverse"
        return None

    def _fault_of_correction(self, row: CertificateRecord, leaf: Leaf) -> tuple[str, str] | None:
        before = self._session.scalar(select(CertificateRecord).where(CertificateRecord.superseded_by_id == row.id))
        if before is None:
            return "没有所更正版本的记录", "corrects a version that is not on record"
        old, new = signed_version(self._services, before), signed_version(self._services, row)
        differs = [
            changed
            for changed, was, now in (
                (Changed.NAME, old.claims.holder_name, new.claims.holder_name),
                (
                    Changed.IDENTITY,
                    (old.claims.id_type, old.kept.id_number),
                    (new.claims.id_type, new.kept.id_number),
                ),
            )
            if was != now
        ]
        if (differs or [Changed.KEY]) != [leaf.changed]:
            return "更正的内容与日志所写不符", "changes something else than the log says"
        if leaf.changed is not Changed.KEY and not self._is_approved(old, new, leaf):
            return "更正未经第二人批准", "rests on no second person's approval"
        return None

    def _is_approved(self, old: SignedVersion, new: SignedVersion, leaf: Leaf) -> bool:
        rows = select(ApprovalRecord).where(
            ApprovalRecord.kind == CORRECTION,
            ApprovalRecord.object_key == new.claims.number,
            ApprovalRecord.state == ApprovalState.APPROVED,
        )
        for one in self._session.scalars(rows):
            try:
                asked = opened(self._services.vault, one)
            except Refused:
                continue
            if not is_second_person(asked.decided_by, asked.asked_by) or leaf.changed is None or leaf.evidence is None:
                continue
            evidence = correction_evidence(old, leaf.changed, asked, asked.decided_by)
            if leaves.opens(leaf.evidence, new.kept.evidence_salt, *evidence):
                return True
        return False
