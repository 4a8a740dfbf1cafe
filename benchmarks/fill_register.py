"""A large register to measure on: distinct people with passing results, real signatures, a real log. No PDFs.

Documents, signatures and leaves are made by the services that issue (steps 2 to 6 of docs/issuing.md); only the rows go
in by bulk inserts, and deciding is left out. What comes out passes `certsvc log check`. A home that holds some
certificates already gets those that are missing, so a run after the first has nothing to do.

Run: python -m benchmarks.fill_register HOME [--certificates 100000]; some five minutes for 100,000 on one core.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from benchmarks.import_results import made_up_person
from certsvc.app import open_services
from certsvc.config import Settings
from certsvc.credential.number import format_number
from certsvc.credential.token import TOKEN_BYTES, format_token
from certsvc.person.identity import IdentityDocument, IdType
from certsvc.rules.terms import Scheme
from certsvc.services.context import Services
from certsvc.services.issuing.evidence import evidence_of
from certsvc.services.issuing.intended import Allotted, Intended
from certsvc.services.issuing.issue import issue_leaf
from certsvc.services.issuing.plan import session_code
from certsvc.services.issuing.reserve import prepared
from certsvc.services.issuing.sign import sign_reserved
from certsvc.services.operation.init import initialise
from certsvc.services.publishing.static import publish_static
from certsvc.services.publishing.status_places import draw_indexes
from certsvc.services.records.schemes import Pinning
from certsvc.store import (
    AttemptRecord,
    Base,
    CertificateRecord,
    EnrolmentRecord,
    IssueBatchRecord,
    PersonRecord,
)

LOT: Final = 2_000
_BY: Final = "benchmark"
_REGISTERED, _SAT = date(2025, 2, 10), date(2025, 3, 24)
_OF_A_STATION: Final = 90_000  # numbers of a station, year and level end at 99,999
_FIRST_STATION: Final = 900  # beyond the scheme's own, whose serials go on as if nothing had been
_SUBJECTS: Final = ("theory", "practical")


def main() -> int:
    """Fills the home, and publishes."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("home")
    arguments.add_argument("--certificates", type=int, default=100_000)
    given = arguments.parse_args()
    services = open_services(Settings.from_environment(os.environ | {"CERTSVC_HOME": given.home}))
    fill(services, given.certificates, progress=lambda n: print(f"\r{n}", end="", file=sys.stderr, flush=True))
    services.database.close()
    return 0


def fill(services: Services, wanted: int, *, progress: Callable[[int], None] = lambda _: None) -> None:
    """Bring a home up to `wanted` certificates, and publish what verifiers need of them."""
    initialise(services)
    while (there := _certificates(services)) < wanted:
        _add(services, there, min(LOT, wanted - there))
        progress(there)
    publish_static(services)


def _certificates(services: Services) -> int:
    with services.database.reading() as session:
        return session.scalar(select(func.count()).select_from(CertificateRecord)) or 0


def _add(services: Services, first: int, count: int) -> None:
    """One lot, in one transaction: people `first` to `first + count`, their enrolments, results and certificates."""
    with services.database.writing() as session:
        scheme_id, scheme = Pinning(session).on(_REGISTERED)
        at, today = services.now(), services.today()
        batch = IssueBatchRecord(on=today, at=at, by=_BY, approved_by=None, count=count)
        session.add(batch)
        session.flush()
        ids = _Ids(session)
        people, enrolments, attempts, rows = [], [], [], []
        for offset, place in enumerate(draw_indexes(session, count)):
            name, number, born = made_up_person(first + offset)
            identity = IdentityDocument(IdType.RESIDENT_ID, number)
            people.append(_person(services, ids.person + offset, name, identity, born))
            enrolments.append(_enrolment(at, ids, offset, scheme_id, scheme))
            sat = [_attempt(at, ids, offset, subject) for subject in _SUBJECTS]
            attempts += sat
            intended = Intended(
                holder_name=name,
                identity=identity,
                scheme=scheme,
                scheme_id=scheme_id,
                issued_on=today,
                evidence=evidence_of(sat, batch),
                person_id=ids.person + offset,
                enrolment_id=ids.enrolment + offset,
                number=_number(scheme, today.year, first + offset),
            )
            allotted = Allotted(str(intended.number), format_token(secrets.token_bytes(TOKEN_BYTES)), *place)
            row = CertificateRecord(**prepared(services, intended, allotted, at=at, batch_id=batch.id).values)
            row.id = ids.certificate + offset
            rows.append(row)
        code = session_code(scheme, _SAT)
        sessions = {row.id: code for row in rows}
        sign_reserved(services, session, rows, partial(issue_leaf, sessions), passed={code: first + count})
        for records in (people, enrolments, attempts, rows):
            _insert(session, records)
        _count_on(services, session)


class _Ids:
    """The next free id of each table."""

    def __init__(self, session: Session) -> None:
        self.person = _next(session, PersonRecord)
        self.enrolment = _next(session, EnrolmentRecord)
        self.certificate = _next(session, CertificateRecord)


def _next(session: Session, kind: Any) -> int:
    return (session.scalar(select(func.max(kind.id))) or 0) + 1


def _person(services: Services, person_id: int, name: str, identity: IdentityDocument, born: date) -> PersonRecord:
    lookup = services.vault.lookup(identity)
    personal = {"id_number": identity.number, "birth_date": born.isoformat(), "phone": None}
    sealed = services.vault.seal(personal, lookup)
    return PersonRecord(
        id=person_id,
        id_type=identity.type.value,
        id_lookup=lookup,
        sealed=sealed.content,
        sealed_kid=sealed.kid,
        name=name,
        sex="male",
    )


def _enrolment(at: datetime, ids: _Ids, offset: int, scheme_id: int, scheme: Scheme) -> EnrolmentRecord:
    return EnrolmentRecord(
        id=ids.enrolment + offset,
        person_id=ids.person + offset,
        scheme_id=scheme_id,
        occupation_code=scheme.occupation.code,
        level=scheme.level,
        registered_on=_REGISTERED,
        health_declared=True,
        recorded_at=at,
        recorded_by=_BY,
        review_state="approved",
    )


def _attempt(at: datetime, ids: _Ids, offset: int, subject: str) -> AttemptRecord:
    return AttemptRecord(
        enrolment_id=ids.enrolment + offset,
        subject=subject,
        sat_on=_SAT,
        kind="first",
        outcome="scored",
        score_hundredths=8_000,
        recorded_at=at,
        recorded_by=_BY,
        published_on=_SAT,
    )


def _number(scheme: Scheme, year: int, index: int) -> str:
    station, serial = divmod(index, _OF_A_STATION)
    parts = {**scheme.number.parts, "station": f"{_FIRST_STATION + station:03d}"}
    return format_number(scheme.number.kind, parts, year, scheme.level, serial + 1)


def _insert(session: Session, records: Sequence[Base]) -> None:
    kind = type(records[0])
    names = [column.name for column in kind.__table__.columns]
    values = [{name: getattr(record, name) for name in names} for record in records]
    session.execute(insert(kind), [{n: v for n, v in row.items() if n != "id" or v is not None} for row in values])


def _count_on(services: Services, session: Session) -> None:
    """PostgreSQL counts on from where it was, not from ids just given."""
    if services.database.is_sqlite:
        return
    for table in ("person", "enrolment", "certificate"):
        session.execute(text(f"select setval('{table}_id_seq', (select max(id) from {table}))"))


if __name__ == "__main__":
    raise SystemExit(main())
