"""Checks that somebody kept are looked up by their reference, and a share link shows what its holder chose (R10)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from certsvc.store.base import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A link made before there was a choice goes on showing what it showed: the public record.
    for name in ("shows_name", "shows_portrait"):
        op.add_column("share_link", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "kept_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(length=12), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("certificate_id", sa.Integer(), nullable=True),
        sa.Column("paper_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("says_zh", sa.Text(), nullable=False),
        sa.Column("says_en", sa.Text(), nullable=False),
        sa.Column("compared", sa.String(length=10), nullable=False),
        sa.CheckConstraint("compared in ('none', 'name', 'match')", name=op.f("ck_kept_check_compared")),
        sa.CheckConstraint("(certificate_id is null) <> (paper_id is null)", name=op.f("ck_kept_check_one_record")),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificate.id"], name=op.f("fk_kept_check_certificate_id_certificate")
        ),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["paper_certificate.id"], name=op.f("fk_kept_check_paper_id_paper_certificate")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_check")),
        sa.UniqueConstraint("reference", name=op.f("uq_kept_check_reference")),
    )
    for column in ("made_at", "certificate_id", "paper_id"):
        op.create_index(op.f(f"ix_kept_check_{column}"), "kept_check", [column])


def downgrade() -> None:
    op.drop_table("kept_check")
    op.drop_column("share_link", "shows_portrait")
    op.drop_column("share_link", "shows_name")
