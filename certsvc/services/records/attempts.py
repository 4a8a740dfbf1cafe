"""Attempts between the store and the rules: rows to values and back, and an enrolment's decision on a day."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.rules.decide import Decision, decide
from certsvc.rules.enrolment import Attempt, AttemptKind, Enrolment, Outcome
from certsvc.rules.terms import Scheme, Subject
from certsvc.rules.wording import score_text
from certsvc.store import AttemptRecord, EnrolmentRecord


class StoredAttempt(Protocol):
    """What a row must hold to be an attempt: an `AttemptRecord`, or columns of one selected by name."""

    @property
    def subject(self) -> str: ...
    @property
    def sat_on(self) -> date: ...
    @property
    def kind(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def score_hundredths(self) -> int | None: ...
    @property
    def items_json(self) -> str | None: ...


def attempt_of(row: StoredAttempt) -> Attempt:
    """The value a row holds."""
    score = None if row.score_hundredths is None else Decimal(row.score_hundredths).scaleb(-2)
    items = {code: Decimal(text) for code, text in json.loads(row.items_json).items()} if row.items_json else {}
    return Attempt(Subject.of(row.subject), row.sat_on, AttemptKind.of(row.kind), Outcome.of(row.outcome), score, items)


def items_text(items: Mapping[str, Decimal]) -> str | None:
    """Item scores as a row holds them, in one spelling, so that equal scores are equal text."""
    if not items:
        return None
    return json.dumps({code: score_text(score) for code, score in sorted(items.items())})


def hundredths(score: Decimal | None) -> int | None:
    """An exact score as a whole number of hundredths."""
    return None if score is None else int(score.scaleb(2))


def attempts_of(session: Session, enrolment_ids: Sequence[int]) -> Mapping[int, list[Attempt]]:
    """The attempts on record of each enrolment (at most some hundred ids), in the order they were recorded."""
    found: defaultdict[int, list[Attempt]] = defaultdict(list)
    query = (
        select(
            AttemptRecord.enrolment_id,
            AttemptRecord.subject,
            AttemptRecord.sat_on,
            AttemptRecord.kind,
            AttemptRecord.outcome,
            AttemptRecord.score_hundredths,
            AttemptRecord.items_json,
        )
        .where(AttemptRecord.enrolment_id.in_(enrolment_ids))
        .order_by(AttemptRecord.id)
    )
    for row in session.execute(query):
        found[row.enrolment_id].append(attempt_of(row))
    return found


def decision_on(record: EnrolmentRecord, attempts: Iterable[Attempt], scheme: Scheme, on: date) -> Decision:
    return decide(Enrolment(record.registered_on), attempts, scheme, on)
