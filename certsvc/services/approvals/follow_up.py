"""What follows once an approval was carried out: the new version is drawn, and what is public brought up to date.

Not here: the deeds (`desk`). What follows may be hindered (a full disk) and is caught up by the next run; the deed
stands.
"""

from __future__ import annotations

from certsvc.errors import CertsvcError
from certsvc.services.approvals.desk import Outcome
from certsvc.services.certificates.correct import Corrected
from certsvc.services.context import Services
from certsvc.services.holders.contact import ContactChange
from certsvc.services.issuing.batches import ApprovedBatch
from certsvc.services.issuing.issue import finish
from certsvc.services.issuing.render import render, waiting
from certsvc.services.publishing.static import refresh


def follow_up(services: Services, done: Outcome, *, by: str) -> CertsvcError | None:
    """Sign, draw and publish what the deed made; answers what hindered it: the next `certsvc issue` makes it good."""
    if isinstance(done, ContactChange):
        return None
    hindered = None
    try:
        if isinstance(done, ApprovedBatch):
            finish(services, by=by)
        if isinstance(done, Corrected):
            render(services, [done.certificate_id])
    except CertsvcError as error:
        hindered = error
    published = refresh(services)
    if isinstance(done, ApprovedBatch) and hindered is None:
        # A PDF carries its receipt, so the signed head that covers it goes out before it is drawn.
        try:
            with services.database.reading() as session:
                ids = waiting(session)
            render(services, ids)
        except CertsvcError as error:
            hindered = error
    return hindered or published
