"""Tables that come with images may say more of them than terms: properties, a name and a value each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0009"
down_revision = "r0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "image_property",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("image", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("value", sa.String(256), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["image"], ["image.id"], name="fk_image_property_image", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_image_property"),
        sa.UniqueConstraint("image", "name", name="uq_image_property_image_name"),
    )
