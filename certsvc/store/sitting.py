"""Sittings: a dated exam at a station, who is admitted to it, and the scores entered for it before they are attempts.

A seat is never deleted: one who is removed and admitted again has the same ticket, and so the same draw (R2.1). Score
entries are only added; which of them counts is decided in `services.examination.scores`.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from certsvc.store.base import Base, UtcDateTime


class SittingRecord(Base):
    __tablename__ = "sitting"
    __table_args__ = (
        UniqueConstraint("sat_on", "station", "subject", "begins", "place"),
        CheckConstraint("capacity > 0", name="capacity"),
        CheckConstraint("(closed_at is null) = (closed_by is null)", name="closed"),
        CheckConstraint("(confirmed_at is null) = (confirmed_by is null)", name="confirmed"),
        CheckConstraint("(seed_sealed is null) = (commitment is null)", name="committed"),
        CheckConstraint("seed_revealed is null or closed_at is not null", name="revealed"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    sat_on: Mapped[date] = mapped_column(Date)
    begins: Mapped[str] = mapped_column(String(5))  # HH:MM
    place: Mapped[str] = mapped_column(String(200))
    station: Mapped[str] = mapped_column(String(100))
    subject: Mapped[str] = mapped_column(String(20))
    capacity: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(String(100))
    # The draw (rules.draw): committed to when the sitting is made, revealed when it is closed.
    commitment: Mapped[str | None] = mapped_column(String(64))
    seed_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    seed_kid: Mapped[str | None] = mapped_column(String(100))
    seed_revealed: Mapped[str | None] = mapped_column(String(64))
    drawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when the draw was first shown
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[str | None] = mapped_column(String(100))
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    confirmed_by: Mapped[str | None] = mapped_column(String(100))


class SeatRecord(Base):
    """One enrolment on the roll of a sitting."""

    __tablename__ = "seat"
    __table_args__ = (
        UniqueConstraint("sitting_id", "enrolment_id"),
        UniqueConstraint("sitting_id", "number"),
        Index(None, "enrolment_id"),
        CheckConstraint("kind in ('first', 'free_retake')", name="kind"),
        CheckConstraint("(removed_at is null) = (removed_by is null)", name="removed"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    sitting_id: Mapped[int] = mapped_column(ForeignKey("sitting.id"))
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolment.id"))
    number: Mapped[int] = mapped_column(Integer)  # from 1 within the sitting, never used again
    ticket: Mapped[str] = mapped_column(String(30), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    admitted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    admitted_by: Mapped[str] = mapped_column(String(100))
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removed_by: Mapped[str | None] = mapped_column(String(100))


class ScoreEntryRecord(Base):
    """What an assessor entered. `outcome` is an attempt's, or `withdrawn`: what was entered before is taken back."""

    __tablename__ = "score_entry"
    __table_args__ = (UniqueConstraint("seat_id", "kind", "sequence"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    seat_id: Mapped[int] = mapped_column(ForeignKey("seat.id"))
    kind: Mapped[str] = mapped_column(String(20))
    client_id: Mapped[str] = mapped_column(String(64), unique=True)
    sequence: Mapped[int] = mapped_column(Integer)
    outcome: Mapped[str] = mapped_column(String(20))
    score: Mapped[str | None] = mapped_column(String(10))
    items_json: Mapped[str | None] = mapped_column(Text)
    entered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    entered_by: Mapped[str] = mapped_column(String(100))
