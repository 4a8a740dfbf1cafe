"""Notices with where each stands, in place of the list of those that had been queued."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from certsvc.store.base import UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("about", sa.String(length=80), nullable=False),
        sa.Column("id_lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("channel", sa.String(length=5), nullable=True),
        sa.Column("queued_at", UtcDateTime(), nullable=False),
        sa.Column("next_try_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("fault", sa.String(length=40), nullable=True),
        sa.CheckConstraint("channel in ('sms', 'mail')", name=op.f("ck_notice_channel")),
        sa.CheckConstraint("state in ('queued', 'sending', 'sent', 'failed', 'dropped')", name=op.f("ck_notice_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("kind", "about", name=op.f("uq_notice_kind_about")),
    )
    op.create_index(op.f("ix_notice_id_lookup"), "notice", ["id_lookup"], unique=False)
    op.create_index(op.f("ix_notice_state"), "notice", ["state"], unique=False)
    # What was queued before went out as a message, which keeps its own end; none of it goes out again.
    op.execute(
        "insert into notice (kind, about, id_lookup, message_id, state, channel, queued_at, next_try_at, expires_at,"
        " tries, ended_at) select q.kind, q.enrolment_id || ' ' || q.about, p.id_lookup, '', 'sent', 'sms',"
        " q.queued_at, q.queued_at, q.queued_at, 1, q.queued_at from queued_notice q"
        " join enrolment e on e.id = q.enrolment_id join person p on p.id = e.person_id"
        " order by q.queued_at, q.enrolment_id, q.about"
    )
    op.drop_table("queued_notice")


def downgrade() -> None:
    op.create_table(
        "queued_notice",
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("enrolment_id", sa.Integer(), nullable=False),
        sa.Column("about", sa.String(length=60), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["enrolment_id"], ["enrolment.id"], name=op.f("fk_queued_notice_enrolment_id_enrolment")
        ),
        sa.PrimaryKeyConstraint("kind", "enrolment_id", "about", name=op.f("pk_queued_notice")),
    )
    op.drop_index(op.f("ix_notice_state"), table_name="notice")
    op.drop_index(op.f("ix_notice_id_lookup"), table_name="notice")
    op.drop_table("notice")
