"""Numbers of annotations are kept, and boxes are found by how far they reach."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0016"
down_revision = "r0015"
branch_labels = None
depends_on = None

_FARTHEST = 16
_OLD = "ix_annotation_image_x0_x1_y0_y1"
_NEW = ["image", "axis", "reach", "x0", "x1", "y0", "y1"]


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("annotation", sa.Column("reach", sa.Integer(), nullable=False, server_default=str(_FARTHEST)))
    side = "CASE WHEN x1 - x0 > y1 - y0 THEN x1 - x0 ELSE y1 - y0 END"
    steps = " ".join(f"WHEN {side} <= {2**reach} THEN {reach}" for reach in range(_FARTHEST))
    op.execute(f"UPDATE annotation SET reach = CASE {steps} ELSE {_FARTHEST} END")
    op.drop_index(_OLD, "annotation")
    op.create_index(f"ix_annotation_{'_'.join(_NEW)}", "annotation", _NEW)
    op.create_index("ix_annotation_image_id", "annotation", ["image", "id"])
    op.create_table(
        "annotation_count",
        sa.Column("image", sa.BigInteger(), nullable=False),
        sa.Column("layer", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=True),
        sa.Column("reviewed", sa.Boolean(), nullable=False),
        sa.Column("copied", sa.Boolean(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["image"], ["image.id"], name="fk_annotation_count_image", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["layer"], ["layer.id"], name="fk_annotation_count_layer"),
    )
    for column in ("image", "layer"):
        op.create_index(f"ix_annotation_count_{column}", "annotation_count", [column])
    op.execute(
        "INSERT INTO annotation_count (image, layer, account, reviewed, copied, number) "
        "SELECT image, layer, account, reviewed, parent IS NOT NULL, COUNT(*) FROM annotation "
        "GROUP BY image, layer, account, reviewed, parent IS NOT NULL"
    )
