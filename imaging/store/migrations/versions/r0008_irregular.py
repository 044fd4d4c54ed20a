"""A project says what becomes of volumes whose planes form no regular grid."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0008"
down_revision = "r0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("project", sa.Column("irregular", sa.String(16), nullable=False, server_default="hold"))
