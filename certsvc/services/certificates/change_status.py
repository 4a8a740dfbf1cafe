"""Revoke, suspend, reinstate: who, when, why, and a leaf in the public log for each (R7.5).

Why is said twice: in words of one's own, which stay inside since they may name a person, and by a code, whose words the
public reads in both languages (`credential.reasons`).
With real keys ending a certificate and putting it back take two people: one asks, another approves. Suspending is done
by one, at once: it can be taken back, and what is urgent (a stolen paper, the wrong person) must not wait for anybody.
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

from certsvc.credential.reasons import FOR_STATUS, StatusReason, reason_of
from certsvc.credential.status import Status, check_change
from certsvc.errors import StatusChangeRefused
from certsvc.services.context import SHANGHAI, Services
from certsvc.services.log.append import append
from certsvc.services.log.clock import time_to_sign
from certsvc.services.log.last_word import OnRecord, require_last_word
from certsvc.services.notices.kinds import NoticeKind
from certsvc.services.notices.tell import tell_certificates
from certsvc.services.records.approvals import (
    ApprovalState,
    ask,
    changed_since,
    decide,
    require_development,
    waiting,
)
from certsvc.services.records.erased import log_name
from certsvc.services.records.versions import newest_version
from certsvc.services.trail import note
from certsvc.store import CertificateRecord, StatusChangeRecord
from certsvc.transparency import leaf
from certsvc.transparency.leaf import Event, Leaf

LONGEST_REASON: Final = 500
KIND: Final = "certificate.status"
_EVENTS: Final = MappingProxyType(
    {Status.SUSPENDED: Event.SUSPEND, Status.REVOKED: Event.REVOKE, Status.VALID: Event.REINSTATE}
)

_TOLD: Final = MappingProxyType(
    {
        Status.SUSPENDED: NoticeKind.SUSPENDED,
        Status.REVOKED: NoticeKind.REVOKED,
        Status.VALID: NoticeKind.REINSTATED,
    }
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


@dataclass(frozen=True, slots=True)
class ProposedChange:
    """A change that waits for a second person."""

    approval_id: int
    number: str
    from_status: Status
    to_status: Status

    def as_json(self) -> dict[str, object]:
        return {
            "approval": self.approval_id,
            "state": "waiting",
            "number": self.number,
            "from": self.from_status.value,
            "to": self.to_status.value,
        }


def propose(
    services: Services,
    number: str,
    to: Status,
    *,
    reason: str,
    by: str,
    code: StatusReason | None = None,
) -> ProposedChange:
    """Ask to revoke a certificate or to put it back in force. Raises as `revoke`."""
    why = _checked(reason, code)
    with services.database.writing() as session:
        row, _ = _changeable(services, session, number, to)
        content = {
            "status": to.value,
            "was": row.status,
            "version": str(row.version),
            "code": None if code is None else code.value,
        }
        asked = ask(services, session, KIND, row.number, content, reason=why, by=by)
        return ProposedChange(asked.id, row.number, Status(row.status), to)


def approve(services: Services, approval_id: int, *, by: str) -> StatusChange:
    """Carry it out. Raises `NotFound`, `Refused` where `by` asked for it or the certificate has changed since."""
    with services.database.writing() as session:
        row, asked = waiting(services, session, approval_id, by)
        to, code = Status(str(asked.content["status"])), asked.content["code"]
        newest = newest_version(session, asked.object_key)
        if (newest.status, str(newest.version)) != (asked.content["was"], asked.content["version"]):
            raise changed_since(approval_id, "证书的状态或版本", "the certificate's status or version")
        decide(services, session, row, ApprovalState.APPROVED, by=by)
        return change_within(
            services,
            session,
            asked.object_key,
            to,
            reason=asked.reason,
            by=asked.asked_by,
            code=None if code is None else reason_of(code),
            approved_by=by,
        )


def revoke(
    services: Services, number: str, *, reason: str, by: str, code: StatusReason = StatusReason.OTHER
) -> StatusChange:
    """End a certificate for good; with development keys alone. The public reads `code`, never `reason`.

    Raises `Refused`, and as `change_within`.
    """
    require_development(services)
    return _change(services, number, Status.REVOKED, reason=reason, by=by, code=code)


def suspend(
    services: Services, number: str, *, reason: str, by: str, code: StatusReason = StatusReason.OTHER
) -> StatusChange:
    """Take a certificate out of force until it is reinstated; code and reason as for `revoke`.

    One person does it, at once. Raises as `change_within`.
    """
    return _change(services, number, Status.SUSPENDED, reason=reason, by=by, code=code)


def reinstate(services: Services, number: str, *, reason: str, by: str) -> StatusChange:
    """Put a suspended certificate back in force; with development keys alone. Raises as `revoke`."""
    require_development(services)
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


def change_within(
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
    """The change as a part of the caller's transaction, whose two people have been asked for; `reason` as
    `check_reason` answers it, `detail` for the trail.

    Raises `NotFound`, `StatusChangeRefused`, and `LogMismatch` where the row says otherwise than the log.
    """
    row, commitment = _changeable(services, session, number, to)
    before = Status(row.status)
    at = time_to_sign(services, session)
    day = at.astimezone(SHANGHAI).date()
    content = leaf.encode(Leaf(event=_EVENTS[to], day=day, credential=commitment))
    (index,) = append(session, [content], at=at)
    record_change(session, row, to, at=at, by=by, reason=reason, leaf_index=index, code=code)
    tell_certificates(services, session, _TOLD[to], [row], f"leaf {index}")
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


def _change(
    services: Services, number: str, to: Status, *, reason: str, by: str, code: StatusReason | None = None
) -> StatusChange:
    why = _checked(reason, code)
    with services.database.writing() as session:
        return change_within(services, session, number, to, reason=why, by=by, code=code)


def _checked(reason: str, code: StatusReason | None) -> str:
    if code is not None and code not in FOR_STATUS:
        raise StatusChangeRefused(
            f"{code.value} 不是暂停或撤销的原因",
            f"{code.value} is no reason for a suspension or a revocation",
            rule="R7.5",
        )
    return check_reason(reason)


def _changeable(services: Services, session: Session, number: str, to: Status) -> tuple[CertificateRecord, str]:
    """The newest version, held against the log, and its commitment there; raises where it cannot become `to`."""
    row = newest_version(session, number)
    commitment = log_name(services.vault, row)
    require_last_word(services, row, commitment, OnRecord(session, [row]))
    check_change(Status(row.status), to)
    return row, commitment
