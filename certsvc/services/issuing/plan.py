"""Step 1 of the issuing cycle: decide, and find every passed enrolment that has no certificate (R7.1).

Decided is who is marked (`records.due`), so the cost is that of what is new; or everyone, where that is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.person.identity import IdentityDocument, IdType, Sex
from certsvc.rules.decide import Decision, EnrolmentState
from certsvc.rules.terms import Scheme
from certsvc.rules.wording import score_text
from certsvc.services.context import Services
from certsvc.services.examination.decide import decide_all
from certsvc.services.issuing.evidence import evidence_of
from certsvc.services.issuing.intended import Intended
from certsvc.services.records.attempts import taken_back
from certsvc.services.records.decisions import EnrolmentOnRecord, enrolments_on_record
from certsvc.services.records.due import marked
from certsvc.store import (
    ISSUED,
    CertificateRecord,
    EnrolmentRecord,
    IssueBatchRecord,
    LogSessionRecord,
    PersonRecord,
)


@dataclass(slots=True)
class Survey:
    """Who is due on a day, by enrolment id; how many have theirs; how many passed at each sitting at which anyone is
    due; and the marks on those who will not be due by whatever day."""

    due: list[int] = field(default_factory=list)
    already: int = 0
    passed: Counter[str] = field(default_factory=Counter)
    idle: list[int] = field(default_factory=list)


def session_code(scheme: Scheme, completed_on: date) -> str:
    """The public code of a completing sitting, as the log names it."""
    return f"{scheme.key}/{completed_on.isoformat()}"


def survey(services: Services, on: date, *, everyone: bool = False) -> Survey:
    """Decide the enrolments that are marked, or every one, as of a day. Reads only."""
    with services.database.reading() as session:
        return _survey_everyone(session, on) if everyone else _survey_marked(session, on)


def _survey_everyone(session: Session, on: date) -> Survey:
    found = Survey()
    query = select(CertificateRecord.enrolment_id).where(CertificateRecord.enrolment_id.is_not(None))
    issued = set(session.scalars(query.where(CertificateRecord.stage == ISSUED)))
    reserved = set(session.scalars(query)) - issued
    issued -= due_another(session).keys()
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


def _survey_marked(session: Session, on: date) -> Survey:
    issued_at = _issued_at(session)
    found = Survey(already=sum(count for code, count in issued_at.items() if _completed_by(code, on)))
    for marks in marked(session):
        stages = _stages(session, marks)
        for enrolment_id in due_another(session, list(marks)):
            del stages[enrolment_id]
        for enrolment_id, one in enrolments_on_record(session, marks).items():
            decision = one.passed(on)
            if stages.get(enrolment_id) == ISSUED or not (decision or one.passes_in_time):
                found.idle += marks[enrolment_id]
            elif decision is not None:
                assert decision.completed_on is not None
                found.passed[session_code(one.scheme, decision.completed_on)] += 1
                if enrolment_id not in stages:
                    found.due.append(enrolment_id)
    for code in found.passed:
        found.passed[code] += issued_at.get(code, 0)
    return found


def _issued_at(session: Session) -> Mapping[str, int]:
    """How many certificates rest on each sitting: one for each enrolment that passed there and has its own."""
    return dict(session.execute(select(LogSessionRecord.session, LogSessionRecord.issued)).all())


def _completed_by(code: str, on: date) -> bool:
    """Whether the sitting of this `session_code` took place by the day."""
    return code.rpartition("/")[2] <= on.isoformat()


def _stages(session: Session, enrolment_ids: Collection[int]) -> dict[int, str]:
    """The stage of the certificates of some enrolments; none where there is none. Issued where any version is."""
    query = select(CertificateRecord.enrolment_id, CertificateRecord.stage).where(
        CertificateRecord.enrolment_id.in_(enrolment_ids)
    )
    found: dict[int, str] = {}
    for enrolment_id, stage in session.execute(query.order_by(CertificateRecord.version.desc())):
        assert enrolment_id is not None
        found[enrolment_id] = stage
    return found


def due_another(session: Session, enrolment_ids: Sequence[int] | None = None) -> Mapping[int, int]:
    """Enrolments whose newest certificate was taken away by a correction of results, with its version: should another
    correction give the pass back, they are due one more, under a number of its own (R2.6)."""
    back = taken_back(session, enrolment_ids)
    enrolments = select(CertificateRecord.enrolment_id).where(CertificateRecord.id.in_(back))
    newest: dict[int, tuple[int, int]] = {}
    for row in session.execute(
        select(CertificateRecord.enrolment_id, CertificateRecord.version, CertificateRecord.id).where(
            CertificateRecord.enrolment_id.in_(enrolments)
        )
    ):
        newest[row.enrolment_id or 0] = max(newest.get(row.enrolment_id or 0, (0, 0)), (row.version, row.id))
    return {key: version for key, (version, certificate_id) in newest.items() if certificate_id in back}


def intend(
    services: Services, session: Session, enrolment_ids: Sequence[int], batch: IssueBatchRecord
) -> list[Intended]:
    """What to certify of these enrolments, decided once more within the reserving transaction.

    One that has been given a certificate meanwhile, is no longer passed, or was not approved by its review (R1.6), is
    left out.
    """
    taken = select(CertificateRecord.enrolment_id).where(CertificateRecord.enrolment_id.in_(enrolment_ids))
    another = due_another(session, enrolment_ids)
    free = sorted(set(enrolment_ids) - (set(session.scalars(taken)) - another.keys()))
    intended = []
    on_record = enrolments_on_record(session, free)
    persons = persons_of(session, [one.enrolment for one in on_record.values()])
    for one in on_record.values():
        decision = one.passed(batch.on)
        if decision is not None:
            person = persons[one.enrolment.person_id]
            version = another.get(one.enrolment.id, 0) + 1
            intended.append(intended_of(services, one, person, batch=batch, decision=decision, version=version))
    return intended


def intended_of(
    services: Services,
    on_record: EnrolmentOnRecord,
    person: PersonRecord,
    *,
    batch: IssueBatchRecord,
    decision: Decision,
    version: int = 1,
) -> Intended:
    """What the register says is to be certified of an enrolment that has passed, in this batch."""
    enrolment = on_record.enrolment
    personal = services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
    return Intended(
        holder_name=person.name,
        identity=IdentityDocument(IdType.of(person.id_type), str(personal["id_number"])),
        scheme=on_record.scheme,
        scheme_id=enrolment.scheme_id,
        issued_on=batch.on,
        evidence=evidence_of(on_record.attempts, batch),
        person_id=person.id,
        enrolment_id=enrolment.id,
        version=version,
        photo_sha256=enrolment.photo_sha256,
        sex=Sex.of(person.sex),
        birth_date=date.fromisoformat(str(personal["birth_date"])),
        scores=_scores(decision),
        session=session_code(on_record.scheme, decision.completed_on or batch.on),
    )


def completed_sessions(session: Session, rows: Sequence[CertificateRecord]) -> Mapping[int, str]:
    """Certificate id → the code of the sitting that completed its enrolment."""
    on_record = enrolments_on_record(session, [row.enrolment_id for row in rows if row.enrolment_id is not None])
    codes = {}
    for row in rows:
        assert row.enrolment_id is not None
        one = on_record[row.enrolment_id]
        decision = one.passed(row.issued_on)
        completed_on = None if decision is None else decision.completed_on
        codes[row.id] = session_code(one.scheme, completed_on or row.issued_on)
    return codes


def persons_of(session: Session, enrolments: Sequence[EnrolmentRecord]) -> Mapping[int, PersonRecord]:
    """The people of some enrolments, by their ids."""
    wanted = select(PersonRecord).where(PersonRecord.id.in_({one.person_id for one in enrolments}))
    return {person.id: person for person in session.scalars(wanted)}


def _scores(decision: Decision) -> dict[str, str]:
    return {subject.value: score_text(one.score) for subject, one in decision.subjects.items() if one.score is not None}
