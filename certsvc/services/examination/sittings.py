"""Sittings: a dated exam at a station, and the roll of those admitted to it (R1.6, R3.3, R3.4, R3.7).

Only an approved enrolment is admitted, to a first attempt or, until its deadline, to its free retake. A sitting of the
practical commits to its draw when it is made and reveals it when it is closed (`draw`). Results come in without a
sitting as well. Not here: who is entitled to what (`rules.admission`), scores (`scores`).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from certsvc.errors import AttemptRefused, Conflict, NotFound, Refused
from certsvc.person.identity import IdentityDocument
from certsvc.rules.admission import entitlement
from certsvc.rules.draw import SEED_BYTES, commitment_of
from certsvc.rules.enrolment import AttemptKind, Enrolment
from certsvc.rules.registration_review import RegistrationState
from certsvc.rules.terms import Subject
from certsvc.services import trail
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.imports import chunks
from certsvc.services.notices.kinds import NoticeKind
from certsvc.services.notices.tell import Told, tell
from certsvc.services.notices.words import seat_about
from certsvc.services.records.attempts import attempt_of
from certsvc.services.records.decisions import EnrolmentOnRecord, enrolments_on_record
from certsvc.store import AttemptRecord, EnrolmentRecord, PersonRecord, SeatRecord, SittingRecord

_LONGEST_PLACE: Final = 200
_LONGEST_STATION: Final = 100
_MOST: Final = 100_000
_TIME: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


@dataclass(frozen=True, slots=True)
class Sitting:
    """One sitting as staff see it. `with_results` of those admitted have an attempt of that day and subject."""

    id: int
    sat_on: date
    begins: str
    place: str
    station: str
    subject: Subject
    capacity: int
    admitted: int
    with_results: int
    commitment: str | None
    closed: bool
    confirmed: bool
    draw_shown: bool = False
    confirmed_by: str | None = None

    def as_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "sat_on": self.sat_on.isoformat(),
            "begins": self.begins,
            "place": self.place,
            "station": self.station,
            "subject": self.subject.value,
            "capacity": self.capacity,
            "admitted": self.admitted,
            "with_results": self.with_results,
            "commitment": self.commitment,
            "closed": self.closed,
            "confirmed": self.confirmed,
        }


@dataclass(frozen=True, slots=True)
class Seat:
    """One of the roll. `has_result`: an attempt of this day and subject is on record."""

    id: int
    enrolment_id: int
    number: int
    ticket: str
    kind: AttemptKind
    name: str = field(repr=False)
    institution: str | None
    has_result: bool

    def as_json(self) -> dict[str, object]:
        return {
            "ticket": self.ticket,
            "name": self.name,
            "kind": self.kind.value,
            "institution": self.institution,
            "has_result": self.has_result,
        }


@dataclass(frozen=True, slots=True)
class NotAdmitted:
    """Why one of a group was not admitted."""

    enrolment_id: int
    name: str = field(repr=False)
    error: Refused

    def as_json(self) -> dict[str, object]:
        return {"name": self.name, "rule": self.error.rule, "zh": self.error.zh, "en": self.error.en}


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of those who were to be admitted."""

    admitted: tuple[Seat, ...]
    already: int
    refused: tuple[NotAdmitted, ...]

    def as_json(self) -> dict[str, object]:
        return {
            "admitted": [seat.as_json() for seat in self.admitted],
            "already": self.already,
            "refused": [one.as_json() for one in self.refused],
        }


def add(
    services: Services,
    *,
    sat_on: date,
    begins: str,
    place: str,
    station: str,
    subject: Subject,
    capacity: int,
    by: str,
) -> Sitting:
    """Make a sitting; of the practical, commit to its draw. Raises `Refused`, `Conflict` for one that is there."""
    place, station = place.strip(), station.strip()
    _check(begins, place, station, capacity)
    with services.database.writing() as session:
        row = SittingRecord(
            sat_on=sat_on,
            begins=begins,
            place=place,
            station=station,
            subject=subject.value,
            capacity=capacity,
            created_at=services.now(),
            created_by=by,
        )
        _refuse_doubled(session, row)
        session.add(row)
        session.flush()
        if subject is Subject.PRACTICAL:
            seed = secrets.token_bytes(SEED_BYTES)
            sealed = services.vault.seal({"seed": seed.hex()}, seed_binding(row.id))
            row.commitment = commitment_of(seed, row.id)
            row.seed_sealed, row.seed_kid = sealed.content, sealed.kid
        _note(services, session, row, "sitting.add", by, subject=subject.value, commitment=row.commitment)
        return _shown(session, row)


