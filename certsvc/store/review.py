"""The steps of a registration's review (R1.6): who did what, when and why. Rows are added, none is changed or deleted.

A registration that came in by a roster that was reviewed before has none. What the face check compared is not kept.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from certsvc.store.base import Base, UtcDateTime


class ReviewStepRecord(Base):
    __tablename__ = "review_step"
    __table_args__ = (
        CheckConstraint("move in ('submit', 'confirm', 'approve', 'return', 'reject')", name="move"),
        CheckConstraint("face in ('pass', 'fail', 'manual')", name="face"),
        CheckConstraint("(move = 'confirm') = (face is not null)", name="confirmed"),
        CheckConstraint("(move in ('return', 'reject')) = (remark is not null)", name="remark"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolment.id"), index=True)
    move: Mapped[str] = mapped_column(String(10))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[str] = mapped_column(String(100))
    remark: Mapped[str | None] = mapped_column(String(500))  # what is missing, or why it is rejected
    changed: Mapped[bool] = mapped_column(Boolean)  # submitted with other values than before
    face: Mapped[str | None] = mapped_column(String(10))
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    place: Mapped[str | None] = mapped_column(String(100))
