"""What an issue rests on: both results, who recorded and corrected them, who approved the batch; and what a correction
rests on. Committed to, never published.

The commitment stands in the credential and in its leaf; with the salt and the register's rows an auditor opens it, and
a result changed afterwards no longer does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from certsvc.services.records.approvals import Asked
from certsvc.services.records.attempts import RecordedAttempt, corrections_of
from certsvc.services.records.signed import SignedVersion
from certsvc.store import IssueBatchRecord
from certsvc.transparency.leaf import Changed


def evidence_of(attempts: Iterable[RecordedAttempt], batch: IssueBatchRecord) -> tuple[str, ...]:
    """The parts, one line for each attempt (in the order they took place) and one for the batch."""
    ordered = sorted(attempts, key=lambda one: (one.sat_on, one.subject, one.kind))
    return (*(_attempt(one) for one in ordered), f"batch|{batch.on}|{batch.by}|{batch.approved_by or ''}")


def correction_evidence(old: SignedVersion, changed: Changed, asked: Asked, approved_by: str | None) -> tuple[str, ...]:
    """The parts for a correction: the version before, what is changed, who asked, who approved, and why."""
    before = hashlib.sha256(old.credential).hexdigest()
    return ("correct", before, changed.value, asked.asked_by, approved_by or "", asked.reason)


def _attempt(one: RecordedAttempt) -> str:
    score = "" if one.score_hundredths is None else str(one.score_hundredths)
    # An attempt that was never corrected has the line that it had before there were corrections.
    by_two = [part for each in corrections_of(one) for part in ("corrected", each.asked_by, each.approved_by)]
    said = ("attempt", one.subject, str(one.sat_on), one.kind, one.outcome, score, one.items_json or "")
    return "|".join((*said, one.recorded_by, *by_two))
