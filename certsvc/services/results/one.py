"""One result put right by a form: what would follow, and the request that waits for a second person (R2.4 to R2.6).

The outcome, the score or its items; a day that was wrong is put right by a file (`correct`), which knows whose exam it
then is. Not here: what follows (`follows`), carrying it out (`carry_out`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from certsvc.errors import NotFound, Refused
from certsvc.rules.enrolment import Outcome
from certsvc.rules.grading import grade, parse_score
from certsvc.rules.result_correction import CorrectionReason
from certsvc.rules.terms import Item, Scheme, Subject
from certsvc.services.context import Services
from certsvc.services.records.approvals import why
from certsvc.services.records.attempts import RecordedAttempt, effective_of, hundredths, items_text
from certsvc.services.records.result_changes import Change, Said
from certsvc.services.records.schemes import scheme_of
from certsvc.services.results.carry_out import ResultsChanged, propose_in
from certsvc.services.results.follows import Follows, plan_of
from certsvc.store import AttemptRecord, EnrolmentRecord, PersonRecord
from certsvc.transparency.leaf import Act


@dataclass(frozen=True, slots=True)
class ToCorrect:
    """An attempt as it counts, whose it is, and the items its subject has."""

    attempt_id: int
    enrolment_id: int
    name: str = field(repr=False)
    subject: Subject
    kind: str
    says: Said
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Correction:
    """What the attempt shall say, as it was typed: `score` or `items` (by code) where it is scored; why, by code and
    in words of one's own, and a file number. Words and file number stay inside."""

    outcome: Outcome
    score: str = ""
    items: Mapping[str, str] = field(default_factory=dict)
    code: CorrectionReason = CorrectionReason.OTHER
    reason: str = field(default="", repr=False)
    evidence: str = field(default="", repr=False)


def to_correct(services: Services, attempt_id: int) -> ToCorrect:
    """The attempt. Raises `NotFound`."""
    with services.database.reading() as session:
        one, scheme = _attempt(session, attempt_id)
        enrolment = session.get_one(EnrolmentRecord, one.enrolment_id)
        person = session.get_one(PersonRecord, enrolment.person_id)
        subject = Subject.of(one.subject)
        return ToCorrect(
            one.id, one.enrolment_id, person.name, subject, one.kind, Said.by(one), scheme.subjects[subject].items
        )


def foresee(services: Services, attempt_id: int, wanted: Correction) -> Follows:
    """What would follow. Raises `NotFound`, `InvalidScore`, and `Refused` where it says so already."""
    with services.database.reading() as session:
        return plan_of(services, session, Act.CORRECTED, [_change(session, attempt_id, wanted)]).follows


def propose(services: Services, attempt_id: int, wanted: Correction, *, by: str) -> ResultsChanged:
    """Ask for it. Raises what `foresee` and `carry_out.propose_in` raise."""
    with services.database.writing() as session:
        change = _change(session, attempt_id, wanted)
        one, _ = _attempt(session, attempt_id)
        label = f"{one.subject}/{one.sat_on.isoformat()}#{one.id}"
        return propose_in(services, session, Act.CORRECTED, label, [change], reason=change.reason, by=by)


def _change(session: Session, attempt_id: int, wanted: Correction) -> Change:
    one, scheme = _attempt(session, attempt_id)
    items = {code: parse_score(text) for code, text in wanted.items.items() if text}
    total = parse_score(wanted.score) if wanted.score else None
    score = grade(Subject.of(one.subject), total, items, wanted.outcome, scheme)
    says = Said(one.sat_on, wanted.outcome.value, hundredths(score), items_text(items))
    if says == Said.by(one):
        raise Refused("与登记的一致，没有要更正的", "that is what is on record already", rule="R2.4", where="score")
    evidence = why(wanted.evidence) if wanted.evidence else ""
    return Change(one.id, Said.by(one), says, wanted.code.value, why(wanted.reason), evidence)


def _attempt(session: Session, attempt_id: int) -> tuple[RecordedAttempt, Scheme]:
    row = session.get(AttemptRecord, attempt_id)
    if row is None:
        raise NotFound("没有该次考试的成绩", "no such attempt is on record", rule="R2.4", where=str(attempt_id))
    enrolment = session.get_one(EnrolmentRecord, row.enrolment_id)
    recorded = effective_of(session, [row.enrolment_id])[row.enrolment_id]
    return next(one for one in recorded if one.id == attempt_id), scheme_of(session, enrolment.scheme_id)
