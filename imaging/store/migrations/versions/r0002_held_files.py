"""Held files know which bytes and which series they are, and whose; annotations by which request they came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    for name in ("digest", "series", "subject"):
        op.add_column("held_file", sa.Column(name, sa.String(length=64), nullable=False, server_default=""))
    op.create_index(op.f("ix_held_file_digest"), "held_file", ["digest"])
    op.add_column("annotation", sa.Column("token", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_annotation_layer_token"), "annotation", ["layer", "token"], unique=True)
