"""Uploads that stay open, and files that arrive in parts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0007"
down_revision = "r0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "open_upload",
        sa.Column("upload", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("touched", sa.BigInteger(), nullable=False),
        sa.Column("alone", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["upload"], ["upload.id"], name="fk_open_upload_upload", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("upload", name="pk_open_upload"),
    )
    op.create_table(
        "announced_file",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("upload", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.LargeBinary(), nullable=False),
        sa.Column("token", sa.String(64), nullable=True),
        sa.ForeignKeyConstraint(["upload"], ["upload.id"], name="fk_announced_file_upload", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_announced_file"),
        sa.UniqueConstraint("upload", "token", name="uq_announced_file_upload_token"),
    )
