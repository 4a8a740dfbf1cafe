"""What waits for a second person, between the store and the deeds that need one (R1.6, R8.4a, R10).

What is asked for, and then what was decided, are sealed together with who asked and when: a row that was written by
hand does not open, and counts for nothing. Not here: what each kind of request does (`certificates.correct`,
`holders.contact`), the list of what waits (`services.approvals`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sqlalchemy.orm import Session

from certsvc.errors import KeyMissing, NotFound, Refused
from certsvc.rules.four_eyes import is_second_person
from certsvc.services.context import Services
from certsvc.services.trail import note
from certsvc.services.vault import Vault
from certsvc.store import ApprovalRecord
from certsvc.transparency.leaf import Act

LONGEST_NOTE: Final = 500
CORRECTION: Final = "certificate.correct"
"""The kind of request that corrects a certificate (R8.4a)."""
RESULTS: Final = MappingProxyType(
    {
        Act.CORRECTED: "results.correct",
        Act.ANNULLED: "results.annul",
        Act.WITHDRAWN: "results.withdraw",
    }
)
"""The kinds of request that put results right (R2.4, R2.7)."""
_RULES: Final = MappingProxyType(
    {
        CORRECTION: "R8.4a",
        **dict.fromkeys(RESULTS.values(), "R2.4"),
        **dict.fromkeys(("person.contact", "person.correct", "person.erase"), "R10"),
    }
)
_USUAL_RULE: Final = "R1.6"


class ApprovalState(StrEnum):
    """Where a request stands."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it was sealed. `content` is the kind's own; `decided_by` and `due_at` once it was decided."""

    id: int
    kind: str
    object_key: str
    reason: str
    asked_by: str
    state: ApprovalState
    content: Mapping[str, str | None] = field(repr=False)
    decided_by: str | None = None
    due_at: datetime | None = None


def ask(
    services: Services,
    session: Session,
    kind: str,
    object_key: str,
    content: Mapping[str, str | None],
    *,
    reason: str,
    by: str,
) -> ApprovalRecord:
    """Record a request."""
    row = ApprovalRecord(
        kind=kind, object_key=object_key, state=ApprovalState.WAITING, asked_by=by, asked_at=services.now()
    )
    _seal(services, row, {**content, "reason": reason})
    session.add(row)
    session.flush()
    _note(session, row, row.asked_at, by, "ask")
    return row


def opened(vault: Vault, row: ApprovalRecord) -> Asked:
    """The request; raises `Refused` where the row is not what was asked for, or not what was decided."""
    try:
        content = vault.open(row.sealed, row.sealed_kid, _bound(row))
    except KeyMissing as error:
        raise _changed(row) from error
    state = ApprovalState(content.pop("decision", None) or ApprovalState.WAITING)
    decided_by, due_at = content.pop("decided_by", None), content.pop("due_at", None)
    if (state, decided_by) != (row.state, row.decided_by):
        raise _changed(row)
    reason = content.pop("reason") or ""
    due = None if due_at is None else datetime.fromisoformat(due_at)
    return Asked(row.id, row.kind, row.object_key, reason, row.asked_by, state, content, decided_by, due)


