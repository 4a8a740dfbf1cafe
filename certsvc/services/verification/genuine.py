"""Is this stored credential ours, and does it still say what the register's columns say?

The signed bytes are the truth and the columns an index (ADR 1): an index that disagrees with the bytes is
a register somebody has changed, and what it finds is not shown as genuine. Only what follows from the signed bytes is
kept, their digest and the signature's verdict, never a status (ADR 14).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from threading import Lock
from typing import Final, NamedTuple

from sqlalchemy.orm import object_session

from certsvc.credential.document import CertificateClaims
from certsvc.credential.status import Status
from certsvc.person.name import fold
from certsvc.services.context import Services
from certsvc.services.log.proven import proven_index
from certsvc.signing.proofs import CredentialCheck, verify_credential
from certsvc.signing.trust import TrustBundle
from certsvc.store import CertificateRecord
from certsvc.store.base import folded_number

_KEPT: Final = 4096
_STORED: Final = frozenset(status.value for status in Status) - {Status.EXPIRED.value}


class _Judged(NamedTuple):
    """What follows from signed bytes alone. `sha256` is in hex."""

    check: CredentialCheck
    sha256: str


class _Verdicts:
    """The last few thousand verdicts under one trust bundle; another bundle (a key distrusted) starts afresh."""

    def __init__(self, trust: TrustBundle) -> None:
        self.trust = trust
        # By the bytes themselves: hashing them costs more, and gives up the interpreter in the midst of a scan.
        self._kept: OrderedDict[tuple[bytes, int | None], _Judged] = OrderedDict()
        self._lock = Lock()

    def of(self, credential: bytes, log_index: int | None) -> _Judged:
        key = credential, log_index
        with self._lock:
            if (known := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return known
        check = verify_credential(credential, self.trust, log_index=log_index)
        found = _Judged(check, hashlib.sha256(credential).hexdigest())
        with self._lock:
            self._kept[key] = found
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found


_verdicts: _Verdicts | None = None


def check_credential(credential: bytes, trust: TrustBundle, *, log_index: int | None = None) -> CredentialCheck:
    """`verify_credential` for bytes at rest, remembering the last 4,096 answers of the bundle used last."""
    return _judge(credential, trust, log_index).check


def _judge(credential: bytes, trust: TrustBundle, log_index: int | None) -> _Judged:
    global _verdicts  # noqa: PLW0603 - one process serves one installation, so one bundle
    known = _verdicts
    if known is None or known.trust is not trust:
        known = _verdicts = _Verdicts(trust)
    return known.of(credential, log_index)


def check_row(services: Services, row: CertificateRecord) -> CredentialCheck:
    """`verify_credential` for a row's bytes. Only those of a distrusted key ask the log, which then must prove them.

    Raises `Unavailable` where the log is needed and there is no signed head to prove anything by.
    """
    return _judge_row(services, row).check


def _judge_row(services: Services, row: CertificateRecord) -> _Judged:
    assert row.credential is not None
    found = _judge(row.credential, services.trust, None)
    if found.check.ok or all(key.distrusted_from is None for key in services.trust.keys.values()):
        return found
    index = _proven(services, row)
    return found if index is None else _judge(row.credential, services.trust, index)


def _proven(services: Services, row: CertificateRecord) -> int | None:
    """`proven_index`, by the session that read the row where it is still open: a second one beside it could wait for a
    writer who waits for the first."""
    if (session := object_session(row)) is not None:
        return proven_index(services, session, row)
    with services.database.reading() as own:
        return proven_index(services, own, row)


def genuine_claims(services: Services, row: CertificateRecord) -> CertificateClaims | None:
    """The claims of a row whose signature holds and whose columns repeat them; None where anything disagrees."""
    if not isinstance(row.credential, bytes):  # SQLite keeps whatever type a hand-made UPDATE writes
        return None
    check, sha256 = _judge_row(services, row)
    if not check.ok or check.claims is None or not _repeats(row, check.claims, sha256):
        return None
    return check.claims


def repeats(row: CertificateRecord, claims: CertificateClaims) -> bool:
    """Whether the row's columns are those of the claims, its digest its bytes', its status one that is stored."""
    if row.credential is None or not folds_agree(row):
        return False
    return _repeats(row, claims, hashlib.sha256(row.credential).hexdigest())


def folds_agree(row: CertificateRecord) -> bool:
    """Whether what look-ups find the row by (R9) is its own number and name, folded."""
    return row.number_folded == folded_number(row.number) and row.holder_name_folded == fold(row.holder_name)


def _repeats(row: CertificateRecord, claims: CertificateClaims, sha256: str) -> bool:
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
        and row.credential_sha256 == sha256
    )
