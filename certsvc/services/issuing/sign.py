"""Steps 3 to 6 of the issuing cycle: check → sign → append the leaf → store, in the caller's one transaction.

What is signed is the document that was reserved, never one made again. Source: docs/issuing.md; ADR 4 to 6.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType

from sqlalchemy.orm import Session

from certsvc.credential.canonical import load_strict
from certsvc.credential.checked import CheckedDocument, check
from certsvc.credential.compact import compact_claims
from certsvc.credential.document import CertificateClaims
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.issuing.reserve import Ready
from certsvc.services.issuing.reserved import changed, check_reserved
from certsvc.services.log.append import append
from certsvc.services.log.clock import time_to_sign
from certsvc.services.records.due import unmark_issued
from certsvc.services.records.secrets import open_secrets
from certsvc.signing.keys import Purpose
from certsvc.signing.proofs import sign_compact, sign_credential
from certsvc.store import ISSUED, CertificateRecord, LogSessionRecord
from certsvc.transparency import leaf
from certsvc.transparency.leaf import Event, Leaf


@dataclass(frozen=True, slots=True)
class Signed:
    """A row whose signature is made, with what its leaf says; not stored yet."""

    row: CertificateRecord
    claims: CertificateClaims
    commitment: str


LeafOf = Callable[[Signed, date], Leaf]
"""What the log says of one certificate, given the day of logging."""


def sign_reserved(
    services: Services,
    session: Session,
    rows: Sequence[CertificateRecord],
    leaf_of: LeafOf,
    *,
    passed: Mapping[str, int] | None = None,
    ready: Mapping[str, Ready] = MappingProxyType({}),
) -> None:
    """Sign and log `reserved` rows, in order, and mark them `issued`. The caller commits.

    `passed` says how many passed at each sitting: the log hears of it before the certificates that rest on it.
    `ready` are those that the same run reserved and checked, by token; each is good for one signature.
    Raises `DocumentRefused` or `BatchRefused` where a stored document was changed, `KeyMissing`, `Conflict`,
    `ClockWentBack`, `ClockLeapt`.
    """
    check_reserved(services, session, [row for row in rows if row.token not in ready])
    at = time_to_sign(services, session)
    day = at.astimezone(SHANGHAI).date()
    signed = [_sign(services, row, at, ready.get(row.token)) for row in rows]
    leaves = [leaf_of(one, day) for one in signed]
    sessions = _session_leaves(session, leaves, passed or {}, day)
    contents = [leaf.encode(one) for one in (*sessions, *leaves)]
    # Step 5: the head moves by compare-and-swap; step 6: the same transaction stores the signed bytes.
    indexes = append(session, contents, at=at)
    for one, index in zip(signed, indexes[len(sessions) :], strict=True):
        one.row.leaf_index = index
        one.row.stage = ISSUED
    session.flush()
    unmark_issued(session, [row.enrolment_id for row in rows if row.enrolment_id is not None])


def _sign(services: Services, row: CertificateRecord, at: datetime, ready: Ready | None) -> Signed:
    # Step 3: on the bytes as stored, since the disk between reserving and signing is not trusted. They are checked
    # once more, or are those that this run checked when it reserved them.
    if ready is not None and row.sealed != ready.values["sealed"]:
        raise changed(row)
    checked = _checked(row) if ready is None else ready.checked
    if checked.canonical != row.document or (checked.claims.number, checked.claims.token) != (row.number, row.token):
        raise changed(row)
    # Step 4.
    signer = services.keystore.signer(Purpose.CREDENTIAL)
    method = f"{services.issuer.did}#{signer.kid}"
    compact = compact_claims(checked.claims, checked.digest8)
    row.credential = sign_credential(checked, signer, method, at)
    row.credential_sha256 = hashlib.sha256(row.credential).hexdigest()
    row.cose = sign_compact(compact, signer)
    kept = open_secrets(services.vault, row) if ready is None else ready.kept
    return Signed(row, checked.claims, leaf.commit_credential(kept.leaf_salt, row.credential))


def _checked(row: CertificateRecord) -> CheckedDocument:
    document = load_strict(row.document)
    assert isinstance(document, dict)
    return check(document, drawable=None)


def _session_leaves(session: Session, leaves: Sequence[Leaf], passed: Mapping[str, int], day: date) -> list[Leaf]:
    """How many passed, for each sitting of this batch of which the log has not heard, or not enough (L6)."""
    issuing = Counter(one.session for one in leaves if one.event is Event.ISSUE and one.session is not None)
    said: list[Leaf] = []
    for code, count in sorted(issuing.items()):
        record = session.get(LogSessionRecord, code)
        if record is None:
            record = LogSessionRecord(session=code, passed=-1, issued=0)
            session.add(record)
        record.issued += count
        due = max(passed.get(code, 0), record.issued, record.passed)
        if due > record.passed:
            record.passed = due
            said.append(Leaf(event=Event.SESSION, day=day, session=code, passed=due))
    return said
