"""Applications for a reissue that were sent from home, and the pictures that came with them (R8.2).

What was applied for is a row of `reissue_request`, which stays; these rows are how it came in and go some time after it
was decided. Pictures rest sealed in the register: so they are gone with their application, in one transaction, and the
site's account writes no files. Not here: who may send what (`services.certificates.home`).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from certsvc.store.base import Base, UtcDateTime


class HomeApplicationRecord(Base):
    """`phase` counts until the request is decided; `confirmed_by` recorded the evidence where the register has none."""

    __tablename__ = "home_application"
    __table_args__ = (CheckConstraint("phase in ('received', 'in_review', 'returned')", name="phase"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("reissue_request.id"), unique=True)
    reference: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)  # SHA-256 of sixty random bits
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # {phone, said}
    sealed_kid: Mapped[str] = mapped_column(String(100))
    phase: Mapped[str] = mapped_column(String(10))
    missing: Mapped[str | None] = mapped_column(String(500))  # what the applicant was asked for last
    confirmed_by: Mapped[str | None] = mapped_column(String(100))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EvidencePictureRecord(Base):
    """One picture, redrawn; in no backup and no kit."""

    __tablename__ = "evidence_picture"
    __table_args__ = (CheckConstraint("shows in ('paper', 'document')", name="shows"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("home_application.id"), index=True)
    shows: Mapped[str] = mapped_column(String(10))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sealed: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    sealed_kid: Mapped[str] = mapped_column(String(100))
    size: Mapped[int]
