"""Staff sign in: second factors, passkeys, sessions; and no one approves what they asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from certsvc.store.base import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_BEFORE = "role in ('institution', 'station', 'reviewer', 'issuer', 'auditor', 'administrator')"
_SINCE = (
    "role in ('institution', 'station', 'assessor', 'reviewer', 'maker', 'approver', 'key-custodian', 'auditor', "
    "'administrator')"
)


def upgrade() -> None:
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_recovery_code_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
    )
    op.create_table(
        "passkey",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(length=1023), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(length=60), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_passkey_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkey_credential_id")),
    )
    op.create_table(
        "staff_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("factor", sa.String(length=10), nullable=True),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("challenge", sa.LargeBinary(length=32), nullable=True),
        sa.CheckConstraint("factor in ('totp', 'passkey', 'recovery')", name=op.f("ck_staff_session_factor")),
        sa.CheckConstraint("factor is not null or confirmed_at is null", name=op.f("ck_staff_session_confirmed")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_staff_session_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_session")),
        sa.UniqueConstraint("digest", name=op.f("uq_staff_session_digest")),
    )
    for table in ("recovery_code", "passkey", "staff_session"):
        op.create_index(op.f(f"ix_{table}_account_id"), table, ["account_id"])
    op.create_index(op.f("ix_staff_session_expires_at"), "staff_session", ["expires_at"])
    with op.batch_alter_table("account") as account:
        account.drop_constraint(op.f("ck_account_role"), type_="check")
        account.add_column(sa.Column("password_is_own", sa.Boolean(), nullable=False, server_default=sa.true()))
        account.add_column(sa.Column("totp_sealed", sa.LargeBinary(), nullable=True))
        account.add_column(sa.Column("totp_kid", sa.String(length=100), nullable=True))
        account.add_column(sa.Column("totp_since", UtcDateTime(), nullable=True))
        account.add_column(sa.Column("totp_step", sa.Integer(), nullable=True))
        account.add_column(sa.Column("os_account", sa.String(length=100), nullable=True))
        account.create_unique_constraint(op.f("uq_account_os_account"), ["os_account"])
    # One who issued asked for batches; to approve them takes another account.
    op.execute("update account set role = 'maker' where role = 'issuer'")
    with op.batch_alter_table("account") as account:
        account.create_check_constraint(op.f("ck_account_role"), _SINCE)
    with op.batch_alter_table("approval") as approval:
        approval.create_check_constraint(
            op.f("ck_approval_two_people"), "state <> 'approved' or decided_by <> asked_by"
        )


def downgrade() -> None:
    with op.batch_alter_table("approval") as approval:
        approval.drop_constraint(op.f("ck_approval_two_people"), type_="check")
    for table in ("staff_session", "passkey", "recovery_code"):
        op.drop_table(table)
    with op.batch_alter_table("account") as account:
        account.drop_constraint(op.f("ck_account_role"), type_="check")
    op.execute("update account set role = 'issuer' where role in ('maker', 'approver', 'key-custodian')")
    op.execute("update account set role = 'station' where role = 'assessor'")
    with op.batch_alter_table("account") as account:
        account.drop_constraint(op.f("uq_account_os_account"), type_="unique")
        for column in ("os_account", "totp_step", "totp_since", "totp_kid", "totp_sealed", "password_is_own"):
            account.drop_column(column)
        account.create_check_constraint(op.f("ck_account_role"), _BEFORE)
