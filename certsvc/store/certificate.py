"""Certificates, one row per version; their serials, batches and changes of status (R7, R8).

A row is `reserved` from the moment its number and intended document are recorded, `issued` once the signed bytes are
stored beside them. What `reserved` recorded is never made again: a retry signs that document under that number.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, validates

from certsvc.person.name import fold
from certsvc.store.base import FOLDED_NAME_LENGTH, FOLDED_NUMBER_LENGTH, Base, UtcDateTime, folded_number

RESERVED = "reserved"
ISSUED = "issued"


class CertificateRecord(Base):
    __tablename__ = "certificate"
    __table_args__ = (
        UniqueConstraint("number", "version"),
        UniqueConstraint("enrolment_id", "version"),
        UniqueConstraint("paper_id", "version"),
        UniqueConstraint("status_list", "status_index"),
        Index(None, "status", "status_list", "status_index"),  # what is not valid is read without the rest
        Index(None, "stage", "issued_on"),  # a period's are counted without the rest
        CheckConstraint("stage in ('reserved', 'issued')", name="stage"),
        CheckConstraint("stage = 'reserved' or credential is not null", name="issued_is_signed"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(40))
    version: Mapped[int] = mapped_column(Integer)
    token: Mapped[str] = mapped_column(String(26), unique=True)  # what the QR holds (R10): lower-case base32
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    enrolment_id: Mapped[int | None] = mapped_column(ForeignKey("enrolment.id"))
    paper_id: Mapped[int | None] = mapped_column(ForeignKey("paper_certificate.id"))
    scheme_id: Mapped[int | None] = mapped_column(ForeignKey("scheme.id"))
    carrier: Mapped[str] = mapped_column(String(20), default="electronic")
    stage: Mapped[str] = mapped_column(String(20), index=True)
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("issue_batch.id"), index=True)
    document: Mapped[bytes] = mapped_column(LargeBinary)  # canonical, unsigned, as planned
    credential: Mapped[bytes | None] = mapped_column(LargeBinary)  # signed, verbatim: the truth
    credential_sha256: Mapped[str | None] = mapped_column(String(64), unique=True)
    cose: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # {id_number, salt, leaf_salt}; the token is bound to it
    sealed_kid: Mapped[str] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(20), default="valid")  # never "expired": that is computed (R7.5)
    status_changed_on: Mapped[date | None] = mapped_column(Date)
    status_reason: Mapped[str | None] = mapped_column(String(500))  # a code (credential.reasons), which is public
    superseded_by_id: Mapped[int | None] = mapped_column(ForeignKey("certificate.id"))
    status_list: Mapped[str] = mapped_column(String(40))
    status_index: Mapped[int] = mapped_column(Integer)  # drawn at random, so neighbours say nothing
    holder_name: Mapped[str] = mapped_column(String(200), index=True)
    # As look-ups compare them (R9); they follow number and name, and `genuine` holds them against both.
    number_folded: Mapped[str] = mapped_column(String(FOLDED_NUMBER_LENGTH), server_default="", index=True)
    holder_name_folded: Mapped[str] = mapped_column(String(FOLDED_NAME_LENGTH), server_default="")
    occupation_code: Mapped[str] = mapped_column(String(50))
    level: Mapped[int] = mapped_column(Integer)
    issued_on: Mapped[date] = mapped_column(Date)
    reissued_on: Mapped[date | None] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)
    leaf_index: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    pdf_sha256: Mapped[str | None] = mapped_column(String(64), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # Erased at its holder's wish (R10): document, credential and name are empty then, `sealed` is `records.erased`'s.
    erased_on: Mapped[date | None] = mapped_column(Date)

    @validates("number", "holder_name")
    def _fold(self, name: str, value: str) -> str:
        if name == "number":
            self.number_folded = folded_number(value)
        else:
            self.holder_name_folded = fold(value)
        return value


class PdfFileRecord(Base):
    """Every PDF ever recorded of a certificate, by its hash: those before a time stamp came in stay genuine."""

    __tablename__ = "pdf_file"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    certificate_id: Mapped[int] = mapped_column(ForeignKey("certificate.id"), index=True)
    level: Mapped[str] = mapped_column(String(10))  # PAdES: B-B, B-T or B-LTA
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # B-LTA alone: until when the chain of its newest time stamp is good, and it is to be stamped again.
    proven_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StatusChangeRecord(Base):
    __tablename__ = "status_change"

    id: Mapped[int] = mapped_column(primary_key=True)
    certificate_id: Mapped[int] = mapped_column(ForeignKey("certificate.id"), index=True)
    from_status: Mapped[str] = mapped_column(String(20))
    to_status: Mapped[str] = mapped_column(String(20))
    on: Mapped[date] = mapped_column(Date)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(String(500))  # as staff wrote it: never shown to the public
    reason_code: Mapped[str | None] = mapped_column(String(30))  # of a suspension or a revocation
    leaf_index: Mapped[int | None] = mapped_column(BigInteger, unique=True)


class SerialRecord(Base):
    """The next serial of a scope (station, year, level): it moves in the transaction that reserves the number."""

    __tablename__ = "serial"

    scope: Mapped[str] = mapped_column(String(100), primary_key=True)
    next: Mapped[int] = mapped_column(BigInteger)


class IssueBatchRecord(Base):
    __tablename__ = "issue_batch"

    id: Mapped[int] = mapped_column(primary_key=True)
    on: Mapped[date] = mapped_column(Date)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[str] = mapped_column(String(100))
    approved_by: Mapped[str | None] = mapped_column(String(100))
    count: Mapped[int] = mapped_column(Integer)
