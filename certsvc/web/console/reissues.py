"""Requests for a reissue of lost or damaged paper: the queue, and its decision by another than recorded them (R8)."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from certsvc.errors import Refused
from certsvc.services.certificates import reissue
from certsvc.services.certificates.reissue_request import RequestState
from certsvc.services.issuing.render import render as draw
from certsvc.services.publishing.static import refresh
from certsvc.services.staff.roles import Deed
from certsvc.web.console.desk import Desk, go, render, staff, typed, words
from certsvc.web.problems import status_of
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
        return _list(error=f"{request_id}: {words(error)}", status=status_of(error))
    if done.certificate_id is not None and not done.existing:
        draw(services, [done.certificate_id])
        refresh(services)
    return go(f"/console/certificates/{done.number}")


@desk.form("/console/reissues/<int(max=2147483647):request_id>/reject", Deed.DECIDE_REISSUES, again=True)
def reject(request_id: int) -> Response:
    try:
        reissue.reject(site().services, request_id, by=staff().name, decision_note=typed("note"))
    except Refused as error:
        return _list(error=f"{request_id}: {words(error)}", status=status_of(error))
    return go("/console/reissues")


def _list(*, error: str = "", status: int = 200) -> Response:
    state = request.args.get("state", "applied")
    state = state if state in _STATES else "applied"
    found = reissue.list_requests(site().services, state)
    return render(
        "reissues.html", status=status, found=found, state=state, states=_STATES, error=error, note=typed("note")
    )
