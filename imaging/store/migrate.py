"""Schema revisions: build a new database, bring an old one forward."""

from __future__ import annotations

from sqlalchemy import inspect, text

from imaging.store.database import Database

HEAD = "r0017"
"""The newest revision; kept here so that opening a workspace does not import all of them (a test compares)."""


def current_revision(database: Database) -> str | None:
    """The revision of the database, None where there is no workspace in it."""
    with database.read() as transaction:
        if not inspect(transaction).has_table("alembic_version"):
            return None
        found = transaction.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
        return None if found is None else str(found)


def upgrade(database: Database, revision: str = "head") -> None:
    """Run the migrations up to a revision, all or nothing."""
    # A tenth of a second that only a new or an old workspace needs.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "imaging.store:migrations")
    with database.write() as transaction:
        config.attributes["connection"] = transaction
        command.upgrade(config, revision)
