"""A project has a profile of its own, and knows which options the profile hash of an image stands for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"
branch_labels = None
depends_on = None

_RESEARCH = (
    '{"name": "research", "version": 2, "safe_private": true, "uids": false, "device": false, "institution": false,'
    ' "characteristics": true, "dates": "modified", "birth_date": "year", "age_cap_years": 89, "descriptors": true,'
    ' "structured_content": false, "graphics": false}'
)
"""What every project had until now, written out: the built-in profile may change."""


def upgrade() -> None:
    """Bring the schema forward."""
    column = sa.Column("profile", sa.JSON(none_as_null=True), nullable=False, server_default=_RESEARCH)
    op.add_column("project", column)
    op.create_table(
        "profile",
        sa.Column("project", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("options", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_profile_project")),
        sa.PrimaryKeyConstraint("project", "hash", name=op.f("pk_profile")),
    )
