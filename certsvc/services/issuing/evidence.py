"""What an issue rests on: both results, who recorded them, who approved the batch. Committed to, never published.

The commitment stands in the credential and in its leaf; with the salt and the register's rows an auditor opens it, and
a result changed afterwards no longer does.
"""

from __future__ import annotations

from collections.abc import Iterable

from certsvc.services.records.decisions import RecordedAttempt
from certsvc.store import IssueBatchRecord


def evidence_of(attempts: Iterable[RecordedAttempt], batch: IssueBatchRecord) -> tuple[str, ...]:
    """The parts, one line for each attempt (in the order they took place) and one for the batch."""
    ordered = sorted(attempts, key=lambda one: (one.sat_on, one.subject, one.kind))
    return (*(_attempt(one) for one in ordered), f"batch|{batch.on}|{batch.by}|{batch.approved_by or ''}")


def _attempt(one: RecordedAttempt) -> str:
    score = "" if one.score_hundredths is None else str(one.score_hundredths)
    return "|".join(
        ("attempt", one.subject, str(one.sat_on), one.kind, one.outcome, score, one.items_json or "", one.recorded_by)
    )
