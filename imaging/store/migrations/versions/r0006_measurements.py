"""A drawing may come with what was measured on it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0006"
down_revision = "r0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("annotation", sa.Column("measurements", sa.JSON(none_as_null=True), nullable=True))