def list_sittings(services: Services, *, since: date | None = None) -> list[Sitting]:
    """Every sitting from a day on (all of them by default), in order of their days."""
    query = select(SittingRecord).order_by(SittingRecord.sat_on, SittingRecord.begins, SittingRecord.id)
    if since is not None:
        query = query.where(SittingRecord.sat_on >= since)
    with services.database.reading() as session:
        rows = session.scalars(query).all()
        counts = _counts(session)
        return [_sitting(row, *counts.get(row.id, (0, 0))) for row in rows]


def show(services: Services, sitting_id: int) -> tuple[Sitting, list[Seat]]:
    """A sitting and its roll. Raises `NotFound`."""
    with services.database.reading() as session:
        row = found(session, sitting_id)
        return _shown(session, row), roll(session, row)


def enrolments_of(
    services: Services,
    *,
    identity: IdentityDocument | None = None,
    batch: str | None = None,
    institution: str | None = None,
) -> list[int]:
    """The approved enrolments of a person (the latest), a batch or an institution, as far as all that is given says.

    Raises `NotFound` where there is none.
    """
    query = select(EnrolmentRecord.id).where(EnrolmentRecord.review_state == RegistrationState.APPROVED.value)
    if batch is not None:
        query = query.where(EnrolmentRecord.batch == batch)
    if institution is not None:
        query = query.where(EnrolmentRecord.institution == institution)
    if identity is not None:
        query = query.join(PersonRecord, PersonRecord.id == EnrolmentRecord.person_id).where(
            PersonRecord.id_lookup == services.vault.lookup(identity)
        )
        query = query.order_by(EnrolmentRecord.registered_on.desc(), EnrolmentRecord.id.desc()).limit(1)
    else:
        query = query.order_by(EnrolmentRecord.id)
    with services.database.reading() as session:
        ids = list(session.scalars(query))
    if not ids:
        raise NotFound("没有这样的已批准报名", "there is no approved registration of that description", rule="R1.6")
    return ids


def admit(services: Services, sitting_id: int, enrolment_ids: Sequence[int], *, by: str) -> Admission:
    """Put those on the roll who are entitled to the sitting; the others are named with why.

    One who is on it already stays. Raises `NotFound`, `Refused` for a closed sitting or one that has not room for all.
    """
    with services.database.writing() as session:
        row = open_sitting(session, sitting_id)
        on_roll = {seat.enrolment_id: seat for seat in session.scalars(_seats(row.id))}
        wanted = [one for one in dict.fromkeys(enrolment_ids) if not _is_seated(on_roll.get(one))]
        entitled, refused = _entitled(session, row, wanted)
        seated = sum(map(_is_seated, on_roll.values()))
        if seated + len(entitled) > row.capacity:
            raise Refused(
                f"座位不足：容量 {row.capacity}，已安排 {seated}，另需 {len(entitled)}；请另设场次",
                f"no room: {row.capacity} seats, {seated} taken, {len(entitled)} more wanted; add a sitting",
                where=str(row.id),
            )
        number = max((seat.number for seat in on_roll.values()), default=0)
        for enrolment_id, kind in entitled.items():
            seat = on_roll.get(enrolment_id)
            if seat is None:
                number += 1
                seat = _new_seat(row, enrolment_id, number)
                session.add(seat)
            # One who was removed has the same ticket again, and so the same draw.
            seat.kind, seat.removed_at, seat.removed_by = kind.value, None, None
            seat.admitted_at, seat.admitted_by = services.now(), by
        session.flush()
        new_seats = [one for one in session.scalars(_seats(row.id)) if one.enrolment_id in entitled]
        _tell(services, session, row, NoticeKind.ADMITTED, new_seats)
        if entitled:
            _note(services, session, row, "sitting.admit", by, admitted=len(entitled))
        new = tuple(seat for seat in roll(session, row) if seat.enrolment_id in entitled)
        return Admission(new, len(set(enrolment_ids)) - len(wanted), tuple(refused))


