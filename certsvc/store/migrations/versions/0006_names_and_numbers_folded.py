"""Names and numbers as look-ups compare them (R9), beside those that are printed; filled for what is on record."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from certsvc.person.name import fold
from certsvc.store.base import folded_number

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ROWS = 1000
_NAME = {"certificate": "holder_name", "paper_certificate": "name"}


def upgrade() -> None:
    for table, name in _NAME.items():
        op.add_column(table, sa.Column("number_folded", sa.String(length=64), server_default="", nullable=False))
        op.add_column(table, sa.Column(f"{name}_folded", sa.String(length=300), server_default="", nullable=False))
        _fill(table, {"number": folded_number, name: fold})
        op.create_index(op.f(f"ix_{table}_number_folded"), table, ["number_folded"])


def downgrade() -> None:
    for table, name in _NAME.items():
        op.drop_index(op.f(f"ix_{table}_number_folded"), table_name=table)
        op.drop_column(table, f"{name}_folded")
        op.drop_column(table, "number_folded")


def _fill(table: str, folding: dict[str, Callable[[str], str]]) -> None:
    """Fold the columns of every row into those beside them, some rows at a time."""
    connection = op.get_bind()
    names = ["id", *folding, *(f"{each}_folded" for each in folding)]
    rows: sa.TableClause = sa.table(table, *(sa.column(name) for name in names))
    changed = sa.update(rows).where(rows.c.id == sa.bindparam("of"))
    changed = changed.values({f"{each}_folded": sa.bindparam(f"folded_{each}") for each in folding})
    last = 0
    while True:
        query = sa.select(rows.c.id, *(rows.c[each] for each in folding)).where(rows.c.id > last)
        found = connection.execute(query.order_by(rows.c.id).limit(_ROWS)).all()
        if not found:
            return
        values = [
            {"of": row.id} | {f"folded_{each}": function(getattr(row, each)) for each, function in folding.items()}
            for row in found
        ]
        connection.execute(changed, values)
        last = found[-1].id
