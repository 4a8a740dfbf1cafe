"""What stays of a person whose data were erased: a keyed look-up, on which day, and what is kept and why (R10).

So that an old roster does not bring an erased person back, and a restored backup is erased again. A keyed look-up of
the number is no plain hash: without the look-up key it finds no one. And the documents under which a person was on
record before a correction, so that a roster from before it does not make a second person of them.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from certsvc.store.base import Base, UtcDateTime


class ErasureRecord(Base):
    """One erasure: at the person's wish, or since the scheme's term was over."""

    __tablename__ = "erasure"
    __table_args__ = (
        CheckConstraint("kind in ('wish', 'term')", name="kind"),
        CheckConstraint("kind = 'term' or approved_by is not null", name="two_people"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    id_lookup: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    through: Mapped[date] = mapped_column(Date)  # no registration of up to this day comes in again
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[str] = mapped_column(String(100))
    approved_by: Mapped[str | None] = mapped_column(String(100))
    approval_id: Mapped[int | None] = mapped_column(Integer)
    numbers: Mapped[str] = mapped_column(Text)  # JSON: the numbers of the certificates that were erased
    kept: Mapped[str] = mapped_column(Text)  # JSON: what is kept, until when, by which rule


class EarlierDocumentRecord(Base):
    """The look-up of a document that a person was on record under until it was corrected (R8.4)."""

    __tablename__ = "earlier_document"
    __table_args__ = (UniqueConstraint("id_lookup", "person_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    id_lookup: Mapped[bytes] = mapped_column(LargeBinary(32))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    replaced_on: Mapped[date] = mapped_column(Date)
