"""Accounts of the staff, and what they sign in with: passwords, second factors, sessions.

Passwords rest as argon2id hashes, secrets of sessions and recovery codes as digests, the secret of the one-time
codes sealed and bound to its account. Accounts are kept for good; sessions may go (`kept_tables`). Not here: what a
role may do (`services.staff.roles`), who is signed in (`services.staff.sessions`).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Integer, LargeBinary, String, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from certsvc.store.base import Base, UtcDateTime

ROLES = (
    "institution",
    "station",
    "assessor",
    "reviewer",
    "maker",
    "approver",
    "key-custodian",
    "auditor",
    "administrator",
)
FACTORS = ("totp", "passkey", "recovery", "directory")


class AccountRecord(Base):
    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("role in ('" + "', '".join(ROLES) + "')", name="role"),
        UniqueConstraint("oidc_issuer", "oidc_subject"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    role: Mapped[str] = mapped_column(String(20))
    scope: Mapped[str | None] = mapped_column(String(200))  # the training institution or station it belongs to
    password_hash: Mapped[str] = mapped_column(String(300))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Chosen by its owner; one that the administrator gave is good for the first sign-in alone.
    password_is_own: Mapped[bool] = mapped_column(Boolean, default=False, server_default=true())
    totp_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)  # {secret}; the account's name is bound to it
    totp_kid: Mapped[str | None] = mapped_column(String(100))
    totp_since: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when a first code showed that it was taken up
    totp_step: Mapped[int | None] = mapped_column(Integer)  # of the last code taken: none is good twice (RFC 6238, 5.2)
    # The account of the operating system whose commands are this account's.
    os_account: Mapped[str | None] = mapped_column(String(100), unique=True)
    # Whom of which directory it belongs to (`certsvc.directory`).
    oidc_issuer: Mapped[str | None] = mapped_column(String(300))
    oidc_subject: Mapped[str | None] = mapped_column(String(255))


class RecoveryCodeRecord(Base):
    """A code that stands in for a lost second factor, once."""

    __tablename__ = "recovery_code"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))  # bound to the account
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PasskeyRecord(Base):
    """A public key that an authenticator keeps the other half of (W3C WebAuthn)."""

    __tablename__ = "passkey"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary(1023), unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)  # COSE
    sign_count: Mapped[int] = mapped_column(Integer)
    label: Mapped[str] = mapped_column(String(60))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StaffSessionRecord(Base):
    """One browser at work. Without `factor` only the password was right so far: it may show the second factor."""

    __tablename__ = "staff_session"
    __table_args__ = (
        CheckConstraint("factor in ('" + "', '".join(FACTORS) + "')", name="factor"),
        CheckConstraint("factor is not null or confirmed_at is null", name="confirmed"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)  # of the secret, under the SESSION key
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    factor: Mapped[str | None] = mapped_column(String(10))
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when the second factor was last shown
    tries: Mapped[int] = mapped_column(Integer)
    challenge: Mapped[bytes | None] = mapped_column(LargeBinary(32))  # what a new passkey has to sign
