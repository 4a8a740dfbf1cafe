"""What waits for a second person: the list, one request whole, and its decision (R1.6, R8.4a, R10)."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from certsvc.errors import Refused
from certsvc.rules.four_eyes import is_second_person
from certsvc.services.approvals import desk as service
from certsvc.services.approvals.desk import Approval
from certsvc.services.approvals.follow_up import follow_up
from certsvc.services.records.approvals import ApprovalState
from certsvc.services.staff.roles import Deed, may
from certsvc.web.console.desk import Desk, go, render, staff, typed, words
from certsvc.web.problems import status_of
from certsvc.web.site import site

desk = Desk("approvals", __name__)

PAGE: Final = 50
_STATES: Final = tuple(state.value for state in ApprovalState)


@desk.page("/console/approvals", Deed.READ_APPROVALS)
def list_() -> Response:
    """Those that wait, oldest first; by the address also those that were decided."""
    state = request.args.get("state", "waiting")
    state = state if state in _STATES else "waiting"
    after = request.args.get("after", "0")
    start = int(after) if after.isascii() and after.isdigit() and len(after) < 10 else 0
    found = service.list_approvals(site().services, ApprovalState(state), after=start, most=PAGE + 1)
    more = found[PAGE - 1].id if len(found) > PAGE else None
    return render("approvals.html", found=found[:PAGE], state=state, states=_STATES, more=more, start=start)


@desk.page("/console/approvals/<int(max=2147483647):approval_id>", Deed.READ_APPROVALS)
def show(approval_id: int) -> Response:
    return _shown(service.show(site().services, approval_id))


@desk.form("/console/approvals/<int(max=2147483647):approval_id>/approve", Deed.DECIDE_APPROVALS, again=True)
def approve(approval_id: int) -> Response:
    """Carry it out, if it is still what was seen; sent twice, it has one effect and one answer."""
    here, name = site(), staff().name
    try:
        done = service.approve(here.services, approval_id, by=name, digest=typed("digest", 64))
    except Refused as error:
        return _not_done(approval_id, "approved", error)
    hindered = follow_up(here.services, done, by=name)
    return go(f"/console/approvals/{approval_id}" + ("?later" if hindered is not None else ""))


@desk.form("/console/approvals/<int(max=2147483647):approval_id>/reject", Deed.DECIDE_APPROVALS, again=True)
def reject(approval_id: int) -> Response:
    return _turned_down(approval_id)


@desk.form("/console/approvals/<int(max=2147483647):approval_id>/withdraw", Deed.WITHDRAW_APPROVALS)
def withdraw(approval_id: int) -> Response:
    """One's own, while it waits."""
    found = service.show(site().services, approval_id)
    if is_second_person(staff().name, found.asked_by):
        error = Refused("只能撤回自己的申请", "only one's own request can be withdrawn", where=str(approval_id))
        return _shown(found, error=words(error), status=422)
    return _turned_down(approval_id)


def _turned_down(approval_id: int) -> Response:
    reason = typed("reason")
    try:
        service.reject(site().services, approval_id, by=staff().name, reason=reason)
    except Refused as error:
        return _not_done(approval_id, "rejected", error, reason=reason)
    return go(f"/console/approvals/{approval_id}")


def _not_done(approval_id: int, state: str, error: Refused, *, reason: str = "") -> Response:
    """The request as it stands now, and why nothing was done; nothing to say where they did that very thing before."""
    found = service.show(site().services, approval_id)
    if (found.state, found.decided_by) == (state, staff().name):
        return go(f"/console/approvals/{approval_id}")
    stale = found.state != ApprovalState.WAITING
    return _shown(found, error=words(error), reason=reason, status=409 if stale else status_of(error))


def _shown(found: Approval, *, error: str = "", reason: str = "", status: int = 200) -> Response:
    someone = staff()
    waits = found.state == ApprovalState.WAITING and found.fault is None
    second = is_second_person(someone.name, found.asked_by)
    return render(
        "approval.html",
        status=status,
        it=found,
        error=error,
        reason=reason,
        decides=waits and second and may(someone.role, Deed.DECIDE_APPROVALS),
        withdraws=waits and not second and may(someone.role, Deed.WITHDRAW_APPROVALS),
        later="later" in request.args,
    )
