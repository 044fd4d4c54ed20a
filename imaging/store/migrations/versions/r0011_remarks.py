"""Properties, descriptions and tags of projects, images and annotations; properties of images move to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0011"
down_revision = "r0010"
branch_labels = None
depends_on = None

_VERSIONED = ("created", "updated", "version")


def _table(name: str, *columns: sa.Column[object], facts: tuple[str, ...] = _VERSIONED) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.BigInteger(), nullable=False),
        sa.Column("image", sa.BigInteger(), nullable=True),
        sa.Column("annotation", sa.BigInteger(), nullable=True),
        sa.Column("account", sa.BigInteger(), nullable=False),
        *columns,
        *(sa.Column(fact, sa.Integer() if fact == "version" else sa.BigInteger(), nullable=False) for fact in facts),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=f"fk_{name}_project"),
        sa.ForeignKeyConstraint(["image"], ["image.id"], name=f"fk_{name}_image", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=f"fk_{name}_account"),
        sa.ForeignKeyConstraint(["annotation"], ["annotation.id"], name=f"fk_{name}_annotation", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
    )


def _index(name: str, *columns: str, unique: bool = False) -> None:
    op.create_index(f"ix_{name}_{'_'.join(columns)}", name, list(columns), unique=unique)


def upgrade() -> None:
    """Bring the schema forward."""
    _table("property", sa.Column("key", sa.String(256), nullable=False), sa.Column("value", sa.Text(), nullable=False))
    for columns in (("project", "key"), ("image",), ("annotation",)):
        _index("property", *columns)
    op.execute(
        "INSERT INTO property (id, project, image, account, key, value, created, updated, version) "
        "SELECT p.id, i.project, p.image, i.added_by, p.name, p.value, p.created, p.created, 0 "
        "FROM image_property p JOIN image i ON i.id = p.image"
    )
    op.drop_table("image_property")
    _table("description", sa.Column("text", sa.Text(), nullable=False))
    _index("description", "project")
    for column in ("image", "annotation"):
        _index("description", column, unique=True)
    op.create_table(
        "tag",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("creator", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["creator"], ["account.id"], name="fk_tag_creator"),
        sa.PrimaryKeyConstraint("id", name="pk_tag"),
        sa.UniqueConstraint("creator", "name", name="uq_tag_creator_name"),
    )
    _table(
        "tag_use",
        sa.Column(
            "tag", sa.BigInteger(), sa.ForeignKey("tag.id", name="fk_tag_use_tag", ondelete="CASCADE"), nullable=False
        ),
        facts=("created",),
    )
    for columns in (("project", "tag"), ("image",), ("annotation",), ("tag",)):
        _index("tag_use", *columns)
