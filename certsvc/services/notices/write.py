"""Put a message of fixed words to a given telephone among those that wait, in the transaction of its deed.

For what goes to a telephone that is no longer, or not yet, the one on record; all else is a notice (`tell`). What it
says is its caller's. Not here: sending (`send`).
"""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy.orm import Session

from certsvc.services.context import Services
from certsvc.services.notices.send import MessageState
from certsvc.store import MessageRecord


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
