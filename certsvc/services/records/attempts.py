"""Attempts between the store and the rules: rows to values and back, and an enrolment's decision on a day (R2.4).

An attempt's row stays as it was imported. What counts of it is what its latest correction says: who asks for
attempts, asks here (`recorded_of`, `attempts_of`), and is given that.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol, TypeAlias

from sqlalchemy import ScalarSelect, Subquery, func, select, union_all
from sqlalchemy.orm import Session, aliased

from certsvc.rules.decide import Decision, decide
from certsvc.rules.enrolment import Attempt, AttemptKind, Enrolment, Outcome
from certsvc.rules.terms import Scheme, Subject
from certsvc.rules.wording import score_text
from certsvc.store import AttemptRecord, EnrolmentRecord, ResultCorrectionRecord


class Says(Protocol):
    """What can be corrected of an attempt: the day, and what came of it."""

    @property
    def sat_on(self) -> date: ...
    @property
    def outcome(self) -> str: ...
    @property
    def score_hundredths(self) -> int | None: ...
    @property
    def items_json(self) -> str | None: ...


class StoredAttempt(Says, Protocol):
    """What a row must hold to be an attempt: an `AttemptRecord`, or columns of one selected by name."""

    @property
    def subject(self) -> str: ...
    @property
    def kind(self) -> str: ...


class RecordedAttempt(StoredAttempt, Protocol):
    """An attempt with whose it is, who recorded it, when, and from which day on its candidate may see it."""

    @property
    def id(self) -> int: ...
    @property
    def enrolment_id(self) -> int: ...
    @property
    def recorded_by(self) -> str: ...
    @property
    def recorded_at(self) -> datetime: ...
    @property
    def published_on(self) -> date | None: ...


class CorrectionOnRecord(Says, Protocol):
    """What a row must hold to correct an attempt: a `ResultCorrectionRecord`, or columns of one selected by name."""

    @property
    def id(self) -> int: ...
    @property
    def attempt_id(self) -> int: ...
    @property
    def approval_id(self) -> int: ...
    @property
    def reason_code(self) -> str: ...
    @property
    def asked_by(self) -> str: ...
    @property
    def approved_by(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def leaf_index(self) -> int: ...


Corrections: TypeAlias = Mapping[int, Sequence[CorrectionOnRecord]]
"""By the attempt's id, oldest first."""

# Columns, not mapped rows: deciding a whole register reads nothing else of them, in a third of the time.
_RECORDED = (
    AttemptRecord.id,
    AttemptRecord.enrolment_id,
    AttemptRecord.subject,
    AttemptRecord.sat_on,
    AttemptRecord.kind,
    AttemptRecord.outcome,
    AttemptRecord.score_hundredths,
    AttemptRecord.items_json,
    AttemptRecord.recorded_by,
    AttemptRecord.recorded_at,
    AttemptRecord.published_on,
)
_CORRECTION = (
    ResultCorrectionRecord.id,
    ResultCorrectionRecord.attempt_id,
    ResultCorrectionRecord.approval_id,
    ResultCorrectionRecord.reason_code,
    ResultCorrectionRecord.sat_on,
    ResultCorrectionRecord.outcome,
    ResultCorrectionRecord.score_hundredths,
    ResultCorrectionRecord.items_json,
    ResultCorrectionRecord.asked_by,
    ResultCorrectionRecord.approved_by,
    ResultCorrectionRecord.at,
    ResultCorrectionRecord.leaf_index,
)


@dataclass(frozen=True, slots=True)
class CorrectedAttempt:
    """An attempt as a correction has it, which may be one that is only asked for: `imported` is its row, whose subject,
    kind and recording stay; `says` is what counts in its place; `corrections` are those on record, oldest first."""

    imported: RecordedAttempt
    says: Says
    corrections: Sequence[CorrectionOnRecord] = ()

    @property
    def id(self) -> int:
        return self.imported.id

    @property
    def enrolment_id(self) -> int:
        return self.imported.enrolment_id

    @property
    def subject(self) -> str:
        return self.imported.subject

    @property
    def kind(self) -> str:
        return self.imported.kind

    @property
    def recorded_by(self) -> str:
        return self.imported.recorded_by

    @property
    def recorded_at(self) -> datetime:
        return self.imported.recorded_at

    @property
    def published_on(self) -> date | None:
        return self.imported.published_on

    @property
    def sat_on(self) -> date:
        return self.says.sat_on

    @property
    def outcome(self) -> str:
        return self.says.outcome

    @property
    def score_hundredths(self) -> int | None:
        return self.says.score_hundredths

    @property
    def items_json(self) -> str | None:
        return self.says.items_json


def effective(recorded: Iterable[RecordedAttempt], corrections: Corrections) -> list[RecordedAttempt]:
    """What counts of each attempt, in the order given (R2.4)."""
    if not corrections:
        return list(recorded)
    return [_as_corrected(one, corrections[one.id]) if one.id in corrections else one for one in recorded]


