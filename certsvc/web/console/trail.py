"""The audit trail: who did what, when; searched by the address, and as a CSV file."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from certsvc.services.operation.trail_list import Wanted, events, every_event
from certsvc.services.staff.roles import Deed
from certsvc.web.console.as_csv import csv_file
from certsvc.web.console.desk import Desk, render
from certsvc.web.console.periods import day
from certsvc.web.site import site

desk = Desk("trail", __name__)

PAGE: Final = 100
_LONGEST: Final = 200


@desk.page("/console/trail", Deed.READ_TRAIL)
def list_() -> Response:
    before = request.args.get("before", "")
    at = int(before) if before.isascii() and before.isdigit() and len(before) < 10 else None
    found = events(site().services, _wanted(), before=at, most=PAGE + 1)
    kept = {name: request.args.get(name, "")[:_LONGEST] for name in ("by", "action", "object", "since", "until")}
    more = found[PAGE - 1].id if len(found) > PAGE else None
    return render("trail.html", found=found[:PAGE], kept=kept, more=more, start=at is not None)


@desk.page("/console/trail.csv", Deed.READ_TRAIL)
def file() -> Response:
    """All that the search finds, oldest first."""
    rows = (
        (one.at.isoformat(), one.by, one.action, one.object_kind, one.object_key, one.detail)
        for one in every_event(site().services, _wanted())
    )
    return csv_file("trail.csv", ("at", "by", "action", "object kind", "object", "detail"), rows)


def _wanted() -> Wanted:
    """What the address asks for; a day that is none asks for nothing."""
    texts = {name: request.args.get(name, "")[:_LONGEST].strip() for name in ("by", "action", "object")}
    return Wanted(texts["by"], texts["action"], texts["object"], day("since"), day("until"))
