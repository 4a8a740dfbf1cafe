"""One more version of a certificate, by the same numbered steps as any issue (R8.3, R8.4; docs/issuing.md).

Reserve, check, sign, log and store happen in the caller's one transaction, together with whatever moves with them: the
status of the version before, or the paper that is replaced. Not here: who may have one (`reissue`, `correct`).
"""

from __future__ import annotations

import hmac
from datetime import date

from sqlalchemy.orm import Session

from certsvc.services.context import Services
from certsvc.services.issuing.intended import Intended
from certsvc.services.issuing.reserve import reserve
from certsvc.services.issuing.sign import Signed, sign_reserved
from certsvc.signing.keys import Purpose
from certsvc.store import CertificateRecord
from certsvc.transparency import leaf as leaves
from certsvc.transparency.leaf import Event, Leaf


def issue_version(
    services: Services, session: Session, intended: Intended, *, event: Event, replaces: str | None
) -> CertificateRecord:
    """Reserve and sign one version; its row, issued. `replaces` is the commitment its leaf makes to what it replaces.

    Raises what reserving refuses with, such as `MissingGlyph`.
    """
    rows, refusals = reserve(services, session, [intended], at=services.now())
    if refusals:
        raise refusals[0].error

    def leaf_of(signed: Signed, day: date) -> Leaf:
        return Leaf(
            event=event,
            day=day,
            credential=signed.commitment,
            dated=signed.claims.reissued_on,
            evidence=signed.claims.evidence_commitment,
            replaces=replaces,
        )

    sign_reserved(services, session, rows, leaf_of)
    return rows[0]


def paper_commitment(services: Services, number: str) -> str:
    """The log's name for one paper certificate: the same each time, so that a second reissue shows (L9), and guessed
    by no one, since its salt comes from a key."""
    salt = hmac.digest(services.keystore.secret(Purpose.LOOKUP), f"paper salt\0{number}".encode(), "sha256")
    return leaves.commit(salt, "certsvc log paper v1", number)
