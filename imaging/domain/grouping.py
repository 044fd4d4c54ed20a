"""What belongs together: drawings of one object over planes, images of one comparison, drawings across images."""

from __future__ import annotations

from datetime import datetime

from imaging.domain.base import AnnotationKey, ImageKey, ProjectKey, Record


class Track(Record):
    """One object followed over the planes or times of an image."""

    id: int
    project: ProjectKey
    image: ImageKey
    name: str
    color: str
    created: datetime
    updated: datetime
    version: int = 0


class Tracked(Record):
    """That an annotation shows the object of a track."""

    id: int
    track: int
    annotation: AnnotationKey
    created: datetime


class ImageGroup(Record):
    """Images that are looked at together, such as the sequences or dates of one subject."""

    id: int
    project: ProjectKey
    name: str
    images: int = 0
    created: datetime
    updated: datetime
    version: int = 0


class GroupedImage(Record):
    """That an image is in a group."""

    id: int
    group: int
    image: ImageKey
    created: datetime


class AnnotationGroup(Record):
    """Annotations that show the same object, on images of one group or of none."""

    id: int
    project: ProjectKey
    image_group: int | None
    kind: str = "SAME_OBJECT"
    created: datetime
    updated: datetime
    version: int = 0


class AnnotationLink(Record):
    """That an annotation is in a group; each is in one at most."""

    id: int
    group: int
    annotation: AnnotationKey
    image: ImageKey
    created: datetime
