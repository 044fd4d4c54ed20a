"""Reviewed copies of annotations, and which images are reviewed by whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0014"
down_revision = "r0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("annotation", sa.Column("parent", sa.BigInteger(), nullable=True))
    op.add_column("annotation", sa.Column("reviewer", sa.BigInteger(), nullable=True))
    op.create_index("ix_annotation_parent", "annotation", ["parent"])
    op.create_table(
        "image_review",
        sa.Column("image", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reviewer", sa.BigInteger(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("stopped", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["image"], ["image.id"], name="fk_image_review_image", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["reviewer"], ["account.id"], name="fk_image_review_reviewer"),
        sa.PrimaryKeyConstraint("image", name="pk_image_review"),
    )
