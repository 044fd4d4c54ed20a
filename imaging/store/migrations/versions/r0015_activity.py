"""Positions of members on images, and what they connect to, open and do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0015"
down_revision = "r0014"
branch_labels = None
depends_on = None


def _link(table: str, name: str, target: str, *, cascade: bool = False) -> sa.ForeignKeyConstraint:
    ondelete = "CASCADE" if cascade else None
    return sa.ForeignKeyConstraint([name], [f"{target}.id"], name=f"fk_{table}_{name}", ondelete=ondelete)


def _number(name: str, *, optional: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=optional)


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, [*columns])


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "position",
        _number("id"),
        _number("project"),
        _number("account"),
        _number("image"),
        sa.Column("axis", sa.String(1), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("index", "t", "c")),
        sa.Column("wkt", sa.Text(), nullable=False),
        sa.Column("zoom", sa.Integer(), nullable=False),
        sa.Column("rotation", sa.Float(), nullable=False),
        sa.Column("broadcast", sa.Boolean(), nullable=False),
        _number("milliseconds"),
        _number("created"),
        _link("position", "project", "project", cascade=True),
        _link("position", "account", "account"),
        _link("position", "image", "image", cascade=True),
        sa.PrimaryKeyConstraint("id", name="pk_position"),
    )
    _index("position", "image", "account", "created")
    _index("position", "image", "created")
    _index("position", "project", "created")
    _index("position", "project", "account", "created")
    _index("position", "created")
    op.create_table(
        "activity",
        _number("id"),
        _number("project"),
        _number("account"),
        sa.Column("kind", sa.String(16), nullable=False),
        _number("image", optional=True),
        _number("annotation", optional=True),
        _number("slice", optional=True),
        sa.Column("word", sa.String(64), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        _number("created"),
        _link("activity", "project", "project", cascade=True),
        _link("activity", "account", "account"),
        _link("activity", "image", "image", cascade=True),
        sa.PrimaryKeyConstraint("id", name="pk_activity"),
    )
    _index("activity", "project", "kind", "account", "created")
    _index("activity", "image", "kind", "created")
    _index("activity", "created")
    # What each member drew, and when, is counted by itself.
    _index("annotation", "project", "account", "created")
