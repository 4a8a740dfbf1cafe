"""What waits for a second person, and what became of it: asked for by one, decided by another (R1.6, R8.4a, R10).

What is asked for and why is sealed together with its kind, its object, who asked and when: by writing rows alone none
of these becomes another; so is the decision, once there is one. Rows are kept for good. Not here: what each kind is and
does (`services.approvals`).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from certsvc.store.base import Base, UtcDateTime


class ApprovalRecord(Base):
    __tablename__ = "approval"
    __table_args__ = (
        CheckConstraint("state in ('waiting', 'approved', 'rejected')", name="state"),
        CheckConstraint("(state = 'waiting') = (decided_by is null)", name="decided"),
        # The last line of defence (rules.four_eyes knows other spellings too): who asked may withdraw, never approve.
        CheckConstraint("state <> 'approved' or decided_by <> asked_by", name="two_people"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(30), index=True)
    object_key: Mapped[str] = mapped_column(String(200))  # a certificate's number, a person's id
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # what is asked for, and why; then what was decided, by whom
    sealed_kid: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(10), index=True)
    asked_by: Mapped[str] = mapped_column(String(100))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[str | None] = mapped_column(String(100))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    note: Mapped[str | None] = mapped_column(String(500))  # why it was rejected
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when what was approved takes effect, where it waits
