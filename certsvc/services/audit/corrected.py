"""Check that what became of results on record is what the log was told, and what two people agreed on (R2.4, R2.7).

For an auditor with the database and the keys. A correction written by hand, one that was changed or taken away, and an
imported result that was changed after it was corrected: each leaves a leaf that does not open, or one that nothing
explains (G4). Decided here is

G10 each correction, annulment and withdrawal opens its leaf: the attempt, what it said, what it says, why, and by which
   two; and the approval of those two, as it was sealed, asks for it
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import CertsvcError
from certsvc.rules.four_eyes import is_second_person
from certsvc.services.context import Services
from certsvc.services.log import read as log_read
from certsvc.services.records.approvals import RESULTS, ApprovalState, Asked
from certsvc.services.records.approvals import opened as approval_opened
from certsvc.services.records.result_changes import Change, Said, changes_of, committed, opened
from certsvc.store import (
    ApprovalRecord,
    AttemptRecord,
    CertificateRecord,
    LogLeafRecord,
    ResultCorrectionRecord,
    WithdrawnResultRecord,
)
from certsvc.transparency import leaf as leaves
from certsvc.transparency.audit import Problem
from certsvc.transparency.leaf import Act, Event

_ACTS = {kind: act for act, kind in RESULTS.items()}


@dataclass(frozen=True, slots=True)
class _Withdrawn:
    """A result that was taken out, as the attempt that it was."""

    row: WithdrawnResultRecord

    def __getattr__(self, name: str) -> Any:
        return self.row.attempt_id if name == "id" else getattr(self.row, name)


def check_corrected(services: Services, session: Session, explained: set[int]) -> Iterator[Problem]:
    """G10, over every change of a result; the leaves that it accounts for go into `explained`."""
    records = _Records(services, session)
    said: dict[int, Said] = {}  # by attempt: what it said before the next of its corrections
    query = (
        select(ResultCorrectionRecord, AttemptRecord)
        .join(AttemptRecord, AttemptRecord.id == ResultCorrectionRecord.attempt_id)
        .order_by(ResultCorrectionRecord.id)
    )
    for row, attempt in session.execute(query):
        was = said.get(attempt.id) or Said.by(attempt)
        said[attempt.id] = Said.by(row)
        explained.add(row.leaf_index)
        yield from records.problems(row, attempt, was)
    for taken in session.scalars(select(WithdrawnResultRecord).order_by(WithdrawnResultRecord.id)):
        explained.add(taken.leaf_index)
        yield from records.problems(taken, _Withdrawn(taken), Said.by(taken))


class _Records:
    """What is on record, each request opened once. Faults are given in Chinese and in English."""

    def __init__(self, services: Services, session: Session) -> None:
        self._services, self._session = services, session
        self._request = lru_cache(maxsize=64)(self._open_request)

    def problems(self, row: Any, attempt: Any, was: Said) -> Iterator[Problem]:
        try:
            fault = self._fault(row, attempt, was)
        except (CertsvcError, ValueError, KeyError) as error:
            fault = "的记录无法读取", f"rests on records that cannot be read: {error}"
        if fault is not None:
            named = f"result {row.attempt_id}, request {row.approval_id},"
            yield Problem("G10", row.leaf_index, f"成绩 {row.attempt_id} {fault[0]}", f"{named} {fault[1]}")

    def _fault(self, row: Any, attempt: Any, was: Said) -> tuple[str, str] | None:
        asked, changes = self._request(row.approval_id)
        change = self._change(row, was, changes)
        act = Act.WITHDRAWN if change.says is None else Act(row.act)
        content = self._session.scalar(select(LogLeafRecord.content).where(LogLeafRecord.index == row.leaf_index))
        leaf = None if content is None else leaves.decode(log_read.octets(content))
        if leaf is None or (leaf.event, leaf.act) != (Event.RESULT, act) or leaf.evidence is None:
            return "没有相应的日志叶", "has no leaf that says so"
        salt, _, _ = opened(self._services.vault, row)
        if not leaves.opens(leaf.evidence, salt, *committed(act, attempt, change, row.asked_by, row.approved_by)):
            return "与日志所承诺的不符", "is not what its leaf commits to"
        two = (asked.asked_by, asked.decided_by) == (row.asked_by, row.approved_by)
        if asked.state is not ApprovalState.APPROVED or not two or not is_second_person(row.approved_by, row.asked_by):
            return "未经第二人批准", "rests on no second person's approval"
        if _ACTS.get(asked.kind) is not act or changes.get(row.attempt_id) != change or not self._revokes(row, asked):
            return "不是所批准的内容", "is not what was approved"
        return None

    def _revokes(self, row: Any, asked: Asked) -> bool:
        """Whether the certificate that went with it is one that the request named."""
        revoked_id = getattr(row, "revoked_id", None)
        if revoked_id is None:
            return True
        certificate = self._session.get(CertificateRecord, revoked_id)
        return certificate is not None and certificate.number in json.loads(asked.content["revokes"] or "[]")

    def _change(self, row: Any, was: Said, changes: Mapping[int, Change]) -> Change:
        _, reason, evidence = opened(self._services.vault, row)
        if isinstance(row, WithdrawnResultRecord):
            code = changes[row.attempt_id].code if row.attempt_id in changes else ""
            return Change(row.attempt_id, was, None, code, reason, evidence)
        return Change(row.attempt_id, was, Said.by(row), row.reason_code, reason, evidence)

    def _open_request(self, approval_id: int) -> tuple[Asked, Mapping[int, Change]]:
        """Raises `Refused` where it was changed by hand, `KeyError` where it is gone."""
        row = self._session.get(ApprovalRecord, approval_id)
        if row is None:
            raise KeyError(approval_id)
        asked = approval_opened(self._services.vault, row)
        return asked, {one.attempt_id: one for one in changes_of(asked)}
