"""Erasures, and the documents under which a person was on record before a correction (R8.4, R10)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from certsvc.store.base import UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("id_lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("through", sa.Date(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("approved_by", sa.String(length=100), nullable=True),
        sa.Column("approval_id", sa.Integer(), nullable=True),
        sa.Column("numbers", sa.Text(), nullable=False),
        sa.Column("kept", sa.Text(), nullable=False),
        sa.CheckConstraint("kind in ('wish', 'term')", name=op.f("ck_erasure_kind")),
        sa.CheckConstraint("kind = 'term' or approved_by is not null", name=op.f("ck_erasure_two_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
    )
    op.create_index(op.f("ix_erasure_id_lookup"), "erasure", ["id_lookup"])
    op.create_table(
        "earlier_document",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("id_lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("replaced_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_earlier_document_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_earlier_document")),
        sa.UniqueConstraint("id_lookup", "person_id", name=op.f("uq_earlier_document_id_lookup_person_id")),
    )
    op.create_index(op.f("ix_earlier_document_person_id"), "earlier_document", ["person_id"])
    op.add_column("certificate", sa.Column("erased_on", sa.Date(), nullable=True))
    op.add_column("paper_certificate", sa.Column("erased_on", sa.Date(), nullable=True))


def downgrade() -> None:
    op.drop_column("paper_certificate", "erased_on")
    op.drop_column("certificate", "erased_on")
    op.drop_table("earlier_document")
    op.drop_table("erasure")
