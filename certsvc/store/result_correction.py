"""Corrections of results, and results withdrawn before anyone saw them: kept for good, and never changed (R2.4, R2.7).

An attempt's row stays as it was imported; what counts is its latest correction. Each was asked for by one person and
approved by another, and is committed to by a leaf of the log; the salt that opens the leaf, and why in words of one's
own, rest sealed. Not here: what is made of them (`services.records.attempts`).
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from certsvc.store.base import Base, UtcDateTime


class ResultCorrectionRecord(Base):
    """What an attempt says from this correction on, the latest one by its id."""

    __tablename__ = "result_correction"
    __table_args__ = (
        UniqueConstraint("attempt_id", "approval_id"),
        CheckConstraint("asked_by <> approved_by", name="two_people"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempt.id"))
    approval_id: Mapped[int] = mapped_column(ForeignKey("approval.id"), index=True)
    act: Mapped[str] = mapped_column(String(10))  # corrected, annulled: as the leaf says it
    reason_code: Mapped[str] = mapped_column(String(20))  # the candidate reads it
    sat_on: Mapped[date] = mapped_column(Date, index=True)
    outcome: Mapped[str] = mapped_column(String(20))
    score_hundredths: Mapped[int | None] = mapped_column(Integer)
    items_json: Mapped[str | None] = mapped_column(Text)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # {salt, reason, evidence}
    sealed_kid: Mapped[str] = mapped_column(String(100))
    asked_by: Mapped[str] = mapped_column(String(100))
    approved_by: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    leaf_index: Mapped[int] = mapped_column(BigInteger, unique=True)
    # The certificate that was revoked with it: were the pass given back, the enrolment is due another (R2.6).
    revoked_id: Mapped[int | None] = mapped_column(ForeignKey("certificate.id"), index=True)


class WithdrawnResultRecord(Base):
    """An attempt that was taken out before it was published, whole, so that it can be handed in again."""

    __tablename__ = "withdrawn_result"
    __table_args__ = (CheckConstraint("asked_by <> approved_by", name="two_people"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    enrolment_id: Mapped[int] = mapped_column(ForeignKey("enrolment.id"), index=True)
    approval_id: Mapped[int] = mapped_column(ForeignKey("approval.id"), index=True)
    attempt_id: Mapped[int] = mapped_column(Integer)  # that it had; no row bears it since, or another one
    subject: Mapped[str] = mapped_column(String(20))
    sat_on: Mapped[date] = mapped_column(Date)
    kind: Mapped[str] = mapped_column(String(20))
    outcome: Mapped[str] = mapped_column(String(20))
    score_hundredths: Mapped[int | None] = mapped_column(Integer)
    items_json: Mapped[str | None] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_by: Mapped[str] = mapped_column(String(100))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # {salt, reason, evidence}
    sealed_kid: Mapped[str] = mapped_column(String(100))
    asked_by: Mapped[str] = mapped_column(String(100))
    approved_by: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    leaf_index: Mapped[int] = mapped_column(BigInteger, unique=True)
