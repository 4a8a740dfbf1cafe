"""A detached SM2 signature beside a certificate: over the very bytes of its credential as published (docs/gm.md).

Made on demand and not kept: it adds to the credential's own proofs and changes none of them. Only a credential that
is genuine by those gets one. Not here: the algorithm (`signing.gm`), checking one (`verification.gm`).
"""

from __future__ import annotations

from certsvc.errors import DocumentRefused
from certsvc.services.context import Services
from certsvc.services.records.versions import newest_version, require_not_erased
from certsvc.services.trail import note
from certsvc.services.verification.genuine import genuine_claims
from certsvc.signing.keys import Purpose


def gm_sign(services: Services, number: str, *, by: str) -> bytes:
    """The signature (DER) for the newest version. Raises `NotFound`, `KeyMissing`, `DocumentRefused`, `KeyRefused`."""
    signer = services.keystore.signer(Purpose.GM)
    with services.database.writing() as session:
        row = newest_version(session, number)
        require_not_erased(row)
        if row.credential is None or genuine_claims(services, row) is None:
            raise DocumentRefused("登记与所签内容不一致", "the register is not what was signed", where=number)
        signature = signer.sign(row.credential)
        note(
            session,
            at=services.now(),
            by=by,
            action="certificate.gm-sign",
            object_kind="certificate",
            object_key=f"{row.number}-v{row.version}",
            key=signer.kid,
        )
    return signature
