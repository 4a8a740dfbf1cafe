"""The transparency log at rest: leaves, complete subtrees, and one head that moves by compare-and-swap on its size."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from certsvc.store.base import Base, UtcDateTime

# SQLite's rowid alias must be INTEGER; PostgreSQL needs eight bytes.
_Position = BigInteger().with_variant(Integer, "sqlite")


class LogLeafRecord(Base):
    __tablename__ = "log_leaf"

    index: Mapped[int] = mapped_column(_Position, primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class LogNodeRecord(Base):
    """The hash of a complete subtree: node `index` of `level` covers leaves [index << level, (index + 1) << level)."""

    __tablename__ = "log_node"

    level: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    index: Mapped[int] = mapped_column(_Position, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))


class LogSessionRecord(Base):
    """What the log has said of one sitting so far: how many passed, and how many certificates rest on it."""

    __tablename__ = "log_session"

    session: Mapped[str] = mapped_column(String(96), primary_key=True)
    passed: Mapped[int] = mapped_column(Integer)
    issued: Mapped[int] = mapped_column(Integer)


class LogHeadRecord(Base):
    __tablename__ = "log_head"
    __table_args__ = (CheckConstraint("id = 1", name="one_head"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    size: Mapped[int] = mapped_column(BigInteger)
    root: Mapped[bytes] = mapped_column(LargeBinary(32))
    frontier: Mapped[bytes] = mapped_column(LargeBinary)  # the subtree hashes of the right edge, left to right
    at: Mapped[datetime] = mapped_column(UtcDateTime)