def digest_of(row: ApprovalRecord, asked: Asked) -> str:
    """The SHA-256 of all that a request asks for, in hexadecimal: what a second person approves is this and no other.

    Of the JSON array [1, id, kind, object, who, when in UTC, reason, content], keys sorted, in UTF-8.
    """
    told = [1, row.id, row.kind, row.object_key, row.asked_by, row.asked_at.astimezone(UTC).isoformat(), asked.reason]
    text = json.dumps([*told, dict(asked.content)], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def waiting(services: Services, session: Session, approval_id: int, by: str) -> tuple[ApprovalRecord, Asked]:
    """A request that waits, for one who may decide it. Raises `NotFound`, `Refused`."""
    row = found(session, approval_id)
    asked = opened(services.vault, row)
    if asked.state is not ApprovalState.WAITING:
        raise Refused(
            f"已由 {row.decided_by} 决定（{row.state}）",
            f"decided already: {row.state} by {row.decided_by}",
            where=str(approval_id),
        )
    if not is_second_person(by, asked.asked_by):
        raise Refused(
            "申请人不得批准或驳回自己的申请",
            "the one who asked for it may not decide it",
            rule=_RULES.get(asked.kind, _USUAL_RULE),
            where=str(approval_id),
        )
    return row, asked


def found(session: Session, approval_id: int) -> ApprovalRecord:
    """The row with this id; raises `NotFound`."""
    row = session.get(ApprovalRecord, approval_id)
    if row is None:
        raise NotFound("没有该申请", "nothing with this id was asked for", where=str(approval_id))
    return row


def decide(
    services: Services,
    session: Session,
    row: ApprovalRecord,
    state: ApprovalState,
    *,
    by: str,
    remark: str | None = None,
    due_at: datetime | None = None,
    without: str | None = None,
) -> None:
    """Keep the decision, sealed with what was asked for. `remark` says why it was rejected; `without` names a part of
    the content that is not kept: a file that was carried out stands in the register."""
    asked, now = opened(services.vault, row), services.now()
    row.state, row.decided_by, row.decided_at, row.note, row.due_at = state, by, now, remark, due_at
    decision = {
        "decision": state.value,
        "decided_by": by,
        "due_at": None if due_at is None else due_at.astimezone(UTC).isoformat(),
    }
    content = {name: value for name, value in asked.content.items() if name != without}
    _seal(services, row, {**content, "reason": asked.reason, **decision})
    session.flush()
    _note(session, row, now, by, "approve" if state is ApprovalState.APPROVED else "reject")


def empty(services: Services, row: ApprovalRecord, content: Mapping[str, str | None], *, by: str) -> None:
    """Take out what was asked for and why, which is the person's (R10); who asked and who decided stays. One that
    waits is turned down by `by`. What was changed by hand does not open, and loses what it holds all the same."""
    row.note = None
    try:
        asked = opened(services.vault, row)
    except Refused:
        row.sealed, row.sealed_kid = b"", ""
        return
    if asked.state is ApprovalState.WAITING:
        row.state, row.decided_by, row.decided_at = ApprovalState.REJECTED, by, services.now()
    due = None if row.due_at is None else row.due_at.astimezone(UTC).isoformat()
    decision = {"decision": row.state, "decided_by": row.decided_by, "due_at": due}
    _seal(services, row, {**content, "reason": "已抹除 erased", **decision})


def why(remark: str) -> str:
    """A reason on one line; raises `Refused`."""
    text = remark.strip()
    if not 0 < len(text) <= LONGEST_NOTE or not text.isprintable():
        raise Refused(
            f"须写明原因（1–{LONGEST_NOTE} 字，一行）", f"say why, in 1 to {LONGEST_NOTE} characters on one line"
        )
    return text


def changed_since(approval_id: int, zh: str, en: str) -> Refused:
    """What to raise where what was asked for is no longer what would be done."""
    return Refused(
        f"申请后内容已有变动（{zh}），请驳回后重新申请",
        f"what was asked for has changed since ({en}): turn it down, and ask again",
        rule=_USUAL_RULE,
        where=str(approval_id),
    )


def require_development(services: Services) -> None:
    """Raises `Refused` where one command names both people and keys are real: there a name typed is no person."""
    if not services.keystore.development:
        raise Refused(
            "使用正式密钥时，须由第二人另行批准（certsvc approval approve），不能用 --approved-by",
            "with real keys a second person approves by a command of their own (certsvc approval approve)",
            rule="R1.6",
            where="approved-by",
        )


def _bound(row: ApprovalRecord) -> bytes:
    asked_at = row.asked_at.astimezone(UTC).isoformat()
    return "\0".join(("certsvc approval v1", row.kind, row.object_key, row.asked_by, asked_at)).encode()


def _seal(services: Services, row: ApprovalRecord, content: Mapping[str, str | None]) -> None:
    sealed = services.vault.seal(content, _bound(row))
    row.sealed, row.sealed_kid = sealed.content, sealed.kid


def _changed(row: ApprovalRecord) -> Refused:
    return Refused(
        "该申请或其决定在登记后被改动", "the request or its decision was changed by hand since", where=str(row.id)
    )


def _note(session: Session, row: ApprovalRecord, at: datetime, by: str, move: str) -> None:
    note(session, at=at, by=by, action=f"approval.{move}", object_kind=row.kind, object_key=row.object_key, id=row.id)
