"""Schemes as loaded (R0): the file verbatim, so that a decision can be repeated years later."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Date, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from certsvc.store.base import Base


class SchemeRecord(Base):
    __tablename__ = "scheme"
    __table_args__ = (UniqueConstraint("key", "version"), Index(None, "family", "in_force_from"))

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(200))
    family: Mapped[str] = mapped_column(String(200))  # "occupation_code/level/region_code"
    version: Mapped[str] = mapped_column(String(50))
    in_force_from: Mapped[date] = mapped_column(Date)
    toml: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
