"""Runs the revisions on the connection that `imaging.store.migrate` hands over."""

from __future__ import annotations

from alembic import context

from imaging.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter a table in place; batch mode copies it.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
