"""A batch that one person asks for and another approves, over exactly what the first one saw (R1.6, R7.1).

The request is sealed with the enrolments, the date of issue, and a digest of all that would be certified of them. Where
a result, a name, a portrait or the scheme is another when it is approved, it is refused. Approving reserves the whole
batch in the transaction of the decision; signing is the next step's (`issue.finish`, or the signer's), and is finished
by the next run where it was stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from certsvc.credential.canonical import canonical_bytes
from certsvc.services.context import Services
from certsvc.services.issuing.approved import KIND, enrolments_of
from certsvc.services.issuing.intended import Intended
from certsvc.services.issuing.issue import BATCH, IssueReport, Run
from certsvc.services.issuing.plan import intend, survey
from certsvc.services.records.approvals import ApprovalState, ask, changed_since, decide, opened, waiting
from certsvc.store import ApprovalRecord, IssueBatchRecord, SchemeRecord


@dataclass(frozen=True, slots=True)
class ProposedBatch:
    """What would be issued, and the request for it; None where nothing is due."""

    approval_id: int | None
    preview: IssueReport

    def as_json(self) -> dict[str, object]:
        return {
            **self.preview.as_json(),
            "approval": self.approval_id,
            "state": None if self.approval_id is None else "waiting",
        }


@dataclass(frozen=True, slots=True)
class ApprovedBatch:
    """A batch that is reserved and may be signed: how many, and who was refused after all."""

    approval_id: int
    reserved: int
    report: IssueReport


def propose_batch(
    services: Services,
    *,
    by: str,
    on: date | None = None,
    reason: str = "签发 issue",
    everyone: bool = False,
) -> ProposedBatch:
    """Ask to issue to everyone who is due, of those who are marked or of all; asked for again as it stands, it is the
    same request.

    Raises `ClockLeapt`, and `Refused` for a reason that is none.
    """
    rehearsal = Run(services, IssueReport(on or services.today(), dry_run=True), by, None, None)
    preview, found = rehearsal.report, survey(services, rehearsal.report.on, everyone=everyone)
    preview.already = found.already
    rehearsal.forget(found)
    ids = sorted(rehearsal.rehearse(found))
    if not ids:
        return ProposedBatch(None, preview)
    with services.database.writing() as session:
        content: dict[str, str | None] = {
            "on": preview.on.isoformat(),
            "count": str(len(ids)),
            "enrolments": " ".join(map(str, ids)),
            "digest": _digest(services, session, ids, preview.on, by),
        }
        return ProposedBatch(_asked(services, session, content, reason=reason, by=by), preview)


def approve_batch(services: Services, approval_id: int, *, by: str) -> ApprovedBatch:
    """Approve a batch and reserve it; nothing of it is signed yet.

    Raises `NotFound`, and `Refused` where `by` asked for it, or where it would not be the same batch any more.
    """
    with services.database.writing() as session:
        row, asked = waiting(services, session, approval_id, by)
        on, ids = date.fromisoformat(str(asked.content["on"])), enrolments_of(asked)
        if _digest(services, session, ids, on, asked.asked_by) != asked.content["digest"]:
            raise changed_since(approval_id, "成绩、姓名、照片或方案", "a result, name, portrait or scheme")
        run = Run(services, IssueReport(on, dry_run=False), asked.asked_by, by, None)
        reserved = sum(len(run.reserve_some(session, some)) for some in _lots(ids))
        decide(services, session, row, ApprovalState.APPROVED, by=by)
        return ApprovedBatch(approval_id, reserved, run.report)


def _asked(services: Services, session: Session, content: dict[str, str | None], *, reason: str, by: str) -> int:
    """The request that waits for this very batch, or a new one: a double click asks once."""
    query = select(ApprovalRecord).where(
        ApprovalRecord.kind == KIND, ApprovalRecord.state == ApprovalState.WAITING, ApprovalRecord.asked_by == by
    )
    for row in session.scalars(query):
        if opened(services.vault, row).content == content:
            return row.id
    return ask(services, session, KIND, f"{content['on']} ({content['count']})", content, reason=reason, by=by).id


def _lots(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def _digest(services: Services, session: Session, ids: Sequence[int], on: date, by: str) -> str:
    """SHA-256 over all that would be certified of these enrolments, and the results that it rests on."""
    batch = IssueBatchRecord(on=on, by=by, approved_by=None)
    intended = [one for some in _lots(ids) for one in intend(services, session, some, batch)]
    schemes = {one.scheme_id: session.get_one(SchemeRecord, one.scheme_id).toml for one in intended}
    told = [_told(one) for one in sorted(intended, key=lambda one: one.enrolment_id or 0)]
    whole = {"certificates": told, "schemes": [schemes[each] for each in sorted(schemes)]}
    return hashlib.sha256(canonical_bytes(whole)).hexdigest()


def _told(one: Intended) -> dict[str, object]:
    return {
        "enrolment": one.enrolment_id,
        "name": one.holder_name,
        "id_type": one.identity.type.value,
        "id_number": one.identity.number,
        "scheme": one.scheme_id,
        "photo": one.photo_sha256,
        "sex": None if one.sex is None else one.sex.value,
        "birth_date": None if one.birth_date is None else one.birth_date.isoformat(),
        "scores": dict(one.scores or {}),
        "evidence": list(one.evidence),
    }
