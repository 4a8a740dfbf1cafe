"""What waits for a second person (R1.6, R8.4a, R10); messages that are no codes; papers that stand on evidence."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from certsvc.store.base import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "approval",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("object_key", sa.String(length=200), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_kid", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("asked_by", sa.String(length=100), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("decided_by", sa.String(length=100), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=True),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("state in ('waiting', 'approved', 'rejected')", name=op.f("ck_approval_state")),
        sa.CheckConstraint("(state = 'waiting') = (decided_by is null)", name=op.f("ck_approval_decided")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
    )
    op.create_index(op.f("ix_approval_kind"), "approval", ["kind"])
    op.create_index(op.f("ix_approval_state"), "approval", ["state"])
    op.add_column("message", sa.Column("is_notice", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column(
        "paper_certificate", sa.Column("from_evidence", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    op.drop_column("paper_certificate", "from_evidence")
    op.drop_column("message", "is_notice")
    op.drop_table("approval")
