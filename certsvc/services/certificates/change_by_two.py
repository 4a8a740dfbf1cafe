"""Revoke, suspend, reinstate by two people: one asks, another approves, which carries it out (R7.5, R1.6).

What is asked for names the version and the status that it was asked about; where either is another by then, it is asked
for again. Not here: the change itself (`change_status`), how a request is kept (`records.approvals`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from certsvc.credential.reasons import StatusReason, reason_of
from certsvc.credential.status import Status, check_change
from certsvc.errors import StatusChangeRefused
from certsvc.services.certificates.change_status import StatusChange, carry_out, check_change_asked
from certsvc.services.context import Services
from certsvc.services.records.approvals import ApprovalState, ask, decide, waiting
from certsvc.services.records.versions import newest_version

KINDS: Final[Mapping[str, Status]] = MappingProxyType(
    {
        "certificate.revoke": Status.REVOKED,
        "certificate.suspend": Status.SUSPENDED,
        "certificate.reinstate": Status.VALID,
    }
)
"""Each kind of request, and the status that it leads to."""


def propose(
    services: Services, kind: str, number: str, *, reason: str, by: str, code: StatusReason | None = None
) -> int:
    """Ask for a change; the number of the request. Raises `NotFound`, `StatusChangeRefused`."""
    to = KINDS[kind]
    if to is not Status.VALID:
        code = code or StatusReason.OTHER
    why = check_change_asked(reason, code)
    with services.database.writing() as session:
        row = newest_version(session, number)
        check_change(Status(row.status), to)
        content = {
            "name": row.holder_name,
            "version": str(row.version),
            "was_status": row.status,
            "code": None if code is None else code.value,
        }
        return ask(services, session, kind, row.number, content, reason=why, by=by).id


def approve(services: Services, approval_id: int, *, by: str) -> StatusChange:
    """Carry it out. Raises `NotFound`, `Refused` (not by the one who asked), and as `change_status` does."""
    with services.database.writing() as session:
        row, asked = waiting(services, session, approval_id, by)
        newest = newest_version(session, asked.object_key)
        if (str(newest.version), newest.status) != (asked.content["version"], asked.content["was_status"]):
            raise StatusChangeRefused(
                "申请后该证书已有变化，请重新申请",
                "the certificate has changed since; ask for it again",
                rule="R7.5",
                where=asked.object_key,
            )
        given = asked.content["code"]
        done = carry_out(
            services,
            session,
            asked.object_key,
            KINDS[asked.kind],
            reason=asked.reason,
            by=asked.asked_by,
            code=None if given is None else reason_of(given),
            approved_by=by,
            approval=approval_id,
        )
        decide(services, session, row, ApprovalState.APPROVED, by=by)
        return done
