"""What an enrolment's decision rests on, read once: its scheme, its review and its attempts; and the decision from it.

The one place that says "approved and passed" (R1.6, R5). Deciding, planning an issue, the signer, signing again and
`log check` all ask here, so that none of them can leave the review out. Not here: the decision itself (`rules.decide`),
results that are not yet published, which only a holder's page leaves out (`holders.enrolments`).

    on_record = enrolments_on_record(session, [7])[7]
    decision = on_record.decided(date(2026, 5, 1))      # None: not approved
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.rules.decide import Decision, EnrolmentState
from certsvc.rules.terms import Scheme
from certsvc.services.records.attempts import (
    Corrections,
    RecordedAttempt,
    attempt_of,
    decision_on,
    effective,
    recorded_of,
)
from certsvc.services.records.reviews import counts, steps_of
from certsvc.services.records.schemes import schemes_by_id
from certsvc.store import EnrolmentRecord, ReviewStepRecord


@dataclass(frozen=True, slots=True)
class EnrolmentOnRecord:
    """An enrolment with all that its decision rests on. `recorded` are its attempts as imported, in the order they were
    recorded, `corrections` what was put right of them since; `attempts` is what counts (R2.4)."""

    enrolment: EnrolmentRecord
    schemes: Mapping[int, Scheme]
    recorded: Sequence[RecordedAttempt]
    steps: Sequence[ReviewStepRecord]
    corrections: Corrections = field(default_factory=dict)
    reviewed_since: bool = False  # seen as of a moment before its review began

    @property
    def scheme(self) -> Scheme:
        """The scheme it is pinned to. Raises `KeyError` where a row names one that is gone."""
        return self.schemes[self.enrolment.scheme_id]

    @property
    def attempts(self) -> Sequence[RecordedAttempt]:
        """What counts, in the order they were recorded."""
        return effective(self.recorded, self.corrections) if self.corrections else self.recorded

    @property
    def approved(self) -> bool:
        """Whether the registration counts, by its row and by every step that led there (R1.6)."""
        return not self.reviewed_since and counts(self.enrolment, self.steps)

    def as_of(self, moment: datetime, leaf_index: int) -> EnrolmentOnRecord:
        """What had been recorded by then, and corrected before this leaf of the log: what came in afterwards is not
        what a deed of that moment rested on."""
        steps = [one for one in self.steps if one.at <= moment]
        recorded = [one for one in self.recorded if one.recorded_at <= moment]
        then = {
            key: [one for one in history if one.leaf_index < leaf_index] for key, history in self.corrections.items()
        }
        return replace(
            self,
            steps=steps,
            recorded=recorded,
            corrections={key: history for key, history in then.items() if history},
            reviewed_since=bool(self.steps) and not steps,
        )

    def decided(self, on: date, scheme: Scheme | None = None) -> Decision | None:
        """The decision as of a day, by its own scheme where no other is asked about; None where it is not approved."""
        if not self.approved:
            return None
        return decision_on(self.enrolment, map(attempt_of, self.attempts), scheme or self.scheme, on)

    def passed(self, on: date) -> Decision | None:
        """The decision where the enrolment is approved and has passed by that day, else None."""
        decision = self.decided(on)
        return decision if decision is not None and decision.state is EnrolmentState.PASSED else None

    @property
    def passes_in_time(self) -> bool:
        """Whether it is approved and passes by whatever day, with nothing more on record: by its last attempt's, since
        time alone only closes (R3.3) and what has passed stays so (R3.7)."""
        last = max((one.sat_on for one in self.attempts), default=None)
        return last is not None and self.passed(last) is not None

    def still_passed(self, on: date) -> Decision | None:
        """The same by all that is on record now: what a certificate that was issued that day rests on since (R2.6)."""
        return self.passed(max([on, *(one.sat_on for one in self.attempts)]))


def enrolments_on_record(session: Session, enrolment_ids: Collection[int]) -> Mapping[int, EnrolmentOnRecord]:
    """Those of the enrolments (at most some hundred ids) that there are, by id, in the order of their ids."""
    query = select(EnrolmentRecord).where(EnrolmentRecord.id.in_(enrolment_ids)).order_by(EnrolmentRecord.id)
    return with_what_they_rest_on(session, session.scalars(query).all(), schemes_by_id(session))


def with_what_they_rest_on(
    session: Session, enrolments: Sequence[EnrolmentRecord], schemes: Mapping[int, Scheme]
) -> Mapping[int, EnrolmentOnRecord]:
    """Enrolments that were read already, with attempts and reviews, in three queries; `schemes` are `schemes_by_id`."""
    ids = [one.id for one in enrolments]
    recorded, corrected = recorded_of(session, ids)
    steps = steps_of(session, ids)
    return {
        one.id: EnrolmentOnRecord(
            one, schemes, recorded.get(one.id, ()), steps.get(one.id, ()), corrected.get(one.id, {})
        )
        for one in enrolments
    }
