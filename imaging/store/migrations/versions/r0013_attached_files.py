"""Files that lie with projects, images and annotations, and comments on annotations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0013"
down_revision = "r0012"
branch_labels = None
depends_on = None


def _link(table: str, name: str, target: str, *, cascade: bool = False) -> sa.ForeignKeyConstraint:
    ondelete = "CASCADE" if cascade else None
    return sa.ForeignKeyConstraint([name], [f"{target}.id"], name=f"fk_{table}_{name}", ondelete=ondelete)


def _number(name: str, *, optional: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=optional)


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "attached_file",
        _number("id"),
        _number("project"),
        _number("image", optional=True),
        _number("annotation", optional=True),
        _number("account"),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        _number("size"),
        _number("created"),
        _link("attached_file", "project", "project"),
        _link("attached_file", "image", "image", cascade=True),
        _link("attached_file", "annotation", "annotation", cascade=True),
        _link("attached_file", "account", "account"),
        sa.PrimaryKeyConstraint("id", name="pk_attached_file"),
    )
    for column in ("project", "image", "annotation"):
        op.create_index(f"ix_attached_file_{column}", "attached_file", [column])
    op.create_table(
        "comment",
        _number("id"),
        _number("annotation"),
        _number("account"),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("receivers", sa.JSON(), nullable=False),
        _number("created"),
        _link("comment", "annotation", "annotation", cascade=True),
        _link("comment", "account", "account"),
        sa.PrimaryKeyConstraint("id", name="pk_comment"),
    )
    op.create_index("ix_comment_annotation", "comment", ["annotation"])
