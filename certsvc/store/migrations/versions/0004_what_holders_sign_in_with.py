"""What holders sign in with: codes, sessions, messages. And until when an archived PDF is proven."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from certsvc.store.base import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "holder_code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("id_lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("kind in ('message', 'access', 'decoy')", name=op.f("ck_holder_code_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holder_code")),
    )
    op.create_index(op.f("ix_holder_code_id_lookup"), "holder_code", ["id_lookup"])
    op.create_index(op.f("ix_holder_code_expires_at"), "holder_code", ["expires_at"])
    op.create_table(
        "holder_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("id_lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holder_session")),
        sa.UniqueConstraint("digest", name=op.f("uq_holder_session_digest")),
    )
    op.create_index(op.f("ix_holder_session_id_lookup"), "holder_session", ["id_lookup"])
    op.create_index(op.f("ix_holder_session_expires_at"), "holder_session", ["expires_at"])
    op.create_table(
        "message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("id_lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_kid", sa.String(length=100), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("fault", sa.String(length=40), nullable=True),
        sa.CheckConstraint("state in ('asked', 'queued', 'sent', 'failed', 'dropped')", name=op.f("ck_message_state")),
        sa.CheckConstraint("state in ('asked', 'queued') or length(sealed) = 0", name=op.f("ck_message_emptied")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
    )
    op.create_index(op.f("ix_message_id_lookup"), "message", ["id_lookup"])
    op.create_index(op.f("ix_message_state"), "message", ["state"])
    op.create_index(op.f("ix_message_expires_at"), "message", ["expires_at"])
    op.add_column("pdf_file", sa.Column("proven_until", UtcDateTime(), nullable=True))
