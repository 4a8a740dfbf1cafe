"""An import into the register of former paper that waits for a second person (R8.1, R1.6).

An entry of that register is itself an answer ("genuine paper") and what a reissue rests on, so with real keys it is not
one person's word. The file waits whole, sealed in the request; approving imports those very bytes, all or nothing, and
by the rules as they stand then. Not here: reading it (`import_paper`).
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sqlalchemy.orm import Session

from certsvc.errors import FileRefused
from certsvc.services.certificates.import_paper import carry_out, import_paper
from certsvc.services.context import Services
from certsvc.services.imports import ImportReport
from certsvc.services.records.approvals import ApprovalState, ask, decide, found, opened, waiting

KIND: Final = "paper.import"
LARGEST_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ImportedPaper:
    """What an approved file did."""

    approval_id: int
    report: ImportReport

    def as_json(self) -> dict[str, object]:
        return {"approval": self.approval_id, "state": "approved", **self.report.as_json()}


def propose(services: Services, path: Path, *, by: str, ignore_unknown: bool = False) -> ImportReport:
    """Check the file as an import would, and ask for it where it has anything new; the report names the request.

    Raises `FileRefused`, `ImportRefused`.
    """
    checked = import_paper(services, path, by=by, dry_run=True, ignore_unknown=ignore_unknown)
    if not checked.new:
        return replace(checked, dry_run=False)
    content = path.read_bytes()
    if len(content) > LARGEST_BYTES:
        raise FileRefused(
            f"文件超过 {LARGEST_BYTES // 2**20} MB，请分成几个文件",
            f"more than {LARGEST_BYTES // 2**20} MB: bring it as several files",
            where=path.name,
        )
    wanted = {
        "file": base64.b64encode(content).decode(),
        "name": path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "count": str(checked.new),
        "ignore_unknown": "yes" if ignore_unknown else None,
    }
    with services.database.writing() as session:
        asked = ask(services, session, KIND, path.name[-200:], wanted, reason="纸质证书登记册 paper register", by=by)
        return replace(checked, dry_run=False, approval=asked.id)


def approve(services: Services, approval_id: int, *, by: str) -> ImportedPaper:
    """Import the file. Raises `NotFound`, `Refused` where `by` brought it, `ImportRefused` where it no longer fits."""
    with services.database.reading() as session:
        asked = opened(services.vault, found(session, approval_id))

    def decided(session: Session) -> None:
        row, _ = waiting(services, session, approval_id, by)
        decide(services, session, row, ApprovalState.APPROVED, by=by, without="file")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(asked.content["name"] or "").name
        path.write_bytes(base64.b64decode(asked.content.get("file") or ""))
        ignore_unknown = asked.content["ignore_unknown"] is not None
        report = carry_out(services, path, by=asked.asked_by, ignore_unknown=ignore_unknown, first=decided)
    return ImportedPaper(approval_id, report)
