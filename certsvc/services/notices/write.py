"""Put a notice among the messages that wait, in the transaction of the deed that causes it; some kinds only once.

What a notice says is its caller's; nothing personal stands in it. Not here: sending (`send`).
"""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy.orm import Session

from certsvc.services.context import Services
from certsvc.services.notices.send import MessageState
from certsvc.store import MessageRecord, QueuedNoticeRecord


def write_notice(services: Services, session: Session, *, about: bytes, to: str, text: str, until: datetime) -> None:
    """A message without a code to the telephone `to`, tried until then; `about` is whose record it is about."""
    content = {"id": secrets.token_hex(16), "phone": to, "code": "", "minutes": "0", "text": text}
    sealed, now = services.vault.seal(content, about), services.now()
    session.add(
        MessageRecord(
            id_lookup=about,
            state=MessageState.QUEUED,
            sealed=sealed.content,
            sealed_kid=sealed.kid,
            asked_at=now,
            expires_at=until,
            tries=0,
            next_try_at=now,
            is_notice=True,
        )
    )


def is_first(services: Services, session: Session, kind: str, enrolment_id: int, about: str) -> bool:
    """Whether no notice of this kind about this has been queued; from now on one has."""
    if session.get(QueuedNoticeRecord, (kind, enrolment_id, about)) is not None:
        return False
    session.add(QueuedNoticeRecord(kind=kind, enrolment_id=enrolment_id, about=about, queued_at=services.now()))
    session.flush()
    return True
