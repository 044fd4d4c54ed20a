"""Tracks, groups of images and groups of annotations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0012"
down_revision = "r0011"
branch_labels = None
depends_on = None


def _table(name: str, *parts: sa.Column[object] | sa.UniqueConstraint, versioned: bool) -> None:
    times = ("created", "updated") if versioned else ("created",)
    op.create_table(
        name,
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        *(part for part in parts if isinstance(part, sa.Column)),
        *(sa.Column(time, sa.BigInteger(), nullable=False) for time in times),
        *([sa.Column("version", sa.Integer(), nullable=False)] if versioned else []),
        *(part for part in parts if not isinstance(part, sa.Column)),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
    )


def _to(table: str, column: str, target: str, *, cascade: bool = True, optional: bool = False) -> sa.Column[object]:
    key = sa.ForeignKey(f"{target}.id", name=f"fk_{table}_{column}", ondelete="CASCADE" if cascade else None)
    return sa.Column(column, sa.BigInteger(), key, nullable=optional)


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def _name() -> sa.Column[object]:
    return sa.Column("name", sa.String(256), nullable=False)


def upgrade() -> None:
    """Bring the schema forward."""
    _table(
        "track",
        _to("track", "project", "project", cascade=False),
        _to("track", "image", "image"),
        _name(),
        sa.Column("color", sa.String(7), nullable=False),
        _unique("track", "image", "name"),
        versioned=True,
    )
    _table(
        "annotation_track",
        _to("annotation_track", "track", "track"),
        _to("annotation_track", "annotation", "annotation"),
        _unique("annotation_track", "annotation", "track"),
        versioned=False,
    )
    _table(
        "image_group",
        _to("image_group", "project", "project", cascade=False),
        _name(),
        _unique("image_group", "project", "name"),
        versioned=True,
    )
    _table(
        "image_group_image",
        _to("image_group_image", "group", "image_group"),
        _to("image_group_image", "image", "image"),
        _unique("image_group_image", "group", "image"),
        versioned=False,
    )
    _table(
        "annotation_group",
        _to("annotation_group", "project", "project", cascade=False),
        _to("annotation_group", "image_group", "image_group", cascade=False, optional=True),
        sa.Column("kind", sa.String(32), nullable=False),
        versioned=True,
    )
    _table(
        "annotation_link",
        _to("annotation_link", "group", "annotation_group"),
        _to("annotation_link", "annotation", "annotation"),
        _unique("annotation_link", "annotation"),
        versioned=False,
    )
    for table, column in (
        ("track", "project"),
        ("annotation_track", "track"),
        ("image_group_image", "image"),
        ("annotation_group", "project"),
        ("annotation_group", "image_group"),
        ("annotation_link", "group"),
    ):
        op.create_index(f"ix_{table}_{column}", table, [column])
