"""The papers of a sitting from its roll: check-in list and admission tickets, with portraits where they are on file.

Identity numbers are masked, and the code on a ticket holds its number alone (R10). Not here: drawing (`rendering`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.errors import Refused
from certsvc.person.identity import mask_id_number
from certsvc.rendering.sheets import SeatFace, SittingFace, admission_tickets, check_in_list
from certsvc.rules.terms import Subject
from certsvc.services.context import Services
from certsvc.services.examination.sittings import Seat, found, roll
from certsvc.services.records.photos import kept_photo
from certsvc.store import EnrolmentRecord, PersonRecord, SeatRecord, SittingRecord


@dataclass(frozen=True, slots=True)
class Ticket:
    """One admission ticket as PDF."""

    ticket: str
    pdf: bytes


def check_in(services: Services, sitting_id: int) -> bytes:
    """The sitting's check-in list as PDF. Raises `NotFound`."""
    with services.database.reading() as session:
        row = found(session, sitting_id)
        return check_in_list(_face(services, row), list(_seats(services, session, row)))


def tickets(services: Services, sitting_id: int, *, ticket: str | None = None) -> Iterator[Ticket]:
    """Everyone's admission ticket, or the one of that number. Raises `NotFound`."""
    with services.database.reading() as session:
        row = found(session, sitting_id)
        face = _face(services, row)
        for seat in _seats(services, session, row, ticket):
            yield Ticket(seat.ticket, admission_tickets(face, [seat]))


def all_tickets(services: Services, sitting_id: int) -> bytes:
    """Everyone's admission ticket in one PDF, a page each. Raises `NotFound`, `Refused` where no one is on the roll."""
    with services.database.reading() as session:
        row = found(session, sitting_id)
        seats = list(_seats(services, session, row))
        if not seats:
            raise Refused("本场没有考生", "no one is on the roll of this sitting", where=str(sitting_id))
        return admission_tickets(_face(services, row), seats)


def _face(services: Services, row: SittingRecord) -> SittingFace:
    subject = Subject.of(row.subject)
    return SittingFace(
        number=row.id,
        on=row.sat_on,
        begins=row.begins,
        station=row.station,
        place=row.place,
        subject=(subject.zh, subject.en),
        issuer=(services.issuer.name_zh, services.issuer.name_en),
        draws=row.commitment is not None,
    )


def _seats(services: Services, session: Session, row: SittingRecord, ticket: str | None = None) -> Iterator[SeatFace]:
    """The roll as its papers show it, or the one of that ticket; two questions for all of them."""
    query = (
        select(EnrolmentRecord, PersonRecord)
        .join(PersonRecord, PersonRecord.id == EnrolmentRecord.person_id)
        .join(SeatRecord, SeatRecord.enrolment_id == EnrolmentRecord.id)
        .where(SeatRecord.sitting_id == row.id)
    )
    on_record = {enrolment.id: (enrolment, person) for enrolment, person in session.execute(query)}
    for seat in roll(session, row):
        if ticket in (None, seat.ticket):
            yield _seat(services, seat, *on_record[seat.enrolment_id])


def _seat(services: Services, seat: Seat, enrolment: EnrolmentRecord, person: PersonRecord) -> SeatFace:
    personal = services.vault.open(person.sealed, person.sealed_kid, person.id_lookup)
    sha256 = enrolment.photo_sha256
    on_file = sha256 is not None and services.folders.photo(sha256).is_file()
    return SeatFace(
        seat.number,
        seat.ticket,
        person.name,
        mask_id_number(str(personal["id_number"])),
        (seat.kind.zh, seat.kind.en),
        kept_photo(services.folders, sha256) if on_file else None,
    )
