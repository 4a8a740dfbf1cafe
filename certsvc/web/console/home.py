"""The first page of one who is signed in: what waits for them, by count, and the desks of their role."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response

from certsvc.services.approvals import desk as approvals
from certsvc.services.certificates import reissue
from certsvc.services.examination import sitting_list
from certsvc.services.examination.sitting_list import SittingState
from certsvc.services.notices import listing
from certsvc.services.notices.deliver import FAILED
from certsvc.services.registration import review_list
from certsvc.services.staff.roles import Deed, may
from certsvc.web.console import results
from certsvc.web.console.desk import render, scope, staff
from certsvc.web.site import site


@dataclass(frozen=True, slots=True)
class Waiting:
    """So many things of a kind; which kind, the page says."""

    kind: str
    count: int


def page() -> Response:
    """Counts alone: as many questions to the register however much waits."""
    here, someone = site(), staff()
    role, services = someone.role, here.services
    waiting: list[Waiting] = []
    if may(role, Deed.READ_APPROVALS):
        others, own = approvals.count_for(services, someone.name)
        if may(role, Deed.DECIDE_APPROVALS):
            waiting.append(Waiting("approvals", others))
        waiting.append(Waiting("own approvals", own))
    if may(role, Deed.READ_REGISTRATIONS):
        counts = review_list.count_by_state(services, institution=scope())
        if may(role, Deed.REVIEW_REGISTRATIONS):
            waiting.append(Waiting("registrations", counts.get("submitted", 0)))
        if may(role, Deed.ENTER_REGISTRATIONS):
            waiting.append(Waiting("returned", counts.get("returned", 0)))
    if may(role, Deed.ENTER_SCORES) or may(role, Deed.CONFIRM_SCORES):
        sittings = sitting_list.count_by_state(services, station=scope())
        waiting.append(Waiting("sittings", sittings.get(SittingState.OPEN, 0)))
    if may(role, Deed.PUBLISH_RESULTS) or may(role, Deed.ENTER_RESULTS):
        waiting.append(Waiting("overdue results", results.overdue_now()))
    if may(role, Deed.DECIDE_REISSUES):
        waiting.append(Waiting("reissues", reissue.count_waiting(services)))
    if may(role, Deed.SEND_NOTICES):
        waiting.append(Waiting("notices", listing.counts(services)[FAILED]))
    return render("home.html", waiting=waiting)
