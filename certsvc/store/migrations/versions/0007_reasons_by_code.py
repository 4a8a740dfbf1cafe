"""Why a certificate is suspended or revoked is public by its code alone; what staff wrote stays with the change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("status_change", sa.Column("reason_code", sa.String(length=30), nullable=True))
    # The words of the past are kept in status_change.reason, where they were written too.
    op.execute("update status_change set reason_code = 'other' where to_status in ('suspended', 'revoked')")
    op.execute(
        "update certificate set status_reason = case when status in ('suspended', 'revoked') then 'other' end "
        "where status_reason is not null"
    )


def downgrade() -> None:
    op.drop_column("status_change", "reason_code")
