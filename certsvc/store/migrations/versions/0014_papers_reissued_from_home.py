"""Applications for a reissue that were sent from home, and the pictures that came with them (R8.2)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from certsvc.store.base import UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "home_application",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("reference", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_kid", sa.String(length=100), nullable=False),
        sa.Column("phase", sa.String(length=10), nullable=False),
        sa.Column("missing", sa.String(length=500), nullable=True),
        sa.Column("confirmed_by", sa.String(length=100), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("phase in ('received', 'in_review', 'returned')", name=op.f("ck_home_application_phase")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["reissue_request.id"], name=op.f("fk_home_application_request_id_reissue_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_home_application")),
        sa.UniqueConstraint("reference", name=op.f("uq_home_application_reference")),
        sa.UniqueConstraint("request_id", name=op.f("uq_home_application_request_id")),
    )
    op.create_table(
        "evidence_picture",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("application_id", sa.Integer(), nullable=False),
        sa.Column("shows", sa.String(length=10), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_kid", sa.String(length=100), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.CheckConstraint("shows in ('paper', 'document')", name=op.f("ck_evidence_picture_shows")),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["home_application.id"],
            name=op.f("fk_evidence_picture_application_id_home_application"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_picture")),
    )
    op.create_index(op.f("ix_evidence_picture_application_id"), "evidence_picture", ["application_id"])


def downgrade() -> None:
    op.drop_table("evidence_picture")
    op.drop_table("home_application")
