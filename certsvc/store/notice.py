"""Which notices were queued, so that none is sent twice; what a notice says goes with its message."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from certsvc.store.base import Base, UtcDateTime


class QueuedNoticeRecord(Base):
    __tablename__ = "queued_notice"

    kind: Mapped[str] = mapped_column(String(30), primary_key=True)
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolment.id"), primary_key=True)
    about: Mapped[str] = mapped_column(String(60), primary_key=True)  # a subject and its deadline
    queued_at: Mapped[datetime] = mapped_column(UtcDateTime)
