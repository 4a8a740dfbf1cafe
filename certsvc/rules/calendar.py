"""Expected dates and validity: when scores and certificates can be looked for, and until when one is in force.

Calendar days in Asia/Shanghai; the caller knows which day it is. Source: R6; validity R0, R7.2.
"""

from __future__ import annotations

from datetime import date, timedelta

from certsvc.person.age import add_months
from certsvc.rules.terms import Scheme


def expected_scores(sat_on: date, scheme: Scheme) -> date:
    """The day about which a sitting's scores can be seen, once published."""
    return sat_on + timedelta(days=scheme.calendar.scores_after_days)


def expected_certificate(completed_on: date, scheme: Scheme) -> tuple[date, date]:
    """The first and the last day on which the certificate is expected after the completing sitting."""
    earliest, latest = scheme.calendar.certificate_after_days
    return completed_on + timedelta(days=earliest), completed_on + timedelta(days=latest)


def valid_until(issued_on: date, scheme: Scheme) -> date | None:
    """The last day in force, the same day of the month as the issue; None for life."""
    if scheme.validity_months is None:
        return None
    return add_months(issued_on, scheme.validity_months)
