"""Carry changes of results out, with all that follows, in one transaction (R2.4 to R2.7).

1. the request waits, and another person decides it    2. the plan over today's state is the one that was asked for
3. a leaf for each attempt    4. a row for each attempt, or the attempt taken out    5. certificates that are no longer
earned are revoked    6. the decision is kept, sealed. Any of them that fails leaves nothing done.
Not here: which attempts (`correct`, `sitting`), what follows (`follows`).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from certsvc.credential.reasons import StatusReason
from certsvc.credential.status import Status
from certsvc.errors import Refused
from certsvc.services.certificates.change_status import change_within
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.log.append import append
from certsvc.services.log.clock import time_to_sign
from certsvc.services.notices.kinds import NoticeKind
from certsvc.services.notices.tell import tell_enrolled
from certsvc.services.records.approvals import RESULTS, ApprovalState, Asked, ask, decide, waiting
from certsvc.services.records.due import mark_due
from certsvc.services.records.result_changes import SALT_BYTES, Change, changes_of, committed, seal, text_of
from certsvc.services.results.follows import Follows, Plan, plan_of, stale
from certsvc.services.trail import note
from certsvc.store import AttemptRecord, ResultCorrectionRecord, WithdrawnResultRecord
from certsvc.transparency import leaf as leaves
from certsvc.transparency.leaf import Act, Event, Leaf

ACTS: Final[Mapping[str, Act]] = {kind: act for act, kind in RESULTS.items()}
"""What each kind of request does."""


@dataclass(frozen=True, slots=True)
class ResultsChanged:
    """What was asked for (`state` waiting) or carried out (approved), and what follows from it."""

    approval_id: int
    act: Act
    state: str
    follows: Follows

    def as_json(self) -> dict[str, object]:
        return {
            "approval": self.approval_id,
            "state": self.state,
            "act": self.act.value,
            "follows": self.follows.as_json(),
        }


def propose_in(
    services: Services, session: Session, act: Act, label: str, changes: Sequence[Change], *, reason: str, by: str
) -> ResultsChanged:
    """Ask for changes within the caller's transaction; `label` says which, with nothing personal in it.

    Raises what `follows.plan_of` raises.
    """
    plan = plan_of(services, session, act, changes)
    content = {"changes": text_of(changes), "base": plan.base, "revokes": json.dumps(plan.follows.revoked)}
    row = ask(services, session, RESULTS[act], label, content, reason=reason, by=by)
    return ResultsChanged(row.id, act, ApprovalState.WAITING.value, plan.follows)


def approve(services: Services, approval_id: int, *, by: str) -> ResultsChanged:
    """Carry out what waits. Raises `NotFound`, `Refused` (R2.4: not by the one who asked), `StaleRequest`, and whatever
    refuses a leaf or a revocation."""
    with services.database.writing() as session:
        return approve_in(services, session, approval_id, by=by)


def approve_in(services: Services, session: Session, approval_id: int, *, by: str) -> ResultsChanged:
    """The same within the caller's transaction."""
    row, asked = waiting(services, session, approval_id, by)
    act, plan = planned(services, session, asked)
    at = time_to_sign(services, session)
    _record(services, session, plan, _Deed(act, row.id, asked.asked_by, by, at))
    published = (one for one in plan.attempts.values() if one.published_on is not None)
    told = {one.enrolment_id: f"request-{row.id}" for one in published}
    tell_enrolled(services, session, NoticeKind.RESULTS_OUT, told.items())
    for number in plan.follows.revoked:
        change_within(
            services,
            session,
            number,
            Status.REVOKED,
            reason=f"成绩更正（申请 {row.id}） results corrected, request {row.id}",
            by=asked.asked_by,
            code=StatusReason.RESULTS_WITHDRAWN,
            approved_by=by,
            approval=row.id,
        )
    decide(services, session, row, ApprovalState.APPROVED, by=by)
    note(
        session,
        at=at,
        by=asked.asked_by,
        action=row.kind,
        object_kind="results",
        object_key=row.object_key,
        attempts=plan.follows.attempts,
        revoked=plan.follows.revoked,
        approved_by=by,
        approval=row.id,
    )
    return ResultsChanged(row.id, act, ApprovalState.APPROVED.value, plan.follows)


