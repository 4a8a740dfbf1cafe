"""The first tables: schemes, persons, enrolments, certificates, the log, paper, reissue, shares, audit, accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from certsvc.store.base import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("scope", sa.String(length=200), nullable=True),
        sa.Column("password_hash", sa.String(length=300), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("disabled_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "role in ('institution', 'station', 'reviewer', 'issuer', 'auditor', 'administrator')",
            name=op.f("ck_account_role"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
    )
    op.create_table(
        "audit_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("object_kind", sa.String(length=40), nullable=False),
        sa.Column("object_key", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    op.create_index(op.f("ix_audit_event_action"), "audit_event", ["action"])

    op.create_table(
        "issue_batch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("approved_by", sa.String(length=100), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issue_batch")),
    )
    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_log_head_one_head")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_head")),
    )
    op.create_table(
        "log_leaf",
        sa.Column("index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("index", name=op.f("pk_log_leaf")),
    )
    op.create_table(
        "log_node",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("level", "index", name=op.f("pk_log_node")),
    )
    op.create_table(
        "log_session",
        sa.Column("session", sa.String(length=96), nullable=False),
        sa.Column("passed", sa.Integer(), nullable=False),
        sa.Column("issued", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("session", name=op.f("pk_log_session")),
    )
    op.create_table(
        "paper_certificate",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("id_type", sa.String(length=40), nullable=False),
        sa.Column("id_lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_kid", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("occupation", sa.String(length=200), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("issuer", sa.String(length=200), nullable=False),
        sa.Column("replaced_on", sa.Date(), nullable=True),
        sa.Column("replaced_reason", sa.String(length=20), nullable=True),
        sa.Column("replaced_by_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_certificate")),
        sa.UniqueConstraint("number", name=op.f("uq_paper_certificate_number")),
    )
    op.create_index(op.f("ix_paper_certificate_id_lookup"), "paper_certificate", ["id_lookup"])

    op.create_table(
        "person",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("id_type", sa.String(length=40), nullable=False),
        sa.Column("id_lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_kid", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("sex", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("id_lookup", name=op.f("uq_person_id_lookup")),
    )
    op.create_index(op.f("ix_person_name"), "person", ["name"])

    op.create_table(
        "scheme",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("family", sa.String(length=200), nullable=False),
        sa.Column("version", sa.String(length=50), nullable=False),
        sa.Column("in_force_from", sa.Date(), nullable=False),
        sa.Column("toml", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scheme")),
        sa.UniqueConstraint("key", "version", name=op.f("uq_scheme_key_version")),
    )
    op.create_index(op.f("ix_scheme_family_in_force_from"), "scheme", ["family", "in_force_from"])

    op.create_table(
        "serial",
        sa.Column("scope", sa.String(length=100), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_serial")),
    )
    op.create_table(
        "enrolment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("scheme_id", sa.Integer(), nullable=False),
        sa.Column("occupation_code", sa.String(length=50), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("registered_on", sa.Date(), nullable=False),
        sa.Column("institution", sa.String(length=200), nullable=True),
        sa.Column("health_declared", sa.Boolean(), nullable=False),
        sa.Column("batch", sa.String(length=100), nullable=True),
        sa.Column("photo_sha256", sa.String(length=64), nullable=True),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_enrolment_person_id_person")),
        sa.ForeignKeyConstraint(["scheme_id"], ["scheme.id"], name=op.f("fk_enrolment_scheme_id_scheme")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment")),
        sa.UniqueConstraint(
            "person_id",
            "occupation_code",
            "level",
            "registered_on",
            name=op.f("uq_enrolment_person_id_occupation_code_level_registered_on"),
        ),
    )
    op.create_index(op.f("ix_enrolment_institution"), "enrolment", ["institution"])
    op.create_index(op.f("ix_enrolment_scheme_id"), "enrolment", ["scheme_id"])

    op.create_table(
        "attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("enrolment_id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=20), nullable=False),
        sa.Column("sat_on", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("score_hundredths", sa.Integer(), nullable=True),
        sa.Column("items_json", sa.Text(), nullable=True),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.String(length=100), nullable=False),
        sa.Column("published_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolment.id"], name=op.f("fk_attempt_enrolment_id_enrolment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint(
            "enrolment_id", "subject", "sat_on", "kind", name=op.f("uq_attempt_enrolment_id_subject_sat_on_kind")
        ),
    )
    op.create_index(op.f("ix_attempt_published_on"), "attempt", ["published_on"])

    op.create_table(
        "certificate",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=26), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("enrolment_id", sa.Integer(), nullable=True),
        sa.Column("paper_id", sa.Integer(), nullable=True),
        sa.Column("scheme_id", sa.Integer(), nullable=True),
        sa.Column("carrier", sa.String(length=20), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("credential", sa.LargeBinary(), nullable=True),
        sa.Column("credential_sha256", sa.String(length=64), nullable=True),
        sa.Column("cose", sa.LargeBinary(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_kid", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("status_changed_on", sa.Date(), nullable=True),
        sa.Column("status_reason", sa.String(length=500), nullable=True),
        sa.Column("superseded_by_id", sa.Integer(), nullable=True),
        sa.Column("status_list", sa.String(length=40), nullable=False),
        sa.Column("status_index", sa.Integer(), nullable=False),
        sa.Column("holder_name", sa.String(length=200), nullable=False),
        sa.Column("occupation_code", sa.String(length=50), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("reissued_on", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("leaf_index", sa.BigInteger(), nullable=True),
        sa.Column("pdf_sha256", sa.String(length=64), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "stage = 'reserved' or credential is not null", name=op.f("ck_certificate_issued_is_signed")
        ),
        sa.CheckConstraint("stage in ('reserved', 'issued')", name=op.f("ck_certificate_stage")),
        sa.ForeignKeyConstraint(["batch_id"], ["issue_batch.id"], name=op.f("fk_certificate_batch_id_issue_batch")),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolment.id"], name=op.f("fk_certificate_enrolment_id_enrolment")),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["paper_certificate.id"], name=op.f("fk_certificate_paper_id_paper_certificate")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_certificate_person_id_person")),
        sa.ForeignKeyConstraint(["scheme_id"], ["scheme.id"], name=op.f("fk_certificate_scheme_id_scheme")),
        sa.ForeignKeyConstraint(
            ["superseded_by_id"], ["certificate.id"], name=op.f("fk_certificate_superseded_by_id_certificate")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate")),
        sa.UniqueConstraint("credential_sha256", name=op.f("uq_certificate_credential_sha256")),
        sa.UniqueConstraint("enrolment_id", "version", name=op.f("uq_certificate_enrolment_id_version")),
        sa.UniqueConstraint("leaf_index", name=op.f("uq_certificate_leaf_index")),
        sa.UniqueConstraint("number", "version", name=op.f("uq_certificate_number_version")),
        sa.UniqueConstraint("paper_id", "version", name=op.f("uq_certificate_paper_id_version")),
        sa.UniqueConstraint("status_list", "status_index", name=op.f("uq_certificate_status_list_status_index")),
        sa.UniqueConstraint("token", name=op.f("uq_certificate_token")),
    )
    op.create_index(op.f("ix_certificate_batch_id"), "certificate", ["batch_id"])
    op.create_index(op.f("ix_certificate_holder_name"), "certificate", ["holder_name"])
    op.create_index(op.f("ix_certificate_pdf_sha256"), "certificate", ["pdf_sha256"])
    op.create_index(op.f("ix_certificate_person_id"), "certificate", ["person_id"])
    op.create_index(op.f("ix_certificate_stage"), "certificate", ["stage"])

    op.create_table(
        "reissue_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("paper_id", sa.Integer(), nullable=True),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("id_type", sa.String(length=40), nullable=False),
        sa.Column("id_lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_kid", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("evidence", sa.String(length=1000), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("applied_at", UtcDateTime(), nullable=False),
        sa.Column("applied_by", sa.String(length=100), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("decided_by", sa.String(length=100), nullable=True),
        sa.Column("decision_note", sa.String(length=1000), nullable=True),
        sa.Column("certificate_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("reason in ('lost', 'damaged')", name=op.f("ck_reissue_request_reason")),
        sa.CheckConstraint("state in ('applied', 'approved', 'rejected')", name=op.f("ck_reissue_request_state")),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificate.id"], name=op.f("fk_reissue_request_certificate_id_certificate")
        ),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["paper_certificate.id"], name=op.f("fk_reissue_request_paper_id_paper_certificate")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reissue_request")),
    )
    op.create_index(op.f("ix_reissue_request_id_lookup"), "reissue_request", ["id_lookup"])
    op.create_index(op.f("ix_reissue_request_number"), "reissue_request", ["number"])
    op.create_index(op.f("ix_reissue_request_paper_id"), "reissue_request", ["paper_id"])
    op.create_index(op.f("ix_reissue_request_state"), "reissue_request", ["state"])

    op.create_table(
        "share_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("certificate_id", sa.Integer(), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("withdrawn_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificate.id"], name=op.f("fk_share_link_certificate_id_certificate")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_link")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_share_link_secret_sha256")),
    )
    op.create_index(op.f("ix_share_link_certificate_id"), "share_link", ["certificate_id"])

    op.create_table(
        "status_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("certificate_id", sa.Integer(), nullable=False),
        sa.Column("from_status", sa.String(length=20), nullable=False),
        sa.Column("to_status", sa.String(length=20), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("leaf_index", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificate.id"], name=op.f("fk_status_change_certificate_id_certificate")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_status_change")),
        sa.UniqueConstraint("leaf_index", name=op.f("uq_status_change_leaf_index")),
    )
    op.create_index(op.f("ix_status_change_certificate_id"), "status_change", ["certificate_id"])

    op.create_table(
        "share_opening",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("share_link_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["share_link_id"], ["share_link.id"], name=op.f("fk_share_opening_share_link_id_share_link")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_opening")),
    )
    op.create_index(op.f("ix_share_opening_share_link_id"), "share_opening", ["share_link_id"])
