"""What a reviewer sees of registrations: what was entered, where each stands, and the steps that led there (R1.6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from certsvc.errors import NotFound
from certsvc.person.identity import mask_id_number
from certsvc.rules.registration_review import WAITING, Move, RegistrationState
from certsvc.services.context import Services
from certsvc.services.records.contacts import phone_of
from certsvc.services.records.reviews import steps_of
from certsvc.services.records.schemes import schemes_by_id
from certsvc.store import EnrolmentRecord, PersonRecord, ReviewStepRecord

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Registration:
    """One registration as a reviewer sees it: everything that was entered, and the steps so far."""

    id: int
    state: str
    name: str
    id_number: str
    registered_on: str
    entered: dict[str, object]
    steps: tuple[dict[str, object], ...]

    @property
    def remark(self) -> str | None:
        """What is missing, or why it is rejected, while that is so."""
        remarks = [step["remark"] for step in self.steps if step["move"] in (Move.RETURN, Move.REJECT)]
        return str(remarks[-1]) if remarks and self.state in ("returned", "rejected") else None

    def as_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "state": self.state,
            "name": self.name,
            "id_number": self.id_number,
            "registered_on": self.registered_on,
            **self.entered,
            "remark": self.remark,
            "steps": list(self.steps),
        }


@dataclass(frozen=True, slots=True)
class Queued:
    """A registration as a line of a queue: the number masked; `face`, where the candidate has confirmed."""

    id: int
    name: str
    id_number: str
    registered_on: str
    institution: str | None
    batch: str | None
    has_photo: bool
    face: str | None
    remark: str | None


def list_registrations(services: Services, state: str | None = None) -> Iterator[Registration]:
    """Those that were put to review, oldest first: of one state, or all that wait for somebody."""
    wanted = [one.value for one in WAITING] if state is None else [state]
    reviewed = exists().where(ReviewStepRecord.enrolment_id == EnrolmentRecord.id)
    after = 0
    with services.database.reading() as session:
        while True:
            query = select(EnrolmentRecord.id).where(
                EnrolmentRecord.review_state.in_(wanted), EnrolmentRecord.id > after, reviewed
            )
            ids = session.scalars(query.order_by(EnrolmentRecord.id).limit(_CHUNK)).all()
            if not ids:
                return
            yield from registrations(services, session, ids)
            after = ids[-1]


def count_by_state(services: Services, *, institution: str | None = None) -> dict[str, int]:
    """How many that were put to review stand where, of all or of one institution."""
    reviewed = exists().where(ReviewStepRecord.enrolment_id == EnrolmentRecord.id)
    query = select(EnrolmentRecord.review_state, func.count()).where(reviewed).group_by(EnrolmentRecord.review_state)
    if institution is not None:
        query = query.where(EnrolmentRecord.institution == institution)
    with services.database.reading() as session:
        return {str(state): int(count) for state, count in session.execute(query)}


def queue(
    services: Services,
    state: RegistrationState,
    *,
    institution: str | None = None,
    name: str = "",
    after: int = 0,
    most: int = 50,
) -> list[Queued]:
    """The next registrations in one state, oldest first: of one institution, or of a name (compared folded), where
    given. Three questions, however many there are."""
    reviewed = exists().where(ReviewStepRecord.enrolment_id == EnrolmentRecord.id)
    query = (
        select(EnrolmentRecord, PersonRecord)
        .join(PersonRecord, PersonRecord.id == EnrolmentRecord.person_id)
        .where(EnrolmentRecord.review_state == state.value, EnrolmentRecord.id > after, reviewed)
    )
    if institution is not None:
        query = query.where(EnrolmentRecord.institution == institution)
    if name:
        query = query.where(PersonRecord.name == name)
    with services.database.reading() as session:
        rows = session.execute(query.order_by(EnrolmentRecord.id).limit(most)).all()
        steps = steps_of(session, [enrolment.id for enrolment, _ in rows])
        return [_queued(services, enrolment, person, steps.get(enrolment.id, ())) for enrolment, person in rows]


def one_of(services: Services, enrolment_id: int, *, institution: str | None = None) -> Registration:
    """One that was put to review, whole. Raises `NotFound`, also for another institution's."""
    with services.database.reading() as session:
        found = session.get(EnrolmentRecord, enrolment_id)
        if found is None or (institution is not None and found.institution != institution):
            raise NotFound("没有该报名", "there is no such registration", rule="R1.6", where=str(enrolment_id))
        return registrations(services, session, [enrolment_id])[0]


def _queued(
    services: Services, enrolment: EnrolmentRecord, person: PersonRecord, steps: Sequence[ReviewStepRecord]
) -> Queued:
    personal = services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
    confirmed = [row.face for row in steps if row.move == Move.CONFIRM]
    remarks = [row.remark for row in steps if row.remark is not None]
    return Queued(
        id=enrolment.id,
        name=person.name,
        id_number=mask_id_number(str(personal["id_number"])),
        registered_on=enrolment.registered_on.isoformat(),
        institution=enrolment.institution,
        batch=enrolment.batch,
        has_photo=enrolment.photo_sha256 is not None,
        face=confirmed[-1] if confirmed else None,
        remark=remarks[-1] if remarks and enrolment.review_state in ("returned", "rejected") else None,
    )


def registrations(services: Services, session: Session, enrolment_ids: Sequence[int]) -> list[Registration]:
    """These (at most some hundred ids), in the order of their ids."""
    query = (
        select(EnrolmentRecord, PersonRecord)
        .join(PersonRecord, PersonRecord.id == EnrolmentRecord.person_id)
        .where(EnrolmentRecord.id.in_(enrolment_ids))
        .order_by(EnrolmentRecord.id)
    )
    rows = session.execute(query).all()
    steps = steps_of(session, [enrolment.id for enrolment, _ in rows])
    schemes = schemes_by_id(session)
    shown = []
    for enrolment, person in rows:
        personal = services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
        entered: dict[str, object] = {
            "sex": person.sex,
            "id_type": person.id_type,
            "birth_date": personal["birth_date"],
            "phone": phone_of(services.vault, session, person, services.now()),
            "email": personal.get("email"),
            "institution": enrolment.institution,
            "health_declared": enrolment.health_declared,
            "occupation": schemes[enrolment.scheme_id].occupation.name_zh,
            "level": enrolment.level,
            "batch": enrolment.batch,
            "photo_sha256": enrolment.photo_sha256,
        }
        shown.append(
            Registration(
                enrolment.id,
                enrolment.review_state,
                person.name,
                str(personal["id_number"]),
                enrolment.registered_on.isoformat(),
                entered,
                tuple(_step(row) for row in steps.get(enrolment.id, ())),
            )
        )
    return shown


def _step(row: ReviewStepRecord) -> dict[str, object]:
    step: dict[str, object] = {"move": row.move, "at": row.at.isoformat(), "by": row.by, "remark": row.remark}
    if row.face is not None and row.checked_at is not None:
        step |= {"face": row.face, "checked_at": row.checked_at.isoformat(), "place": row.place}
    return step