def remove(services: Services, sitting_id: int, ticket: str, *, by: str) -> None:
    """Take one off the roll. The ticket stays theirs: admitted again, they have the same one.

    Raises `NotFound`, `Refused` once the draw was shown, since another sitting would be another draw.
    """
    with services.database.writing() as session:
        row = open_sitting(session, sitting_id)
        seat = seat_of(session, row, ticket)
        if row.drawn_at is not None:
            raise Refused(
                "已公布抽签，不能再移出；未到的请登记缺考或缓考",
                "the draw was shown: no one is removed any more; who did not come is absent or excused",
                rule="R2.1",
                where=ticket,
            )
        seat.removed_at, seat.removed_by = services.now(), by
        _tell(services, session, row, NoticeKind.UNSEATED, [seat])
        _note(services, session, row, "sitting.remove", by, ticket=ticket)


def close(services: Services, sitting_id: int, *, by: str) -> Sitting:
    """Close the roll, and reveal the seed of its draw. Again: changes nothing. Raises `NotFound`, `Refused` before the
    day."""
    with services.database.writing() as session:
        row = found(session, sitting_id)
        if row.closed_at is None:
            if services.today() < row.sat_on:
                raise Refused(
                    f"考试日期为 {row.sat_on}，当日起才能关闭",
                    f"the sitting is on {row.sat_on}: it is closed on that day at the earliest",
                    where=str(row.id),
                )
            row.closed_at, row.closed_by = services.now(), by
            if row.seed_sealed is not None:
                row.seed_revealed = seed_of(services, row).hex()
            _note(services, session, row, "sitting.close", by, seed=row.seed_revealed)
        return _shown(session, row)


def found(session: Session, sitting_id: int) -> SittingRecord:
    """The sitting's row. Raises `NotFound`."""
    row = session.get(SittingRecord, sitting_id)
    if row is None:
        raise NotFound(f"没有场次 {sitting_id}", f"there is no sitting {sitting_id}")
    return row


def shown_all(session: Session, rows: Sequence[SittingRecord]) -> list[Sitting]:
    """Sittings as staff see them, in their order; one question for all of them."""
    counts = _counts(session, [row.id for row in rows])
    return [_sitting(row, *counts.get(row.id, (0, 0))) for row in rows]


def open_sitting(session: Session, sitting_id: int) -> SittingRecord:
    """The same, of one whose roll may still change. Raises `NotFound`, `Refused`."""
    row = found(session, sitting_id)
    if row.closed_at is not None or row.confirmed_at is not None:
        raise Refused(
            "该场次已关闭或成绩已确认，名单不再变动",
            "the sitting is closed, or its scores are confirmed: its roll stands",
            where=str(sitting_id),
        )
    return row


def seat_of(session: Session, row: SittingRecord, ticket: str) -> SeatRecord:
    """The seat of a ticket that is on the roll. Raises `NotFound`."""
    seat = session.scalar(_seats(row.id).where(SeatRecord.ticket == ticket.strip()))
    if seat is None or seat.removed_at is not None:
        raise NotFound("本场名单中没有该准考证号", "that ticket is not on this sitting's roll", where=ticket)
    return seat


