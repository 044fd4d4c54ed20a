"""Changes can be undone: every one is kept with what it changed, before and after."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0010"
down_revision = "r0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "command",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("deed", sa.String(8), nullable=False),
        sa.Column("thing", sa.String(32), nullable=False),
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("image", sa.BigInteger(), nullable=True),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("after", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("undone", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name="fk_command_project"),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name="fk_command_account"),
        sa.ForeignKeyConstraint(["image"], ["image.id"], name="fk_command_image", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_command"),
    )
    for columns in (("project", "id"), ("account", "id"), ("batch",), ("image",)):
        op.create_index(f"ix_command_{'_'.join(columns)}", "command", list(columns))