def _as_corrected(one: RecordedAttempt, corrections: Sequence[CorrectionOnRecord]) -> CorrectedAttempt:
    return CorrectedAttempt(one, corrections[-1], corrections)


def corrections_of(one: RecordedAttempt) -> Sequence[CorrectionOnRecord]:
    """The corrections of an attempt that `effective` gave, oldest first."""
    return one.corrections if isinstance(one, CorrectedAttempt) else ()


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


def recorded_of(
    session: Session, enrolment_ids: Sequence[int]
) -> tuple[Mapping[int, list[RecordedAttempt]], Mapping[int, Corrections]]:
    """The attempts of each enrolment (at most some hundred ids) as imported, in the order they were recorded; and the
    corrections of those that have any."""
    found: defaultdict[int, list[RecordedAttempt]] = defaultdict(list)
    query = select(*_RECORDED).where(AttemptRecord.enrolment_id.in_(enrolment_ids)).order_by(AttemptRecord.id)
    for row in session.execute(query):
        found[row.enrolment_id].append(row)
    corrected: defaultdict[int, dict[int, list[CorrectionOnRecord]]] = defaultdict(dict)
    history = (
        select(AttemptRecord.enrolment_id, *_CORRECTION)
        .join(AttemptRecord, AttemptRecord.id == ResultCorrectionRecord.attempt_id)
        .where(AttemptRecord.enrolment_id.in_(enrolment_ids))
        .order_by(ResultCorrectionRecord.id)
    )
    for one in session.execute(history):
        corrected[one.enrolment_id].setdefault(one.attempt_id, []).append(one)
    return found, corrected


def effective_of(session: Session, enrolment_ids: Sequence[int]) -> Mapping[int, list[RecordedAttempt]]:
    """What counts of each enrolment's attempts (at most some hundred ids), in the order they were recorded."""
    recorded, corrected = recorded_of(session, enrolment_ids)
    return {key: effective(rows, corrected.get(key, {})) for key, rows in recorded.items()}


def attempts_of(session: Session, enrolment_ids: Sequence[int]) -> Mapping[int, list[Attempt]]:
    """The same as values of the rules."""
    return {key: [attempt_of(row) for row in rows] for key, rows in effective_of(session, enrolment_ids).items()}


def taken_back(session: Session, enrolment_ids: Sequence[int] | None = None) -> frozenset[int]:
    """The certificates, by id, that were revoked together with a correction of results (R2.6): all, or of some."""
    query = select(ResultCorrectionRecord.revoked_id).where(ResultCorrectionRecord.revoked_id.is_not(None)).distinct()
    if enrolment_ids is not None:
        query = query.join(AttemptRecord, AttemptRecord.id == ResultCorrectionRecord.attempt_id)
        query = query.where(AttemptRecord.enrolment_id.in_(enrolment_ids))
    return frozenset(one for one in session.scalars(query) if one is not None)


def sat_on_as_corrected() -> ScalarSelect[date]:
    """In a query of `AttemptRecord`: the day that counts for each."""
    latest = (
        select(ResultCorrectionRecord.sat_on)
        .where(ResultCorrectionRecord.attempt_id == AttemptRecord.id)
        .order_by(ResultCorrectionRecord.id.desc())
        .limit(1)
        .correlate(AttemptRecord)
        .scalar_subquery()
    )
    return select(func.coalesce(latest, AttemptRecord.sat_on)).correlate(AttemptRecord).scalar_subquery()


def as_they_count(since: date, until: date) -> Subquery:
    """In a query: what counts of the attempts of these days, the first and the last included (R2.4); columns `id`,
    `enrolment_id`, `subject`, `kind`, `sat_on`, `outcome`, `score_hundredths`, `published_on`, `recorded_by`."""
    row, correction, later = AttemptRecord, ResultCorrectionRecord, aliased(ResultCorrectionRecord)
    kept = (row.id, row.enrolment_id, row.subject, row.kind)
    public = (row.published_on, row.recorded_by)
    corrected = select(correction.id).where(correction.attempt_id == row.id).exists()
    overtaken = select(later.id).where(later.attempt_id == correction.attempt_id, later.id > correction.id).exists()
    return union_all(
        select(*kept, row.sat_on, row.outcome, row.score_hundredths, *public).where(
            row.sat_on.between(since, until), ~corrected
        ),
        select(*kept, correction.sat_on, correction.outcome, correction.score_hundredths, *public)
        .join(row, row.id == correction.attempt_id)
        .where(correction.sat_on.between(since, until), ~overtaken),
    ).subquery("counting")


def decision_on(record: EnrolmentRecord, attempts: Iterable[Attempt], scheme: Scheme, on: date) -> Decision:
    return decide(Enrolment(record.registered_on), attempts, scheme, on)
