"""What was changed by whom, in full: so that it can be undone, and done again."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from pydantic import JsonValue

from imaging.domain.base import ImageKey, ProjectKey, Record, UserKey


class Deed(Enum):
    """What a command did to its thing."""

    ADD = "add"
    EDIT = "edit"
    DELETE = "delete"


class Thing(Enum):
    """What commands are about."""

    ANNOTATION = "annotation"
    IMAGE_REVIEW = "image_review"
    PROPERTY = "property"
    DESCRIPTION = "description"
    TAG_USE = "tag_use"
    ATTACHED_FILE = "attached_file"
    COMMENT = "comment"
    TRACK = "track"
    TRACKED = "annotation_track"
    IMAGE_GROUP = "image_group"
    GROUPED_IMAGE = "image_group_image"
    ANNOTATION_GROUP = "annotation_group"
    ANNOTATION_LINK = "annotation_link"


Snapshot = dict[str, list[dict[str, JsonValue]]]
"""Rows of a thing and of all that hangs on it, by table."""


class Command(Record):
    """One change of one thing.

    Attributes
    ----------
    key
        The thing's id.
    image
        The image that it lies on; with it, its commands go.
    before, after
        All of the thing then; None where there was none, or where nobody has looked since it was added.
    batch
        Commands of one request share it: they are undone together.
    undone
        When it was taken back; None while it stands.
    """

    id: int
    project: ProjectKey
    user: UserKey
    deed: Deed
    thing: Thing
    key: int
    image: ImageKey | None
    before: Snapshot | None
    after: Snapshot | None
    batch: int
    created: datetime
    undone: datetime | None = None
