"""What the public site counts: attempts against its limits (R10), and scans by day and coarse origin.

None of it is a record of a certificate: a limit's row is overwritten by the next window and may be dropped once over.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import Date, String
from sqlalchemy.orm import Mapped, mapped_column

from certsvc.store.base import Base


class LimitCountRecord(Base):
    __tablename__ = "limit_count"

    key: Mapped[str] = mapped_column(String(80), primary_key=True)  # kind, window length, keyed digest of the subject
    window: Mapped[int]  # Unix time divided by the window's length
    ends_at: Mapped[int] = mapped_column(index=True)  # Unix time, seconds
    seen: Mapped[int]


class ScanCountRecord(Base):
    __tablename__ = "scan_count"

    on: Mapped[date] = mapped_column("scanned_on", Date, primary_key=True)
    number: Mapped[str] = mapped_column(String(40), primary_key=True)
    origin: Mapped[str] = mapped_column(String(8), primary_key=True)  # country, or country and province; "-" unknown
    scans: Mapped[int]
