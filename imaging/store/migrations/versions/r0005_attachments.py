"""A file may belong to an image without being a part of it: its segments, its contours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0005"
down_revision = "r0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("source_digest", sa.Column("attached", sa.String(16), nullable=True))
