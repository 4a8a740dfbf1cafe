"""The register of former paper certificates, and requests to replace one by an electronic certificate (R8)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ColumnElement,
    Date,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    false,
    or_,
)
from sqlalchemy.orm import Mapped, mapped_column, validates

from certsvc.person.name import fold
from certsvc.store.base import FOLDED_NAME_LENGTH, FOLDED_NUMBER_LENGTH, Base, UtcDateTime, folded_number

FROM_HOME: Final = "applicant at home"
"""Who applied, where anybody could: such a request binds no one else until it is approved."""


class PaperCertificateRecord(Base):
    __tablename__ = "paper_certificate"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(64), unique=True)
    id_type: Mapped[str] = mapped_column(String(40))
    id_lookup: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # {id_number}; id_lookup is bound to it
    sealed_kid: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(String(200))
    occupation: Mapped[str] = mapped_column(String(200))
    level: Mapped[int] = mapped_column(Integer)
    issued_on: Mapped[date] = mapped_column(Date)
    issuer: Mapped[str] = mapped_column(String(200))
    # Made when a reissue without an entry was approved (R8.1a); false for what was imported.
    from_evidence: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    replaced_on: Mapped[date | None] = mapped_column(Date)
    replaced_reason: Mapped[str | None] = mapped_column(String(20))
    # What replaced it. No foreign key: certificate.paper_id points here already, and two would make a circle.
    replaced_by_id: Mapped[int | None] = mapped_column(Integer)
    # As look-ups compare them (R9); they follow number and name.
    number_folded: Mapped[str] = mapped_column(String(FOLDED_NUMBER_LENGTH), server_default="", index=True)
    name_folded: Mapped[str] = mapped_column(String(FOLDED_NAME_LENGTH), server_default="")
    erased_on: Mapped[date | None] = mapped_column(Date)  # its holder's data were erased: name and document are empty

    @validates("number", "name")
    def _fold(self, name: str, value: str) -> str:
        if name == "number":
            self.number_folded = folded_number(value)
        else:
            self.name_folded = fold(value)
        return value


class ReissueRequestRecord(Base):
    __tablename__ = "reissue_request"
    __table_args__ = (
        CheckConstraint("reason in ('lost', 'damaged')", name="reason"),
        CheckConstraint("state in ('applied', 'approved', 'rejected')", name="state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    paper_id: Mapped[int | None] = mapped_column(ForeignKey("paper_certificate.id"), index=True)
    number: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(200))
    id_type: Mapped[str] = mapped_column(String(40))
    id_lookup: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # {id_number}; id_lookup is bound to it
    sealed_kid: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(String(20))
    evidence: Mapped[str | None] = mapped_column(String(1000))
    state: Mapped[str] = mapped_column(String(20), index=True)
    applied_at: Mapped[datetime] = mapped_column(UtcDateTime)
    applied_by: Mapped[str] = mapped_column(String(100))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[str | None] = mapped_column(String(100))
    decision_note: Mapped[str | None] = mapped_column(String(1000))
    certificate_id: Mapped[int | None] = mapped_column(ForeignKey("certificate.id"))

    @classmethod
    def is_binding(cls) -> ColumnElement[bool]:
        """Whether a request stands in the way of others: not one that anybody may have sent from home."""
        return or_(cls.applied_by != FROM_HOME, cls.state == "approved")
