"""Checks that a reader kept as a record: what was answered then, found again by the reference printed on it.

No name and no number stands here, only which certificate it was and how its holder was compared (R10).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from certsvc.store.base import Base, UtcDateTime


class KeptCheckRecord(Base):
    __tablename__ = "kept_check"
    __table_args__ = (
        CheckConstraint("compared in ('none', 'name', 'match')", name="compared"),
        CheckConstraint("(certificate_id is null) <> (paper_id is null)", name="one_record"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(String(12), unique=True)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    certificate_id: Mapped[int | None] = mapped_column(ForeignKey("certificate.id"), index=True)
    paper_id: Mapped[int | None] = mapped_column(ForeignKey("paper_certificate.id"), index=True)
    state: Mapped[str] = mapped_column(String(20))
    says_zh: Mapped[str] = mapped_column(Text)  # the words as they were said then
    says_en: Mapped[str] = mapped_column(Text)
    compared: Mapped[str] = mapped_column(String(10))
