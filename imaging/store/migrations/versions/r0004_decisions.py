"""What was decided on a held file is kept until the volume can be made that it is a slice of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("held_file", sa.Column("decision", sa.JSON(none_as_null=True), nullable=True))
