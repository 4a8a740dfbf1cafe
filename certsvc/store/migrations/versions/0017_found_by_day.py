"""Results are found by the day of the exam, certificates by the day of issue: what the desks count a period by."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_attempt_sat_on"), "attempt", ["sat_on"])
    op.create_index(op.f("ix_certificate_issued_on"), "certificate", ["issued_on"])


def downgrade() -> None:
    op.drop_index(op.f("ix_certificate_issued_on"), table_name="certificate")
    op.drop_index(op.f("ix_attempt_sat_on"), table_name="attempt")
