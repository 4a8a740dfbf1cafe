"""Enrolments (one registration of one person, pinned to a scheme), the attempts made within them (R1–R4), and which of
them the next issue has to decide.

Only an approved enrolment counts (R1.6); the steps that led there are in `review`, and who certifies asks them too.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Boolean, CheckConstraint, Date, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from certsvc.store.base import Base, UtcDateTime


class EnrolmentRecord(Base):
    __tablename__ = "enrolment"
    __table_args__ = (
        UniqueConstraint("person_id", "occupation_code", "level", "registered_on"),
        CheckConstraint(
            "review_state in ('draft', 'submitted', 'approved', 'returned', 'rejected')", name="review_state"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    scheme_id: Mapped[int] = mapped_column(ForeignKey("scheme.id"), index=True)
    occupation_code: Mapped[str] = mapped_column(String(50))
    level: Mapped[int] = mapped_column(Integer)
    registered_on: Mapped[date] = mapped_column(Date)
    institution: Mapped[str | None] = mapped_column(String(200), index=True)
    health_declared: Mapped[bool] = mapped_column(Boolean)
    batch: Mapped[str | None] = mapped_column(String(100))
    photo_sha256: Mapped[str | None] = mapped_column(String(64))
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_by: Mapped[str] = mapped_column(String(100))
    # The database's default, not Python's: rows of an older backup go into tables that have no such column.
    review_state: Mapped[str] = mapped_column(String(10), server_default="approved", index=True)


class AttemptRecord(Base):
    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("enrolment_id", "subject", "sat_on", "kind"),
        Index(None, "published_on"),
        Index(None, "sat_on"),  # a sitting's results, and a period's figures, are read without the rest
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolment.id"))
    subject: Mapped[str] = mapped_column(String(20))
    sat_on: Mapped[date] = mapped_column(Date)
    kind: Mapped[str] = mapped_column(String(20))
    outcome: Mapped[str] = mapped_column(String(20))
    score_hundredths: Mapped[int | None] = mapped_column(Integer)  # exact: 59.99 is 5999 (R2)
    items_json: Mapped[str | None] = mapped_column(Text)  # {"cpr": "22.5", …} as given
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_by: Mapped[str] = mapped_column(String(100))
    published_on: Mapped[date | None] = mapped_column(Date)  # nothing is seen before (R6)


class ToDecideRecord(Base):
    """A mark on an enrolment that may have become due since it was last decided (`services.records.due`).

    Rows are added and taken away, never changed, and no id is given twice: so a mark that came in while others were
    being decided is not taken away with them.
    """

    __tablename__ = "to_decide"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolment.id"), index=True)
