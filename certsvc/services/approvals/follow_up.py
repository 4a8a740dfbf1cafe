"""What follows once an approval was carried out: an approved batch is signed, what is new is drawn and made public.

Not here: the deeds (`desk`). What follows may be hindered (keys that are elsewhere, a full disk) and is caught up by
the next `certsvc issue`; the deed stands.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from certsvc.errors import CertsvcError
from certsvc.services.approvals.desk import Outcome
from certsvc.services.certificates.correct import Corrected
from certsvc.services.context import Services
from certsvc.services.holders.contact import ContactChange
from certsvc.services.issuing.batches import ApprovedBatch
from certsvc.services.issuing.issue import finish
from certsvc.services.issuing.render import render
from certsvc.services.publishing.static import refresh
from certsvc.store import CertificateRecord


def follow_up(services: Services, done: Outcome, *, by: str) -> CertsvcError | None:
    """Sign, draw and publish what the deed made; answers what hindered it."""
    if isinstance(done, ContactChange):
        return None
    new: Sequence[int] = ()
    hindered: CertsvcError | None = None
    if isinstance(done, Corrected):
        new = [done.certificate_id]
    elif isinstance(done, ApprovedBatch):
        try:
            new = _signed(services, by)
        except CertsvcError as error:
            hindered = error
    # A PDF carries its receipt, so the signed head that covers it goes out before it is drawn.
    hindered = refresh(services) or hindered
    for certificate_id in new:
        try:
            render(services, [certificate_id])
        except CertsvcError as error:
            hindered = error
    return hindered


def _signed(services: Services, by: str) -> list[int]:
    """Sign what is reserved; the certificates, by id."""
    numbers = [one.number for one in finish(services, by=by).issued]
    with services.database.reading() as session:
        query = select(CertificateRecord.id).where(CertificateRecord.number.in_(numbers))
        return list(session.scalars(query.where(CertificateRecord.pdf_sha256.is_(None))))
