"""Free retakes: which are open, which are about to be lost, the notice to those who hold them (R3.1, R3.3, R4.1)."""

from __future__ import annotations

from datetime import date
from typing import Final

from flask import Response, request

from certsvc.services.examination import retakes as service
from certsvc.services.staff.roles import Deed
from certsvc.web.console.desk import Desk, go, render, staff, typed
from certsvc.web.console.periods import day
from certsvc.web.site import site

desk = Desk("retakes", __name__)

PAGE: Final = 100
WITHIN: Final = {"30": 30, "90": 90, "all": None}
"""Within how many days they end, as the address says it."""


@desk.page("/console/retakes", Deed.READ_RETAKES)
def list_() -> Response:
    """Those that end soon, by the address; the next that may be open come with the next page."""
    within = request.args.get("within", "30")
    within = within if within in WITHIN else "30"
    page = service.open_retakes(site().services, WITHIN[within], after=_after(), most=PAGE)
    told = request.args.get("told", "")
    return render(
        "retakes.html",
        found=page.found,
        more=page.after,
        within=within,
        choices=tuple(WITHIN),
        today=site().services.today(),
        start="after" in request.args,
        told=told if told.isascii() and told.isdigit() else "",
    )


@desk.form("/console/retakes/notify", Deed.NOTIFY_RETAKES)
def notify() -> Response:
    """Tell each holder whose retake ends soon, who was not told and is not booked; sent twice, each is told once."""
    days = WITHIN.get(typed("within", 4)) or WITHIN["30"]
    assert days is not None
    before = {(one.enrolment_id, one.subject) for one in service.ending(site().services, days) if one.noticed}
    after = {
        (one.enrolment_id, one.subject) for one in service.notify(site().services, days, by=staff().name) if one.noticed
    }
    return go(f"/console/retakes?within={days}&told={len(after - before)}")


def _after() -> tuple[date, int] | None:
    """Where the page begins."""
    last, number = day("after"), request.args.get("id", "")
    plain = number.isascii() and number.isdigit() and len(number) < 10
    return (last, int(number)) if last is not None and plain else None
