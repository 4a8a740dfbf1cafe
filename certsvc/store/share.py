"""Share links a holder hands out (R10): they expire, can be withdrawn, and show when they were opened."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, false
from sqlalchemy.orm import Mapped, mapped_column

from certsvc.store.base import Base, UtcDateTime


class ShareLinkRecord(Base):
    __tablename__ = "share_link"

    id: Mapped[int] = mapped_column(primary_key=True)
    certificate_id: Mapped[int] = mapped_column(ForeignKey("certificate.id"), index=True)
    secret_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)  # the link's secret itself is not kept
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # What the holder chose to show beyond the public record.
    shows_name: Mapped[bool] = mapped_column(default=False, server_default=false())
    shows_portrait: Mapped[bool] = mapped_column(default=False, server_default=false())


class ShareOpeningRecord(Base):
    __tablename__ = "share_opening"

    id: Mapped[int] = mapped_column(primary_key=True)
    share_link_id: Mapped[int] = mapped_column(ForeignKey("share_link.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
