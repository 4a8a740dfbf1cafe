"""Sittings: listed, made, one with its roll and papers, its draw shown and revealed (R1.6, R2.1, R3.3).

A station and its assessors see their own sittings alone, and a station admits one whose document it has in hand; whole
batches are the office's. Not here: who is entitled to a seat (`rules.admission`), the scoring sheet (`scores`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final

from flask import Response, request

from certsvc.errors import Conflict, NotFound, Refused
from certsvc.person.identity import IdentityDocument, IdType, parse_identity
from certsvc.rules.terms import Subject
from certsvc.services.examination import draw as drawing
from certsvc.services.examination import papers, sitting_list, sittings
from certsvc.services.examination.sitting_list import SittingState
from certsvc.services.examination.sittings import Admission, Sitting
from certsvc.services.publishing.static import refresh
from certsvc.services.staff.roles import Deed
from certsvc.web.answers import Answer
from certsvc.web.console.desk import Desk, go, render, scope, staff, typed, words
from certsvc.web.problems import status_of
from certsvc.web.requests import respond
from certsvc.web.site import site

desk = Desk("sittings", __name__)

PAGE: Final = 50
_FIELDS: Final = ("on", "at", "place", "station", "subject", "capacity")
_WHOM: Final = ("batch", "institution", "id_number", "id_type")
_PDF: Final = "application/pdf"


@desk.page("/console/sittings", Deed.READ_SITTINGS)
def list_() -> Response:
    """Of one state, page by page; both stand in the address."""
    state = SittingState.known(request.args.get("state", "open")) or SittingState.OPEN
    at = request.args.get("page", "0")
    page = int(at) if at.isascii() and at.isdigit() and len(at) < 6 else 0
    station = scope() if scope() is not None else request.args.get("station", "")[:100].strip() or None
    services = site().services
    listed = sitting_list.queue(services, state, station=station, page=page, most=PAGE)
    return render(
        "sittings.html",
        listed=listed[:PAGE],
        counts=sitting_list.count_by_state(services, station=station),
        state=state,
        states=tuple(SittingState),
        station=station if scope() is None else None,
        page=page,
        more=len(listed) > PAGE,
    )


@desk.page("/console/sittings/new", Deed.ARRANGE_SITTINGS)
def new() -> Response:
    return _new_page()


@desk.form("/console/sittings/new", Deed.ARRANGE_SITTINGS)
def create() -> Response:
    """Make one; of the practical, the commitment to its draw is public at once. Sent twice, there is one."""
    services = site().services
    try:
        made = sittings.add(
            services,
            sat_on=_day(typed("on", 10)),
            begins=typed("at", 5),
            place=typed("place", 300),
            station=typed("station", 300) if scope() is None else str(scope()),
            subject=_subject(typed("subject", 20)),
            capacity=_capacity(typed("capacity", 6)),
            by=staff().name,
        )
    except Refused as error:
        return _new_page(error)
    if made.commitment:
        refresh(services)  # what hinders it the next run makes good
    return go(f"/console/sittings/{made.id}")


@desk.page("/console/sittings/<int(max=2147483647):sitting_id>", Deed.READ_SITTINGS)
def show(sitting_id: int) -> Response:
    return _shown(sitting_id)


@desk.form("/console/sittings/<int(max=2147483647):sitting_id>/admit", Deed.ARRANGE_SITTINGS)
def admit(sitting_id: int) -> Response:
    """Put those on the roll who are entitled; the others are named with why. Sent twice, nothing changes."""
    sitting_list.check_seen_by(site().services, sitting_id, station=scope())
    try:
        done = sittings.admit(site().services, sitting_id, _whom(), by=staff().name)
    except Refused as error:
        return _shown(sitting_id, error=error)
    return _shown(sitting_id, done=done)


@desk.form("/console/sittings/<int(max=2147483647):sitting_id>/remove", Deed.ARRANGE_SITTINGS)
def remove(sitting_id: int) -> Response:
    """Take one off the roll, until the draw was shown."""
    return _done(sitting_id, lambda: sittings.remove(site().services, sitting_id, typed("ticket", 40), by=staff().name))


@desk.form("/console/sittings/<int(max=2147483647):sitting_id>/draw", Deed.SHOW_DRAW)
def draw(sitting_id: int) -> Response:
    """Show the draw, on the day; from then on no one is taken off the roll."""
    return _done(sitting_id, lambda: drawing.draw(site().services, sitting_id, by=staff().name))


@desk.form("/console/sittings/<int(max=2147483647):sitting_id>/close", Deed.ARRANGE_SITTINGS, again=True)
def close(sitting_id: int) -> Response:
    """End the roll and reveal the seed, at once in public."""

    def deed() -> None:
        sittings.close(site().services, sitting_id, by=staff().name)
        refresh(site().services)

    return _done(sitting_id, deed)


@desk.page("/console/sittings/<int(max=2147483647):sitting_id>/check-in.pdf", Deed.READ_SITTINGS)
def check_in(sitting_id: int) -> Response:
    """The list that candidates sign."""
    sitting_list.check_seen_by(site().services, sitting_id, station=scope())
    return respond(Answer(200, _PDF, papers.check_in(site().services, sitting_id)))


@desk.page("/console/sittings/<int(max=2147483647):sitting_id>/tickets.pdf", Deed.READ_SITTINGS)
def tickets(sitting_id: int) -> Response:
    """Everyone's admission ticket in one file."""
    sitting_list.check_seen_by(site().services, sitting_id, station=scope())
    return respond(Answer(200, _PDF, papers.all_tickets(site().services, sitting_id)))


