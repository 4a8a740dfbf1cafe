"""Results are found by the day of the exam, certificates by the day of issue, registrations by where they stand.

What the desks list and count is read without the rest.
"""

from __future__ import annotations

from typing import Final

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_INDEXES: Final = (
    ("attempt", "sat_on"),
    ("result_correction", "sat_on"),
    ("certificate", "stage", "issued_on"),
    ("enrolment", "review_state"),
)


def upgrade() -> None:
    for table, *columns in _INDEXES:
        op.create_index(op.f("_".join(("ix", table, *columns))), table, columns)


def downgrade() -> None:
    for table, *columns in reversed(_INDEXES):
        op.drop_index(op.f("_".join(("ix", table, *columns))), table_name=table)
