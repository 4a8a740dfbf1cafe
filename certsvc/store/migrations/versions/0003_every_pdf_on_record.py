"""Every PDF on record by its hash and level, so that one that is stamped later leaves the earlier bytes known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from certsvc.store.base import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pdf_file",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("certificate_id", sa.Integer(), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificate.id"], name=op.f("fk_pdf_file_certificate_id_certificate")
        ),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_pdf_file")),
    )
    op.create_index(op.f("ix_pdf_file_certificate_id"), "pdf_file", ["certificate_id"])
    op.execute(
        "insert into pdf_file (sha256, certificate_id, level, recorded_at) "
        "select pdf_sha256, id, 'B-B', created_at from certificate where pdf_sha256 is not null"
    )
