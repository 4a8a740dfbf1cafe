"""Requests for a reissue of lost or damaged paper: the queue, and its decision by another than recorded them (R8).

Of an application from home a reviewer looks at the pictures, asks for what is missing, and where the register has no
entry records what they show, for another reviewer to approve. Not here: who may approve (`certificates.reissue`).
"""

from __future__ import annotations

from datetime import date
from typing import Final

from flask import Response, request

from certsvc.errors import Refused
from certsvc.rules.four_eyes import is_second_person
from certsvc.services.certificates import home_review, reissue
from certsvc.services.certificates.reissue_request import RequestState
from certsvc.services.certificates.unregistered_paper import Evidence
from certsvc.services.issuing.render import render as draw
from certsvc.services.publishing.static import refresh
from certsvc.services.staff.roles import Deed
from certsvc.web.answers import Answer
from certsvc.web.console.desk import Desk, go, render, staff, typed, words
from certsvc.web.problems import status_of
from certsvc.web.requests import respond
from certsvc.web.site import site

desk = Desk("reissues", __name__)

_STATES: Final = tuple(state.value for state in RequestState)


@desk.page("/console/reissues", Deed.READ_REISSUES)
def list_() -> Response:
    return _list()


@desk.form("/console/reissues/<int(max=2147483647):request_id>/approve", Deed.DECIDE_REISSUES, again=True)
def approve(request_id: int) -> Response:
    """Issue the electronic certificate; asked twice, there is one."""
    services = site().services
    try:
        done = reissue.approve(services, request_id, by=staff().name, decision_note=typed("note") or None)
    except Refused as error:
        return _not_done(request_id, error)
    site().teller.wake()  # an applicant at home is told also where others are not
    if done.certificate_id is not None and not done.existing:
        draw(services, [done.certificate_id])
        refresh(services)
    return go(f"/console/certificates/{done.number}")


@desk.form("/console/reissues/<int(max=2147483647):request_id>/reject", Deed.DECIDE_REISSUES, again=True)
def reject(request_id: int) -> Response:
    try:
        reissue.reject(site().services, request_id, by=staff().name, decision_note=typed("note"))
    except Refused as error:
        return _not_done(request_id, error)
    site().teller.wake()
    return go("/console/reissues")


@desk.page("/console/reissues/<int(max=2147483647):request_id>", Deed.DECIDE_REISSUES)
def show(request_id: int) -> Response:
    """What an applicant sent from home. Who looks stands in the trail."""
    return _shown(request_id)


@desk.page("/console/reissues/<int(max=2147483647):request_id>/pictures/<int(max=2147483647):at>", Deed.DECIDE_REISSUES)
def picture(request_id: int, at: int) -> Response:
    """One picture of it, for the one who decides."""
    return respond(Answer(200, "image/jpeg", home_review.picture(site().services, request_id, at)))


@desk.form("/console/reissues/<int(max=2147483647):request_id>/return", Deed.DECIDE_REISSUES)
def return_for(request_id: int) -> Response:
    """Ask the applicant for what is missing."""
    try:
        home_review.return_for(site().services, request_id, missing=typed("missing", 600), by=staff().name)
    except Refused as error:
        return _not_done(request_id, error)
    site().sender.wake()
    return go(f"/console/reissues/{request_id}")


@desk.form("/console/reissues/<int(max=2147483647):request_id>/confirm", Deed.DECIDE_REISSUES, again=True)
def confirm(request_id: int) -> Response:
    """Record what the pictures show of a paper that the register has not; another person then approves."""
    services = site().services
    try:
        issuer = typed("issuer", 300) or services.issuer.name_zh
        seen = Evidence(typed("evidence", 1100), _day(typed("issued_on", 10)), issuer)
        home_review.confirm(services, request_id, seen, by=staff().name)
    except Refused as error:
        return _not_done(request_id, error)
    return go(f"/console/reissues/{request_id}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused("请填写原发证日期", "give the date on the paper", where="issued_on") from None


def _not_done(request_id: int, error: Refused) -> Response:
    """Why not, on the page that it was sent from."""
    if "here" in request.form:
        return _shown(request_id, error=words(error), status=status_of(error))
    return _list(error=f"{request_id}: {words(error)}", status=status_of(error))


def _shown(request_id: int, *, error: str = "", status: int = 200) -> Response:
    seen = home_review.look(site().services, request_id, by=staff().name)
    confirmed_by = None if seen.request.home is None else seen.request.home.confirmed_by
    fields = ("missing", "evidence", "issued_on", "issuer", "note")
    return render(
        "reissue.html",
        status=status,
        it=seen.request,
        typed=seen.typed,
        shows=seen.shows,
        register=seen.register,
        own=confirmed_by is not None and not is_second_person(staff().name, confirmed_by),
        kept={name: typed(name, 1100) if request.method == "POST" else "" for name in fields},
        error=error,
    )


def _list(*, error: str = "", status: int = 200) -> Response:
    state = request.args.get("state", "applied")
    state = state if state in _STATES else "applied"
    found = reissue.list_requests(site().services, state)
    return render(
        "reissues.html", status=status, found=found, state=state, states=_STATES, error=error, note=typed("note")
    )
