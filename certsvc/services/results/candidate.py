"""A candidate's results as the office sees them: found by identity number or name, with every correction (R2.4, R5).

All that is on record, published or not. Not here: what the candidate sees (`services.holders.enrolments`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from certsvc.errors import InvalidName, NotFound
from certsvc.person.identity import IdentityDocument, IdType, mask_id_number
from certsvc.person.name import parse_name
from certsvc.rules.decide import Decision
from certsvc.rules.enrolment import AttemptKind, Outcome
from certsvc.rules.terms import Subject
from certsvc.rules.wording import score_text
from certsvc.services.context import Services
from certsvc.services.records.attempts import CorrectionOnRecord, RecordedAttempt, corrections_of
from certsvc.services.records.decisions import EnrolmentOnRecord, enrolments_on_record
from certsvc.services.records.result_changes import Said
from certsvc.store import (
    ISSUED,
    CertificateRecord,
    EarlierDocumentRecord,
    EnrolmentRecord,
    PersonRecord,
    WithdrawnResultRecord,
)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """One registration of one person, as a line; the number masked. `decision` is None where it is not approved."""

    enrolment_id: int
    name: str = field(repr=False)
    id_number: str
    registered_on: date
    institution: str | None
    decision: Decision | None


@dataclass(frozen=True, slots=True)
class Corrected:
    """A correction: what the attempt said until then, why by its code, by which two, when, under which request."""

    was: Said
    code: str
    asked_by: str
    approved_by: str
    at: datetime
    approval_id: int


@dataclass(frozen=True, slots=True)
class AttemptShown:
    """One attempt as it counts, its score as it is written, and what it said before, oldest first."""

    id: int
    subject: Subject
    kind: AttemptKind
    sat_on: date
    outcome: Outcome
    score: str | None
    passed: bool | None
    published_on: date | None
    recorded_by: str
    corrections: tuple[Corrected, ...]


@dataclass(frozen=True, slots=True)
class CandidateResults:
    """One registration with its attempts, the certificates issued on it (number and status) and how many of its results
    were withdrawn before anyone saw them."""

    enrolled: Enrolled
    attempts: tuple[AttemptShown, ...]
    certificates: tuple[tuple[str, str], ...]
    withdrawn: int


def find(services: Services, *, id_number: str = "", name: str = "", most: int = 50) -> list[Enrolled]:
    """The registrations under an identity number, of a name (its slips put right as in a roster, R9), or of both, the
    newest first. As many questions to the register however many there are."""
    query = select(EnrolmentRecord.id).join(PersonRecord, PersonRecord.id == EnrolmentRecord.person_id)
    if id_number:
        typed = "".join(id_number.split()).upper()
        lookups = [services.vault.lookup(IdentityDocument(id_type, typed)) for id_type in IdType]
        earlier = select(EarlierDocumentRecord.person_id).where(EarlierDocumentRecord.id_lookup.in_(lookups))
        query = query.where(or_(PersonRecord.id_lookup.in_(lookups), PersonRecord.id.in_(earlier)))
    if name:
        query = query.where(PersonRecord.name.in_({name, _put_right(name)}))
    with services.database.reading() as session:
        ids = session.scalars(query.order_by(EnrolmentRecord.id.desc()).limit(most)).all()
        on_record = enrolments_on_record(session, ids)
        return [_enrolled(services, on_record[key], person) for key, person in _people(session, ids).items()]


def _put_right(name: str) -> str:
    try:
        return parse_name(name).text
    except InvalidName:
        return name


def results(services: Services, enrolment_id: int) -> CandidateResults:
    """One registration's. Raises `NotFound`."""
    with services.database.reading() as session:
        on_record = enrolments_on_record(session, [enrolment_id]).get(enrolment_id)
        if on_record is None:
            raise NotFound("没有该报名", "there is no such registration", rule="R1.6", where=str(enrolment_id))
        person = _people(session, [enrolment_id])[enrolment_id]
        certificates = session.execute(
            select(CertificateRecord.number, CertificateRecord.status)
            .where(CertificateRecord.enrolment_id == enrolment_id, CertificateRecord.stage == ISSUED)
            .order_by(CertificateRecord.version.desc())
        ).all()
        withdrawn = session.scalars(
            select(WithdrawnResultRecord.id).where(WithdrawnResultRecord.enrolment_id == enrolment_id)
        ).all()
        return CandidateResults(
            _enrolled(services, on_record, person),
            tuple(_attempt(on_record, one) for one in sorted(on_record.attempts, key=lambda one: (one.sat_on, one.id))),
            tuple((row.number, row.status) for row in certificates),
            len(withdrawn),
        )


def _people(session: Session, enrolment_ids: Sequence[int]) -> dict[int, PersonRecord]:
    """Whose each registration is, the newest first."""
    query = (
        select(EnrolmentRecord.id, PersonRecord)
        .join(PersonRecord, PersonRecord.id == EnrolmentRecord.person_id)
        .where(EnrolmentRecord.id.in_(enrolment_ids))
        .order_by(EnrolmentRecord.registered_on.desc(), EnrolmentRecord.id.desc())
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _enrolled(services: Services, one: EnrolmentOnRecord, person: PersonRecord) -> Enrolled:
    personal = services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
    return Enrolled(
        one.enrolment.id,
        person.name,
        mask_id_number(str(personal["id_number"])),
        one.enrolment.registered_on,
        one.enrolment.institution,
        one.decided(services.today()),
    )


def _attempt(on_record: EnrolmentOnRecord, one: RecordedAttempt) -> AttemptShown:
    score = None if one.score_hundredths is None else Decimal(one.score_hundredths).scaleb(-2)
    mark = on_record.scheme.subjects[Subject.of(one.subject)].pass_mark
    imported = next(each for each in on_record.recorded if each.id == one.id)
    return AttemptShown(
        id=one.id,
        subject=Subject.of(one.subject),
        kind=AttemptKind.of(one.kind),
        sat_on=one.sat_on,
        outcome=Outcome.of(one.outcome),
        score=None if score is None else score_text(score),
        passed=None if score is None else score >= mark,
        published_on=one.published_on,
        recorded_by=one.recorded_by,
        corrections=_corrections(imported, corrections_of(one)),
    )


def _corrections(imported: RecordedAttempt, history: Sequence[CorrectionOnRecord]) -> tuple[Corrected, ...]:
    said = [Said.by(imported), *map(Said.by, history)]
    return tuple(
        Corrected(was, one.reason_code, one.asked_by, one.approved_by, one.at, one.approval_id)
        for was, one in zip(said, history, strict=False)
    )
