"""What guards the register: the check value of each of its keys, and the clock it was last written by.

Keys and register belong together. A register under another's keys, or under an old copy of its own, must be told apart
before anything is signed or looked up (docs/keys.md, "Keys and register belong together").
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from certsvc.store.base import Base, UtcDateTime


class KeyCheckRecord(Base):
    """A key of this register: what tells it from others, and how far its life has gone. Never a secret."""

    __tablename__ = "key_check"

    kid: Mapped[str] = mapped_column(String(16), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(20))
    check: Mapped[str] = mapped_column(String(32))  # `signing.keys.check_value`
    state: Mapped[str] = mapped_column(String(12))
    distrusted_from: Mapped[int | None] = mapped_column(BigInteger)
    noted_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ClockSeenRecord(Base):
    """When something was last signed or published, by the clock of then: one row."""

    __tablename__ = "clock_seen"
    __table_args__ = (CheckConstraint("id = 1", name="one_clock"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
