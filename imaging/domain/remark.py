"""What is said of a project, an image or an annotation beside its terms: properties, texts, tags, files, comments."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from imaging.domain.base import AnnotationKey, Record, UserKey


class TargetKind(Enum):
    """What something can be said of."""

    PROJECT = "project"
    IMAGE = "image"
    ANNOTATION = "annotation"


class Target(Record):
    """One thing that something is said of."""

    kind: TargetKind
    id: int


class Property(Record):
    """A key and a value; several of one thing may have the same key."""

    id: int
    target: Target
    user: UserKey
    key: str
    value: str
    created: datetime
    updated: datetime
    version: int = 0


class Description(Record):
    """A text, one of each thing."""

    id: int
    target: Target
    user: UserKey
    text: str
    created: datetime
    updated: datetime
    version: int = 0


class Tag(Record):
    """A word that things are marked with; its creator's, and seen wherever it is used."""

    id: int
    name: str
    creator: UserKey
    created: datetime
    version: int = 0


class TagUse(Record):
    """That a thing is marked with a tag."""

    id: int
    tag: int
    name: str
    target: Target
    user: UserKey
    created: datetime


class AttachedFile(Record):
    """A file that lies with a thing, such as a report template or a figure; what is in it nobody looks at.

    `size` counts bytes.
    """

    id: int
    target: Target
    user: UserKey
    name: str
    size: int
    created: datetime


class Comment(Record):
    """What a member says to others about an annotation; `receivers` are those whom it is meant for."""

    id: int
    annotation: AnnotationKey
    user: UserKey
    text: str
    receivers: tuple[UserKey, ...] = ()
    created: datetime
