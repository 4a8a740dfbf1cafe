"""One issuing run where the keys are elsewhere: steps 1 and 2 here, the rest by the signer, batch by batch.

Run again, it first brings the signer what an earlier run reserved. Not here: the signer itself (`signer`).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from certsvc.errors import BatchRefused
from certsvc.jobs.issue_run import Progress
from certsvc.jobs.signer import ask
from certsvc.services.context import Services
from certsvc.services.issuing.issue import IssueReport, issue, issued_of, waiting_batches


def run(
    services: Services,
    socket: Path,
    *,
    by: str,
    approved_by: str | None,
    on: date | None = None,
    everyone: bool = False,
    progress: Progress = lambda _step, _done, _total: None,
    report: IssueReport | None = None,
) -> IssueReport:
    """Reserve, and have the signer issue. Raises `Unavailable` where it does not answer, `Refused` with its words; what
    was issued before stands in the `report` that the caller gave."""
    if approved_by is None:
        # Reserved without an approval, they could never be signed: the approval is part of the document.
        raise BatchRefused("签名进程只签已批准的批次", "the signer signs approved batches only; name who approved it")
    report = issue(services, by=by, on=on, approved_by=approved_by, reserve_only=True, everyone=everyone, report=report)
    return bring(services, socket, report, progress=progress)


def bring(
    services: Services, socket: Path, report: IssueReport, *, progress: Progress = lambda _step, _done, _total: None
) -> IssueReport:
    """Have the signer issue what is reserved, and add it to the report. Raises as `run`."""
    batches = waiting_batches(services)
    for done, batch in enumerate(batches, 1):
        ask(socket, {"batch": batch})
        report.issued += issued_of(services, batch)
        progress("issue", done, len(batches))
    ask(socket, {"finish": True})
    return report
