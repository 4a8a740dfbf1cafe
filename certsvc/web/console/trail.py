"""The audit trail: who did what, when; searched by the address, and as a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

from flask import Response, request

from certsvc.services.operation.trail_list import Event, Wanted, events, every_event
from certsvc.services.staff.roles import Deed
from certsvc.web.console.desk import Desk, render
from certsvc.web.site import site

desk = Desk("trail", __name__)

PAGE: Final = 100
_LONGEST: Final = 200
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


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
    """All that the search finds, oldest first; nothing in it begins as a spreadsheet's formula does."""
    answer = Response(_lines(every_event(site().services, _wanted())), mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="trail.csv"'
    return answer


def safe(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _lines(found: Iterable[Event]) -> Iterator[str]:
    yield "\ufeff" + _line(("at", "by", "action", "object kind", "object", "detail"))
    for one in found:
        cells = (one.at.isoformat(), one.by, one.action, one.object_kind, one.object_key, one.detail)
        yield _line(tuple(map(safe, cells)))


def _line(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _wanted() -> Wanted:
    """What the address asks for; a day that is none asks for nothing."""
    texts = {name: request.args.get(name, "")[:_LONGEST].strip() for name in ("by", "action", "object")}
    return Wanted(texts["by"], texts["action"], texts["object"], _day("since"), _day("until"))


def _day(name: str) -> date | None:
    try:
        day = date.fromisoformat(request.args.get(name, "")[:10])
    except ValueError:
        return None
    return day if date(2000, 1, 1) <= day <= date(9000, 1, 1) else None
