"""Issuing: who is due and why some are not, and the request for exactly that batch, which another person approves.

What is shown is a rehearsal, of the first 200; what is asked for is sealed with a digest of all that would be
certified, and is refused where any of it is another by then (`services.issuing.batches`). Not here: signing, which
follows the approval.
"""

from __future__ import annotations

from flask import Response

from certsvc.errors import Refused
from certsvc.services.issuing.batches import propose_batch
from certsvc.services.issuing.issue import preview as rehearsed
from certsvc.services.staff.roles import Deed
from certsvc.web.console.desk import Desk, go, render, staff, words
from certsvc.web.problems import status_of
from certsvc.web.site import site

desk = Desk("issuing", __name__)


@desk.page("/console/issuing", Deed.READ_BATCHES)
def preview() -> Response:
    """Who would be issued a certificate today, with the number it would have, and who is refused."""
    return _shown()


@desk.form("/console/issuing/propose", Deed.PROPOSE_BATCH)
def propose() -> Response:
    """Ask for all that is due; asked for twice as it stands, it is one request."""
    try:
        asked = propose_batch(site().services, by=staff().name)
    except Refused as error:
        return _shown(error=words(error), status=status_of(error))
    if asked.approval_id is None:
        return _shown()
    return go(f"/console/approvals/{asked.approval_id}")


def _shown(*, error: str = "", status: int = 200) -> Response:
    now = rehearsed(site().services, by=staff().name)
    due = now.reserved + now.due - len(now.report.refusals)
    return render("issuing.html", status=status, it=now.report, due=due, error=error)
