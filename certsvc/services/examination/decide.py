"""Decide enrolments as they stand on a day, and say what another scheme would decide (R0, R5).

Reads only, and only what is approved: a registration under review or rejected is no enrolment yet (R1.6). Each is
decided by the scheme it is pinned to. Not here: the decision itself (`rules.decide`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from certsvc.errors import NotFound
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.rules.decide import Decision
from certsvc.rules.explain import explain_json
from certsvc.rules.registration_review import WAITING, RegistrationState
from certsvc.rules.terms import Scheme
from certsvc.services.context import Services
from certsvc.services.records.decisions import EnrolmentOnRecord, with_what_they_rest_on
from certsvc.services.records.schemes import parsed, schemes_by_id
from certsvc.services.vault import Vault
from certsvc.store import EnrolmentRecord, PersonRecord

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Decided:
    """One enrolment with its decision."""

    on_record: EnrolmentOnRecord
    person: PersonRecord
    decision: Decision

    @property
    def enrolment(self) -> EnrolmentRecord:
        return self.on_record.enrolment

    @property
    def scheme(self) -> Scheme:
        return self.on_record.scheme


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision as a person reads it; `would_be` is what another scheme would decide, where one was asked about."""

    id_number: str
    name: str
    registered_on: date
    decision: Decision
    would_be: Decision | None = None

    @property
    def changes(self) -> bool:
        """Whether the other scheme would say anything else."""
        return self.would_be is not None and explain_json(self.would_be) != explain_json(self.decision)

    def as_json(self) -> dict[str, object]:
        """The shape of formats.md, and beside it what would change."""
        explained = {"id_number": self.id_number, "name": self.name, **explain_json(self.decision)}
        if self.would_be is not None:
            explained["would_be"] = explain_json(self.would_be)
            explained["changes"] = self.changes
        return explained


def explain_all(
    services: Services, on: date, *, id_number: str | None = None, scheme_toml: str | None = None
) -> Iterator[Explained]:
    """Every enrolment's decision on a day, by enrolment; of one person alone where an identity number is given.

    With `scheme_toml`, each enrolment of that scheme's family is also decided by it: a dry run, nothing is stored.
    Raises `NotFound` for an identity number no one is registered under, `InvalidScheme`.
    """
    changed = parsed(scheme_toml) if scheme_toml is not None else None
    with services.database.reading() as session:
        person_ids = _persons(session, services.vault, id_number) if id_number is not None else None
        for decided in decide_all(session, on, person_ids=person_ids):
            person = decided.person
            personal = services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
            would_be = None
            if changed is not None and changed.family == decided.scheme.family:
                would_be = decided.on_record.decided(on, changed)
            yield Explained(
                str(personal["id_number"]), person.name, decided.enrolment.registered_on, decided.decision, would_be
            )


def registered(services: Services, on: date) -> int:
    """How many registrations there are by a day, decided or not: what a decision of all has before it."""
    query = select(func.count()).select_from(EnrolmentRecord).where(EnrolmentRecord.registered_on <= on)
    with services.database.reading() as session:
        return session.scalar(query) or 0


def undecided(services: Services, on: date, *, id_number: str | None = None) -> int:
    """How many registrations wait for their review, and so are not among the decisions. Raises `NotFound`."""
    query = (
        select(func.count())
        .select_from(EnrolmentRecord)
        .where(
            EnrolmentRecord.review_state.in_([state.value for state in WAITING]), EnrolmentRecord.registered_on <= on
        )
    )
    with services.database.reading() as session:
        if id_number is not None:
            query = query.where(EnrolmentRecord.person_id.in_(_persons(session, services.vault, id_number)))
        return session.scalar(query) or 0


def decide_all(session: Session, on: date, *, person_ids: list[int] | None = None) -> Iterator[Decided]:
    """Each approved enrolment registered on or before `on`, as they were recorded, a chunk of rows at a time."""
    after = 0
    schemes = schemes_by_id(session)
    while True:
        query = (
            select(EnrolmentRecord, PersonRecord)
            .join(PersonRecord, PersonRecord.id == EnrolmentRecord.person_id)
            .where(
                EnrolmentRecord.id > after,
                EnrolmentRecord.registered_on <= on,
                EnrolmentRecord.review_state == RegistrationState.APPROVED.value,
            )
            .order_by(EnrolmentRecord.id)
            .limit(CHUNK)
        )
        if person_ids is not None:
            query = query.where(EnrolmentRecord.person_id.in_(person_ids))
        rows = session.execute(query).all()
        if not rows:
            return
        on_record = with_what_they_rest_on(session, [enrolment for enrolment, _ in rows], schemes)
        for enrolment, person in rows:
            one = on_record[enrolment.id]
            decision = one.decided(on)
            if decision is not None:
                yield Decided(one, person, decision)
        after = rows[-1][0].id


def _persons(session: Session, vault: Vault, id_number: str) -> list[int]:
    lookups = [vault.lookup(IdentityDocument(id_type, id_number.strip().upper())) for id_type in IdType]
    found = list(session.scalars(select(PersonRecord.id).where(PersonRecord.id_lookup.in_(lookups))))
    if not found:
        raise NotFound("没有该证件号码的报名", "no candidate is registered under this number", rule="R1.5")
    return found
