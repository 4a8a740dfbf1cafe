"""The period that an address asks for."""

from __future__ import annotations

from datetime import date
from typing import Final

from flask import request

_FIRST: Final = date(2000, 1, 1)
_LAST: Final = date(9000, 1, 1)


def day(name: str) -> date | None:
    """The day in the address under this name; None for none, or for what is none."""
    try:
        found = date.fromisoformat(request.args.get(name, "")[:10])
    except ValueError:
        return None
    return found if _FIRST <= found <= _LAST else None


def period(since: date, until: date) -> tuple[date, date]:
    """The first and the last day that the address asks for; by default these. The earlier of both is the first."""
    first, last = day("since") or since, day("until") or until
    return (first, last) if first <= last else (last, first)
