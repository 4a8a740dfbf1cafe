"""Alembic's entry: runs on the connection that `store.migrate` hands over; there is no alembic.ini."""

from __future__ import annotations

from alembic import context

from certsvc.store import Base


def run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        render_as_batch=connection.dialect.name == "sqlite",
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
