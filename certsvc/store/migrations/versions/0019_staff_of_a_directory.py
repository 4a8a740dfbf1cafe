"""Accounts of the staff may be bound to a person of the authority's own directory (OpenID Connect)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_BEFORE = "factor in ('totp', 'passkey', 'recovery')"
_SINCE = "factor in ('totp', 'passkey', 'recovery', 'directory')"


def upgrade() -> None:
    with op.batch_alter_table("account") as account:
        account.add_column(sa.Column("oidc_issuer", sa.String(length=300), nullable=True))
        account.add_column(sa.Column("oidc_subject", sa.String(length=255), nullable=True))
        account.create_unique_constraint(op.f("uq_account_oidc_issuer_oidc_subject"), ["oidc_issuer", "oidc_subject"])
    with op.batch_alter_table("staff_session") as staff_session:
        staff_session.drop_constraint(op.f("ck_staff_session_factor"), type_="check")
        staff_session.create_check_constraint(op.f("ck_staff_session_factor"), _SINCE)


def downgrade() -> None:
    op.execute("delete from staff_session where factor = 'directory'")
    with op.batch_alter_table("staff_session") as staff_session:
        staff_session.drop_constraint(op.f("ck_staff_session_factor"), type_="check")
        staff_session.create_check_constraint(op.f("ck_staff_session_factor"), _BEFORE)
    with op.batch_alter_table("account") as account:
        account.drop_constraint(op.f("uq_account_oidc_issuer_oidc_subject"), type_="unique")
        account.drop_column("oidc_subject")
        account.drop_column("oidc_issuer")