def roll(session: Session, row: SittingRecord) -> list[Seat]:
    """Those admitted, by their numbers."""
    query = (
        select(SeatRecord, PersonRecord.name, EnrolmentRecord.institution)
        .join(EnrolmentRecord, EnrolmentRecord.id == SeatRecord.enrolment_id)
        .join(PersonRecord, PersonRecord.id == EnrolmentRecord.person_id)
        .where(SeatRecord.sitting_id == row.id, SeatRecord.removed_at.is_(None))
        .order_by(SeatRecord.number)
    )
    sat = set(
        session.scalars(
            select(AttemptRecord.enrolment_id)
            .join(SeatRecord, SeatRecord.enrolment_id == AttemptRecord.enrolment_id)
            .where(
                SeatRecord.sitting_id == row.id,
                AttemptRecord.subject == row.subject,
                AttemptRecord.sat_on == row.sat_on,
            )
        )
    )
    return [
        Seat(
            seat.id,
            seat.enrolment_id,
            seat.number,
            seat.ticket,
            AttemptKind.of(seat.kind),
            name,
            institution,
            seat.enrolment_id in sat,
        )
        for seat, name, institution in session.execute(query)
    ]


def seed_of(services: Services, row: SittingRecord) -> bytes:
    """The secret seed of a sitting's draw. Raises `Refused` where it has none, `KeyMissing`."""
    if row.seed_sealed is None or row.seed_kid is None:
        raise Refused("该科没有抽签项目", "nothing is drawn in this subject", rule="R2.1", where=str(row.id))
    return bytes.fromhex(str(services.vault.open(row.seed_sealed, row.seed_kid, seed_binding(row.id))["seed"]))


def seed_binding(sitting_id: int) -> bytes:
    """What a sealed seed is bound to, so that one moved to another sitting does not open."""
    return f"sitting\0{sitting_id}".encode()


def _check(begins: str, place: str, station: str, capacity: int) -> None:
    for text, longest, where in ((place, _LONGEST_PLACE, "place"), (station, _LONGEST_STATION, "station")):
        if not 0 < len(text) <= longest or not text.isprintable():
            raise Refused(f"须为一行，至多 {longest} 字", f"one line of at most {longest} characters", where=where)
    if not _TIME.fullmatch(begins):
        raise Refused("时间应为 HH:MM", "a time is HH:MM", where="at")
    if not 0 < capacity < _MOST:
        raise Refused("容量应为正整数", "the capacity is a positive number", where="capacity")


def _refuse_doubled(session: Session, row: SittingRecord) -> None:
    same = select(SittingRecord.id).filter_by(
        sat_on=row.sat_on, station=row.station, subject=row.subject, begins=row.begins, place=row.place
    )
    there = session.scalar(same)
    if there is not None:
        raise Conflict(f"该场次已有，编号 {there}", f"that sitting is there already: {there}", where=str(there))


def _seats(sitting_id: int) -> Select[SeatRecord]:
    return select(SeatRecord).where(SeatRecord.sitting_id == sitting_id)


def _is_seated(seat: SeatRecord | None) -> bool:
    return seat is not None and seat.removed_at is None


def _new_seat(row: SittingRecord, enrolment_id: int, number: int) -> SeatRecord:
    ticket = f"{row.sat_on:%y%m%d}-{row.id:04d}-{number:03d}"
    return SeatRecord(sitting_id=row.id, enrolment_id=enrolment_id, number=number, ticket=ticket)


def _entitled(
    session: Session, row: SittingRecord, wanted: Sequence[int]
) -> tuple[dict[int, AttemptKind], list[NotAdmitted]]:
    """Of those wanted, who is admitted to what, and who is not."""
    entitled: dict[int, AttemptKind] = {}
    refused: list[NotAdmitted] = []
    for ids in chunks(iter(wanted)):
        on_record = enrolments_on_record(session, ids)
        elsewhere = _booked_elsewhere(session, row, ids)
        for enrolment_id in ids:
            one = on_record.get(enrolment_id)
            if one is None:
                raise NotFound(f"没有报名 {enrolment_id}", f"there is no registration {enrolment_id}")
            try:
                entitled[enrolment_id] = _entitlement(one, row, elsewhere.get(enrolment_id))
            except Refused as error:
                name = session.get_one(PersonRecord, one.enrolment.person_id).name
                refused.append(NotAdmitted(enrolment_id, name, error))
    return entitled, refused


