"""A project says whose drawings an annotator changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0017"
down_revision = "r0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("project", sa.Column("editing", sa.String(16), nullable=False, server_default="restricted"))
