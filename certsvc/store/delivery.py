"""Systems that send results by a signed call, what each of them sent, and the nonces that were seen (RFC 9421).

A delivery is kept as it was signed, sealed since it names people: who doubts an attempt can check the signature again.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from certsvc.store.base import Base, UtcDateTime


class SendingSystemRecord(Base):
    __tablename__ = "sending_system"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    key_id: Mapped[str] = mapped_column(String(64), unique=True)  # what its calls name as `keyid`
    public_key: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)  # Ed25519
    subjects: Mapped[str] = mapped_column(String(60))  # space separated
    station: Mapped[str | None] = mapped_column(String(100))  # whose sittings alone it may send results of
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(String(100))
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str | None] = mapped_column(String(100))


class ResultsDeliveryRecord(Base):
    __tablename__ = "results_delivery"
    __table_args__ = (UniqueConstraint("system_id", "idempotency_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    system_id: Mapped[int] = mapped_column(ForeignKey("sending_system.id"))
    idempotency_key: Mapped[str] = mapped_column(String(100))
    body_sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # {body}
    sealed_kid: Mapped[str] = mapped_column(String(100))
    signature_base: Mapped[str] = mapped_column(Text)  # RFC 9421, 2.5: nothing personal
    signature: Mapped[bytes] = mapped_column(LargeBinary(64))
    answer: Mapped[str] = mapped_column(Text)  # JSON
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SeenNonceRecord(Base):
    __tablename__ = "seen_nonce"

    system_id: Mapped[int] = mapped_column(ForeignKey("sending_system.id"), primary_key=True)
    nonce: Mapped[str] = mapped_column(String(100), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
