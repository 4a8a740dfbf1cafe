"""Notices to candidates and holders: what each is about, and where it stands; never what it says, nor to which address.

Words and address are found when it is handed over (`services.notices`), so nothing personal rests here but a keyed
look-up. A notice of a kind about one thing is there once.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from certsvc.store.base import Base, UtcDateTime


class NoticeRecord(Base):
    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("kind", "about"),
        CheckConstraint("state in ('queued', 'sending', 'sent', 'failed', 'dropped')", name="state"),
        CheckConstraint("channel in ('sms', 'mail')", name="channel"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(30))
    about: Mapped[str] = mapped_column(String(80))  # ids, versions and days, by kind (`services.notices.kinds`)
    id_lookup: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)  # whom it goes to
    message_id: Mapped[str] = mapped_column(String(32))  # what carries it is told the same at each try
    state: Mapped[str] = mapped_column(String(10), index=True)
    channel: Mapped[str | None] = mapped_column(String(5))  # of the last try
    queued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_try_at: Mapped[datetime] = mapped_column(UtcDateTime)  # while `sending`: when the one who sends is given up
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    tries: Mapped[int]
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fault: Mapped[str | None] = mapped_column(String(40))  # a fixed word, nothing personal
