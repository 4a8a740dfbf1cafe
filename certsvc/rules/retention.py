"""How long what is kept, by the scheme's terms, in calendar days (R10).

Functions of dates alone; the caller knows which day it is. Not here: what then goes (`services.persons`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from certsvc.person.age import MONTHS_A_YEAR, add_months
from certsvc.rules.terms import Scheme

_LAST_YEAR = date.max.year


def kept_until(issued: Iterable[date], scheme: Scheme) -> date:
    """The first day on which a certificate need not be kept any more; `issued` are the days of its versions."""
    newest, years = max(issued), scheme.retention.certificate_years
    return date.max if newest.year + years >= _LAST_YEAR else add_months(newest, MONTHS_A_YEAR * years)


def portrait_goes_if_closed_by(today: date, scheme: Scheme) -> date:
    """Of who got no certificate: the portrait goes where the enrolment was closed by this day."""
    return _before(today, scheme.retention.portrait_months)


def registration_goes_if_closed_by(today: date, scheme: Scheme) -> date:
    """The same for the registration and its results."""
    return _before(today, scheme.retention.registration_months)


def _before(today: date, months: int) -> date:
    years = months // MONTHS_A_YEAR + 1
    return date.min if today.year <= years else add_months(today, -months)
