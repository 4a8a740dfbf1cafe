"""The register knows its keys by their check values, and the clock it was last signed by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Both begin empty: the first start writes the check values, of keys that fit what is on record.
    op.create_table(
        "key_check",
        sa.Column("kid", sa.String(length=16), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("check", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("distrusted_from", sa.BigInteger(), nullable=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_key_check")),
    )
    op.create_table(
        "clock_seen",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_clock_seen_one_clock")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_seen")),
    )


def downgrade() -> None:
    op.drop_table("clock_seen")
    op.drop_table("key_check")
