"""The tables of the workspace; `migrations` builds them, a test holds both equal."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from imaging.store.columns import key_column, link_column, time_columns
from imaging.store.moment import Moment

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _json(name: str, *, optional: bool = False) -> Column[object]:
    return Column(name, JSON(none_as_null=True), nullable=optional)


workspace = Table(
    "workspace",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("created", Moment, nullable=False),
    Column("key_check", LargeBinary, nullable=False),
)

sequence = Table(
    "sequence",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("next", BigInteger, nullable=False),
)

account = Table(
    "account",
    metadata,
    key_column(),
    Column("username", String(128), nullable=False, unique=True),
    Column("firstname", String(128), nullable=False),
    Column("lastname", String(128), nullable=False),
    Column("email", String(256), nullable=False),
    Column("language", String(8), nullable=False),
    Column("operator", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("password", String(256), nullable=False),
    Column("created", Moment, nullable=False),
)

api_key = Table(
    "api_key",
    metadata,
    Column("public_key", String(64), primary_key=True),
    link_column("account", "account"),
    Column("private_key", LargeBinary, nullable=False),
    Column("created", Moment, nullable=False),
    Index(None, "account"),
)

token = Table(
    "token",
    metadata,
    Column("digest", String(64), primary_key=True),
    link_column("account", "account"),
    Column("kind", String(16), nullable=False),
    Column("created", Moment, nullable=False),
    Column("seen", Moment, nullable=False),
    Column("expires", Moment, nullable=True),
    Index(None, "account"),
)

ontology = Table(
    "ontology",
    metadata,
    key_column(),
    Column("name", String(256), nullable=False),
    link_column("creator", "account"),
    Column("next_value", Integer, nullable=False),
    Column("created", Moment, nullable=False),
    Column("version", Integer, nullable=False),
)

term = Table(
    "term",
    metadata,
    key_column(),
    link_column("ontology", "ontology", cascade=True),
    Column("name", String(256), nullable=False),
    Column("color", String(7), nullable=False),
    Column("value", Integer, nullable=False),
    Column("comment", Text, nullable=False),
    link_column("parent", "term", optional=True),
    Column("concept_value", String(64), nullable=True),
    Column("concept_scheme", String(64), nullable=True),
    Column("concept_meaning", String(256), nullable=True),
    Column("created", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("ontology", "name"),
    UniqueConstraint("ontology", "value"),
)

project = Table(
    "project",
    metadata,
    key_column(),
    Column("name", String(256), nullable=False),
    link_column("ontology", "ontology"),
    Column("pixel_access", String(16), nullable=False),
    Column("irregular", String(16), nullable=False, server_default="hold"),
    Column("editing", String(16), nullable=False, server_default="restricted"),
    Column("secret", LargeBinary, nullable=False),
    Column("created", Moment, nullable=False),
    Column("updated", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    _json("profile"),
    Index(None, "ontology"),
)

# What the profile hash of an image stands for.
profile = Table(
    "profile",
    metadata,
    Column("project", BigInteger, ForeignKey("project.id"), primary_key=True),
    Column("hash", String(64), primary_key=True),
    _json("options"),
)

member = Table(
    "member",
    metadata,
    Column("project", BigInteger, ForeignKey("project.id"), primary_key=True),
    Column("account", BigInteger, ForeignKey("account.id"), primary_key=True),
    Column("role", String(32), primary_key=True),
    Index(None, "account"),
)

image = Table(
    "image",
    metadata,
    key_column(),
    link_column("project", "project"),
    Column("name", String(256), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("study", String(128), nullable=False),
    Column("series", String(128), nullable=False),
    Column("description", Text, nullable=False),
    _json("shape"),
    Column("dtype", String(16), nullable=False),
    _json("attributes"),
    Column("sources", Integer, nullable=False),
    Column("slice_base", BigInteger, nullable=False, unique=True),
    Column("slices", BigInteger, nullable=False),
    link_column("added_by", "account"),
    Column("created", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    Index(None, "project", "id"),
)

source_digest = Table(
    "source_digest",
    metadata,
    Column("project", BigInteger, ForeignKey("project.id"), primary_key=True),
    Column("digest", String(128), primary_key=True),
    link_column("image", "image", cascade=True),
    Column("attached", String(16), nullable=True),
    Index(None, "image"),
)

model = Table(
    "model",
    metadata,
    key_column(),
    link_column("project", "project"),
    Column("name", String(256), nullable=False),
    Column("version", Integer, nullable=False),
    Column("task", String(32), nullable=False),
    _json("terms"),
    Column("bundle", String(512), nullable=False),
    Column("sha256", String(64), nullable=False),
    _json("metrics", optional=True),
    _json("card", optional=True),
    link_column("created_by", "account"),
    Column("created", Moment, nullable=False),
    UniqueConstraint("project", "name", "version"),
)

layer = Table(
    "layer",
    metadata,
    key_column(),
    link_column("project", "project"),
    Column("kind", String(16), nullable=False),
    Column("owner", String(320), nullable=False),
    Column("name", String(320), nullable=False),
    link_column("account", "account", optional=True),
    link_column("model", "model", optional=True),
    UniqueConstraint("project", "owner"),
)

annotation = Table(
    "annotation",
    metadata,
    key_column(),
    link_column("project", "project"),
    link_column("image", "image", cascade=True),
    link_column("layer", "layer"),
    link_column("account", "account", optional=True),
    Column("axis", String(1), nullable=False),
    Column("index", Integer, nullable=False),
    Column("t", Integer, nullable=False),
    Column("c", Integer, nullable=False),
    Column("wkt", Text, nullable=False),
    Column("x0", Float, nullable=False),
    Column("y0", Float, nullable=False),
    Column("x1", Float, nullable=False),
    Column("y1", Float, nullable=False),
    Column("reach", Integer, nullable=False, server_default="16"),
    Column("reviewed", Boolean, nullable=False),
    Column("area_px", Float, nullable=False),
    Column("length_px", Float, nullable=False),
    Column("area_mm2", Float, nullable=True),
    Column("length_mm", Float, nullable=True),
    *time_columns(),
    Column("token", String(64), nullable=True),
    _json("measurements", optional=True),
    # Of a reviewed copy: what it was copied from, which may be gone, and who accepted it.
    Column("parent", BigInteger, nullable=True),
    Column("reviewer", BigInteger, nullable=True),
    Index(None, "parent"),
    Index(None, "project", "id"),
    Index(None, "project", "account", "created"),
    Index(None, "layer", "token", unique=True),
    Index(None, "image", "id"),
    Index(None, "image", "axis", "index"),
    Index(None, "image", "axis", "reach", "x0", "x1", "y0", "y1"),
    Index(None, "layer"),
    Index(None, "account"),
)

annotation_term = Table(
    "annotation_term",
    metadata,
    Column("annotation", BigInteger, ForeignKey("annotation.id", ondelete="CASCADE"), primary_key=True),
    Column("term", BigInteger, ForeignKey("term.id"), primary_key=True),
    Index(None, "term"),
)

image_term = Table(
    "image_term",
    metadata,
    Column("image", BigInteger, ForeignKey("image.id", ondelete="CASCADE"), primary_key=True),
    Column("term", BigInteger, ForeignKey("term.id"), primary_key=True),
    Column("layer", BigInteger, ForeignKey("layer.id"), primary_key=True),
    Column("probability", Float, nullable=True),
    Column("reviewed", Boolean, nullable=False),
    Column("created", Moment, nullable=False),
    Index(None, "term"),
    Index(None, "layer"),
)

segmentation = Table(
    "segmentation",
    metadata,
    key_column(),
    link_column("project", "project"),
    link_column("image", "image", cascade=True),
    link_column("layer", "layer"),
    Column("name", String(256), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("reviewed", Boolean, nullable=False),
    Column("created", Moment, nullable=False),
    Column("updated", Moment, nullable=False),
    Index(None, "project", "id"),
    Index(None, "image"),
    Index(None, "layer"),
)

segmentation_term = Table(
    "segmentation_term",
    metadata,
    Column("segmentation", BigInteger, ForeignKey("segmentation.id", ondelete="CASCADE"), primary_key=True),
    Column("term", BigInteger, ForeignKey("term.id"), primary_key=True),
    Column("value", Integer, nullable=False),
    Column("voxels", BigInteger, nullable=False),
    Index(None, "term"),
)

job = Table(
    "job",
    metadata,
    key_column(),
    link_column("project", "project"),
    Column("kind", String(32), nullable=False),
    _json("work"),
    Column("state", String(16), nullable=False),
    Column("progress", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("reason", Text, nullable=False),
    _json("result", optional=True),
    link_column("submitted_by", "account"),
    Column("created", Moment, nullable=False),
    Column("started", Moment, nullable=True),
    Column("finished", Moment, nullable=True),
    Column("attempts", Integer, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("worker", String(128), nullable=False),
    Column("lease_seconds", Float, nullable=False),
    Column("lease_until", Moment, nullable=True),
    Index(None, "project", "id"),
    Index(None, "state", "id"),
)

upload = Table(
    "upload",
    metadata,
    key_column(),
    link_column("project", "project"),
    link_column("account", "account"),
    Column("source", String(64), nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("created", Moment, nullable=False),
    Column("finished", Moment, nullable=True),
    Index(None, "project"),
)

upload_file = Table(
    "upload_file",
    metadata,
    key_column(),
    link_column("upload", "upload", cascade=True),
    Column("name", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created", Moment, nullable=False),
    Index(None, "upload"),
)

held_file = Table(
    "held_file",
    metadata,
    key_column(),
    link_column("project", "project"),
    link_column("upload", "upload", cascade=True),
    Column("name", LargeBinary, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("detail", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created", Moment, nullable=False),
    Column("digest", String(64), nullable=False, server_default=""),
    Column("series", String(64), nullable=False, server_default=""),
    Column("subject", String(64), nullable=False, server_default=""),
    _json("decision", optional=True),
    Index(None, "project", "id"),
    Index(None, "upload"),
    Index(None, "digest"),
)

chain = Table(
    "chain",
    metadata,
    Column("scope", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
)

# No foreign keys: the journal outlives what it speaks of.
event = Table(
    "event",
    metadata,
    Column("scope", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("actor", BigInteger, nullable=True),
    Column("action", String(64), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("key", BigInteger, nullable=True),
    Column("job", BigInteger, nullable=True),
    Column("detail", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
)
