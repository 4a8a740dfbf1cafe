"""How often a certificate was scanned, by day and coarse origin: added up, and read by its holder and the issuer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date
from typing import Final, NamedTuple

from sqlalchemy import select

from certsvc.store import Database, ScanCountRecord

# By the driver itself: these are thousands, and whatever stands between takes ten times as long as the row.
_ADD: Final = (
    "insert into scan_count (scanned_on, number, origin, scans) values ({0}, {0}, {0}, {0}) "
    "on conflict (scanned_on, number, origin) do update set scans = scan_count.scans + excluded.scans"
)


class Place(NamedTuple):
    on: date
    number: str
    origin: str  # ISO 3166 country, or country and province; "-" unknown


def add(database: Database, counts: Mapping[Place, int]) -> None:
    """Add scans to the counts. Raises `Unavailable`."""
    in_order = sorted(counts.items())  # so that two processes never wait for each other's rows
    with database.writing("scans", small=True) as session:
        connection = session.connection()
        if database.is_sqlite:  # which keeps days as text
            rows = [(on.isoformat(), number, origin, scans) for (on, number, origin), scans in in_order]
            connection.exec_driver_sql(_ADD.format("?"), rows)
        else:
            connection.exec_driver_sql(_ADD.format("%s"), [(*place, scans) for place, scans in in_order])


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
