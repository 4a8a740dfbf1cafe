"""Sittings, their rolls and score entries; results by a signed call; notices that go out once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sending_system",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("subjects", sa.String(length=60), nullable=False),
        sa.Column("station", sa.String(length=100), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=100), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.String(length=100), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sending_system")),
        sa.UniqueConstraint("key_id", name=op.f("uq_sending_system_key_id")),
        sa.UniqueConstraint("name", name=op.f("uq_sending_system_name")),
        sa.UniqueConstraint("public_key", name=op.f("uq_sending_system_public_key")),
    )
    op.create_table(
        "sitting",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sat_on", sa.Date(), nullable=False),
        sa.Column("begins", sa.String(length=5), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("station", sa.String(length=100), nullable=False),
        sa.Column("subject", sa.String(length=20), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=100), nullable=False),
        sa.Column("commitment", sa.String(length=64), nullable=True),
        sa.Column("seed_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("seed_kid", sa.String(length=100), nullable=True),
        sa.Column("seed_revealed", sa.String(length=64), nullable=True),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.String(length=100), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.String(length=100), nullable=True),
        sa.CheckConstraint("(closed_at is null) = (closed_by is null)", name=op.f("ck_sitting_closed")),
        sa.CheckConstraint("(confirmed_at is null) = (confirmed_by is null)", name=op.f("ck_sitting_confirmed")),
        sa.CheckConstraint("(seed_sealed is null) = (commitment is null)", name=op.f("ck_sitting_committed")),
        sa.CheckConstraint("capacity > 0", name=op.f("ck_sitting_capacity")),
        sa.CheckConstraint("seed_revealed is null or closed_at is not null", name=op.f("ck_sitting_revealed")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sitting")),
        sa.UniqueConstraint(
            "sat_on",
            "station",
            "subject",
            "begins",
            "place",
            name=op.f("uq_sitting_sat_on_station_subject_begins_place"),
        ),
    )
    op.create_table(
        "results_delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("system_id", sa.Integer(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=100), nullable=False),
        sa.Column("body_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_kid", sa.String(length=100), nullable=False),
        sa.Column("signature_base", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["system_id"], ["sending_system.id"], name=op.f("fk_results_delivery_system_id_sending_system")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_results_delivery")),
        sa.UniqueConstraint("system_id", "idempotency_key", name=op.f("uq_results_delivery_system_id_idempotency_key")),
    )
    op.create_table(
        "seen_nonce",
        sa.Column("system_id", sa.Integer(), nullable=False),
        sa.Column("nonce", sa.String(length=100), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["system_id"], ["sending_system.id"], name=op.f("fk_seen_nonce_system_id_sending_system")
        ),
        sa.PrimaryKeyConstraint("system_id", "nonce", name=op.f("pk_seen_nonce")),
    )
    op.create_index(op.f("ix_seen_nonce_expires_at"), "seen_nonce", ["expires_at"], unique=False)
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
    op.create_table(
        "seat",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sitting_id", sa.Integer(), nullable=False),
        sa.Column("enrolment_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("ticket", sa.String(length=30), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("admitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("admitted_by", sa.String(length=100), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_by", sa.String(length=100), nullable=True),
        sa.CheckConstraint("kind in ('first', 'free_retake')", name=op.f("ck_seat_kind")),
        sa.CheckConstraint("(removed_at is null) = (removed_by is null)", name=op.f("ck_seat_removed")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolment.id"], name=op.f("fk_seat_enrolment_id_enrolment")),
        sa.ForeignKeyConstraint(["sitting_id"], ["sitting.id"], name=op.f("fk_seat_sitting_id_sitting")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seat")),
        sa.UniqueConstraint("sitting_id", "enrolment_id", name=op.f("uq_seat_sitting_id_enrolment_id")),
        sa.UniqueConstraint("sitting_id", "number", name=op.f("uq_seat_sitting_id_number")),
        sa.UniqueConstraint("ticket", name=op.f("uq_seat_ticket")),
    )
    op.create_index(op.f("ix_seat_enrolment_id"), "seat", ["enrolment_id"], unique=False)
    op.create_table(
        "score_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seat_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("score", sa.String(length=10), nullable=True),
        sa.Column("items_json", sa.Text(), nullable=True),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_by", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["seat_id"], ["seat.id"], name=op.f("fk_score_entry_seat_id_seat")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score_entry")),
        sa.UniqueConstraint("client_id", name=op.f("uq_score_entry_client_id")),
        sa.UniqueConstraint("seat_id", "kind", "sequence", name=op.f("uq_score_entry_seat_id_kind_sequence")),
    )


def downgrade() -> None:

    op.drop_table("score_entry")
    op.drop_index(op.f("ix_seat_enrolment_id"), table_name="seat")
    op.drop_table("seat")
    op.drop_table("queued_notice")
    op.drop_index(op.f("ix_seen_nonce_expires_at"), table_name="seen_nonce")
    op.drop_table("seen_nonce")
    op.drop_table("results_delivery")
    op.drop_table("sitting")
    op.drop_table("sending_system")
