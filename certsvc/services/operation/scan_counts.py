"""How often a certificate was scanned, by day and coarse origin: added up, and read by its holder and the issuer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date
from typing import NamedTuple

from sqlalchemy import Date, bindparam, select, text

from certsvc.store import Database, ScanCountRecord

_ADD = text(
    "insert into scan_count (scanned_on, number, origin, scans) values (:on, :number, :origin, :scans) "
    "on conflict (scanned_on, number, origin) do update set scans = scan_count.scans + excluded.scans"
).bindparams(bindparam("on", type_=Date))


class Place(NamedTuple):
    on: date
    number: str
    origin: str  # ISO 3166 country, or country and province; "-" unknown


def add(database: Database, counts: Mapping[Place, int]) -> None:
    """Add scans to the counts. Raises `Unavailable`."""
    bound = [
        {"on": place.on, "number": place.number, "origin": place.origin, "scans": scans}
        for place, scans in sorted(counts.items())  # in one order, so that two processes never wait for each other
    ]
    with database.writing("scans") as session:
        session.execute(_ADD, bound)


def of_certificate(database: Database, number: str) -> list[tuple[date, str, int]]:
    """Day, origin, scans of one certificate, newest day first. Raises `Unavailable`."""
    return of_certificates(database, [number]).get(number, [])


def of_certificates(database: Database, numbers: Collection[str]) -> dict[str, list[tuple[date, str, int]]]:
    """`of_certificate` for each number that was scanned at all. Raises `Unavailable`."""
    found: defaultdict[str, list[tuple[date, str, int]]] = defaultdict(list)
    with database.reading() as session:
        rows = session.scalars(
            select(ScanCountRecord)
            .where(ScanCountRecord.number.in_(numbers))
            .order_by(ScanCountRecord.on.desc(), ScanCountRecord.origin)
        )
        for row in rows:
            found[row.number].append((row.on, row.origin, row.scans))
    return dict(found)
