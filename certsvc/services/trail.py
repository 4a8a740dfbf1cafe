"""One line of the audit trail: who did what, when, and nothing personal. Written in the transaction of the deed."""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy.orm import Session

from certsvc.store import AuditEventRecord


def note(
    session: Session, *, at: datetime, by: str, action: str, object_kind: str, object_key: str, **detail: object
) -> None:
    """Record one deed. `detail` is JSON values; never a name, a number of a person, or a secret."""
    session.add(
        AuditEventRecord(
            at=at,
            by=by,
            action=action,
            object_kind=object_kind,
            object_key=object_key,
            detail=json.dumps(detail, ensure_ascii=False, sort_keys=True),
        )
    )
