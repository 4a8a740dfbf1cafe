"""Is this stored credential ours, and does it still say what the register's columns say?

The signed bytes are the truth and the columns an index (design, decision 1): an index that disagrees with the bytes is
a register somebody has changed, and what it finds is not shown as genuine. Only the signature's verdict is kept, by
the SHA-256 of the bytes, never a status (shared/measured.md, "Verification endpoint").
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from threading import Lock
from typing import Final

from certsvc.credential.document import CertificateClaims
from certsvc.credential.status import Status
from certsvc.services.context import Services
from certsvc.services.log_proven import proven_index
from certsvc.signing.proofs import CredentialCheck, verify_credential
from certsvc.signing.trust import TrustBundle
from certsvc.store import CertificateRecord

_KEPT: Final = 4096
_STORED: Final = frozenset(status.value for status in Status) - {Status.EXPIRED.value}


class _Verdicts:
    """The last few thousand verdicts under one trust bundle; another bundle (a key distrusted) starts afresh."""

    def __init__(self, trust: TrustBundle) -> None:
        self.trust = trust
        self._kept: OrderedDict[tuple[bytes, int | None], CredentialCheck] = OrderedDict()
        self._lock = Lock()

    def of(self, credential: bytes, log_index: int | None) -> CredentialCheck:
        key = hashlib.sha256(credential).digest(), log_index
        with self._lock:
            if (known := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return known
        found = verify_credential(credential, self.trust, log_index=log_index)
        with self._lock:
            self._kept[key] = found
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found


_verdicts: _Verdicts | None = None


def check_credential(credential: bytes, trust: TrustBundle, *, log_index: int | None = None) -> CredentialCheck:
    """`verify_credential` for bytes at rest, remembering the last 4,096 answers of the bundle used last."""
    global _verdicts  # noqa: PLW0603 - one process serves one installation, so one bundle
    known = _verdicts
    if known is None or known.trust is not trust:
        known = _verdicts = _Verdicts(trust)
    return known.of(credential, log_index)


def check_row(services: Services, row: CertificateRecord) -> CredentialCheck:
    """`verify_credential` for a row's bytes. Only those of a distrusted key ask the log, which then must prove them.

    Raises `Unavailable` where the log is needed and there is no signed head to prove anything by.
    """
    assert row.credential is not None
    found = check_credential(row.credential, services.trust)
    if found.ok or all(key.distrusted_from is None for key in services.trust.keys.values()):
        return found
    with services.database.reading() as session:
        index = proven_index(services, session, row)
    return found if index is None else check_credential(row.credential, services.trust, log_index=index)


def genuine_claims(services: Services, row: CertificateRecord) -> CertificateClaims | None:
    """The claims of a row whose signature holds and whose columns repeat them; None where anything disagrees."""
    if not isinstance(row.credential, bytes):  # SQLite keeps whatever type a hand-made UPDATE writes
        return None
    found = check_row(services, row)
    if not found.ok or found.claims is None or not repeats(row, found.claims):
        return None
    return found.claims


def repeats(row: CertificateRecord, claims: CertificateClaims) -> bool:
    """Whether the row's columns are those of the claims, its digest its bytes', its status one that is stored."""
    return (
        row.status in _STORED
        and row.number == claims.number
        and row.version == claims.version
        and row.token == claims.token
        and row.holder_name == claims.holder_name
        and row.occupation_code == claims.occupation_code
        and row.level == claims.level
        and row.issued_on == claims.issued_on
        and row.reissued_on == claims.reissued_on
        and row.valid_until == claims.valid_until
        and row.credential is not None
        and row.credential_sha256 == hashlib.sha256(row.credential).hexdigest()
    )
