"""Revoke, suspend, reinstate: who, when, why, and a leaf in the public log for each (R7.5).

Why is said twice: in words of one's own, which stay inside since they may name a person, and by a code, whose words the
public reads in both languages (`credential.reasons`).
One transaction: read the newest version under the write lock → hold its row against the log → check that the change is
allowed → append the leaf → move the status and keep what it was → note the deed. Superseding is not done here but
together with the successor's issue (`correct`); expiry is computed, never stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Final

from sqlalchemy.orm import Session

from certsvc.credential.reasons import FOR_STATUS, StatusReason
from certsvc.credential.status import Status, check_change
from certsvc.errors import StatusChangeRefused
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.log.append import append
from certsvc.services.log.clock import time_to_sign
from certsvc.services.log.last_word import OnRecord, require_last_word
from certsvc.services.records.secrets import open_secrets
from certsvc.services.records.versions import newest_version
from certsvc.services.trail import note
from certsvc.store import CertificateRecord, StatusChangeRecord
from certsvc.transparency import leaf
from certsvc.transparency.leaf import Event, Leaf

LONGEST_REASON: Final = 500
_EVENTS: Final = MappingProxyType(
    {Status.SUSPENDED: Event.SUSPEND, Status.REVOKED: Event.REVOKE, Status.VALID: Event.REINSTATE}
)


@dataclass(frozen=True, slots=True)
class StatusChange:
    """What was changed: the certificate's number and version, from what to what, on which day, and its leaf."""

    number: str
    version: int
    from_status: Status
    to_status: Status
    on: date
    leaf_index: int

    def as_json(self) -> dict[str, object]:
        return {
            "number": self.number,
            "version": self.version,
            "from": self.from_status.value,
            "to": self.to_status.value,
            "on": self.on.isoformat(),
            "leaf_index": self.leaf_index,
        }


def revoke(
    services: Services, number: str, *, reason: str, by: str, code: StatusReason = StatusReason.OTHER
) -> StatusChange:
    """End a certificate for good. The public reads `code`, never `reason`. Raises as `_change`."""
    return _change(services, number, Status.REVOKED, reason=reason, by=by, code=code)


def suspend(
    services: Services, number: str, *, reason: str, by: str, code: StatusReason = StatusReason.OTHER
) -> StatusChange:
    """Take a certificate out of force until it is reinstated; code and reason as for `revoke`.

    Raises as `_change`.
    """
    return _change(services, number, Status.SUSPENDED, reason=reason, by=by, code=code)


def reinstate(services: Services, number: str, *, reason: str, by: str) -> StatusChange:
    """Put a suspended certificate back in force. Raises as `_change`."""
    return _change(services, number, Status.VALID, reason=reason, by=by)


def check_reason(reason: str) -> str:
    """The reason without blanks at its ends; raises `StatusChangeRefused` for none, or one too long to be shown."""
    text = reason.strip()
    if not text or len(text) > LONGEST_REASON or not text.isprintable():
        raise StatusChangeRefused(
            f"须写明原因（1–{LONGEST_REASON} 字，一行）",
            f"a reason of 1 to {LONGEST_REASON} characters is due",
            rule="R7.5",
        )
    return text


def record_change(
    session: Session,
    row: CertificateRecord,
    to: Status,
    *,
    at: datetime,
    by: str,
    reason: str,
    leaf_index: int,
    code: StatusReason | None = None,
) -> None:
    """Move the row's status and keep the change. The transition has been checked and its leaf appended."""
    on = at.astimezone(SHANGHAI).date()
    session.add(
        StatusChangeRecord(
            certificate_id=row.id,
            from_status=row.status,
            to_status=to.value,
            on=on,
            at=at,
            by=by,
            reason=reason,
            reason_code=None if code is None else code.value,
            leaf_index=leaf_index,
        )
    )
    row.status = to.value
    row.status_changed_on = on
    row.status_reason = None if code is None else code.value


def _change(
    services: Services, number: str, to: Status, *, reason: str, by: str, code: StatusReason | None = None
) -> StatusChange:
    """Raises `NotFound`, `StatusChangeRefused`, and `LogMismatch` where the row says otherwise than the log."""
    why = check_change_asked(reason, code)
    with services.database.writing() as session:
        return carry_out(services, session, number, to, reason=why, by=by, code=code)


def check_change_asked(reason: str, code: StatusReason | None) -> str:
    """The reason as `check_reason` gives it; raises `StatusChangeRefused` also for a code of another kind of change."""
    why = check_reason(reason)
    if code is not None and code not in FOR_STATUS:
        raise StatusChangeRefused(
            f"{code.value} 不是暂停或撤销的原因",
            f"{code.value} is no reason for a suspension or a revocation",
            rule="R7.5",
        )
    return why


def carry_out(
    services: Services,
    session: Session,
    number: str,
    to: Status,
    *,
    reason: str,
    by: str,
    code: StatusReason | None = None,
    **detail: object,
) -> StatusChange:
    """The change, within the caller's transaction; `detail` goes into the trail. Raises as `_change`."""
    row = newest_version(session, number)
    assert row.credential is not None
    commitment = leaf.commit_credential(open_secrets(services.vault, row).leaf_salt, row.credential)
    require_last_word(services, row, commitment, OnRecord(session, [row]))
    before = Status(row.status)
    check_change(before, to)
    at = time_to_sign(services, session)
    day = at.astimezone(SHANGHAI).date()
    content = leaf.encode(Leaf(event=_EVENTS[to], day=day, credential=commitment))
    (index,) = append(session, [content], at=at)
    record_change(session, row, to, at=at, by=by, reason=reason, leaf_index=index, code=code)
    # The reason stays out of the trail: staff may name a person in it.
    note(
        session,
        at=at,
        by=by,
        action=f"certificate.{_EVENTS[to].value}",
        object_kind="certificate",
        object_key=f"{row.number}-v{row.version}",
        leaf=index,
        **detail,
    )
    return StatusChange(row.number, row.version, before, to, day, index)
