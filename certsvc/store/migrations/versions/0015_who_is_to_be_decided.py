"""Enrolments that may be due are marked, and certificates that are not valid are found by an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "to_decide",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("enrolment_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolment.id"], name=op.f("fk_to_decide_enrolment_id_enrolment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_to_decide")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_to_decide_enrolment_id"), "to_decide", ["enrolment_id"])
    # What came in before is decided once more: everyone who sat, whose registration counts, and who has no certificate.
    op.execute(
        "insert into to_decide (enrolment_id) select enrolment.id from enrolment "
        "where enrolment.review_state = 'approved' "
        "and exists (select 1 from attempt where attempt.enrolment_id = enrolment.id) "
        "and not exists (select 1 from certificate where certificate.enrolment_id = enrolment.id "
        "and certificate.stage = 'issued') order by enrolment.id"
    )
    op.create_index(
        op.f("ix_certificate_status_status_list_status_index"), "certificate", ["status", "status_list", "status_index"]
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_certificate_status_status_list_status_index"), table_name="certificate")
    op.drop_table("to_decide")
