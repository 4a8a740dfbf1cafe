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
from certsvc.services.issuing.render import render
from certsvc.services.publishing.static import refresh


def follow_up(services: Services, done: Outcome) -> CertsvcError | None:
    """Draw and publish what the deed made; answers what hindered it."""
    if isinstance(done, ContactChange):
        return None
    if isinstance(done, Corrected):
        try:
            render(services, [done.certificate_id])
        except CertsvcError as error:
            return error
    return refresh(services)
