"""Oversight: pass rates, retakes, days from exam to certificate, scans, what waits; each with its table and as CSV.

Charts are drawn here, as SVG without a style or a script (the policy allows neither). Not here: the figures
(`services.operation.overview`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from flask import Response, request

from certsvc.errors import NotFound
from certsvc.services.operation import overview as service
from certsvc.services.operation.overview import Overview, Rate
from certsvc.services.staff.roles import Deed
from certsvc.web.console.as_csv import csv_file
from certsvc.web.console.desk import Desk, render
from certsvc.web.console.periods import period
from certsvc.web.site import site

desk = Desk("overview", __name__)

_USUAL_DAYS: Final = 364
_MOST_ROWS: Final = 20
_MOST_COLUMNS: Final = 120
_HEIGHT: Final = 100.0

_Row = Sequence[object]


@dataclass(frozen=True, slots=True)
class Column:
    """One upright bar in a drawing a hundred high: from `x`, `width` wide, what it stands for, and how many."""

    x: float
    y: float
    width: float
    height: float
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Columns:
    """A drawing of upright bars; `width` is how many there are."""

    bars: tuple[Column, ...]

    @property
    def width(self) -> int:
        return max(len(self.bars), 1)

    @property
    def most(self) -> int:
        return max((one.count for one in self.bars), default=0)


def columns(counts: Sequence[tuple[str, int]]) -> Columns:
    """Bars as high as the highest is, a hundred; one that is not empty can be seen."""
    most = max((count for _, count in counts), default=0) or 1
    drawn = []
    for at, (label, count) in enumerate(counts):
        height = max(_HEIGHT * count / most, 1.0 if count else 0.0)
        drawn.append(Column(at + 0.1, round(_HEIGHT - height, 2), 0.8, round(height, 2), label, count))
    return Columns(tuple(drawn))


def by_days(scans: Sequence[tuple[date, int]], since: date, until: date) -> list[tuple[str, int]]:
    """Every day of a period with its count; in longer ones so many days together that they stay legible."""
    days = (until - since).days + 1
    step = -(-days // _MOST_COLUMNS)
    counts = [0] * (-(-days // step))
    for day, count in scans:
        counts[(day - since).days // step] += count
    return [(str(since + timedelta(days=at * step)), count) for at, count in enumerate(counts)]


@desk.page("/console/overview", Deed.READ_FIGURES)
def show() -> Response:
    since, until = _period()
    found = service.overview(site().services, since, until)
    return render(
        "overview.html",
        it=found,
        since=since,
        until=until,
        today=site().services.today(),
        most=_MOST_ROWS,
        files={name: f"/console/overview/csv?table={name}&since={since}&until={until}" for name in _TABLES},
        spans=columns([(_span(one.first, one.last), one.count) for one in found.certificates.spans]),
        scans=columns(by_days(found.scans, since, until)),
    )


@desk.page("/console/overview/csv", Deed.READ_FIGURES)
def file() -> Response:
    """One of the tables, whole."""
    name = request.args.get("table", "")
    if name not in _TABLES:
        raise NotFound("没有这份表", "there is no such table", where=name[:40])
    since, until = _period()
    head, rows = _TABLES[name]
    return csv_file(f"{name}-{since}-{until}.csv", head, rows(service.overview(site().services, since, until)))


def _period() -> tuple[date, date]:
    today = site().services.today()
    return period(today - timedelta(days=_USUAL_DAYS), today)


def _span(first: int, last: int | None) -> str:
    return f"{first}+" if last is None else f"{first}–{last}"


def _figures(rate: Rate) -> tuple[object, ...]:
    return rate.sat, rate.passed, rate.percent, rate.absent


_RATE: Final = ("sat", "passed", "percent", "absent")
_TABLES: Final[Mapping[str, tuple[Sequence[str], Callable[[Overview], list[_Row]]]]] = {
    "waits": (
        ("what", "count", "oldest since"),
        lambda it: [(one.kind, one.count, one.since) for one in it.waits],
    ),
    "subjects": (
        ("subject", "kind", *_RATE),
        lambda it: [(one.subject.value, one.kind.value, *_figures(one.rate)) for one in it.subjects],
    ),
    "institutions": (
        ("institution", *_RATE),
        lambda it: [(one.institution, *_figures(one.rate)) for one in it.institutions],
    ),
    "exams": (
        ("day", "subject", "sitting", "station", *_RATE),
        lambda it: [(one.day, one.subject.value, one.sitting, one.station, *_figures(one.rate)) for one in it.exams],
    ),
    "certificates": (
        ("days from", "to", "certificates"),
        lambda it: [(one.first, one.last, one.count) for one in it.certificates.spans],
    ),
    "scans": (("day", "scans"), lambda it: list(it.scans)),
    "places": (("origin", "scans"), lambda it: list(it.places)),
}