def _entitlement(one: EnrolmentOnRecord, row: SittingRecord, elsewhere: int | None) -> AttemptKind:
    if not one.approved:
        raise AttemptRefused("报名未经批准", "the registration is not approved", rule="R1.6")
    if elsewhere is not None:
        raise AttemptRefused(
            f"该科已安排在场次 {elsewhere}，尚无成绩",
            f"the subject is booked in sitting {elsewhere} already, which has no result yet",
            rule="R3.7",
        )
    attempts = [attempt_of(each) for each in one.attempts]
    registered = Enrolment(one.enrolment.registered_on)
    return entitlement(registered, attempts, Subject.of(row.subject), row.sat_on, one.scheme)


def _booked_elsewhere(session: Session, row: SittingRecord, ids: Collection[int]) -> Mapping[int, int]:
    """The other sitting of the subject in which an enrolment has a seat without a result."""
    sat = (
        select(AttemptRecord.id)
        .where(
            AttemptRecord.enrolment_id == SeatRecord.enrolment_id,
            AttemptRecord.subject == SittingRecord.subject,
            AttemptRecord.sat_on == SittingRecord.sat_on,
        )
        .exists()
    )
    query = (
        select(SeatRecord.enrolment_id, SittingRecord.id)
        .join(SittingRecord, SittingRecord.id == SeatRecord.sitting_id)
        .where(
            SeatRecord.enrolment_id.in_(ids),
            SeatRecord.removed_at.is_(None),
            SittingRecord.id != row.id,
            SittingRecord.subject == row.subject,
            ~sat,
        )
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _counts(session: Session, sitting_ids: Sequence[int] | None = None) -> Mapping[int, tuple[int, int]]:
    """How many are admitted to each sitting (or each of these), and how many of them have a result."""
    query = (
        select(
            SeatRecord.sitting_id,
            func.count(func.distinct(SeatRecord.id)),
            func.count(func.distinct(AttemptRecord.enrolment_id)),
        )
        .join(SittingRecord, SittingRecord.id == SeatRecord.sitting_id)
        .outerjoin(
            AttemptRecord,
            (AttemptRecord.enrolment_id == SeatRecord.enrolment_id)
            & (AttemptRecord.subject == SittingRecord.subject)
            & (AttemptRecord.sat_on == SittingRecord.sat_on),
        )
        .where(SeatRecord.removed_at.is_(None))
        .group_by(SeatRecord.sitting_id)
    )
    if sitting_ids is not None:
        query = query.where(SeatRecord.sitting_id.in_(sitting_ids))
    return {row[0]: (row[1], row[2]) for row in session.execute(query)}


def _tell(
    services: Services, session: Session, row: SittingRecord, kind: NoticeKind, seats: Sequence[SeatRecord]
) -> None:
    """Tell those whose seats these are, until the day is there."""
    lookups = dict(
        session.execute(
            select(EnrolmentRecord.id, PersonRecord.id_lookup)
            .join(PersonRecord, PersonRecord.id == EnrolmentRecord.person_id)
            .join(SeatRecord, SeatRecord.enrolment_id == EnrolmentRecord.id)
            .where(SeatRecord.sitting_id == row.id)
        ).all()
    )
    day_after = datetime.combine(row.sat_on + timedelta(days=1), time(), SHANGHAI)
    told = [Told(lookups[seat.enrolment_id], seat_about(seat)) for seat in seats]
    tell(services, session, kind, told, until=day_after)


def _shown(session: Session, row: SittingRecord) -> Sitting:
    return shown_all(session, [row])[0]


def _sitting(row: SittingRecord, admitted: int, with_results: int) -> Sitting:
    return Sitting(
        row.id,
        row.sat_on,
        row.begins,
        row.place,
        row.station,
        Subject.of(row.subject),
        row.capacity,
        admitted,
        with_results,
        row.commitment,
        row.closed_at is not None,
        row.confirmed_at is not None,
        row.drawn_at is not None,
        row.confirmed_by,
    )


def _note(services: Services, session: Session, row: SittingRecord, action: str, by: str, **detail: object) -> None:
    trail.note(
        session,
        at=services.now(),
        by=by,
        action=action,
        object_kind="sitting",
        object_key=str(row.id),
        **{name: value for name, value in detail.items() if value is not None},
    )
