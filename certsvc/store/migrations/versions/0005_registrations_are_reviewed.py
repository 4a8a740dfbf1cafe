"""Registrations are reviewed (R1.6): where each stands, and the steps. What is on record came by reviewed rosters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from certsvc.store.base import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # In SQL, since Alembic adds no column together with its check on SQLite, and these words are both engines'.
    op.execute(
        "alter table enrolment add column review_state varchar(10) default 'approved' not null "
        "constraint ck_enrolment_review_state "
        "check (review_state in ('draft', 'submitted', 'approved', 'returned', 'rejected'))"
    )
    op.create_table(
        "review_step",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("enrolment_id", sa.Integer(), nullable=False),
        sa.Column("move", sa.String(length=10), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("remark", sa.String(length=500), nullable=True),
        sa.Column("changed", sa.Boolean(), nullable=False),
        sa.Column("face", sa.String(length=10), nullable=True),
        sa.Column("checked_at", UtcDateTime(), nullable=True),
        sa.Column("place", sa.String(length=100), nullable=True),
        sa.CheckConstraint(
            "move in ('submit', 'confirm', 'approve', 'return', 'reject')", name=op.f("ck_review_step_move")
        ),
        sa.CheckConstraint("face in ('pass', 'fail', 'manual')", name=op.f("ck_review_step_face")),
        sa.CheckConstraint("(move = 'confirm') = (face is not null)", name=op.f("ck_review_step_confirmed")),
        sa.CheckConstraint("(move in ('return', 'reject')) = (remark is not null)", name=op.f("ck_review_step_remark")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolment.id"], name=op.f("fk_review_step_enrolment_id_enrolment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_step")),
    )
    op.create_index(op.f("ix_review_step_enrolment_id"), "review_step", ["enrolment_id"])


def downgrade() -> None:
    """Back to a shape in which every registration counts: refused while there is one that does not."""
    waiting = op.get_bind().scalar(sa.text("select count(*) from enrolment where review_state <> 'approved'"))
    if waiting:
        raise RuntimeError(f"{waiting} registrations are not approved, and would count at revision 0004")
    op.drop_table("review_step")
    op.execute("alter table enrolment drop column review_state")
