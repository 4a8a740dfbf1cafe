"""What paper without an entry in the register must be: dated while paper was issued, and numbered as paper was (R8.1a).

A scheme may say both in its table `[paper]`. Where it does not, paper ended the day before the first scheme of the
place took effect, no first day is known, and its number has the form of one of the numberings. Not here: the numberings
and what they come to (`credential.number`), who approves a reissue.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from certsvc.errors import ReissueRefused
from certsvc.rules.terms import Scheme


def check_issued_on(issued_on: date, schemes: Sequence[Scheme], today: date) -> None:
    """Raises `ReissueRefused` for a day on which no paper was issued under these schemes, all of one family."""
    last = max((_last_day(scheme, schemes) for scheme in schemes), default=today)
    first = min((day for scheme in schemes if (day := scheme.paper.first_day) is not None), default=date.min)
    if not first <= issued_on <= min(last, today):
        raise ReissueRefused(
            f"{issued_on} 不是当地颁发纸质证书的日期（至 {min(last, today)}）",
            f"no paper was issued there on {issued_on}: it ended on {min(last, today)}",
            rule="R8.1a",
            where="issued_on",
        )


def number_form(schemes: Sequence[Scheme]) -> str | None:
    """The form (a regular expression) of the numbers of paper; None where no scheme gives one."""
    forms = [one.paper.number_form for one in schemes if one.paper.number_form is not None]
    return "|".join(f"(?:{form})" for form in forms) or None


def _last_day(scheme: Scheme, schemes: Sequence[Scheme]) -> date:
    if scheme.paper.last_day is not None:
        return scheme.paper.last_day
    return min(one.in_force_from for one in schemes) - timedelta(days=1)
