"""Results are corrected, annulled and withdrawn; nothing on record is overwritten (R2.4 to R2.7)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from certsvc.store.base import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "result_correction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("approval_id", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(length=10), nullable=False),
        sa.Column("reason_code", sa.String(length=20), nullable=False),
        sa.Column("sat_on", sa.Date(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("score_hundredths", sa.Integer(), nullable=True),
        sa.Column("items_json", sa.Text(), nullable=True),
        *_signed_by_two(),
        sa.Column("revoked_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("asked_by <> approved_by", name=op.f("ck_result_correction_two_people")),
        sa.ForeignKeyConstraint(
            ["revoked_id"], ["certificate.id"], name=op.f("fk_result_correction_revoked_id_certificate")
        ),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_result_correction_attempt_id_attempt")),
        sa.ForeignKeyConstraint(
            ["approval_id"], ["approval.id"], name=op.f("fk_result_correction_approval_id_approval")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_result_correction")),
        sa.UniqueConstraint("attempt_id", "approval_id", name=op.f("uq_result_correction_attempt_id_approval_id")),
        sa.UniqueConstraint("leaf_index", name=op.f("uq_result_correction_leaf_index")),
    )
    op.create_index(op.f("ix_result_correction_approval_id"), "result_correction", ["approval_id"])
    op.create_index(op.f("ix_result_correction_revoked_id"), "result_correction", ["revoked_id"])
    op.create_table(
        "withdrawn_result",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("enrolment_id", sa.Integer(), nullable=False),
        sa.Column("approval_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=20), nullable=False),
        sa.Column("sat_on", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("score_hundredths", sa.Integer(), nullable=True),
        sa.Column("items_json", sa.Text(), nullable=True),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=100), nullable=False),
        *_signed_by_two(),
        sa.CheckConstraint("asked_by <> approved_by", name=op.f("ck_withdrawn_result_two_people")),
        sa.ForeignKeyConstraint(
            ["enrolment_id"], ["enrolment.id"], name=op.f("fk_withdrawn_result_enrolment_id_enrolment")
        ),
        sa.ForeignKeyConstraint(
            ["approval_id"], ["approval.id"], name=op.f("fk_withdrawn_result_approval_id_approval")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawn_result")),
        sa.UniqueConstraint("leaf_index", name=op.f("uq_withdrawn_result_leaf_index")),
    )
    op.create_index(op.f("ix_withdrawn_result_enrolment_id"), "withdrawn_result", ["enrolment_id"])
    op.create_index(op.f("ix_withdrawn_result_approval_id"), "withdrawn_result", ["approval_id"])


def _has_rows(table: str) -> bool:
    return op.get_bind().execute(sa.select(sa.func.count()).select_from(sa.table(table))).scalar_one() > 0


def _signed_by_two() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_kid", sa.String(length=100), nullable=False),
        sa.Column("asked_by", sa.String(length=100), nullable=False),
        sa.Column("approved_by", sa.String(length=100), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("leaf_index", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    # Without the table, what was corrected would count again as it was imported.
    kept = [name for name in ("result_correction", "withdrawn_result") if _has_rows(name)]
    if kept:
        raise RuntimeError(f"results were put right since: {', '.join(kept)}")
    op.drop_table("withdrawn_result")
    op.drop_table("result_correction")
