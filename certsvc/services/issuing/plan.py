"""Step 1 of the issuing cycle: decide, and find every passed enrolment that has no certificate (R7.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.person.identity import IdentityDocument, IdType, Sex
from certsvc.rules.decide import Decision, EnrolmentState
from certsvc.rules.terms import Scheme
from certsvc.services.context import Services
from certsvc.services.examination.decide import decide_all
from certsvc.services.issuing.evidence import evidence_of
from certsvc.services.issuing.intended import Intended
from certsvc.services.records.attempts import attempt_of, decision_on, plain
from certsvc.services.records.reviews import counts, steps_of
from certsvc.services.records.schemes import schemes_by_id
from certsvc.store import (
    ISSUED,
    AttemptRecord,
    CertificateRecord,
    EnrolmentRecord,
    IssueBatchRecord,
    PersonRecord,
)

# Worded enumerations are looked up by value: calling them asks for their words too.
_ID_TYPES = {kind.value: kind for kind in IdType}
_SEXES = {sex.value: sex for sex in Sex}


@dataclass(slots=True)
class Survey:
    """Who is due on a day, by enrolment id; how many have theirs; how many passed at each sitting."""

    due: list[int] = field(default_factory=list)
    already: int = 0
    passed: Counter[str] = field(default_factory=Counter)


def session_code(scheme: Scheme, completed_on: date) -> str:
    """The public code of a completing sitting, as the log names it."""
    return f"{scheme.key}/{completed_on.isoformat()}"


def survey(services: Services, on: date) -> Survey:
    """Decide every enrolment as of a day. Reads only."""
    found = Survey()
    with services.database.reading() as session:
        query = select(CertificateRecord.enrolment_id).where(CertificateRecord.enrolment_id.is_not(None))
        issued = set(session.scalars(query.where(CertificateRecord.stage == ISSUED)))
        reserved = set(session.scalars(query)) - issued
        for decided in decide_all(session, on):
            if decided.decision.state is not EnrolmentState.PASSED:
                continue
            assert decided.decision.completed_on is not None
            found.passed[session_code(decided.scheme, decided.decision.completed_on)] += 1
            if decided.enrolment.id in issued:
                found.already += 1
            elif decided.enrolment.id not in reserved:
                found.due.append(decided.enrolment.id)
    return found


def intend(
    services: Services, session: Session, enrolment_ids: Sequence[int], batch: IssueBatchRecord
) -> list[Intended]:
    """What to certify of these enrolments, decided once more within the reserving transaction.

    One that has been given a certificate meanwhile, is no longer passed, or was not approved by its review (R1.6), is
    left out.
    """
    taken = select(CertificateRecord.enrolment_id).where(CertificateRecord.enrolment_id.in_(enrolment_ids))
    free = sorted(set(enrolment_ids) - set(session.scalars(taken)))
    attempts: dict[int, list[AttemptRecord]] = {enrolment_id: [] for enrolment_id in free}
    for attempt in session.scalars(select(AttemptRecord).where(AttemptRecord.enrolment_id.in_(free))):
        attempts[attempt.enrolment_id].append(attempt)
    query = (
        select(EnrolmentRecord, PersonRecord)
        .join(PersonRecord, PersonRecord.id == EnrolmentRecord.person_id)
        .where(EnrolmentRecord.id.in_(free))
        .order_by(EnrolmentRecord.id)
    )
    intended = []
    schemes, steps = schemes_by_id(session), steps_of(session, free)
    for enrolment, person in session.execute(query):
        if not counts(enrolment, steps.get(enrolment.id, ())):
            continue
        scheme = schemes[enrolment.scheme_id]
        mine = attempts[enrolment.id]
        decision = decision_on(enrolment, [attempt_of(one) for one in mine], scheme, batch.on)
        if decision.state is EnrolmentState.PASSED:
            intended.append(
                intended_of(services, enrolment, person, scheme=scheme, batch=batch, attempts=mine, decision=decision)
            )
    return intended


def intended_of(
    services: Services,
    enrolment: EnrolmentRecord,
    person: PersonRecord,
    *,
    scheme: Scheme,
    batch: IssueBatchRecord,
    attempts: Sequence[AttemptRecord],
    decision: Decision,
) -> Intended:
    """What the register says is to be certified of an enrolment that has passed, in this batch."""
    personal = services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
    return Intended(
        holder_name=person.name,
        identity=IdentityDocument(_ID_TYPES[person.id_type], str(personal["id_number"])),
        scheme=scheme,
        scheme_id=enrolment.scheme_id,
        issued_on=batch.on,
        evidence=evidence_of(attempts, batch),
        person_id=person.id,
        enrolment_id=enrolment.id,
        photo_sha256=enrolment.photo_sha256,
        sex=_SEXES[person.sex],
        birth_date=date.fromisoformat(str(personal["birth_date"])),
        scores=_scores(decision),
    )


def completed_sessions(session: Session, rows: Sequence[CertificateRecord]) -> Mapping[int, str]:
    """Certificate id → the code of the sitting that completed its enrolment."""
    ids = [row.enrolment_id for row in rows if row.enrolment_id is not None]
    attempts: dict[int, list[AttemptRecord]] = {enrolment_id: [] for enrolment_id in ids}
    for attempt in session.scalars(select(AttemptRecord).where(AttemptRecord.enrolment_id.in_(ids))):
        attempts[attempt.enrolment_id].append(attempt)
    enrolments = {one.id: one for one in session.scalars(select(EnrolmentRecord).where(EnrolmentRecord.id.in_(ids)))}
    codes = {}
    schemes = schemes_by_id(session)
    for row in rows:
        assert row.enrolment_id is not None
        enrolment = enrolments[row.enrolment_id]
        scheme = schemes[enrolment.scheme_id]
        values = [attempt_of(one) for one in attempts[enrolment.id]]
        decision = decision_on(enrolment, values, scheme, row.issued_on)
        codes[row.id] = session_code(scheme, decision.completed_on or row.issued_on)
    return codes


def _scores(decision: Decision) -> dict[str, str]:
    return {subject.value: plain(one.score) for subject, one in decision.subjects.items() if one.score is not None}
