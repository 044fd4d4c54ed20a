"""Tracks, image groups and annotation groups."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from imaging.domain.grouping import AnnotationGroup, AnnotationLink, GroupedImage, ImageGroup, Track, Tracked
from viewer.api.shapes.envelope import Changed, Sent, SentId, Thing, to_millis

_ANNOTATION = "be.cytomine.domain.ontology.UserAnnotation"


class TrackShape(Thing):
    """One object followed over an image."""

    class_: str = Field(default="be.cytomine.domain.ontology.Track", alias="class")
    name: str
    color: str
    image: int
    project: int

    @classmethod
    def of(cls, track: Track) -> Self:
        """Show a track."""
        times = {"created": to_millis(track.created), "updated": to_millis(track.updated)}
        return cls(id=track.id, name=track.name, color=track.color, image=track.image, project=track.project, **times)


class TrackChanged(Changed):
    """A changed track."""

    track: TrackShape


class TrackSent(Sent):
    """What a track is made of."""

    name: str = Field(min_length=1, max_length=256)
    image: SentId
    color: str | None = Field(default=None, max_length=7)


class TrackEdited(Sent):
    """What changes of a track; null stays as it is."""

    name: str | None = Field(default=None, min_length=1, max_length=256)
    color: str | None = Field(default=None, max_length=7)


class AnnotationTrackShape(Thing):
    """That an annotation shows the object of a track."""

    class_: str = Field(default="be.cytomine.domain.ontology.AnnotationTrack", alias="class")
    annotation_class_name: str = _ANNOTATION
    annotation_ident: int
    annotation: int
    track: int

    @classmethod
    def of(cls, tracked: Tracked) -> Self:
        """Show the pair."""
        return cls(
            id=tracked.id,
            created=to_millis(tracked.created),
            updated=None,
            annotation_ident=tracked.annotation,
            annotation=tracked.annotation,
            track=tracked.track,
        )


class AnnotationTrackChanged(Changed):
    """A changed pair of annotation and track."""

    annotationtrack: AnnotationTrackShape


class AnnotationTrackSent(Sent):
    """Which annotation shows the object of which track."""

    annotation_ident: SentId
    track: SentId


class ImageGroupShape(Thing):
    """Images that are looked at together."""

    class_: str = Field(default="be.cytomine.domain.image.group.ImageGroup", alias="class")
    name: str
    project: int
    number_of_images: int

    @classmethod
    def of(cls, group: ImageGroup) -> Self:
        """Show a group."""
        times = {"created": to_millis(group.created), "updated": to_millis(group.updated)}
        return cls(id=group.id, name=group.name, project=group.project, number_of_images=group.images, **times)


class ImageGroupChanged(Changed):
    """A changed image group."""

    imagegroup: ImageGroupShape


class ImageGroupSent(Sent):
    """What an image group is made of."""

    name: str = Field(min_length=1, max_length=256)
    project: SentId


class ImageGroupEdited(Sent):
    """What an image group is renamed from."""

    name: str = Field(min_length=1, max_length=256)


class GroupedImageShape(Thing):
    """That an image is in a group."""

    class_: str = Field(default="be.cytomine.domain.image.group.ImageGroupImageInstance", alias="class")
    group: int
    image: int

    @classmethod
    def of(cls, grouped: GroupedImage) -> Self:
        """Show the pair."""
        created = to_millis(grouped.created)
        return cls(id=grouped.id, created=created, updated=None, group=grouped.group, image=grouped.image)


class GroupedImageChanged(Changed):
    """A changed pair of group and image."""

    imagegroupimageinstance: GroupedImageShape


class AnnotationGroupShape(Thing):
    """Annotations that show the same object."""

    class_: str = Field(default="be.cytomine.domain.annotation.AnnotationGroup", alias="class")
    project: int
    image_group: int | None
    type: str

    @classmethod
    def of(cls, group: AnnotationGroup) -> Self:
        """Show a group."""
        times = {"created": to_millis(group.created), "updated": to_millis(group.updated)}
        return cls(id=group.id, project=group.project, image_group=group.image_group, type=group.kind, **times)


class AnnotationGroupChanged(Changed):
    """A changed annotation group."""

    annotationgroup: AnnotationGroupShape


class AnnotationGroupSent(Sent):
    """What an annotation group is made of."""

    project: SentId
    image_group: SentId | None = None
    type: str = Field(default="SAME_OBJECT", max_length=32)


class AnnotationLinkShape(Thing):
    """That an annotation is in a group."""

    class_: str = Field(default="be.cytomine.domain.annotation.AnnotationLink", alias="class")
    annotation_class_name: str = _ANNOTATION
    annotation_ident: int
    group: int
    image: int

    @classmethod
    def of(cls, link: AnnotationLink) -> Self:
        """Show the pair."""
        return cls(
            id=link.id,
            created=to_millis(link.created),
            updated=None,
            annotation_ident=link.annotation,
            group=link.group,
            image=link.image,
        )


class AnnotationLinkChanged(Changed):
    """A changed pair of annotation and group."""

    annotationlink: AnnotationLinkShape


class AnnotationLinkSent(Sent):
    """Which annotation goes into which group."""

    annotation_ident: SentId
    group: SentId