def planned(services: Services, session: Session, asked: Asked) -> tuple[Act, Plan]:
    """What a request would do now. Raises `StaleRequest` where that is no longer what was asked for."""
    act = ACTS[asked.kind]
    plan = plan_of(services, session, act, changes_of(asked))
    if plan.base != asked.content["base"] or json.dumps(plan.follows.revoked) != asked.content["revokes"]:
        raise stale()
    return act, plan


def shown(services: Services, session: Session, asked: Asked) -> dict[str, object]:
    """What the second person is shown: whose attempt, what it said and shall say; and, while it waits, what follows."""
    changes = changes_of(asked)
    if asked.state is not ApprovalState.WAITING:
        return {"changes": [_told(one) for one in changes]}
    try:
        _, plan = planned(services, session, asked)
    except Refused as error:
        refused = {"code": error.code, "zh": error.zh, "en": error.en}
        return {"changes": [_told(one) for one in changes], "refused": refused}
    return {"changes": [{**plan.whose(one), **_told(one)} for one in changes], "follows": plan.follows.as_json()}


def _told(change: Change) -> dict[str, object]:
    return {
        "attempt": change.attempt_id,
        "was": change.was.as_json(),
        "says": None if change.says is None else change.says.as_json(),
        "code": change.code,
        "reason": change.reason,
        "evidence": change.evidence,
    }


@dataclass(frozen=True, slots=True)
class _Deed:
    """What is done, by which two, when."""

    act: Act
    approval_id: int
    asked_by: str
    approved_by: str
    at: datetime


def _record(services: Services, session: Session, plan: Plan, deed: _Deed) -> None:
    """Steps 3 and 4."""
    day = deed.at.astimezone(SHANGHAI).date()
    salts = [secrets.token_bytes(SALT_BYTES) for _ in plan.changes]
    contents = []
    for change, salt in zip(plan.changes, salts, strict=True):
        parts = committed(deed.act, plan.attempts[change.attempt_id], change, deed.asked_by, deed.approved_by)
        leaf = Leaf(event=Event.RESULT, day=day, act=deed.act, evidence=leaves.commit(salt, *parts))
        contents.append(leaves.encode(leaf))
    indexes = append(session, contents, at=deed.at)
    rows: list[dict[str, object]] = []
    for change, salt, index in zip(plan.changes, salts, indexes, strict=True):
        sealed = seal(services.vault, deed.approval_id, change, salt)
        rows.append(
            {
                "attempt_id": change.attempt_id,
                "approval_id": deed.approval_id,
                "sealed": sealed.content,
                "sealed_kid": sealed.kid,
                "asked_by": deed.asked_by,
                "approved_by": deed.approved_by,
                "at": deed.at,
                "leaf_index": index,
            }
        )
    if deed.act is Act.WITHDRAWN:
        _withdraw(session, plan, rows)
    else:
        _correct(session, deed.act, plan, rows)


def _correct(session: Session, act: Act, plan: Plan, rows: Sequence[dict[str, object]]) -> None:
    for change, row in zip(plan.changes, rows, strict=True):
        says = change.says
        assert says is not None
        row |= {
            "act": act.value,
            "reason_code": change.code,
            "sat_on": says.sat_on,
            "outcome": says.outcome,
            "score_hundredths": says.score_hundredths,
            "items_json": says.items_json,
            "revoked_id": plan.revokes.get(plan.attempts[change.attempt_id].enrolment_id),
        }
    session.execute(insert(ResultCorrectionRecord), list(rows))
    mark_due(session, (plan.attempts[change.attempt_id].enrolment_id for change in plan.changes))


def _withdraw(session: Session, plan: Plan, rows: Sequence[dict[str, object]]) -> None:
    for change, row in zip(plan.changes, rows, strict=True):
        one = plan.attempts[change.attempt_id]
        row |= {
            "enrolment_id": one.enrolment_id,
            "subject": one.subject,
            "sat_on": one.sat_on,
            "kind": one.kind,
            "outcome": one.outcome,
            "score_hundredths": one.score_hundredths,
            "items_json": one.items_json,
            "recorded_at": one.recorded_at,
            "recorded_by": one.recorded_by,
        }
    session.execute(insert(WithdrawnResultRecord), list(rows))
    ids = [change.attempt_id for change in plan.changes]
    for start in range(0, len(ids), 500):
        session.execute(delete(AttemptRecord).where(AttemptRecord.id.in_(ids[start : start + 500])))
