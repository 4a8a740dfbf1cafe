"""What goes by itself once the scheme's term is over (R10; PIPL 19, 47): of who got no certificate first the portrait,
then the registration with its results; and certificates that were kept although their holder wished them erased.

Nothing of an open enrolment goes, nor of one that passed. A second run finds nothing more to do; one that is killed is
finished by the next. Not here: the terms (`rules.retention`), taking data out (`take_out`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from certsvc.errors import NotFound, Refused
from certsvc.rules.registration_review import Move, RegistrationState
from certsvc.rules.retention import portrait_goes_if_closed_by, registration_goes_if_closed_by
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.persons.dossier import dossier
from certsvc.services.persons.erase import note_later
from certsvc.services.persons.finish import WISH, finish, reissued_portraits
from certsvc.services.persons.scope import ALWAYS_KEPT, Scope, scope_of_term
from certsvc.services.persons.take_out import take_out
from certsvc.services.records.decisions import EnrolmentOnRecord, enrolments_on_record
from certsvc.services.trail import note
from certsvc.store import (
    ApprovalRecord,
    AttemptRecord,
    CertificateRecord,
    EnrolmentRecord,
    ErasureRecord,
    PersonRecord,
    ResultCorrectionRecord,
    WithdrawnResultRecord,
)

TERM: Final = "term"
_AT_ONCE: Final = 200


@dataclass(slots=True)
class Swept:
    """What went, or with `dry_run` would go."""

    portraits: int = 0
    registrations: int = 0
    persons: int = 0
    certificates: int = 0
    dry_run: bool = False

    def as_json(self) -> dict[str, object]:
        return {
            "portraits": self.portraits,
            "registrations": self.registrations,
            "persons": self.persons,
            "certificates": self.certificates,
            "dry_run": self.dry_run,
        }


def sweep(services: Services, *, by: str, dry_run: bool = False) -> Swept:
    """Carry the retention schedule out, some hundred enrolments a transaction. Raises what `take_out` raises."""
    done = Swept(dry_run=dry_run)
    ids: list[int] = [0]
    while ids:
        with _writing(services, dry_run=dry_run) as session:
            ids = _uncertified(session, ids[-1])
            _sweep_some(services, session, ids, done, by)
    for lookup, numbers in _kept_at_first(services).items():
        with _writing(services, dry_run=dry_run) as session:
            _sweep_certificates(services, session, lookup, numbers, done=done, by=by)
    if not dry_run:
        finish(services)
    return done


@contextmanager
def _writing(services: Services, *, dry_run: bool) -> Iterator[Session]:
    with services.database.writing() as session:
        yield session
        if dry_run:
            session.rollback()


def _uncertified(session: Session, after: int) -> list[int]:
    """The next enrolments without a certificate, by id."""
    certified = exists().where(CertificateRecord.enrolment_id == EnrolmentRecord.id)
    query = select(EnrolmentRecord.id).where(~certified, EnrolmentRecord.id > after)
    return list(session.scalars(query.order_by(EnrolmentRecord.id).limit(_AT_ONCE)))


def _sweep_some(services: Services, session: Session, ids: Sequence[int], done: Swept, by: str) -> None:
    today, portraits, gone = services.today(), 0, defaultdict[int, list[int]](list)
    closed = [
        one
        for one in enrolments_on_record(session, ids).values()
        if _was_closed_by(one, portrait_goes_if_closed_by(today, one.scheme), today)
    ]
    shown = reissued_portraits(services, session) if closed else set()
    put_right = _put_right(session, ids)
    for one in closed:
        photo = one.enrolment.photo_sha256
        if photo in shown:
            continue  # a certificate shows it
        over = _was_closed_by(one, registration_goes_if_closed_by(today, one.scheme), today)
        if over and one.enrolment.id not in put_right:
            gone[one.enrolment.person_id].append(one.enrolment.id)
        elif photo:
            one.enrolment.photo_sha256 = None
            portraits += 1
    session.flush()
    for person_id, enrolments in gone.items():
        _sweep_registrations(services, session, person_id, enrolments, done=done, by=by)
    done.portraits += portraits
    if portraits or gone:
        note(
            session,
            at=services.now(),
            by=by,
            action="person.sweep",
            object_kind="enrolment",
            object_key=f"{ids[0]}-{ids[-1]}",
            portraits=portraits,
            registrations=sum(map(len, gone.values())),
        )


def _put_right(session: Session, ids: Sequence[int]) -> set[int]:
    """Those of the enrolments of which a result was put right or withdrawn: the log commits to it."""
    corrected = select(AttemptRecord.enrolment_id).join(
        ResultCorrectionRecord, ResultCorrectionRecord.attempt_id == AttemptRecord.id
    )
    withdrawn = select(WithdrawnResultRecord.enrolment_id).where(WithdrawnResultRecord.enrolment_id.in_(ids))
    return {
        *session.scalars(corrected.where(AttemptRecord.enrolment_id.in_(ids)).distinct()),
        *session.scalars(withdrawn.distinct()),
    }


def _was_closed_by(one: EnrolmentOnRecord, day: date, today: date) -> bool:
    """Whether the enrolment was closed without a pass on that day already, and still is."""
    if one.enrolment.review_state == RegistrationState.REJECTED:
        rejected = [_day(step.at) for step in one.steps if step.move == Move.REJECT]
        return bool(rejected) and max(rejected) <= day
    if any(_day(attempt.recorded_at) > day for attempt in one.attempts):
        return False
    then, now = one.decided(day), one.decided(today)
    return then is not None and then.state.lost and now is not None and now.state.lost


def _sweep_registrations(
    services: Services, session: Session, person_id: int, enrolments: Sequence[int], *, done: Swept, by: str
) -> None:
    person = session.get_one(PersonRecord, person_id)
    found = dossier(session, person.id_lookup)
    days = [one.registered_on for one in found.enrolments if one.id in enrolments]
    alone = len(days) == len(found.enrolments) and not found.certificates
    scope = Scope(enrolments=frozenset(enrolments), contact=alone and not found.papers)
    take_out(services, session, found, scope, by=by)
    for lookup in found.tombstones:
        session.add(
            ErasureRecord(
                id_lookup=lookup,
                kind=TERM,
                through=max(days),
                at=services.now(),
                by=by,
                approved_by=None,
                approval_id=None,
                numbers="[]",
                kept=json.dumps([one.as_json() for one in ALWAYS_KEPT], ensure_ascii=False),
            )
        )
    done.registrations += len(days)
    done.persons += alone


def _kept_at_first(services: Services) -> dict[bytes, set[str]]:
    """Whose wish left certificates that the law had us keep, and which: by look-up."""
    found: defaultdict[bytes, set[str]] = defaultdict(set)
    with services.database.reading() as session:
        for row in session.scalars(select(ErasureRecord).where(ErasureRecord.kind == WISH)):
            found[row.id_lookup] |= {str(one["number"]) for one in json.loads(row.kept) if "number" in one}
    return {lookup: numbers for lookup, numbers in found.items() if numbers}


def _sweep_certificates(
    services: Services, session: Session, lookup: bytes, numbers: set[str], *, done: Swept, by: str
) -> None:
    try:
        found = dossier(session, lookup)
    except (NotFound, Refused):
        return
    scope = scope_of_term(services, session, found, numbers)
    if not scope.numbers and not scope.papers:
        return
    query = select(ErasureRecord).where(ErasureRecord.id_lookup == lookup, ErasureRecord.kind == WISH)
    wish = session.scalars(query.order_by(ErasureRecord.id.desc())).first()
    assert wish is not None
    take_out(services, session, found, scope, by=by)
    if wish.approval_id is not None:
        note_later(services, session.get_one(ApprovalRecord, wish.approval_id), scope.numbers, by=by)
    note(
        session,
        at=services.now(),
        by=by,
        action="person.sweep",
        object_kind="person",
        object_key=found.key,
        approval=wish.approval_id,
        certificates=sorted(scope.numbers),
    )
    done.certificates += len(scope.numbers | {paper.number for paper in found.papers if paper.id in scope.papers})


def _day(moment: datetime) -> date:
    return moment.astimezone(SHANGHAI).date()