@desk.page("/console/sittings/<int(max=2147483647):sitting_id>/tickets/<ticket>.pdf", Deed.READ_SITTINGS)
def ticket(sitting_id: int, ticket: str) -> Response:
    """One candidate's."""
    sitting_list.check_seen_by(site().services, sitting_id, station=scope())
    for one in papers.tickets(site().services, sitting_id, ticket=ticket):
        return respond(Answer(200, _PDF, one.pdf))
    raise NotFound("本场名单中没有该准考证号", "that ticket is not on this sitting's roll", where=ticket)


def _whom() -> list[int]:
    """Whom a form names: by document, or for the office a batch, an institution or both."""
    batch, institution, number = (typed(name, 300) or None for name in _WHOM[:3])
    identity = None if number is None else _identity(number)
    if scope() is not None and (batch or institution):
        raise Refused("按批次或机构编入由经办人办理", "whole batches are admitted by the office", where="batch")
    if not (batch or institution or identity):
        raise Refused("请写明编入谁：批次、机构或证件号码", "say whom to admit: a batch, an institution or a document")
    return sittings.enrolments_of(site().services, identity=identity, batch=batch, institution=institution)


def _identity(number: str) -> IdentityDocument:
    kind = IdType.known(typed("id_type")) or IdType.RESIDENT_ID
    return parse_identity(kind, number)


def _done(sitting_id: int, deed: Callable[[], object]) -> Response:
    """A deed on a sitting of one's own, and back to its page, where a refusal stands too."""
    sitting_list.check_seen_by(site().services, sitting_id, station=scope())
    try:
        deed()
    except Refused as error:
        return _shown(sitting_id, error=error)
    return go(f"/console/sittings/{sitting_id}")


def _shown(sitting_id: int, *, error: Refused | None = None, done: Admission | None = None) -> Response:
    services = site().services
    found, roll = sitting_list.show_to(services, sitting_id, station=scope())
    return render(
        "sitting.html",
        status=200 if error is None else status_of(error),
        it=found,
        roll=roll,
        drawn=drawing.shown_draw(services, sitting_id) if found.draw_shown else {},
        begun=services.today() >= found.sat_on,
        roll_stands=found.closed or found.confirmed,
        done=done,
        error="" if error is None else words(error),
        kept={name: typed(name, 300) if error is not None else "" for name in _WHOM},
        id_types=tuple(IdType),
        whole=scope() is None,
    )


def _new_page(error: Refused | None = None) -> Response:
    there: Sitting | None = None
    if isinstance(error, Conflict) and (error.where or "").isdigit():
        there, _ = sitting_list.show_to(site().services, int(error.where or 0), station=scope())
    return render(
        "sitting_new.html",
        status=200 if error is None else status_of(error),
        error="" if error is None else words(error),
        where=None if error is None else error.where,
        there=there,
        kept={name: typed(name, 300) for name in _FIELDS},
        subjects=tuple(Subject),
        stations=sitting_list.stations(site().services) if scope() is None else [],
        whole=scope() is None,
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused("请填写考试日期", "give the day of the sitting", where="on") from None


def _subject(text: str) -> Subject:
    known = Subject.known(text)
    if known is None:
        raise Refused("请选择科目", "choose the subject", where="subject")
    return known


def _capacity(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise Refused("容量应为正整数", "the capacity is a positive number", where="capacity")
    return int(text)
