"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:  # noqa: PLR0915  (a frozen list of tables reads best in one piece)
    """Make all tables of the first release."""
    op.create_table(
        "account",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("username", sa.String(length=128), nullable=False),
        sa.Column("firstname", sa.String(length=128), nullable=False),
        sa.Column("lastname", sa.String(length=128), nullable=False),
        sa.Column("email", sa.String(length=256), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("operator", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("password", sa.String(length=256), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("username", name=op.f("uq_account_username")),
    )
    op.create_table(
        "chain",
        sa.Column("scope", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_chain")),
    )
    op.create_table(
        "event",
        sa.Column("scope", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.BigInteger(), nullable=True),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("key", sa.BigInteger(), nullable=True),
        sa.Column("job", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("scope", "number", name=op.f("pk_event")),
    )
    op.create_table(
        "sequence",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sequence")),
    )
    op.create_table(
        "workspace",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("key_check", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspace")),
    )
    op.create_table(
        "api_key",
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("private_key", sa.LargeBinary(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_api_key_account")),
        sa.PrimaryKeyConstraint("public_key", name=op.f("pk_api_key")),
    )
    op.create_index(op.f("ix_api_key_account"), "api_key", ["account"], unique=False)
    op.create_table(
        "ontology",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("creator", sa.BigInteger(), nullable=False),
        sa.Column("next_value", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["creator"], ["account.id"], name=op.f("fk_ontology_creator")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ontology")),
    )
    op.create_table(
        "token",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_token_account")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_token")),
    )
    op.create_index(op.f("ix_token_account"), "token", ["account"], unique=False)
    op.create_table(
        "project",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("ontology", sa.BigInteger(), nullable=False),
        sa.Column("pixel_access", sa.String(length=16), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["ontology"], ["ontology.id"], name=op.f("fk_project_ontology")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
    )
    op.create_index(op.f("ix_project_ontology"), "project", ["ontology"], unique=False)
    op.create_table(
        "term",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ontology", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("color", sa.String(length=7), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("parent", sa.BigInteger(), nullable=True),
        sa.Column("concept_value", sa.String(length=64), nullable=True),
        sa.Column("concept_scheme", sa.String(length=64), nullable=True),
        sa.Column("concept_meaning", sa.String(length=256), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["ontology"], ["ontology.id"], name=op.f("fk_term_ontology"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["parent"], ["term.id"], name=op.f("fk_term_parent")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_term")),
        sa.UniqueConstraint("ontology", "name", name=op.f("uq_term_ontology_name")),
        sa.UniqueConstraint("ontology", "value", name=op.f("uq_term_ontology_value")),
    )
    op.create_table(
        "image",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("study", sa.String(length=128), nullable=False),
        sa.Column("series", sa.String(length=128), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("shape", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("dtype", sa.String(length=16), nullable=False),
        sa.Column("attributes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("sources", sa.Integer(), nullable=False),
        sa.Column("slice_base", sa.BigInteger(), nullable=False),
        sa.Column("slices", sa.BigInteger(), nullable=False),
        sa.Column("added_by", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["added_by"], ["account.id"], name=op.f("fk_image_added_by")),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_image_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image")),
        sa.UniqueConstraint("slice_base", name=op.f("uq_image_slice_base")),
    )
    op.create_index(op.f("ix_image_project_id"), "image", ["project", "id"], unique=False)
    op.create_table(
        "job",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("work", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("result", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("submitted_by", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=True),
        sa.Column("finished", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("worker", sa.String(length=128), nullable=False),
        sa.Column("lease_seconds", sa.Float(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_job_project")),
        sa.ForeignKeyConstraint(["submitted_by"], ["account.id"], name=op.f("fk_job_submitted_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    op.create_index(op.f("ix_job_project_id"), "job", ["project", "id"], unique=False)
    op.create_index(op.f("ix_job_state_id"), "job", ["state", "id"], unique=False)
    op.create_table(
        "member",
        sa.Column("project", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_member_account")),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_member_project")),
        sa.PrimaryKeyConstraint("project", "account", "role", name=op.f("pk_member")),
    )
    op.create_index(op.f("ix_member_account"), "member", ["account"], unique=False)
    op.create_table(
        "model",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("task", sa.String(length=32), nullable=False),
        sa.Column("terms", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("bundle", sa.String(length=512), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("metrics", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("card", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_by", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"], name=op.f("fk_model_created_by")),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_model_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model")),
        sa.UniqueConstraint("project", "name", "version", name=op.f("uq_model_project_name_version")),
    )
    op.create_table(
        "upload",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("finished", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_upload_account")),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_upload_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
    )
    op.create_index(op.f("ix_upload_project"), "upload", ["project"], unique=False)
    op.create_table(
        "held_file",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.BigInteger(), nullable=False),
        sa.Column("upload", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_held_file_project")),
        sa.ForeignKeyConstraint(["upload"], ["upload.id"], name=op.f("fk_held_file_upload"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held_file")),
    )
    op.create_index(op.f("ix_held_file_project_id"), "held_file", ["project", "id"], unique=False)
    op.create_index(op.f("ix_held_file_upload"), "held_file", ["upload"], unique=False)
    op.create_table(
        "layer",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=True),
        sa.Column("model", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_layer_account")),
        sa.ForeignKeyConstraint(["model"], ["model.id"], name=op.f("fk_layer_model")),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_layer_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_layer")),
        sa.UniqueConstraint("project", "owner", name=op.f("uq_layer_project_owner")),
    )
    op.create_table(
        "source_digest",
        sa.Column("project", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=128), nullable=False),
        sa.Column("image", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["image"], ["image.id"], name=op.f("fk_source_digest_image"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_source_digest_project")),
        sa.PrimaryKeyConstraint("project", "digest", name=op.f("pk_source_digest")),
    )
    op.create_index(op.f("ix_source_digest_image"), "source_digest", ["image"], unique=False)
    op.create_table(
        "upload_file",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("upload", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["upload"], ["upload.id"], name=op.f("fk_upload_file_upload"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload_file")),
    )
    op.create_index(op.f("ix_upload_file_upload"), "upload_file", ["upload"], unique=False)
    op.create_table(
        "annotation",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.BigInteger(), nullable=False),
        sa.Column("image", sa.BigInteger(), nullable=False),
        sa.Column("layer", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=True),
        sa.Column("axis", sa.String(length=1), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("t", sa.Integer(), nullable=False),
        sa.Column("c", sa.Integer(), nullable=False),
        sa.Column("wkt", sa.Text(), nullable=False),
        sa.Column("x0", sa.Float(), nullable=False),
        sa.Column("y0", sa.Float(), nullable=False),
        sa.Column("x1", sa.Float(), nullable=False),
        sa.Column("y1", sa.Float(), nullable=False),
        sa.Column("reviewed", sa.Boolean(), nullable=False),
        sa.Column("area_px", sa.Float(), nullable=False),
        sa.Column("length_px", sa.Float(), nullable=False),
        sa.Column("area_mm2", sa.Float(), nullable=True),
        sa.Column("length_mm", sa.Float(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_annotation_account")),
        sa.ForeignKeyConstraint(["image"], ["image.id"], name=op.f("fk_annotation_image"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["layer"], ["layer.id"], name=op.f("fk_annotation_layer")),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_annotation_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotation")),
    )
    op.create_index(op.f("ix_annotation_account"), "annotation", ["account"], unique=False)
    op.create_index(op.f("ix_annotation_image_axis_index"), "annotation", ["image", "axis", "index"], unique=False)
    op.create_index(
        op.f("ix_annotation_image_x0_x1_y0_y1"), "annotation", ["image", "x0", "x1", "y0", "y1"], unique=False
    )
    op.create_index(op.f("ix_annotation_layer"), "annotation", ["layer"], unique=False)
    op.create_index(op.f("ix_annotation_project_id"), "annotation", ["project", "id"], unique=False)
    op.create_table(
        "image_term",
        sa.Column("image", sa.BigInteger(), nullable=False),
        sa.Column("term", sa.BigInteger(), nullable=False),
        sa.Column("layer", sa.BigInteger(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.Column("reviewed", sa.Boolean(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["image"], ["image.id"], name=op.f("fk_image_term_image"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["layer"], ["layer.id"], name=op.f("fk_image_term_layer")),
        sa.ForeignKeyConstraint(["term"], ["term.id"], name=op.f("fk_image_term_term")),
        sa.PrimaryKeyConstraint("image", "term", "layer", name=op.f("pk_image_term")),
    )
    op.create_index(op.f("ix_image_term_layer"), "image_term", ["layer"], unique=False)
    op.create_index(op.f("ix_image_term_term"), "image_term", ["term"], unique=False)
    op.create_table(
        "segmentation",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.BigInteger(), nullable=False),
        sa.Column("image", sa.BigInteger(), nullable=False),
        sa.Column("layer", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("reviewed", sa.Boolean(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["image"], ["image.id"], name=op.f("fk_segmentation_image"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["layer"], ["layer.id"], name=op.f("fk_segmentation_layer")),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_segmentation_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segmentation")),
    )
    op.create_index(op.f("ix_segmentation_image"), "segmentation", ["image"], unique=False)
    op.create_index(op.f("ix_segmentation_layer"), "segmentation", ["layer"], unique=False)
    op.create_index(op.f("ix_segmentation_project_id"), "segmentation", ["project", "id"], unique=False)
    op.create_table(
        "annotation_term",
        sa.Column("annotation", sa.BigInteger(), nullable=False),
        sa.Column("term", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotation"], ["annotation.id"], name=op.f("fk_annotation_term_annotation"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["term"], ["term.id"], name=op.f("fk_annotation_term_term")),
        sa.PrimaryKeyConstraint("annotation", "term", name=op.f("pk_annotation_term")),
    )
    op.create_index(op.f("ix_annotation_term_term"), "annotation_term", ["term"], unique=False)
    op.create_table(
        "segmentation_term",
        sa.Column("segmentation", sa.BigInteger(), nullable=False),
        sa.Column("term", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("voxels", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["segmentation"], ["segmentation.id"], name=op.f("fk_segmentation_term_segmentation"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["term"], ["term.id"], name=op.f("fk_segmentation_term_term")),
        sa.PrimaryKeyConstraint("segmentation", "term", name=op.f("pk_segmentation_term")),
    )
    op.create_index(op.f("ix_segmentation_term_term"), "segmentation_term", ["term"], unique=False)
