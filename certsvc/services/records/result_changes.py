"""What is to become of attempts, or became of them: between what an approval seals, rows and the log (R2.4, R2.7).

A change names one attempt, what it said and what it says now, why, and on what evidence. Why and the evidence may name
people, so they rest sealed; the log is told by a commitment alone. Not here: what follows from changes (`results`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, Protocol

from certsvc.errors import KeyMissing
from certsvc.rules.wording import score_text
from certsvc.services.records.approvals import Asked
from certsvc.services.records.attempts import CorrectedAttempt, RecordedAttempt, Says, StoredAttempt
from certsvc.services.vault import Sealed, Vault
from certsvc.transparency.leaf import Act

SALT_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Said:
    """What an attempt says, as a row holds it. No items are None, not empty."""

    sat_on: date
    outcome: str
    score_hundredths: int | None = None
    items_json: str | None = None

    @classmethod
    def by(cls, row: Says) -> Said:
        """By an attempt as it counts, or by a row that corrects one."""
        return cls(row.sat_on, row.outcome, row.score_hundredths, row.items_json)

    def as_json(self) -> dict[str, object]:
        score = None if self.score_hundredths is None else score_text(Decimal(self.score_hundredths).scaleb(-2))
        return {
            "sat_on": self.sat_on.isoformat(),
            "outcome": self.outcome,
            "score": score,
            "items": json.loads(self.items_json) if self.items_json else {},
        }

    def as_list(self) -> list[object]:
        return [self.sat_on.isoformat(), self.outcome, self.score_hundredths, self.items_json]


@dataclass(frozen=True, slots=True)
class Change:
    """`says` is None where the attempt is taken out. `reason` and `evidence` (a file number) stay inside."""

    attempt_id: int
    was: Said
    says: Said | None
    code: str
    reason: str = field(repr=False)
    evidence: str = field(default="", repr=False)


def changed(attempts: Sequence[RecordedAttempt], changes: Mapping[int, Change]) -> list[tuple[int, StoredAttempt]]:
    """(id, attempt) of what would count after the changes, by the attempt's id."""
    found: list[tuple[int, StoredAttempt]] = []
    for one in attempts:
        change = changes.get(one.id)
        if change is None:
            found.append((one.id, one))
        elif change.says is not None:
            found.append((one.id, CorrectedAttempt(one, change.says)))
    return found


def text_of(changes: Sequence[Change]) -> str:
    """The changes as an approval seals them."""
    rows = [
        [
            one.attempt_id,
            one.was.as_list(),
            None if one.says is None else one.says.as_list(),
            one.code,
            one.reason,
            one.evidence,
        ]
        for one in changes
    ]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def changes_of(asked: Asked) -> list[Change]:
    """The changes that were asked for."""
    return [
        Change(attempt_id, _said(was), None if says is None else _said(says), code, reason, evidence)
        for attempt_id, was, says, code, reason, evidence in json.loads(asked.content["changes"] or "[]")
    ]


def _said(values: Sequence[object]) -> Said:
    sat_on, outcome, score, items = values
    return Said(
        date.fromisoformat(str(sat_on)),
        str(outcome),
        score if isinstance(score, int) else None,
        None if items is None else str(items),
    )


def committed(act: Act, attempt: RecordedAttempt, change: Change, asked_by: str, approved_by: str) -> tuple[str, ...]:
    """The parts of the commitment in a `result` leaf (docs/log-format.md)."""
    says = ["withdrawn"] if change.says is None else change.says.as_list()
    return (
        "certsvc log result v1",
        act.value,
        f"{attempt.enrolment_id}|{attempt.id}|{attempt.subject}|{attempt.kind}",
        json.dumps(change.was.as_list(), ensure_ascii=False),
        json.dumps(says, ensure_ascii=False),
        change.code,
        change.reason,
        change.evidence,
        asked_by,
        approved_by,
    )


def seal(vault: Vault, approval_id: int, change: Change, salt: bytes) -> Sealed:
    """What rests sealed beside the row of a change: the salt that opens its leaf, why, and on what evidence."""
    kept = {"salt": salt.hex(), "reason": change.reason, "evidence": change.evidence}
    return vault.seal(kept, _bound(approval_id, change.attempt_id))


def opened(vault: Vault, row: _SealedChange) -> tuple[bytes, str, str]:
    """Salt, reason and evidence of a row. Raises `KeyMissing` where it does not open, or is not of this form."""
    kept = vault.open(row.sealed, row.sealed_kid, _bound(row.approval_id, row.attempt_id))
    try:
        return bytes.fromhex(kept["salt"] or ""), kept["reason"] or "", kept["evidence"] or ""
    except (KeyError, ValueError) as error:
        raise KeyMissing(
            "成绩更正的保密内容不完整", "a correction's sealed part is not whole", where="vault"
        ) from error


class _SealedChange(Protocol):
    @property
    def attempt_id(self) -> int: ...
    @property
    def approval_id(self) -> int: ...
    @property
    def sealed(self) -> bytes: ...
    @property
    def sealed_kid(self) -> str: ...


def _bound(approval_id: int, attempt_id: int) -> bytes:
    return f"certsvc result change v1\0{approval_id}\0{attempt_id}".encode()
