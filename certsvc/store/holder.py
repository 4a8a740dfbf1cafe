"""What a holder signs in with: codes, sessions, and the messages that carry codes (R10).

None of it is a record of a certificate, so these rows may go: they are deleted a day after they expired, a backup and
the survival kit leave them out (`kept_tables`), and a register that is restored starts with no one signed in. Codes and
secrets are here as keyed digests only. Not here: who may sign in (`services.holders.sign_in`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Boolean, CheckConstraint, LargeBinary, String, Table, false
from sqlalchemy.orm import Mapped, mapped_column

from certsvc.store.account import StaffSessionRecord
from certsvc.store.base import Base, UtcDateTime
from certsvc.store.delivery import SeenNonceRecord
from certsvc.store.guard import ClockSeenRecord
from certsvc.store.home import EvidencePictureRecord


class HolderCodeRecord(Base):
    """A code to sign in with. The one row of kind `decoy` takes the tries that are at no one's code."""

    __tablename__ = "holder_code"
    __table_args__ = (CheckConstraint("kind in ('message', 'access', 'decoy')", name="kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    id_lookup: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))  # under the SESSION key, bound to kind and person
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    tries: Mapped[int]
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # used, or replaced by a newer one


class HolderSessionRecord(Base):
    __tablename__ = "holder_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)  # of the secret, under the SESSION key
    id_lookup: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class MessageRecord(Base):
    """A code asked for, and the message that came of it, or a notice; emptied once it is sent, dropped or too late."""

    __tablename__ = "message"
    __table_args__ = (
        CheckConstraint("state in ('asked', 'queued', 'sent', 'failed', 'dropped')", name="state"),
        CheckConstraint("state in ('asked', 'queued') or length(sealed) = 0", name="emptied"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    id_lookup: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    state: Mapped[str] = mapped_column(String(10), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # asked: {name}; queued: {phone, text, code, id}
    sealed_kid: Mapped[str] = mapped_column(String(100))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    tries: Mapped[int]
    next_try_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fault: Mapped[str | None] = mapped_column(String(40))  # a fixed word, nothing personal
    # Carries no code, so no newer code replaces it.
    is_notice: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())


PASSING: Final = frozenset(
    record.__tablename__
    for record in (
        ClockSeenRecord,
        EvidencePictureRecord,
        HolderCodeRecord,
        HolderSessionRecord,
        MessageRecord,
        SeenNonceRecord,
        StaffSessionRecord,
    )
)
"""Tables that hold no record, and that no backup and no kit carries on."""


def kept_tables() -> list[Table]:
    """The tables whose rows are to be kept for good, each after those it refers to."""
    return [table for table in Base.metadata.sorted_tables if table.name not in PASSING]
